/* SPDX-License-Identifier: MIT */
/* The options of this backend, and the places that it finds by itself. */
#ifndef PLR_LOCAL_SETTINGS_H
#define PLR_LOCAL_SETTINGS_H

#include <pipeline/backend.h>

#define PLR_LOCAL_N_OPTIONS 5
extern const plr_option_info plr_local_option_table[PLR_LOCAL_N_OPTIONS];

/* What a step's root is made of. */
typedef enum plr_local_rootfs {
    PLR_LOCAL_ROOTFS_IMAGE, /* its image, or it fails */
    PLR_LOCAL_ROOTFS_AUTO,  /* its image; a view of this machine where none is to be had */
    PLR_LOCAL_ROOTFS_HOST,  /* always the view */
} plr_local_rootfs;

typedef struct plr_local_settings {
    char *store; /* where images and runs are kept */
    plr_local_rootfs rootfs;
    bool ipv6;       /* in networks of runs' own */
    char *config;    /* registry credentials, or NULL */
    char **insecure; /* registries without TLS */
    size_t n_insecure;
} plr_local_settings;

int plr_local_settings_read(plr_local_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err);
void plr_local_settings_clear(plr_local_settings *settings);

/* Where a program of libexec is: in PLR_LIBEXEC_PATH, or where it is installed. Whether it is there
 * is not looked at. */
int plr_local_program(char **ret_path, const char *name, plr_error *err);

#endif
