/* SPDX-License-Identifier: MIT */
/* List, then watch from there; and whatever ends the watch (its time, a cut, silence, "too old"),
 * list again. A list is the whole truth: what was there and is not in it is gone. So nothing that a
 * watch failed to tell is missed, and its last resource version need not be known. */
#include "backends/kubernetes/watch.h"

#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/reply.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "net/http.h"
#include "net/json_stream.h"
#include "net/jsonc.h"

/* More than etcd takes. */
#define OBJECT_LIMIT (4 * 1024 * 1024)

/* Bookmarks come each minute or somewhat later. */
#define SILENCE_NS (UINT64_C(100) * 1000000000)
/* The server ends a watch after this many seconds. */
#define WATCH_SECONDS 1800

#define FIRST_DELAY_NS (UINT64_C(50) * 1000000)
#define LAST_DELAY_NS (UINT64_C(5) * 1000000000)
#define GONE_NS (UINT64_C(300) * 1000000000)
/* An API server that restarts is not worth a word, and is back sooner. */
#define AWAY_NS (UINT64_C(10) * 1000000000)

typedef struct known_pod {
    struct known_pod *next;
    char *name, *uid;
    unsigned list; /* how many lists had begun when it was first seen */
    bool listed;   /* the list that is being read has it */
} known_pod;

struct plr_kube_watch {
    const plr_host *host;
    plr_loop *loop;
    plr_kube_client *client;
    const plr_kube_watch_calls *calls;
    void *userdata;
    char *path; /* of the list, with its query */
    plr_kube_call *call;
    plr_timer *timer; /* for the next list; or, while one is asked for, until its lack is told */
    plr_json_stream *stream;
    plr_error error; /* what ends the stream, from inside of it */
    known_pod *pods;
    unsigned n_lists; /* begun */
    bool was_allowed, told_away;
    uint64_t down_since; /* 0: the last list was answered */
    uint64_t delay_ns;   /* before the next one */
    unsigned busy;       /* callbacks that are being made */
    bool dead;           /* freed in one of them */
};

static void list(plr_kube_watch *watch);

static void pod_free(known_pod *pod)
{
    free(pod->name);
    free(pod->uid);
    free(pod);
}

static void destroy(plr_kube_watch *watch)
{
    while (watch->pods != NULL) {
        known_pod *pod = watch->pods;
        watch->pods = pod->next;
        pod_free(pod);
    }
    plr_json_stream_free(watch->stream);
    free(watch->path);
    free(watch);
}

/* The object must survive its own callbacks: they come from the middle of a stream. */
static void leave(plr_kube_watch *watch)
{
    if (--watch->busy == 0 && watch->dead)
        destroy(watch);
}

void plr_kube_watch_free(plr_kube_watch *watch)
{
    if (watch == NULL || watch->dead)
        return;
    watch->dead = true;
    plr_kube_call_cancel(steal(watch->call));
    watch->host->timer_free(steal(watch->timer));
    if (watch->busy == 0)
        destroy(watch);
}

static void fail(plr_kube_watch *watch, const plr_error *err)
{
    plr_kube_call_cancel(steal(watch->call));
    watch->host->timer_set(watch->timer, 0);
    watch->calls->on_failed(err, watch->userdata);
}

static void tell_away(plr_kube_watch *watch, bool away)
{
    watch->told_away = away;
    watch->calls->on_away(away, watch->userdata);
}

/* Not there, or there no more: try again in a while. */
static void went_down(plr_kube_watch *watch, const plr_error *err)
{
    uint64_t now = watch->host->now(watch->loop);
    if (watch->down_since == 0)
        watch->down_since = now;
    /* A server that has just started may refuse what it has allowed before. */
    bool for_good = !watch->was_allowed && err != NULL &&
                    (err->code == PLR_ERR_REFUSED || err->code == PLR_ERR_CONFIGURATION);
    if (for_good || now - watch->down_since > GONE_NS) {
        plr_error gone = { 0 };
        plr_error_set(&gone, for_good ? err->code : PLR_ERR_INFRASTRUCTURE,
                "the pods of the run cannot be watched: %s",
                err == NULL ? "the API server is away" : err->message);
        fail(watch, &gone);
        return;
    }
    watch->host->timer_set(watch->timer, now + watch->delay_ns);
    watch->delay_ns = watch->delay_ns * 2 < LAST_DELAY_NS ? watch->delay_ns * 2 : LAST_DELAY_NS;
}

