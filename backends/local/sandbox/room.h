/* SPDX-License-Identifier: MIT */
/*
 * A room: what one plr-sandbox makes for one run, as its two processes share it (the inner one is a
 * fork of the outer one, so what the outer one has filled in is there).
 */
#ifndef PLR_SANDBOX_ROOM_H
#define PLR_SANDBOX_ROOM_H

#include <sys/resource.h>
#include <termios.h>

#include "backends/local/sandbox/cgroup.h"
#include "backends/local/sandbox/request.h"
#include "backends/local/userns.h"

typedef struct plr_room {
    plr_room_request request;
    int socket;          /* to the engine */
    struct rlimit files; /* as we were given it, for steps: a room itself wants more */
    int folder;          /* the run's */
    int init;            /* plr-init, a sealed memfd */
    int network;         /* the room's network namespace, -1: it is the machine's */
    bool outbound;       /* which reaches the world */
    int viewer;          /* a pipe that ends when the view of this machine is made; -1: none is */
    bool own_users;      /* a user namespace: whoever started us is no root */
    unsigned ids;        /* that it has; 1: root alone, and no groups */
    plr_cgroups cgroups;
} plr_room;

/* Sets PLR_ERR_SYSTEM (ENOMEM: PLR_ERR_NOMEM) with errno's text behind what was tried. */
int plr_fault(plr_error *err, const char *format, ...) PLR_PRINTF(2, 3);

/* fork, with flags of clone3; `ret_pidfd` may be NULL. -1 and errno on failure. The child has
 * memory of its own. */
pid_t plr_fork(uint64_t flags, int *ret_pidfd);

/* The same, into a control group of version 2 (-1: where we are). */
pid_t plr_fork_into(int cgroup, uint64_t flags, int *ret_pidfd);

/* Opens the folder again: a descriptor belongs to the mount namespace that it was opened in, and
 * what is to be mounted must come from one's own. */
int plr_room_open_folder(plr_room *room, plr_error *err);

/* To the engine. It must take it at once: these are for the first words of a room. */
void plr_room_say_failed(const plr_room *room, const plr_error *failure);
void plr_room_warn(const plr_room *room, const char *text);

/* Whether we have the rights of root over this machine (root in a container may not). */
bool plr_may_all(void);

/* A terminal for a look: a pair of which we serve one end. look_terminal.c */
typedef struct plr_terminal {
    int ours, theirs;      /* -1: stdin is no terminal, and none is made */
    struct termios before; /* how the user's was */
} plr_terminal;

int plr_terminal_open(plr_terminal *ret_terminal, plr_error *err);
/* In the new process, the leader of a session: it is its terminal, and what was a terminal of
 * stdin, stdout and stderr. */
int plr_terminal_become(const plr_terminal *terminal, plr_error *err);
/* Between the user's terminal and ours, until nobody has the other end. */
void plr_terminal_serve(plr_terminal *terminal);

/* A program in the root of a step that was kept, from its folder: `command` or, if there is none, a
 * shell. Returns what to exit with. look.c */
int plr_look(const char *folder, char **command);

/* Makes what all tasks of a room share of their view of this machine. What goes wrong is tried
 * again, and told, by the first that needs it. root_view.c */
void plr_view_make(const plr_room *room);

/* Inner process: volumes and network. room_make.c */
int plr_room_make(plr_room *room, plr_net_helper *ret_helper, plr_error *err);

/* A signal to PID 1 of a task, by its pidfd. signal.c */
void plr_task_signal(int pidfd, int signal);

/* Inner process: what it does until the run ends. `outer` is a socket whose other end is the outer
 * process's. room.c */
_Noreturn void plr_room_serve(plr_room *room, int outer);

#endif
