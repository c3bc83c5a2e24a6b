/* SPDX-License-Identifier: MIT */
/* Names, labels and annotations of a run's objects. */
#include "backends/kubernetes/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/jsonc.h"

#define SECOND INT64_C(1000000000)

/* How long past a run's own limit its leftovers are spared, and the limit of runs without one. */
#define LIMIT_MARGIN_S 900

/* An API server that is set up anew is away for a minute or so: its runs go on. */
#define LEASE_S 120
#define LIMIT_DEFAULT_S (INT64_C(24) * 3600)

void plr_kube_pod_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *run_id, const plr_task *only)
{
    char container[PLR_KUBE_NAME_SIZE] = "";
    if (only != NULL)
        plr_kube_container_name(container, only->index, only->attempt);
    snprintf(
            ret_name, PLR_KUBE_NAME_SIZE, "plr-%s%s%s", run_id, only == NULL ? "" : "-", container);
}

void plr_kube_pull_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *run_id, const plr_task *only)
{
    char pod[PLR_KUBE_NAME_SIZE];
    plr_kube_pod_name(pod, run_id, only);
    snprintf(ret_name, PLR_KUBE_NAME_SIZE, "%.70s-pull", pod);
}

void plr_kube_container_name(char ret_name[PLR_KUBE_NAME_SIZE], size_t task, unsigned attempt)
{
    if (attempt > 1)
        snprintf(ret_name, PLR_KUBE_NAME_SIZE, "s%zu-%u", task, attempt);
    else
        snprintf(ret_name, PLR_KUBE_NAME_SIZE, "s%zu", task);
}

bool plr_kube_container_parse(const char *name, size_t *ret_task, unsigned *ret_attempt)
{
    char again[PLR_KUBE_NAME_SIZE];
    size_t task = 0;
    unsigned attempt = 1;
    if (sscanf(name, "s%9zu-%9u", &task, &attempt) < 1)
        return false;
    plr_kube_container_name(again, task, attempt);
    if (strcmp(again, name) != 0)
        return false;
    *ret_task = task;
    *ret_attempt = attempt;
    return true;
}

void plr_kube_volume_name(char ret_name[PLR_KUBE_NAME_SIZE], size_t volume)
{
    snprintf(ret_name, PLR_KUBE_NAME_SIZE, PLR_KUBE_VOLUME "v%zu", volume);
}

int64_t plr_kube_limit_s(const plr_run_view *run)
{
    int64_t limit_s = LIMIT_DEFAULT_S;
    if (run->timeout_ns > 0)
        limit_s = run->timeout_ns / SECOND + LIMIT_MARGIN_S;
    if (run->on_loss == PLR_ON_LOSS_KEEP && run->keep_ns / SECOND > limit_s)
        limit_s = run->keep_ns / SECOND;
    return limit_s;
}

int64_t plr_kube_lease_s(const plr_run_view *run)
{
    if (run->on_loss != PLR_ON_LOSS_KEEP)
        return LEASE_S;
    return run->keep_ns > SECOND ? run->keep_ns / SECOND : 1;
}

void plr_kube_deadline(
        char ret_text[PLR_KUBE_DEADLINE_SIZE], const plr_run_view *run, int64_t now_s)
{
    /* Who wants to look at what failed may come tomorrow. */
    int64_t spared_s = run->keep_on_failure ? LIMIT_DEFAULT_S : LIMIT_MARGIN_S;
    snprintf(ret_text, PLR_KUBE_DEADLINE_SIZE, "%lld",
            (long long)(now_s + plr_kube_lease_s(run) + spared_s));
}

json_object *plr_kube_metadata(
        const plr_run_view *run, const char *name, const char *namespace_name, int64_t now_s)
{
    char deadline[PLR_KUBE_DEADLINE_SIZE];
    plr_kube_deadline(deadline, run, now_s);
    _cleanup_json_ json_object *metadata =
            plr_jsonc_object("name", plr_jsonc_string(name), "labels",
                    plr_jsonc_object(PLR_KUBE_LABEL_RUN, plr_jsonc_string(run->id),
                            PLR_KUBE_LABEL_KIND, plr_jsonc_string("run"), NULL),
                    "annotations",
                    plr_jsonc_object(PLR_KUBE_NOTE_OWNER,
                            plr_jsonc_string(run->owner == NULL ? "" : run->owner),
                            PLR_KUBE_NOTE_DEADLINE, plr_jsonc_string(deadline),
                            PLR_KUBE_NOTE_VERSION, plr_jsonc_string(PACKAGE_VERSION), NULL),
                    NULL);
    json_object *notes = plr_jsonc_get(metadata, "annotations", json_type_object);
    bool good = metadata != NULL;
    if (good && run->on_loss == PLR_ON_LOSS_KEEP)
        good = plr_jsonc_add(notes, PLR_KUBE_NOTE_ON_LOSS, plr_jsonc_string("keep"));
    if (good && namespace_name != NULL)
        good = plr_jsonc_add(metadata, "namespace", plr_jsonc_string(namespace_name));
    return good ? steal(metadata) : NULL;
}

bool plr_kube_is_dns_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strlen(name);
    if (length == 0 || length > 253)
        return false;
    for (const char *label = name;;) {
        size_t n = strcspn(label, ".");
        /* Neither end of a label is a dash. */
        if (n == 0 || n > 63 || strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") < n ||
                strchr(letters, label[0]) == NULL || strchr(letters, label[n - 1]) == NULL)
            return false;
        if (label[n] == '\0')
            return true;
        label += n + 1;
    }
}

bool plr_kube_is_dns_label(const char *name)
{
    return strchr(name, '.') == NULL && plr_kube_is_dns_name(name);
}

bool plr_kube_is_host_name(const char *name)
{
    static const char letters[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}
