/* SPDX-License-Identifier: MIT */
/* Writing what the store knows of images: records, and what is removed with them. */
#ifndef PLR_IMAGE_RECORD_H
#define PLR_IMAGE_RECORD_H

#include <pipeline/error.h>

#include "net/manifest.h"

/* Writes the record of an image whose layers are all in the store. On success free() the path. */
int plr_record_write(char **ret_path, const char *store, const char *name, const char *digest,
        const plr_image_config *config, plr_error *err);

/* The commands that only look at the store; what they find goes to stdout. Removing is the last
 * thing that a process does: for the files of other ids it enters a user namespace. */
int plr_store_list(const char *store, plr_error *err);
int plr_store_remove(const char *store, const char *name, plr_error *err);
int plr_store_prune(const char *store, plr_error *err);

#endif
