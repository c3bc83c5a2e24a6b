/* SPDX-License-Identifier: MIT */
/* Where the daemon is: options, environment, contexts, and the usual sockets, in Docker's order. */
#ifndef PLR_DOCKER_WHERE_H
#define PLR_DOCKER_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/backend.h>

/* The backend's options, copied. */
typedef struct plr_docker_settings {
    char *host;    /* docker-host */
    char *context; /* docker-context */
    char *config;  /* config: a config.json with credentials */
    char *folder;  /* docker-folder: where plr-init and its sockets go */
    int64_t mtu;   /* docker-mtu of run networks; 0: the daemon's */
    bool ipv6;     /* docker-ipv6 */
} plr_docker_settings;

#define PLR_DOCKER_N_OPTIONS 6
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