/* What is known of the pod of that name: *link is NULL if nothing is. */
static known_pod **find(plr_kube_watch *watch, const char *name)
{
    known_pod **link = &watch->pods;
    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

static void forget(plr_kube_watch *watch, known_pod **link, json_object *last)
{
    known_pod *pod = *link;
    *link = pod->next;
    watch->calls->on_gone(pod->name, last, watch->userdata);
    pod_free(pod);
}

static int remember(plr_kube_watch *watch, json_object *pod, known_pod **ret_known, plr_error *err)
{
    json_object *metadata = plr_jsonc_get(pod, "metadata", json_type_object);
    known_pod **link = find(watch, plr_jsonc_text(metadata, "name"));
    if (*link == NULL) {
        known_pod *known = calloc(1, sizeof(*known));
        if (known == NULL || (known->name = strdup(plr_jsonc_text(metadata, "name"))) == NULL ||
                (known->uid = strdup(plr_jsonc_text(metadata, "uid"))) == NULL) {
            if (known != NULL)
                pod_free(known);
            return plr_error_nomem(err);
        }
        known->list = watch->n_lists;
        *link = known;
    }
    *ret_known = *link;
    return 0;
}

static bool is_same(const known_pod *known, json_object *pod)
{
    json_object *metadata = plr_jsonc_get(pod, "metadata", json_type_object);
    return strcmp(known->uid, plr_jsonc_text(metadata, "uid")) == 0;
}

static known_pod **find_pod(plr_kube_watch *watch, json_object *pod)
{
    return find(watch, plr_jsonc_text(plr_jsonc_get(pod, "metadata", json_type_object), "name"));
}

static void take_pod(plr_kube_watch *watch, json_object *pod)
{
    known_pod *known = NULL;
    known_pod **link = find_pod(watch, pod);
    /* Another one of that name: the one before has gone unseen. */
    if (*link != NULL && !is_same(*link, pod))
        forget(watch, link, NULL);
    if (watch->dead || remember(watch, pod, &known, &watch->error) < 0)
        return;
    known->listed = true;
    watch->calls->on_pod(pod, watch->userdata);
}

static void take_deleted(plr_kube_watch *watch, json_object *pod)
{
    known_pod **link = find_pod(watch, pod);
    if (*link != NULL && is_same(*link, pod))
        forget(watch, link, pod);
}

static void on_event(json_object *event, void *userdata)
{
    plr_kube_watch *watch = userdata;
    const char *type = plr_jsonc_text(event, "type");
    json_object *object = plr_jsonc_get(event, "object", json_type_object);
    if (watch->dead || watch->error.code != 0)
        return;
    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
        take_pod(watch, object);
    else if (strcmp(type, "DELETED") == 0)
        take_deleted(watch, object);
    else if (strcmp(type, "ERROR") == 0)
        plr_error_set(&watch->error,
                plr_jsonc_number(object, "code") == 410 ? PLR_ERR_STATE : PLR_ERR_INFRASTRUCTURE,
                "%s", plr_jsonc_text(object, "message"));
    if (!watch->dead && watch->error.code == 0)
        watch->delay_ns = FIRST_DELAY_NS;
}

static void on_headers(plr_kube_call *call, int status, void *userdata)
{
    plr_kube_watch *watch = userdata;
    (void)call;
    (void)status;
    watch->was_allowed = true;
}

static void on_data(plr_kube_call *call, const void *data, size_t size, void *userdata)
{
    plr_kube_watch *watch = userdata;
    (void)call;
    watch->busy++;
    plr_error error = { 0 };
    if (plr_json_stream_feed(watch->stream, data, size, &error) < 0 && watch->error.code == 0)
        watch->error = error;
    if (!watch->dead && watch->error.code != 0) {
        plr_kube_call_cancel(steal(watch->call));
        went_down(watch, &watch->error);
    }
    leave(watch);
}

static void on_watched(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_watch *watch = userdata;
    (void)call;
    (void)status;
    (void)reply;
    watch->call = NULL;
    watch->busy++;
    went_down(watch, err);
    leave(watch);
}

static int start_watch(plr_kube_watch *watch, const char *version, plr_error *err)
{
    /* Of a pod that has begun, only its status is of interest, and what it is called. */
    static const char *const unread[] = { PLR_KUBE_UNREAD, "annotations", "labels", "resources",
        NULL };
    _cleanup_buf_ plr_buf path = { 0 };
    plr_buf_printf(&path,
            "%s&watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=", watch->path,
            WATCH_SECONDS);
    plr_http_escape(&path, version);
    plr_json_stream_free(steal(watch->stream));
    watch->error = (plr_error){ 0 };
    int r = plr_buf_check(&path, err);
    if (r == 0)
        r = plr_json_stream_new(&watch->stream, OBJECT_LIMIT, on_event, watch, err);
    if (r == 0)
        plr_json_stream_skip(watch->stream, unread);
    plr_kube_request request = {
        .method = "GET",
        .path = path.data,
        .on_headers = on_headers,
        .on_data = on_data,
        .idle_ns = SILENCE_NS,
        .on_done = on_watched,
        .userdata = watch,
    };
    return r < 0 ? r : plr_kube_call_start(watch->client, &watch->call, &request, err);
}

/* True: one that nobody can judge: it was not there when this list began. */
static bool forget_unlisted(plr_kube_watch *watch)
{
    bool doubtful = false;
    for (known_pod **link = &watch->pods; *link != NULL && !watch->dead;) {
        if ((*link)->listed) {
            link = &(*link)->next;
        } else if ((*link)->list >= watch->n_lists) {
            doubtful = true;
            link = &(*link)->next;
        } else {
            forget(watch, link, NULL);
            link = &watch->pods; /* a callback may have changed the list */
        }
    }
    return doubtful;
}

static void take_list(plr_kube_watch *watch, json_object *reply)
{
    json_object *items = plr_jsonc_get(reply, "items", json_type_array);
    const char *version =
            plr_jsonc_text(plr_jsonc_get(reply, "metadata", json_type_object), "resourceVersion");
    plr_error err = { 0 };
    if (items == NULL || version[0] == '\0') {
        plr_error_set(&err, PLR_ERR_PROTOCOL, "something that is no list of pods");
        went_down(watch, &err);
        return;
    }
    watch->host->timer_set(watch->timer, 0);
    watch->down_since = 0;
    watch->error = (plr_error){ 0 };
    if (watch->told_away)
        tell_away(watch, false);
    for (known_pod *pod = watch->pods; pod != NULL; pod = pod->next)
        pod->listed = false;
    for (size_t i = 0; i < json_object_array_length(items) && !watch->dead; i++)
        take_pod(watch, json_object_array_get_idx(items, i));
    bool doubtful = !watch->dead && watch->error.code == 0 && forget_unlisted(watch);
    if (watch->dead)
        return;
    if (watch->error.code != 0)
        went_down(watch, &watch->error);
    else if (doubtful)
        list(watch);
    else if (start_watch(watch, version, &err) < 0)
        went_down(watch, &err);
}

static void on_listed(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_watch *watch = userdata;
    (void)call;
    (void)status;
    watch->call = NULL;
    watch->busy++;
    if (err != NULL)
        went_down(watch, err);
    else
        take_list(watch, reply);
    leave(watch);
}

static void list(plr_kube_watch *watch)
{
    plr_error err = { 0 };
    plr_kube_request request = {
        .method = "GET",
        .path = watch->path,
        .on_done = on_listed,
        .userdata = watch,
    };
    watch->n_lists++;
    if (watch->down_since > 0 && !watch->told_away)
        watch->host->timer_set(watch->timer, watch->down_since + AWAY_NS);
    if (plr_kube_call_start(watch->client, &watch->call, &request, &err) < 0)
        went_down(watch, &err);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_kube_watch *watch = userdata;
    (void)timer;
    watch->busy++;
    if (watch->call != NULL)
        tell_away(watch, true);
    else
        list(watch);
    leave(watch);
}

int plr_kube_watch_new(plr_kube_watch **ret_watch, const plr_host *host, plr_loop *loop,
        plr_kube_client *client, const char *selector, const plr_kube_watch_calls *calls,
        void *userdata, plr_error *err)
{
    _cleanup_buf_ plr_buf path = { 0 };
    _cleanup_kube_watch_ plr_kube_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return plr_error_nomem(err);
    *watch = (plr_kube_watch){
        .host = host,
        .loop = loop,
        .client = client,
        .calls = calls,
        .userdata = userdata,
        .delay_ns = FIRST_DELAY_NS,
    };
    plr_buf_puts(&path, "/api/v1/namespaces/");
    plr_http_escape(&path, plr_kube_client_namespace(client));
    plr_buf_puts(&path, "/pods?labelSelector=");
    plr_http_escape(&path, selector);
    int r = plr_buf_steal(&path, &watch->path, err);
    if (r == 0)
        r = host->timer_new(loop, &watch->timer, on_timer, watch, err);
    if (r < 0)
        return r;
    /* From the loop, like every list: who calls has no watch yet. */
    host->timer_set(watch->timer, host->now(loop));
    *ret_watch = steal(watch);
    return 0;
}

int plr_kube_watch_expect(plr_kube_watch *watch, json_object *pod, plr_error *err)
{
    known_pod *known = NULL;
    return remember(watch, pod, &known, err);
}
