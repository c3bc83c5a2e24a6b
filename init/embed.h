/* SPDX-License-Identifier: MIT */
/*
 * plr-init as it is put into containers: the bytes of a static executable for each architecture.
 * Linked from libplrinit.la.
 */
#ifndef PLR_INIT_EMBED_H
#define PLR_INIT_EMBED_H

#include <stddef.h>

extern const unsigned char plr_init_amd64[];
extern const size_t plr_init_amd64_size;

extern const unsigned char plr_init_arm64[];
extern const size_t plr_init_arm64_size;

#endif
