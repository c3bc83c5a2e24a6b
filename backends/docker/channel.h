/* SPDX-License-Identifier: MIT */
/* The channel to one plr-init: a folder that is bound into its container, with the program and a
 * socket in it that it connects to, and the words said there. */
#ifndef PLR_DOCKER_CHANNEL_H
#define PLR_DOCKER_CHANNEL_H

#include "backends/docker/docker.h"

/* A plr_init_word with its payload, whose size is right; or 0: it has hung up. The channel may be
 * freed in here. */
typedef void plr_docker_word_fn(
        plr_docker_channel *channel, unsigned word, const void *payload, void *userdata);

/* Makes the folder and listens. `arch` as Docker names it ("amd64"). PLR_ERR_UNSUPPORTED if there
 * is no plr-init for it or no folder to put it. */
int plr_docker_channel_new(plr_docker_channel **ret_channel, plr_docker *docker, const char *arch,
        plr_docker_word_fn *on_word, void *userdata, plr_error *err);
/* Hangs up and removes the folder. */
void plr_docker_channel_free(plr_docker_channel *channel);

/* What to bind at PLR_DOCKER_SHARE. */
const char *plr_docker_channel_folder(const plr_docker_channel *channel);
bool plr_docker_channel_is_connected(const plr_docker_channel *channel);

/* Never blocks: what does not fit is sent when it does. */
int plr_docker_channel_say(plr_docker_channel *channel, plr_init_word word, const void *payload,
        size_t size, plr_error *err);

/* share.c: the folder of this backend object, made when first needed, and a folder in it with
 * plr-init for one container. */
int plr_docker_share_folder(
        char **ret_folder, plr_docker *docker, const char *arch, plr_error *err);
/* plr-init's bytes; false if there is none for that architecture. */
bool plr_docker_share_init(const char *arch, const unsigned char **ret_data, size_t *ret_size);
void plr_docker_share_remove(const char *folder);
void plr_docker_share_clear(plr_docker *docker);
/* Removes the folders of processes that are gone. */
void plr_docker_share_sweep(const plr_docker *docker);

#endif
