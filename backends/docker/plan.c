/* SPDX-License-Identifier: MIT */
/* What a run would create, as text for a dry run: each request as it would be sent, with what is
 * only known later in angle brackets, and secrets hidden. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/create.h"
#include "backends/docker/docker.h"
#include "engine/base/error.h"

static const char *network_words(plr_network_mode mode, bool single)
{
    switch (mode) {
    case PLR_NETWORK_ISOLATED:
        return "isolated (a network of its own for the run)";
    case PLR_NETWORK_HOST:
        return "host (the network of the daemon's machine)";
    case PLR_NETWORK_NONE:
        return "none";
    default:
        return single ? "shared (one container: the daemon's default network)"
                      : "shared (one network namespace, held by a pause container)";
    }
}

static const char *pull_words(const plr_docker_options *options)
{
    switch (options->pull_policy) {
    case PLR_PULL_ALWAYS:
        return "pulled each time";
    case PLR_PULL_IF_NOT_EXISTS:
        return "pulled if it is not there";
    case PLR_PULL_NEVER:
        return "never pulled";
    default:
        return "pulled if it is not there, or is latest";
    }
}

static void put_json(plr_buf *out, json_object *json)
{
    const char *text = json_object_to_json_string_ext(json,
            JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
    for (const char *line = text; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        plr_buf_printf(out, "    %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static int put_task(plr_buf *out, const plr_docker *docker, plr_network_mode network,
        const plr_task *task, plr_error *err)
{
    const plr_step *step = task->step;
    bool single = task->run->document->n_tasks == 1;
    static const char *const placeholder[] = { "<the image's command>" };
    _cleanup_json_ json_object *config = json_object_new_object();
    _cleanup_json_ json_object *body = NULL;
    _cleanup_free_ char *name =
            plr_docker_name(task->run->id, "%zu-%u", task->index, task->attempt);
    if (name == NULL || !plr_jsonc_add(config, "Cmd", plr_jsonc_strings(placeholder, 1)))
        return plr_error_nomem(err);
    plr_docker_create create = {
        .task = task,
        .image = step->docker.image,
        .config = config,
        .network = network,
        .network_id = "<network>",
        .pause_id = network == PLR_NETWORK_SHARED && !single ? "<pause>" : NULL,
        .share = docker->where.local ? "<folder of the step>" : NULL,
        .nonce = docker->where.local ? NULL : "<nonce>",
        .podman = docker->podman,
        .now_s = plr_docker_wall_s(docker),
    };
    int r = plr_docker_create_body(&body, &create, err);
    if (r < 0)
        return r;
    plr_buf_printf(out, "container %s: step \"%s\"\n  image: %s, %s\n", name, step->metadata.name,
            step->docker.image, pull_words(&step->docker));
    for (size_t i = 0; i < step->n_files; i++)
        plr_buf_printf(out, "  file: %s, mode %04llo, %zu bytes\n", step->files[i].path,
                (unsigned long long)step->files[i].mode,
                task->run->document->files[step->files[i].file].data.size);
    for (size_t i = 0; i < step->docker.n_networks; i++)
        plr_buf_printf(out, "  joins network: %s\n", step->docker.networks[i]);
    plr_buf_puts(out, "  create:\n");
    put_json(out, body);
    return 0;
}

static int put_run(plr_buf *out, const plr_docker *docker, const plr_run_view *view,
        plr_network_mode network, plr_error *err)
{
    const plr_document *document = view->document;
    plr_buf_printf(out, "backend: docker at %s (%s), API 1.%u%s\nnetwork: %s\n", docker->where.base,
            docker->where.origin, docker->api, docker->podman ? ", Podman" : "",
            network_words(network, document->n_tasks == 1));
    if (network == PLR_NETWORK_ISOLATED) {
        _cleanup_json_ json_object *body =
                plr_docker_network_body(&docker->settings, view, plr_docker_wall_s(docker));
        if (body == NULL)
            return plr_error_nomem(err);
        plr_buf_puts(out, "  create:\n");
        put_json(out, body);
    }
    for (size_t i = 0; i < document->n_volumes; i++) {
        const plr_volume *volume = &document->volumes[i];
        if (volume->temp != NULL)
            plr_buf_printf(out, "volume plr-%s-v%zu: \"%s\"%s\n", view->id, i,
                    volume->metadata.name,
                    strcmp(volume->temp->medium, "memory") == 0 ? ", in memory" : "");
    }
    return 0;
}

void plr_docker_plan(plr_docker *docker, const plr_run_view *view, plr_task *const *tasks,
        size_t n_tasks, plr_op *op)
{
    plr_network_mode network = plr_docker_network_mode(docker, view);
    plr_error err = { 0 };
    _cleanup_buf_ plr_buf out = { 0 };
    _cleanup_free_ char *masked = NULL;
    int r = put_run(&out, docker, view, network, &err);
    for (size_t i = 0; r == 0 && i < n_tasks; i++)
        r = put_task(&out, docker, network, tasks[i], &err);
    if (r == 0)
        r = plr_buf_check(&out, &err);
    /* The view is not changed by being asked for its mask. */
    if (r == 0)
        r = docker->host->run_mask((plr_run_view *)view, out.data, &masked, &err);
    if (r == 0)
        docker->host->op_text(op, masked, strlen(masked));
    docker->host->op_complete(op, r == 0 ? NULL : &err);
}
