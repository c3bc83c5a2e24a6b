/* SPDX-License-Identifier: MIT */
/* Which machine an image is made for, in the words of images ("linux", "amd64", "v8"). */
#ifndef PLR_NET_PLATFORM_H
#define PLR_NET_PLATFORM_H

#include <stdbool.h>

#include <pipeline/spec.h>

/* This machine, and what a document leaves open is this machine's: `wanted` may be NULL, and so may
 * its fields. The texts are borrowed from it or constant. */
plr_platform plr_platform_or_here(const plr_platform *wanted);

/* How well an image fits what is wanted (as plr_platform_or_here gives it): 0 not at all, more is
 * better. An image that is silent on its variant fits, and so does an older variant of arm. */
unsigned plr_platform_fit(const plr_platform *wanted, const plr_platform *image);

#endif
