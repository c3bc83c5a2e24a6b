/* SPDX-License-Identifier: MIT */
/* Where the daemon is: options, environment, contexts, and the usual sockets, in Docker's order. */
#ifndef PLR_DOCKER_WHERE_H
#define PLR_DOCKER_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "engine/base/settings.h"

/* The backend's options, copied. */
typedef struct plr_docker_settings {
    char *host;    /* docker-host */
    char *context; /* docker-context */
    char *config;  /* config: a config.json with credentials */
    char *folder;  /* docker-folder: where plr-init and its sockets go */
    int64_t mtu;   /* docker-mtu of run networks; 0: the daemon's */
    bool ipv6;     /* docker-ipv6 */
} plr_docker_settings;

#define PLR_DOCKER_OPTIONS(X)                                                                      \
    X("docker-host", "URL", "where the daemon is, instead of DOCKER_HOST (unix://..., tcp://...)", \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_docker_settings, host))               \
    X("docker-context", "NAME", "a context of the docker CLI, instead of DOCKER_CONTEXT",          \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_docker_settings, context))            \
    X("config", "FILE", "registry credentials, in the format of ~/.docker/config.json",            \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_docker_settings, config))             \
    X("docker-mtu", "BYTES", "MTU of the networks made for runs", .type = PLR_SETTING_INTEGER,     \
            .offset = offsetof(plr_docker_settings, mtu), .least = 68, .most = 65535)              \
    X("docker-ipv6", NULL, "IPv6 in the networks made for runs", .type = PLR_SETTING_SWITCH,       \
            .offset = offsetof(plr_docker_settings, ipv6))                                         \
    X("docker-folder", "DIR", "where the program that holds steps is put; not mounted noexec",     \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_docker_settings, folder))

enum { PLR_DOCKER_N_OPTIONS = 0 PLR_DOCKER_OPTIONS(PLR_SETTING_COUNT) };
extern const plr_option_info plr_docker_option_table[PLR_DOCKER_N_OPTIONS];

int plr_docker_settings_read(plr_docker_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err);
void plr_docker_settings_clear(plr_docker_settings *settings);

typedef struct plr_docker_where {
    char *base;            /* for the HTTP client */
    char *origin;          /* what named it: "DOCKER_HOST", "context build", ... */
    char *ca, *cert, *key; /* TLS, or NULL */
    bool local;            /* a socket of this machine, as far as can be seen */
    bool given;            /* named by somebody, not merely the first usual place */
} plr_docker_where;

typedef const char *plr_docker_getenv(const char *name);

int plr_docker_where_find(plr_docker_where *ret_where, const plr_docker_settings *settings,
        plr_docker_getenv *get, plr_error *err);
void plr_docker_where_clear(plr_docker_where *where);

#endif
