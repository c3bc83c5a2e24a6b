/* SPDX-License-Identifier: MIT */
/* An image as users name it ("alpine", "192.168.1.10:5000/team/app:1.2@sha256:…") taken apart, and
 * in the one form that registries, daemons and credentials agree on. */
#ifndef PLR_NET_IMAGE_NAME_H
#define PLR_NET_IMAGE_NAME_H

#include <stdbool.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"

/* Docker Hub is "docker.io" here, and keeps its passwords under a key from its first version. */
#define PLR_IMAGE_HUB "docker.io"
#define PLR_IMAGE_HUB_KEY "https://index.docker.io/v1/"

typedef struct plr_image_name {
    char *registry;   /* host, with the port if one was given */
    char *repository; /* "library/alpine", "team/app" */
    char *tag;        /* NULL: none was given; then "latest" is meant, unless there is a digest */
    char *digest;     /* "sha256:…", NULL: none */
} plr_image_name;

/* PLR_ERR_CONFIGURATION says why the text names no image. */
int plr_image_name_parse(plr_image_name *ret_name, const char *text, plr_error *err);

void plr_image_name_clear(plr_image_name *name);
#define _cleanup_image_name_ _cleanup_(plr_image_name_clear)

/* Appends registry/repository, without tag and digest. A failure is remembered by the buffer. */
void plr_image_name_put_repository(const plr_image_name *name, plr_buf *out);

/* Appends the whole name: "docker.io/library/alpine:latest" for "alpine". */
void plr_image_name_put(const plr_image_name *name, plr_buf *out);

/* It may be another image tomorrow by everybody's custom: latest or no tag, and no digest. */
bool plr_image_name_is_latest(const plr_image_name *name);

/* What a registry's credentials are filed under, for a registry as it stands in plr_image_name. */
const char *plr_image_registry_key(const char *registry);

#endif
