/* SPDX-License-Identifier: MIT */
/* What a container of a pod executes: the step's command behind plr-init, or as its image has it.
 */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "net/jsonc.h"

#define MILLISECOND INT64_C(1000000)

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
    snprintf(index, sizeof(index), "%zu", maker->place->only == NULL ? task->index : 0);
    snprintf(nth, sizeof(nth), "%u", attempt);
    snprintf(grace, sizeof(grace), "%lld", (long long)(grace_ns / MILLISECOND));
    plr_kube_lease_words lease;
    const char *texts[20];
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
    plr_kube_lease_words_make(&lease, maker);
    for (size_t i = 0; i < PLR_KUBE_LEASE_WORDS; i++)
        texts[n++] = lease.words[i];
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
