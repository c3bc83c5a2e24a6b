/* SPDX-License-Identifier: MIT */
/* What runs left behind and nobody alive owns. An owner is a process of this machine, known by its
 * boot, PID namespace, pid and start time; one of elsewhere counts as living until its deadline. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/docker/channel.h"
#include "backends/docker/reaper.h"
#include "backends/docker/sweep.h"
#include "engine/base/error.h"
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

static bool read_first_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(line, (int)size, file) != NULL;
    if (file != NULL)
        fclose(file);
    if (good)
        line[strcspn(line, "\n")] = '\0';
    return good;
}

/* Field 22 of /proc/PID/stat, counted from the last ')': names may hold anything. */
static bool is_running(const char *proc, long pid, const char *start)
{
    char path[300], stat[1024];
    snprintf(path, sizeof(path), "%s/%ld/stat", proc, pid);
    if (!read_first_line(path, stat, sizeof(stat)))
        return false;
    char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return false;
    at[1 + strcspn(at + 1, " ")] = '\0';
    return strcmp(at + 1, start) == 0;
}

plr_docker_owner plr_docker_owner_state(const char *owner, const char *proc)
{
    char boot[80], name_space[80] = "", path[300], owner_boot[80], owner_space[80], start[40];
    long pid;
    if (sscanf(owner, "%79[^/]/%79[^/]/%ld/%39s", owner_boot, owner_space, &pid, start) != 4)
        return PLR_DOCKER_OWNER_UNKNOWN;
    snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", proc);
    if (!read_first_line(path, boot, sizeof(boot)) || strcmp(boot, owner_boot) != 0)
        return PLR_DOCKER_OWNER_UNKNOWN;
    snprintf(path, sizeof(path), "%s/self/ns/pid", proc);
    ssize_t length = readlink(path, name_space, sizeof(name_space) - 1);
    const char *inode = length < 0 ? NULL : strchr(name_space, '[');
    if (inode == NULL || strncmp(inode + 1, owner_space, strlen(owner_space)) != 0 ||
            inode[1 + strlen(owner_space)] != ']')
        return PLR_DOCKER_OWNER_UNKNOWN;
    return is_running(proc, pid, start) ? PLR_DOCKER_OWNER_LIVES : PLR_DOCKER_OWNER_DEAD;
}

bool plr_docker_sweep_chooses(const plr_docker_found *found, const void *argument)
{
    const plr_docker_choice *choice = argument;
    if (choice->run != NULL)
        return strcmp(found->run, choice->run) == 0;
    if (choice->now_s - found->created_s < choice->older_than_s)
        return false;
    bool over = found->deadline_s > 0 && found->deadline_s <= choice->now_s;
    switch (plr_docker_owner_state(found->owner, choice->proc)) {
    case PLR_DOCKER_OWNER_LIVES:
        return false;
    case PLR_DOCKER_OWNER_DEAD:
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
        plr_swept swept = {
            .size = sizeof(swept),
            .kind = kinds[found[i].kind],
            .name = found[i].name,
            .run = found[i].run,
            .created_ns = found[i].created_s * (int64_t)PLR_SECOND,
            .error = found[i].error.code == 0 ? NULL : found[i].error.message,
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
