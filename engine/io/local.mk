# The loop and what waits in it. Part of libplrengine.la.

libplrengine_la_SOURCES =
