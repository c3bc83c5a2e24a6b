/* SPDX-License-Identifier: MIT */
/*
 * A room's network without the rest of plr-sandbox, for tests: makes namespaces as plr-sandbox does
 * (users too, if it is no root), then obeys lines on stdin and prints what comes of them.
 *
 *   net_room [--bridge] [--outbound] [--host] [--port HOST_PORT:PORT[:ADDRESS]/PROTOCOL]...
 *     room COMMAND             run a shell's command in the room's network
 *     task ADDRESS COMMAND     in a namespace of its own, on the bridge
 *     alone COMMAND            in a namespace of its own with a loopback
 *     wait                     for all of them
 *     wait helper              for the helper, which ends only if something broke
 *     bench N                  what N processes cost each, with and without namespaces
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/local/sandbox/net.h"

#define SUBNET "10.213.0.0/16"

static plr_net_port ports[16];
static plr_net_request request = { .subnet = SUBNET, .ports = ports };
static plr_net_helper helper;
static int room = -1, running;

typedef enum kind { FORK, ALONE, JOIN } kind;

_Noreturn static void fail(const char *what, const plr_error *err)
{
    if (err != NULL)
        printf("failed %s: %s\n", what, err->message);
    else
        printf("failed %s: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fail(path, NULL);
    close(fd);
}

static void own_users(void)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();
    if (uid == 0)
        return;
    if (unshare(CLONE_NEWUSER) != 0)
        fail("user namespace", NULL);
    put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    put("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    put("/proc/self/gid_map", map);
}

/* The namespace is made by a child that ends, as in plr-sandbox. */
static void make_room(void)
{
    plr_error err = { 0 };
    char path[64];
    int made[2], done[2], status;
    char byte;
    if (pipe(made) != 0 || pipe(done) != 0)
        fail("pipe", NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) != 0)
            fail("network namespace", NULL);
        if (plr_net_room_make(&request, &err) != 0)
            fail("room", &err);
        (void)!write(made[1], "x", 1);
        close(done[1]);
        (void)!read(done[0], &byte, 1);
        _exit(0);
    }
    close(made[1]);
    if (read(made[0], &byte, 1) != 1)
        _exit(1);
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    room = open(path, O_RDONLY | O_CLOEXEC);
    if (room < 0)
        fail(path, NULL);
    close(done[0]);
    close(done[1]);
    close(made[0]);
    (void)waitpid(pid, &status, 0);
}

static void enter(char *line, char **ret_command)
{
    plr_error err = { 0 };
    char *rest = strchr(line, ' ');
    if (rest == NULL)
        fail(line, NULL);
    *rest++ = '\0';
    *ret_command = rest;
    if (strcmp(line, "task") == 0) {
        *ret_command = strchr(rest, ' ') + 1;
        (*ret_command)[-1] = '\0';
        if (plr_net_task_join(room, rest, NULL, &err) != 0)
            fail("task", &err);
    } else if (strcmp(line, "alone") == 0) {
        if (plr_net_task_alone(&err) != 0)
            fail("alone", &err);
    } else if (room >= 0 && setns(room, CLONE_NEWNET) != 0) {
        fail("setns", NULL);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double bench(int n, kind of)
{
    double begin = now();
    for (int i = 0; i < n; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            plr_error err = { 0 };
            char address[32];
            snprintf(address, sizeof(address), "10.213.%d.%d/16", 1 + i / 250, i % 250 + 1);
            int r = of == ALONE  ? plr_net_task_alone(&err)
                    : of == JOIN ? plr_net_task_join(room, address, NULL, &err)
                                 : 0;
            if (r != 0)
                fail("bench", &err);
            _exit(0);
        }
        (void)waitpid(pid, &status, 0);
    }
    return (now() - begin) / n;
}

static void obey(char *line)
{
    char *command;
    pid_t pid = fork();
    if (pid != 0)
        return;
    enter(line, &command);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    fail("sh", NULL);
}

/* Waits for all but the helper, or for the helper. */
static void reap(bool for_helper)
{
    plr_error err = { 0 };
    int status;
    pid_t pid;
    while (running > 0 || for_helper) {
        pid = waitpid(-1, &status, 0);
        if (pid == helper.pid) {
            plr_net_helper_ended(&helper, status, &err);
            printf("helper: %s\n", err.message);
            for_helper = false;
        } else if (pid > 0) {
            running--;
            printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
        }
    }
}

_Noreturn static void be_inner(bool host)
{
    plr_error err = { 0 };
    char line[4096];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("proc", "/proc", "proc", 0, NULL) != 0)
        fail("mounts", NULL);
    if (!host)
        make_room();
    double begin = now();
    if (plr_net_helper_start(&helper, room, &request, &err) != 0)
        fail("helper", &err);
    printf("ready %.1f ms, helper %d\n", now() - begin, helper.pid);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        int n = sscanf(line, "bench %d", &n) == 1 ? n : 0;
        if (n > 0) {
            printf("fork %.2f ms, namespace %.2f ms, bridge %.2f ms\n", bench(n, FORK),
                    bench(n, ALONE), bench(n, JOIN));
        } else if (strncmp(line, "wait", 4) == 0) {
            reap(strcmp(line, "wait helper") == 0);
            printf("waited\n");
        } else {
            obey(line);
            running++;
        }
    }
    _exit(0);
}

static void read_port(char *text)
{
    plr_net_port *port = &ports[request.n_ports++];
    char *slash = strchr(text, '/'), *address;
    unsigned host_port, number;
    if (slash == NULL || sscanf(text, "%u:%u", &host_port, &number) != 2)
        fail(text, NULL);
    *slash = '\0';
    address = strchr(strchr(text, ':') + 1, ':');
    *port = (plr_net_port){
        .host_port = (uint16_t)host_port,
        .port = (uint16_t)number,
        .udp = strcmp(slash + 1, "udp") == 0,
        .address = address != NULL ? address + 1 : NULL,
        .name = "web",
    };
}

int main(int argc, char **argv)
{
    bool host = false;
    int status;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--bridge") == 0)
            request.bridge = true;
        else if (strcmp(argv[i], "--outbound") == 0)
            request.outbound = true;
        else if (strcmp(argv[i], "--host") == 0)
            host = true;
        else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
            read_port(argv[++i]);
        else
            fail(argv[i], NULL);
    own_users();
    if (unshare(CLONE_NEWPID) != 0)
        fail("PID namespace", NULL);
    pid_t pid = fork();
    if (pid == 0)
        be_inner(host);
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
