/* SPDX-License-Identifier: MIT */
/*
 * What the tasks of a run share: volumes, those in memory in the room's own mount namespace, and
 * the network. The inner process stays in the machine's network, because an ordinary user cannot go
 * back there for a step that wants it.
 */
#include "backends/local/sandbox/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/mounts.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"

static int mount_memory(
        const plr_room *room, const char *name, const char *mode, uint64_t limit, plr_error *err)
{
    char size[32];
    snprintf(size, sizeof size, "%llu", (unsigned long long)limit);
    const plr_mount_option options[] = { { "mode", mode }, { limit ? "size" : NULL, size },
        { NULL, NULL } };
    int mount = plr_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID);
    _cleanup_close_ int target = openat(room->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount < 0 || plr_mount_attach(mount, target) < 0)
        return plr_fault(err, "cannot mount a file system in memory");
    return 0;
}

static int make_folder(const plr_room *room, const char *name, plr_error *err)
{
    if (mkdirat(room->folder, name, 0755) < 0 && errno != EEXIST)
        return plr_fault(err, "cannot make %s in %s", name, room->request.folder);
    return 0;
}

static int make_volume(const plr_room *room, const plr_volume_request *volume, plr_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "volumes/%llu", (unsigned long long)volume->number);
    int r = make_folder(room, name, err);
    return r == 0 && volume->memory ? mount_memory(room, name, "1777", volume->size, err) : r;
}

typedef struct plr_made_network {
    int fd; /* the same in both: descriptors are shared */
    plr_error error;
} plr_made_network;

/* In a process that is in the new namespace. */
static void make_inside(const plr_net_request *request, plr_made_network *made)
{
    if (plr_net_room_make(request, &made->error) < 0)
        return;
    made->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (made->fd < 0)
        plr_fault(&made->error, "cannot open the run's network namespace");
}

static int make_namespace(plr_room *room, plr_error *err)
{
    plr_made_network made = { .fd = -1 };
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return plr_fault(err, "pipe");
    pid_t pid = plr_fork(CLONE_NEWNET | CLONE_FILES, NULL);
    if (pid == 0) {
        make_inside(&room->request.net, &made);
        _exit(write(report[1], &made, sizeof made) != sizeof made);
    }
    int r = 0, status;
    if (pid < 0)
        r = plr_fault(err, "cannot make a network namespace");
    else if (waitpid(pid, &status, 0) < 0 || status != 0 ||
             read(report[0], &made, sizeof made) != sizeof made)
        r = plr_error_set(err, PLR_ERR_SYSTEM, "cannot make the run's network");
    else if (made.error.code)
        r = plr_error_set(err, made.error.code, "%s", made.error.message);
    close(report[0]);
    close(report[1]);
    room->network = made.fd;
    return r;
}

/* The world is not to be reached from a network of our own. */
static int do_without(plr_room *room, const plr_error *why)
{
    char text[PLR_ERROR_MESSAGE_SIZE + 64];
    room->request.net.outbound = false;
    if (room->request.else_host) {
        room->request.network = PLR_SANDBOX_NETWORK_HOST;
        cleanup_close(&room->network);
        room->network = -1;
    }
    snprintf(text, sizeof text, "%s: %s", why->message,
            room->request.else_host ? "steps use the network of this machine"
                                    : "steps reach each other and nothing else");
    plr_room_warn(room, text);
    return 0;
}

static int make_network(plr_room *room, plr_net_helper *ret_helper, plr_error *err)
{
    plr_room_request *request = &room->request;
    plr_error why = { 0 };
    if (request->network == PLR_SANDBOX_NETWORK_ROOM && request->net.outbound &&
            plr_net_outbound_check(&why) < 0)
        do_without(room, &why);
    int r = request->network == PLR_SANDBOX_NETWORK_ROOM ? make_namespace(room, err) : 0;
    if (r < 0 || (!request->net.outbound && request->net.n_ports == 0))
        return r;
    why.code = PLR_OK;
    r = plr_net_helper_start(ret_helper, room->network, &request->net, &why);
    if (r == PLR_ERR_UNSUPPORTED && request->net.outbound) {
        do_without(room, &why);
        why.code = PLR_OK;
        r = request->net.n_ports
                    ? plr_net_helper_start(ret_helper, room->network, &request->net, &why)
                    : 0;
    }
    room->outbound = request->net.outbound && room->network >= 0;
    return r < 0 ? plr_error_set(err, r, "%s", why.message) : 0;
}

/* In a process of its own, while the engine gets ready what the first task is asked for by. */
static void start_viewer(plr_room *room)
{
    int line[2];
    if (!room->request.host_root || pipe2(line, O_CLOEXEC) < 0)
        return;
    if (plr_fork(0, NULL) == 0) {
        plr_view_make(room);
        _exit(0);
    }
    close(line[1]);
    room->viewer = line[0];
}

int plr_room_make(plr_room *room, plr_net_helper *ret_helper, plr_error *err)
{
    /* What views of this machine share is in memory: many small things for a short time. */
    int r = make_folder(room, "view", err);
    if (r == 0)
        r = mount_memory(room, "view", "755", 0, err);
    if (r == 0)
        start_viewer(room);
    if (r == 0)
        r = make_folder(room, "tasks", err);
    if (r == 0 && room->request.n_volumes > 0)
        r = make_folder(room, "volumes", err);
    for (size_t i = 0; r == 0 && i < room->request.n_volumes; i++)
        r = make_volume(room, &room->request.volumes[i], err);
    return r == 0 ? make_network(room, ret_helper, err) : r;
}
