/* SPDX-License-Identifier: MIT */
/*
 * What a view of this machine shows of /etc: a layer above it that hides all that is not known to
 * be harmless.
 */
#ifndef PLR_SANDBOX_HOST_ETC_H
#define PLR_SANDBOX_HOST_ETC_H

/* Fills an empty folder with the whiteouts of what is hidden. -1 and errno on failure. */
int plr_host_etc_hide(int layer);

/* The same with copies of what is shown, to be used without /etc itself: for an ordinary user the
 * kernel lays nothing over an /etc that has mounts in it, as a container's has. */
int plr_host_etc_copy(int layer);

#endif
