/* SPDX-License-Identifier: MIT */
/* What runs left in the namespace and nobody alive owns. An owner is a process of this machine,
 * known by its boot, PID namespace, pid and start time; one of elsewhere counts as living until its
 * deadline, which moves on as long as it lives. Pods are found by their label; their Secrets go
 * with them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"
#include "engine/base/owner.h"
#include "engine/base/text.h"
#include "net/http.h"

#define PAGE 100
/* Of what a run removes of others that are over, at its beginning. */
#define FEW 10

typedef struct sweep {
    plr_kube_errand errand;
    char *run; /* only this one; NULL: all */
    bool dry_run, expired_only;
    int64_t older_than_s, now_s;
    plr_kube_call *call;
    json_object *items; /* of the page in hand */
    size_t at;          /* in it */
    bool removed;       /* the one at hand */
    char *more;         /* where the next page begins */
    plr_error error, error_of_one;
} sweep;

static void clear(plr_kube_errand *errand)
{
    sweep *s = (sweep *)errand;
    plr_kube_call_cancel(s->call);
    json_object_put(s->items);
    free(s->run);
    free(s->more);
}

static int64_t seconds_of(const char *text)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return end == NULL || *end != '\0' ? 0 : (int64_t)timegm(&tm);
}

static json_object *metadata_of(const sweep *s)
{
    return plr_jsonc_get(json_object_array_get_idx(s->items, s->at), "metadata", json_type_object);
}

static bool is_chosen(const sweep *s)
{
    json_object *metadata = metadata_of(s);
    json_object *notes = plr_jsonc_get(metadata, "annotations", json_type_object);
    int64_t deadline_s = strtoll(plr_jsonc_text(notes, PLR_KUBE_NOTE_DEADLINE), NULL, 10);
    int64_t created_s = seconds_of(plr_jsonc_text(metadata, "creationTimestamp"));
    bool over = deadline_s > 0 && deadline_s <= s->now_s;
    if (s->run != NULL)
        return true;
    if (s->expired_only)
        return over;
    if (s->now_s - created_s < s->older_than_s)
        return false;
    switch (plr_owner_look(plr_jsonc_text(notes, PLR_KUBE_NOTE_OWNER), "/proc")) {
    case PLR_OWNER_LIVES:
        return false;
    case PLR_OWNER_DEAD:
        return over || strcmp(plr_jsonc_text(notes, PLR_KUBE_NOTE_ON_LOSS), "keep") != 0;
    default:
        return over;
    }
}

static void tell(const sweep *s)
{
    plr_kube *kube = s->errand.kube;
    if (s->errand.op == NULL)
        return;
    json_object *metadata = metadata_of(s);
    const char *name = plr_jsonc_text(metadata, "name");
    char look[700];
    const char *space = plr_kube_client_namespace(kube->client);
    snprintf(look, sizeof(look),
            "kubectl -n %1$s logs %2$s --all-containers\nkubectl -n %1$s describe pod %2$s\n"
            "kubectl -n %1$s delete pod %2$s",
            space, name);
    plr_swept swept = {
        .size = sizeof(swept),
        .kind = "pod",
        .name = name,
        .run = plr_jsonc_text(
                plr_jsonc_get(metadata, "labels", json_type_object), PLR_KUBE_LABEL_RUN),
        .created_ns =
                seconds_of(plr_jsonc_text(metadata, "creationTimestamp")) * (int64_t)PLR_SECOND,
        .error = s->error_of_one.code == 0 ? NULL : s->error_of_one.message,
        .look = look,
    };
    kube->host->op_swept(s->errand.op, &swept);
}

static void finish(sweep *s)
{
    plr_kube_errand_finish(&s->errand, &s->error);
}

static void list(sweep *s);
static void next(sweep *s);

static void on_removed(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    sweep *s = userdata;
    (void)call;
    (void)reply;
    s->call = NULL;
    if (err != NULL && status != 404)
        plr_error_set(&s->error_of_one, err->code, "%s", err->message);
    s->removed = true;
    next(s);
}

/* False: that goes on. */
static bool remove_one(sweep *s, const char *name)
{
    if (s->dry_run || s->removed ||
            plr_kube_ask(s->errand.kube, &s->call, "DELETE", NULL, on_removed, s, &s->error_of_one,
                    "/pods/%s?gracePeriodSeconds=0", name) < 0)
        return true;
    return false;
}

static void next(sweep *s)
{
    size_t n = s->items == NULL ? 0 : json_object_array_length(s->items);
    for (; s->at < n; s->at++, s->removed = false) {
        if (!s->removed && !is_chosen(s))
            continue;
        const char *name = plr_jsonc_text(metadata_of(s), "name");
        if (!remove_one(s, name))
            return;
        tell(s);
        if (s->error_of_one.code != 0)
            plr_error_set(&s->error, s->error_of_one.code, "pod %s was not removed: %s", name,
                    s->error_of_one.message);
        s->error_of_one = (plr_error){ 0 };
    }
    if (s->more != NULL && s->error.code == 0 && !s->expired_only)
        list(s);
    else
        finish(s);
}

static void on_list(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    sweep *s = userdata;
    (void)call;
    (void)status;
    s->call = NULL;
    if (err != NULL) {
        plr_error_set(&s->error, err->code, "the pods of runs cannot be listed: %s", err->message);
        finish(s);
        return;
    }
    json_object *metadata = plr_jsonc_get(reply, "metadata", json_type_object);
    json_object_put(s->items);
    s->items = json_object_get(plr_jsonc_get(reply, "items", json_type_array));
    s->at = 0;
    s->removed = false;
    free(steal(s->more));
    if (plr_jsonc_text(metadata, "continue")[0] != '\0')
        plr_text_copy(&s->more, plr_jsonc_text(metadata, "continue"), &s->error);
    next(s);
}

static void list(sweep *s)
{
    _cleanup_buf_ plr_buf query = { 0 };
    plr_buf_printf(&query, "/pods?limit=%d&labelSelector=" PLR_KUBE_LABEL_RUN,
            s->expired_only ? FEW : PAGE);
    if (s->run != NULL) {
        plr_buf_puts(&query, "%3D");
        plr_http_escape(&query, s->run);
    }
    if (s->more != NULL) {
        plr_buf_puts(&query, "&continue=");
        plr_http_escape(&query, s->more);
    }
    if (s->expired_only)
        plr_buf_puts(&query, "&fieldSelector=status.phase!%3DRunning");
    if (plr_buf_check(&query, &s->error) < 0 ||
            plr_kube_ask(s->errand.kube, &s->call, "GET", NULL, on_list, s, &s->error, "%s",
                    query.data) < 0)
        finish(s);
}

static sweep *begin(plr_kube *kube, plr_op *op)
{
    sweep *s = plr_kube_errand_new(kube, sizeof(*s), op);
    if (s == NULL)
        return NULL;
    s->errand.clear = clear;
    s->now_s = plr_kube_wall_s(kube);
    return s;
}

void plr_kube_sweep(plr_kube *kube, const plr_sweep_options *options, plr_op *op)
{
    sweep *s = begin(kube, op);
    if (s == NULL)
        return;
    s->dry_run = options->dry_run;
    s->older_than_s = options->older_than_ns / (int64_t)PLR_SECOND;
    if (plr_text_copy(&s->run, options->run, &s->error) < 0)
        finish(s);
    else
        list(s);
}

void plr_kube_sweep_expired(plr_kube *kube)
{
    sweep *s = begin(kube, NULL);
    if (s == NULL)
        return;
    s->expired_only = true;
    list(s);
}
