/* SPDX-License-Identifier: MIT */
/* A task as the fields of a TASK request: what the document says, and what its image says of
 * itself where the document is silent. */
#ifndef PLR_LOCAL_COMPOSE_H
#define PLR_LOCAL_COMPOSE_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "backends/local/store.h"
#include "engine/base/buf.h"

typedef struct plr_local_wish {
    const plr_task *task;
    const plr_store_image *image; /* NULL: a view of this machine */
    plr_network_mode mode;        /* of the run; never AUTO */
    bool room_is_host;            /* the run is in the machine's network after all */
    bool ipv6;                    /* steps with an address have one of IPv6 too */
    bool outbound;                /* a network of the run's own reaches the world */
    uint32_t subnet;              /* of the run's own network */
    const char *resolv;           /* the machine's /etc/resolv.conf */
} plr_local_wish;

/* The command by Docker's rule: an entrypoint of the step's own drops the image's arguments. With
 * `out` the words are put there as fields. Returns the first, NULL if there is none. */
const char *plr_local_compose_command(
        plr_buf *out, const plr_task *task, const plr_store_image *image);

/* All of it. PLR_ERR_CONFIGURATION: there is no command. A failure of `out` is remembered there. */
int plr_local_compose(plr_buf *out, const plr_local_wish *wish, plr_error *err);

/* What plr-sandbox --look needs to show the root of a step again: a shell in it, with the image's
 * environment and the run's volumes on disk. No secret is in it, for it stays on disk. */
int plr_local_compose_look(
        plr_buf *out, const plr_task *task, const plr_store_image *image, plr_error *err);

/* The environment alone, one field each, in the order of document.md, "What a step sees": image,
 * host, document; what is late comes with the word to go. */
int plr_local_compose_environment(
        plr_buf *out, const plr_task *task, const plr_store_image *image, plr_error *err);

#endif
