/* SPDX-License-Identifier: MIT */
/* What runs left behind and nobody alive owns. An owner is a process of this machine, known by its
 * boot, PID namespace, pid and start time; one of elsewhere counts as living until its deadline. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/reaper.h"
#include "backends/docker/sweep.h"
#include "engine/base/error.h"
#include "engine/base/owner.h"
#include "engine/base/text.h"

typedef struct sweep {
    plr_docker_errand errand;
    plr_docker_choice choice;
    char *run;
    void (*on_done)(plr_docker *docker, void *userdata); /* without an op */
    void *userdata;
} sweep;

static void clear(plr_docker_errand *errand)
{
    free(((sweep *)errand)->run);
}

bool plr_docker_sweep_chooses(const plr_docker_found *found, const void *argument)
{
    const plr_docker_choice *choice = argument;
    if (choice->run != NULL)
        return strcmp(found->run, choice->run) == 0;
    if (choice->now_s - found->created_s < choice->older_than_s)
        return false;
    bool over = found->deadline_s > 0 && found->deadline_s <= choice->now_s;
    switch (plr_owner_look(found->owner, choice->proc)) {
    case PLR_OWNER_LIVES:
        return false;
    case PLR_OWNER_DEAD:
        return over || !found->keep;
    default:
        return over;
    }
}

static void on_reaped(plr_docker *docker, const plr_docker_found *found, size_t n,
        const plr_error *cause, void *userdata)
{
    static const char *const kinds[] = { "container", "network", "volume" };
    sweep *s = userdata;
    plr_error err = { 0 };
    if (s->on_done != NULL) {
        s->on_done(docker, s->userdata);
        plr_docker_errand_free(&s->errand);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char look[600];
        snprintf(look, sizeof(look),
                "docker logs %1$s\ndocker inspect %1$s\n"
                "docker commit %1$s kept && docker run --rm -it --entrypoint sh kept\n"
                "docker rm -f %1$s",
                found[i].name);
        plr_swept swept = {
            .size = sizeof(swept),
            .kind = kinds[found[i].kind],
            .name = found[i].name,
            .run = found[i].run,
            .created_ns = found[i].created_s * (int64_t)PLR_SECOND,
            .error = found[i].error.code == 0 ? NULL : found[i].error.message,
            .look = found[i].kind == PLR_DOCKER_CONTAINER ? look : NULL,
        };
        docker->host->op_swept(s->errand.op, &swept);
        if (found[i].error.code != 0)
            plr_error_set(&err, found[i].error.code, "%s %s was not removed: %s",
                    kinds[found[i].kind], found[i].name, found[i].error.message);
    }
    if (cause != NULL)
        plr_error_set(&err, cause->code, "%s", cause->message);
    plr_docker_errand_finish(&s->errand, err.code == 0 ? NULL : &err);
}

static sweep *sweep_new(plr_docker *docker, plr_op *op)
{
    sweep *s = plr_docker_errand_new(docker, sizeof(*s), op);
    if (s == NULL)
        return NULL;
    s->errand.clear = clear;
    s->choice.now_s = plr_docker_wall_s(docker);
    s->choice.proc = "/proc";
    return s;
}

static int begin(sweep *s, bool dry_run, plr_error *err)
{
    plr_docker_reap reap = {
        .run = s->run,
        .choose = plr_docker_sweep_chooses,
        .argument = &s->choice,
        .dry_run = dry_run,
        .on_reaped = on_reaped,
        .userdata = s,
    };
    return plr_docker_reaper_start(s->errand.docker, &reap, err);
}

void plr_docker_sweep(plr_docker *docker, const plr_sweep_options *options, plr_op *op)
{
    plr_error err = { 0 };
    sweep *s = sweep_new(docker, op);
    if (s == NULL) {
        plr_docker_complete_nomem(docker, op);
        return;
    }
    if (!options->dry_run)
        plr_docker_share_sweep(docker);
    s->choice.older_than_s = options->older_than_ns / (int64_t)PLR_SECOND;
    int r = plr_text_copy(&s->run, options->run, &err);
    s->choice.run = s->run;
    if (r == 0)
        r = begin(s, options->dry_run, &err);
    if (r < 0)
        plr_docker_errand_finish(&s->errand, &err);
}

void plr_docker_sweep_networks(
        plr_docker *docker, void (*on_done)(plr_docker *docker, void *userdata), void *userdata)
{
    sweep *s = sweep_new(docker, NULL);
    if (s != NULL) {
        s->on_done = on_done;
        s->userdata = userdata;
        if (begin(s, false, NULL) == 0)
            return;
        plr_docker_errand_free(&s->errand);
    }
    on_done(docker, userdata);
}
