/* SPDX-License-Identifier: MIT */
/* Removing a folder with all that is in it, however deep strangers made it. */
#ifndef PLR_LOCAL_REMOVE_H
#define PLR_LOCAL_REMOVE_H

#include <pipeline/error.h>

/* Removes `name` in the folder `parent_fd` (or AT_FDCWD): a file, a link itself, or a whole tree,
 * across no mount. 0 if it is not there. */
int plr_remove_tree(int parent_fd, const char *name, plr_error *err);

#endif
