/* SPDX-License-Identifier: MIT */
/* The options of this backend, and the places that it finds by itself. */
#ifndef PLR_LOCAL_SETTINGS_H
#define PLR_LOCAL_SETTINGS_H

#include <pipeline/backend.h>

#include "engine/base/settings.h"

/* What a step's root is made of. */
typedef enum plr_local_rootfs {
    PLR_LOCAL_ROOTFS_IMAGE, /* its image, or it fails */
    PLR_LOCAL_ROOTFS_AUTO,  /* its image; a view of this machine where none is to be had */
    PLR_LOCAL_ROOTFS_HOST,  /* always the view */
} plr_local_rootfs;

typedef struct plr_local_settings {
    char *store; /* where images and runs are kept */
    plr_local_rootfs rootfs;
    bool ipv6;          /* in networks of runs' own */
    char *config;       /* registry credentials, or NULL */
    plr_texts insecure; /* registries without TLS */
} plr_local_settings;

extern const char *const plr_local_rootfs_words[];

#define PLR_LOCAL_OPTIONS(X)                                                                       \
    X("rootfs", "KIND",                                                                            \
            "image, host (a view of this machine), or auto: host if there is no image",            \
            .type = PLR_SETTING_WORD, .offset = offsetof(plr_local_settings, rootfs),              \
            .words = plr_local_rootfs_words)                                                       \
    X("store", "DIR", "where images and runs are kept; not on a tmpfs", .type = PLR_SETTING_TEXT,  \
            .offset = offsetof(plr_local_settings, store))                                         \
    X("config", "FILE", "registry credentials, in the format of ~/.docker/config.json",            \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_local_settings, config))              \
    X("insecure-registry", "HOST", "a registry without TLS; may be given more than once",          \
            .type = PLR_SETTING_TEXTS, .offset = offsetof(plr_local_settings, insecure))           \
    X("local-ipv6", NULL, "IPv6 addresses for the steps of an isolated network",                   \
            .type = PLR_SETTING_SWITCH, .offset = offsetof(plr_local_settings, ipv6))

enum { PLR_LOCAL_N_OPTIONS = 0 PLR_LOCAL_OPTIONS(PLR_SETTING_COUNT) };
extern const plr_option_info plr_local_option_table[PLR_LOCAL_N_OPTIONS];

int plr_local_settings_read(plr_local_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err);
void plr_local_settings_clear(plr_local_settings *settings);

/* Where a program of libexec is: in PLR_LIBEXEC_PATH, or where it is installed. Whether it is there
 * is not looked at. */
int plr_local_program(char **ret_path, const char *name, plr_error *err);

#endif
