/* SPDX-License-Identifier: MIT */
/* What a container of a pod executes: the step's command behind plr-init, or as its image has it,
 * and the questions that show whether it is ready. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "init/words.h"
#include "net/jsonc.h"

#define MILLISECOND INT64_C(1000000)

/* By which it is seen that a held step has begun. */
#define RECORD PLR_KUBE_FOLDER "/" PLR_INIT_POD_OWN "/result"

typedef struct words {
    const char *const *texts;
    size_t n;
} words;

static words command_of(const plr_step *step)
{
    return step->kubernetes.n_command > 0
                   ? (words){ step->kubernetes.command, step->kubernetes.n_command }
                   : (words){ step->docker.command, step->docker.n_command };
}

static words args_of(const plr_step *step)
{
    return step->kubernetes.n_args > 0 ? (words){ step->kubernetes.args, step->kubernetes.n_args }
                                       : (words){ step->docker.args, step->docker.n_args };
}

static json_object *image_of(const plr_kube_place *place, size_t task)
{
    return place->images == NULL ? NULL : place->images[task];
}

static const char *first_of(json_object *image, const char *key)
{
    json_object *list = plr_jsonc_get(image, key, json_type_array);
    return list == NULL || json_object_array_length(list) == 0
                   ? NULL
                   : json_object_get_string(json_object_array_get_idx(list, 0));
}

const char *plr_kube_command(const plr_step *step, json_object *image)
{
    words command = command_of(step), args = args_of(step);
    const char *entrypoint = first_of(image, "Entrypoint");
    if (command.n > 0)
        return command.texts[0];
    if (entrypoint != NULL || image == NULL)
        return entrypoint;
    return args.n > 0 ? args.texts[0] : first_of(image, "Cmd");
}

/* Kubernetes takes $( for the beginning of a name and $$ for a $. */
json_object *plr_kube_literal(const char *text)
{
    _cleanup_buf_ plr_buf out = { 0 };
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '$' && (at[1] == '$' || at[1] == '('))
            plr_buf_putc(&out, '$');
        plr_buf_putc(&out, *at);
    }
    return out.failed ? NULL : plr_jsonc_string(out.data == NULL ? "" : out.data);
}

static bool append_words(json_object *array, words list)
{
    bool good = array != NULL;
    for (size_t i = 0; i < list.n && good; i++)
        good = plr_jsonc_append(array, plr_kube_literal(list.texts[i]));
    return good;
}

static bool append_image(json_object *array, json_object *image, const char *key)
{
    json_object *list = plr_jsonc_get(image, key, json_type_array);
    bool good = array != NULL;
    for (size_t i = 0; list != NULL && i < json_object_array_length(list) && good; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        good = plr_jsonc_append(array, plr_kube_literal(text == NULL ? "" : text));
    }
    return good;
}

/* A command of the step's own drops the image's arguments; arguments alone do, too. */
static bool append_all(json_object *array, const plr_step *step, json_object *image)
{
    words command = command_of(step), args = args_of(step);
    return (command.n > 0 ? append_words(array, command)
                          : append_image(array, image, "Entrypoint")) &&
           append_words(array, args) &&
           (command.n > 0 || args.n > 0 || append_image(array, image, "Cmd"));
}

static json_object *init_words(
        const plr_kube_pod_maker *maker, const plr_task *task, unsigned attempt, plr_kube_hold hold)
{
    char index[32], nth[16], grace[32];
    int64_t grace_ns = maker->run->grace_ns > 0 ? maker->run->grace_ns : 0;
    snprintf(index, sizeof(index), "%zu", task->index);
    snprintf(nth, sizeof(nth), "%u", attempt);
    snprintf(grace, sizeof(grace), "%lld", (long long)(grace_ns / MILLISECOND));
    const char *texts[16];
    size_t n = 0;
    texts[n++] = PLR_KUBE_INIT;
    texts[n++] = "--pod";
    texts[n++] = PLR_KUBE_FOLDER;
    texts[n++] = "--step";
    texts[n++] = index;
    texts[n++] = "--attempt";
    texts[n++] = nth;
    texts[n++] = "--nonce";
    texts[n++] = maker->place->nonce;
    texts[n++] = "--grace-ms";
    texts[n++] = grace;
    if (hold == PLR_KUBE_RENEWED)
        texts[n++] = "--image-later";
    if (task->step->detach)
        texts[n++] = "--detach";
    texts[n++] = "--";
    return plr_jsonc_strings(texts, n);
}

/* The pause process takes "-v" for a question, and ends with an answer. */
static bool would_end_pause(words args)
{
    for (size_t i = 0; i < args.n; i++)
        if (strcasecmp(args.texts[i], "-v") == 0)
            return true;
    return false;
}

static bool add_words(json_object *container, const char *key, words list)
{
    json_object *array = json_object_new_array();
    bool good = append_words(array, list);
    return plr_kube_add_filled(container, key, array) && good;
}

