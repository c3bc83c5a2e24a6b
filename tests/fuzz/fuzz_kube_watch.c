/* SPDX-License-Identifier: MIT */
/* The stream of a watch, whatever a server sends: however it is cut, the same is told, each pod is
 * told as gone at most once in a row, and what a pod says of a container has an end or none. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/end.h"
#include "backends/kubernetes/watch.h"
#include "engine/base/buf.h"
#include "engine/host.h"
#include "tests/unit/kube_script.h"

#define LIST "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}"

typedef struct told {
    plr_buf text;
    plr_kube_evidence evidence;
} told;

static void look_at_end(told *t)
{
    char message[1200];
    plr_end end;
    if (t->evidence.standing < PLR_KUBE_TROUBLED)
        return;
    plr_kube_end_decide(&t->evidence, &end, message, sizeof(message));
    if (end.reason == PLR_REASON_NONE || end.reason >= PLR_REASON_INFRASTRUCTURE + 1 ||
            (!t->evidence.has_status && end.exit_code >= 0))
        abort();
}

static void on_pod(json_object *pod, void *userdata)
{
    told *t = userdata;
    plr_buf_printf(&t->text, "+%s", json_object_to_json_string(pod));
    plr_kube_end_look(&t->evidence, pod, "s0");
    look_at_end(t);
}

static void on_gone(const char *name, json_object *last, void *userdata)
{
    told *t = userdata;
    plr_buf_printf(&t->text, "-%s", name);
    plr_kube_end_gone(&t->evidence, last, "s0");
    look_at_end(t);
}

static void on_away(bool away, void *userdata)
{
    (void)away;
    (void)userdata;
}

static void on_failed(const plr_error *err, void *userdata)
{
    (void)err;
    (void)userdata;
    abort(); /* an outage is five minutes long, and no stream is */
}

static const plr_kube_watch_calls calls = { on_pod, on_gone, on_away, on_failed };

static void play(const uint8_t *data, size_t size, size_t piece, told *t)
{
    kube_script script;
    plr_kube_watch *watch = NULL;
    script_open(&script);
    if (plr_kube_watch_new(
                &watch, &plr_host_table, script.loop, script.client, "x", &calls, t, NULL) < 0)
        abort();
    script_wait(&script, 1);
    script_end(&script, 0, LIST);
    for (size_t at = 0; at < size && !script_is_quiet(&script); at += piece)
        script_send_bytes(&script, data + at, size - at < piece ? size - at : piece);
    plr_kube_watch_free(watch);
    script_close(&script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    told whole = { .evidence = { .is_init = true } }, pieces = { .evidence = { .is_init = true } };
    if (size == 0)
        return 0;
    play(data + 1, size - 1, size, &whole);
    play(data + 1, size - 1, data[0] > 0 ? data[0] : 1, &pieces);
    if (whole.text.size != pieces.text.size ||
            (whole.text.size > 0 &&
                    memcmp(whole.text.data, pieces.text.data, whole.text.size) != 0) ||
            whole.evidence.standing != pieces.evidence.standing)
        abort();
    plr_buf_clear(&whole.text);
    plr_buf_clear(&pieces.text);
    return 0;
}
