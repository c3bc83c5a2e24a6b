/* SPDX-License-Identifier: MIT */
/*
 * Copies a file, as the user that the init runs as: so it becomes that user's.
 */
#ifndef PLR_INIT_COPY_H
#define PLR_INIT_COPY_H

/* `to` must not be there yet; `mode` is decimal. Returns a negative errno on failure. */
int plr_copy(const char *from, const char *to, const char *mode);

#endif
