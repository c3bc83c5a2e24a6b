# plr-init, and its bytes in a library for the backends that put it into containers.

noinst_LTLIBRARIES += libplrinit.la
libplrinit_la_SOURCES =
