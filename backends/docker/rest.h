/* SPDX-License-Identifier: MIT */
/* Requests to the daemon and their replies as JSON: version in the path, time limits, a second try
 * where that is safe, and the daemon's own words when it refuses. */
#ifndef PLR_DOCKER_REST_H
#define PLR_DOCKER_REST_H

#include "net/jsonc.h"
#include "net/http.h"

typedef struct plr_docker plr_docker;
typedef struct plr_docker_call plr_docker_call;

typedef struct plr_docker_reply {
    int status;        /* 0: the daemon did not answer */
    json_object *json; /* NULL: none, or not JSON */
    /* Code 0 for 2xx and 304. Else NOTFOUND (404), CONFIGURATION (other 4xx), INFRASTRUCTURE (5xx)
     * with the daemon's words, or how the exchange failed. */
    plr_error error;
} plr_docker_reply;

/* The reply is borrowed for the time of the call; a callback may keep `json` with
 * json_object_get. */
typedef void plr_docker_reply_fn(plr_docker *docker, const plr_docker_reply *reply, void *owner);

typedef struct plr_docker_request {
    const char *method;
    const char *path;  /* without the version */
    json_object *json; /* the body; taken */
    plr_buf *tar;      /* or a tar archive as the body; taken */
    unsigned limit_s;  /* for the whole exchange; 0: 60 s */
    bool once;         /* a failure is answered at once, not tried again */
} plr_docker_request;

/* Asks. The callback comes once, from the loop or, if there is not even the memory to ask, inside
 * this call: so asking is the last thing a function does. No callback comes for an owner that was
 * forgotten. */
void plr_docker_ask(plr_docker *docker, const plr_docker_request *request,
        plr_docker_reply_fn *on_reply, void *owner);

/* The same for requests without a body, the path as for printf. */
void plr_docker_askf(plr_docker *docker, const char *method, plr_docker_reply_fn *on_reply,
        void *owner, const char *format, ...) PLR_PRINTF(5, 6);

/* Drops the callbacks of all that was asked with this owner. */
void plr_docker_forget(plr_docker *docker, const void *owner);

/* "/v1.41" + path, for calls that are not asked here (streams). free() it. */
char *plr_docker_path(const plr_docker *docker, const char *path);

/* Sets `err` from a status and the body of a refusal. */
void plr_docker_refusal(plr_error *err, int status, const char *body, size_t size);

void plr_docker_calls_clear(plr_docker *docker);

#endif