int plr_kube_add_command(json_object *container, const plr_kube_pod_maker *maker,
        const plr_task *task, unsigned attempt, plr_error *err)
{
    const plr_step *step = task->step;
    json_object *image = image_of(maker->place, task->index);
    plr_kube_hold hold = plr_kube_hold_of(maker->run, maker->place, task->index, attempt);
    if (!plr_kube_has_init(hold)) {
        if (hold == PLR_KUBE_PAUSED && would_end_pause(args_of(step)))
            return plr_error_set(err, PLR_ERR_CONFIGURATION,
                    "step \"%s\" has no command, and its image's registry does not tell what it "
                    "runs; name the command in the document",
                    step->metadata.name);
        return add_words(container, "command", command_of(step)) &&
                               add_words(container, "args", args_of(step))
                       ? 0
                       : plr_error_nomem(err);
    }
    if (plr_kube_command(step, image) == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "step \"%s\": neither the document nor the image %s says what to run",
                step->metadata.name, step->docker.image);
    json_object *words_of_step = json_object_new_array();
    bool good = append_all(words_of_step, step, image);
    good = plr_jsonc_add(container, "command", init_words(maker, task, attempt, hold)) && good;
    good = plr_jsonc_add(container, "args", words_of_step) && good;
    return good ? 0 : plr_error_nomem(err);
}

/* "8080" of ":8080/path". */
static int64_t http_port(const char *http)
{
    return strtoll(http + (http[0] == ':'), NULL, 10);
}

/* What answers by HTTP has its port open. */
static bool asks_tcp(const plr_ready *ready)
{
    return ready->tcp > 0 && (ready->http == NULL || http_port(ready->http) != ready->tcp);
}

size_t plr_kube_probe_count(const plr_ready *ready)
{
    return ready == NULL ? 0
                         : (size_t)asks_tcp(ready) + (ready->http != NULL) + (ready->n_exec > 0);
}

/* plr-init asks inside the pod: many services listen at 127.0.0.1 only, where the kubelet's own
 * questions do not come. */
static json_object *ask_port(int64_t port, const char *path, bool held)
{
    char text[32];
    const char *texts[8] = { PLR_KUBE_INIT };
    size_t n = 1;
    snprintf(text, sizeof(text), "%lld", (long long)port);
    if (held) {
        texts[n++] = "--begun";
        texts[n++] = RECORD;
    }
    texts[n++] = "--probe";
    texts[n++] = text;
    if (path != NULL) {
        texts[n++] = "--http";
        texts[n++] = path;
    }
    return plr_jsonc_strings(texts, n);
}

static json_object *ask_exec(const plr_ready *ready, bool held)
{
    static const char *const before[] = { PLR_KUBE_INIT, "--begun", RECORD, "--" };
    _cleanup_json_ json_object *array = json_object_new_array();
    return append_words(array, (words){ before, held ? 4 : 0 }) &&
                           append_words(array, (words){ ready->exec, ready->n_exec })
                   ? steal(array)
                   : NULL;
}

/* A failed startupProbe would kill the container: it may fail for ever. */
static json_object *make_probe(json_object *command, bool startup)
{
    json_object *probe =
            plr_jsonc_object("exec", plr_jsonc_object("command", command, NULL), "periodSeconds",
                    json_object_new_int(1), "timeoutSeconds", json_object_new_int(10), NULL);
    if (!startup || plr_jsonc_add(probe, "failureThreshold", json_object_new_int(1000000)))
        return probe;
    json_object_put(probe);
    return NULL;
}

bool plr_kube_add_probes(json_object *container, const plr_step *step, plr_kube_hold hold)
{
    /* A container that is held is asked, too: nothing of the step's may run then, and whoever
     * answers at its port is somebody else. */
    const bool held = plr_kube_has_init(hold);
    static const char *const keys[PLR_KUBE_PROBES] = { "readinessProbe", "startupProbe" };
    const plr_ready *ready = step->ready;
    json_object *commands[3];
    size_t n = 0;
    if (ready == NULL)
        return true;
    /* The last thing that becomes true is the readiness: the startup probe is asked before. */
    if (ready->n_exec > 0)
        commands[n++] = ask_exec(ready, held);
    if (ready->http != NULL) {
        const char *path = strchr(ready->http, '/');
        commands[n++] = ask_port(http_port(ready->http), path == NULL ? "/" : path, held);
    }
    if (asks_tcp(ready))
        commands[n++] = ask_port(ready->tcp, NULL, held);
    bool good = true;
    for (size_t i = 0; i < n && i < PLR_KUBE_PROBES; i++)
        good = plr_jsonc_add(container, keys[i], make_probe(commands[i], i > 0)) && good;
    if (n > PLR_KUBE_PROBES)
        json_object_put(commands[PLR_KUBE_PROBES]);
    return good;
}
