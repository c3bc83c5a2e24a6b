/* SPDX-License-Identifier: MIT */
/*
 * plr-init: PID 1 of a step, or its pause process. It waits for its word, or finds out itself when
 * its turn is, starts the command, hands signals on, reaps, and tells how the command ended. One
 * loop over signals, socket and deadline; all signals are blocked from the first moment to the
 * last, so none is lost and nothing interrupts.
 */
#include "init/channel.h"
#include "init/command.h"
#include "init/copy.h"
#include "init/drain.h"
#include "init/options.h"
#include "init/pod.h"
#include "init/probe.h"
#include "init/relay.h"
#include "init/syscall.h"
#include "init/text.h"
#include "init/words.h"

/* How long processes that were killed may take to be gone before the init ends without them: on a
 * machine that is busy they wait for their turn to die. */
#define SWEEP_MS 2000

#define STDERR 2
#define WNOHANG 1

typedef struct plr_init {
    plr_init_options options;
    plr_channel channel;
    plr_command command;
    int signals;       /* signalfd of all there are */
    int child;         /* the command, 0 before it runs */
    int64_t began_us;  /* when it did */
    int64_t deadline;  /* of the lease, then of the grace; -1 while neither counts */
    bool terminated;   /* the lease has run out, or the host wants its end */
    bool interfered;   /* it was sent a signal from outside of the step */
    bool places;       /* it is in an image that only holds the place of its own */
    bool lost;         /* the pod's lease has run out */
    plr_pod pod;       /* if it is a step of one, */
    plr_relay relay;   /* and what it says then */
    int64_t looked_ms; /* when its files were last looked at */
} plr_init;

static _Noreturn void complain(const char *what, int error, int code)
{
    plr_line line = { 0 };
    plr_line_put(&line, "plr-init: ");
    plr_line_put(&line, what);
    plr_line_put(&line, ": errno ");
    plr_line_put_number(&line, (uint64_t)error);
    plr_line_put(&line, "\n");
    plr_line_write(&line, STDERR);
    process_exit(code);
}

/*
 * Whether kill(-1) ends this step and nothing else. In the machine's own PID namespace it would end
 * the machine; that one has a fixed number. Where /proc does not say, the answer is no.
 */
static bool owns_namespace(void)
{
    enum { AT_FDCWD = -100 };
    char name[32];
    if (process_id() != 1)
        return false;
    long size = PLR_SYSCALL(readlinkat, AT_FDCWD, "/proc/self/ns/pid", name, sizeof name - 1);
    if (size <= 0)
        return false;
    name[size] = '\0';
    return !plr_text_equal(name, "pid:[4026531836]");
}

/* SIGKILL for the whole step. */
static void kill_step(const plr_init *init)
{
    if (process_id() != 1)
        process_kill(-init->child, PLR_SIGKILL);
    else if (process_kill(init->child, PLR_SIGKILL) < 0)
        /* It runs as another user. Its namespace ends with its PID 1. */
        process_exit(128 + PLR_SIGKILL);
}

/* Reaps whoever has ended. Returns whether there is no child any more. */
static bool reap_all(void)
{
    long pid;
    do
        pid = PLR_SYSCALL(wait4, -1, NULL, WNOHANG, NULL);
    while (pid > 0);
    return pid == -PLR_ECHILD;
}

/*
 * Ends what the command left behind. Returns whether it is gone; if not, a process of another user
 * is there, or no /proc to look at, and only our own end will do.
 */
static bool sweep(const plr_init *init)
{
    if (reap_all() || process_id() != 1)
        return true;
    if (!owns_namespace())
        return false;
    process_kill(-1, PLR_SIGKILL);
    const int64_t end = clock_ms() + SWEEP_MS;
    while (!reap_all()) {
        int64_t left = end - clock_ms();
        plr_pollfd signals = { init->signals, PLR_POLLIN, 0 };
        plr_siginfo info;
        if (left <= 0)
            return false;
        poll_wait(&signals, 1, left);
        PLR_SYSCALL(read, init->signals, &info, sizeof info);
    }
    return true;
}

/* In a pod the log is all that the host reads of us, and the runtime's to keep. */
static _Noreturn void leave(plr_init *init, int code)
{
    if (init->options.pod && plr_relay_finish(&init->relay))
        plr_drain(init->relay.written);
    process_exit(code);
}

/* What to say of an end. In a pod the others learn it first: they wait for it. */
static plr_init_word record_end(const plr_init *init, int status)
{
    if (!init->options.pod)
        return PLR_INIT_EXITED;
    if (init->interfered) {
        plr_pod_record_status(&init->pod, "stopped", (uint32_t)status);
        return PLR_INIT_STOPPED;
    }
    return plr_pod_record_status(&init->pod, "exited", (uint32_t)status) ? PLR_INIT_EXITED
                                                                         : PLR_INIT_STOPPED;
}

/* The command has ended. Without a record the engine asks the daemon, who knows when all is gone.
 */
static _Noreturn void finish(plr_init *init, int status)
{
    enum { RUSAGE_CHILDREN = -1 };
    plr_rusage usage = { 0 };
    int signal = status & 0x7f;
    int64_t ended_us = clock_us();

    if (sweep(init)) {
        PLR_SYSCALL(getrusage, RUSAGE_CHILDREN, &usage);
        plr_init_exit end = {
            .status = (uint32_t)status,
            .user_us = (uint64_t)(usage.user[0] * 1000000 + usage.user[1]),
            .system_us = (uint64_t)(usage.system[0] * 1000000 + usage.system[1]),
            .maxrss_kib = (uint64_t)usage.maxrss,
            .blocks_in = (uint64_t)usage.inblock,
            .blocks_out = (uint64_t)usage.oublock,
            .ran_us = (uint64_t)(ended_us - init->began_us),
        };
        plr_init_word word = record_end(init, status);
        plr_relay_finish(&init->relay);
        plr_channel_say_exit(&init->channel, word, &end);
    }
    leave(init, signal ? 128 + signal : status >> 8 & 0xff);
}

static void reap(plr_init *init)
{
    int status;
    long pid;
    while ((pid = PLR_SYSCALL(wait4, -1, &status, WNOHANG, NULL)) > 0)
        if (pid == init->child)
            finish(init, status);
}

static bool has_channel(const plr_init *init)
{
    return init->channel.fd >= 0 || init->channel.nonce;
}

static _Noreturn void fail(plr_init *init, plr_init_stage stage, int error)
{
    int code = PLR_INIT_EXIT_OWN;
    if (stage == PLR_INIT_STAGE_EXEC)
        code = error == PLR_ENOENT ? PLR_INIT_EXIT_NOENT : PLR_INIT_EXIT_EXEC;
    if (!has_channel(init))
        complain(init->options.command[0], error, code);
    if (init->options.pod && !init->options.detach)
        plr_pod_record_status(&init->pod, "exited", (uint32_t)code << 8);
    plr_channel_say_failure(&init->channel, stage, error);
    leave(init, code);
}

/* The command's turn has come. */
static void run(plr_init *init)
{
    if (init->options.detach) {
        if (init->options.pod)
            plr_pod_record(&init->pod, "running", NULL);
        plr_channel_say(&init->channel, PLR_INIT_RUNNING);
        fail(init, PLR_INIT_STAGE_EXEC, -plr_command_exec(&init->command));
    }
    plr_init_stage stage = PLR_INIT_STAGE_FORK;
    int output = init->options.pod ? plr_relay_open(&init->relay) : -1;
    if (init->options.pod && output < 0)
        fail(init, stage, -output);
    int child = plr_command_start(&init->command, output, &stage);
    PLR_SYSCALL(close, output);
    if (child < 0)
        fail(init, stage, -child);
    init->child = child;
    init->began_us = clock_us();
    if (init->options.pod)
        plr_pod_record(&init->pod, "running", NULL);
    plr_channel_say(&init->channel, PLR_INIT_RUNNING);
}

/* GO, with late environment. */
static void go(plr_init *init, size_t late_size)
{
    int error = plr_command_add_environment(&init->command, init->channel.payload, late_size);
    if (error < 0)
        fail(init, PLR_INIT_STAGE_GO, -error);
    run(init);
}

static void go_by_signal(plr_init *init)
{
    long late = 0;
    if (init->options.late)
        late = plr_channel_read_late(&init->channel, init->options.late);
    if (late < 0)
        fail(init, PLR_INIT_STAGE_GO, (int)-late);
    go(init, (size_t)late);
}

/* A signal for the pause process or before the command's turn. */
static void take_signal(plr_init *init, const plr_siginfo *info)
{
    const bool lines = init->options.signal_word != NULL;
    if (!init->options.command || init->places) {
        if (info->signal == PLR_SIGTERM || info->signal == PLR_SIGINT)
            process_exit(init->places ? PLR_INIT_EXIT_HELD : 0);
    } else if (lines && info->signal == PLR_INIT_SIGNAL_ASK) {
        plr_channel_say(&init->channel, PLR_INIT_HELD);
    } else if (lines && info->signal == PLR_INIT_SIGNAL_GO) {
        go_by_signal(init);
    } else if (info->signal != PLR_SIGWINCH || info->code != PLR_SI_KERNEL) {
        /* A terminal's change of size is not meant for us. The stop signal of an image can be any,
         * SIGWINCH too. */
        process_exit(PLR_INIT_EXIT_HELD);
    }
}

static void pass_on(plr_init *init, const plr_siginfo *info)
{
    if (info->signal == PLR_SIGPIPE && info->pid == (uint32_t)process_id())
        return;                         /* our own: nobody reads stdout any more */
    init->interfered |= info->pid == 0; /* its sender is not in our namespace */
    process_kill(init->child, info->signal);
}

static void take_signals(plr_init *init)
{
    plr_siginfo info;
    while (PLR_SYSCALL(read, init->signals, &info, sizeof info) == sizeof info) {
        if (info.signal == PLR_SIGCHLD)
            reap(init);
        else if (init->child)
            pass_on(init, &info);
        else
            take_signal(init, &info);
    }
}

/* The engine is gone, or what comes from there cannot be read any more. */
static void lose_engine(plr_init *init)
{
    plr_channel_close(&init->channel);
    if (init->options.command && !init->child)
        process_exit(PLR_INIT_EXIT_HELD);
    if (!init->options.keep)
        init->deadline = clock_ms() + init->options.lease_ms;
}

static void take_go(plr_init *init)
{
    if (!init->options.command || init->child)
        lose_engine(init);
    else
        go(init, init->channel.header.size);
}

static void take_kill(plr_init *init)
{
    plr_init_kill kill;
    memcpy(&kill, init->channel.payload, sizeof kill);
    if (!init->child)
        process_exit(init->options.command ? PLR_INIT_EXIT_HELD : 0);
    if (kill.signal == PLR_SIGKILL)
        kill_step(init);
    else
        process_kill(init->child, kill.signal);
}

static void take_word(plr_init *init)
{
    int word = plr_channel_receive(&init->channel);
    if (word == PLR_INIT_GO)
        take_go(init);
    else if (word == PLR_INIT_KILL)
        take_kill(init);
    else if (word == -PLR_E2BIG && init->options.command && !init->child)
        fail(init, PLR_INIT_STAGE_GO, PLR_E2BIG);
    else if (word < 0)
        lose_engine(init);
}

static void begin_grace(plr_init *init)
{
    init->terminated = true;
    init->deadline = clock_ms() + init->options.grace_ms;
}

/* The lease has run out, or the grace after it. */
static void take_deadline(plr_init *init)
{
    if (!init->child)
        process_exit(0);
    if (init->terminated) {
        init->deadline = -1;
        kill_step(init);
    } else {
        begin_grace(init);
        process_kill(init->child, PLR_SIGTERM);
    }
}

static void go_in_pod(plr_init *init)
{
    long late = plr_knowledge_late(&init->pod.knowledge, init->pod.text, init->pod.text_size,
            init->channel.payload, sizeof init->channel.payload);
    if (late < 0)
        fail(init, PLR_INIT_STAGE_GO, (int)-late);
    go(init, (size_t)late);
}

/* Held: is it our turn? */
static void look(plr_init *init)
{
    plr_rule_answer answer;
    switch (plr_pod_look(&init->pod, &init->options, &answer)) {
    case PLR_TURN_WAIT:
        break;
    case PLR_TURN_RUN:
        go_in_pod(init);
        break;
    case PLR_TURN_SKIP:
        plr_pod_record(&init->pod, "skipped", plr_pod_why(answer));
        plr_channel_say_skipped(&init->channel, plr_pod_why(answer));
        leave(init, PLR_INIT_EXIT_HELD);
    case PLR_TURN_NONE:
        process_exit(PLR_INIT_EXIT_HELD);
    }
}

/* Running: does the host want it to stop? */
static void hear(plr_init *init)
{
    plr_pod *pod = &init->pod;
    plr_pod_hear(pod);
    for (unsigned int signal;
            (signal = plr_knowledge_take_stop(&pod->knowledge, pod->text, pod->text_size)) != 0;) {
        init->interfered = true;
        if (signal == PLR_SIGKILL) {
            kill_step(init);
            continue;
        }
        if (signal == PLR_SIGTERM && !init->terminated)
            begin_grace(init);
        process_kill(init->child, signal);
    }
}

/* As if its engine had gone. */
static void lose_lease(plr_init *init)
{
    plr_channel_say(&init->channel, PLR_INIT_LOST);
    if (!init->child)
        process_exit(PLR_INIT_EXIT_HELD);
    init->lost = init->interfered = true;
    if (!init->terminated)
        init->deadline = clock_ms();
}

/* The image in whose place this one was to be is here instead? */
static void hear_of_image(plr_init *init)
{
    plr_pod_hear(&init->pod);
    init->places = !init->pod.knowledge.image;
    if (!init->places)
        look(init);
}

/* Something is new in the pod's files, or may be. */
static void look_around(plr_init *init)
{
    if (init->child)
        hear(init);
    else if (init->places)
        hear_of_image(init);
    else
        look(init);
    if (!init->lost && plr_pod_is_lost(&init->pod, &init->options))
        lose_lease(init);
    init->looked_ms = clock_ms();
}

/* When they are looked at unasked; -1: never. */
static int64_t next_look(const plr_init *init)
{
    return init->options.pod ? init->looked_ms + plr_pod_patience(&init->pod) : -1;
}

/* Whether this moment of the monotonic clock has come; -1 never does. */
static bool has_come(int64_t moment_ms)
{
    return moment_ms >= 0 && clock_ms() >= moment_ms;
}

/* Milliseconds until the first of two moments; -1: until neither. */
static int64_t time_until(int64_t a_ms, int64_t b_ms)
{
    int64_t first = a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
    int64_t left = first - clock_ms();
    return first < 0 ? -1 : left < 0 ? 0 : left;
}

static _Noreturn void serve(plr_init *init)
{
    for (;;) {
        plr_pollfd fds[] = {
            { init->signals, PLR_POLLIN, 0 },
            { init->channel.fd, PLR_POLLIN, 0 },
            { init->pod.changes, PLR_POLLIN, 0 },
            plr_relay_wants(&init->relay),
        };
        poll_wait(fds, 4, time_until(init->deadline, next_look(init)));
        if (fds[0].ready) /* first: a signal while held wins over a go */
            take_signals(init);
        if (fds[1].ready)
            take_word(init);
        if (fds[3].ready)
            plr_relay_move(&init->relay);
        if (has_come(init->deadline))
            take_deadline(init);
        if (fds[2].ready || has_come(next_look(init)))
            look_around(init);
    }
}

/* The first start is in an image that only holds the place: what is to run may not even be there.
 */
static void look_for_image(plr_init *init)
{
    int first = plr_pod_is_first_start(&init->pod);
    if (first < 0)
        complain(init->options.pod, -first, PLR_INIT_EXIT_OWN);
    init->places = first;
}

/* So that a step finds files of its own, with their modes. */
static _Noreturn void copy_files(const plr_init *init)
{
    char **file = init->options.command;
    for (; file && file[0] && file[1] && file[2]; file += 3) {
        int error = plr_copy(file[0], file[1], file[2]);
        if (error < 0)
            complain(file[1], -error, PLR_INIT_EXIT_OWN);
    }
    process_exit(0);
}

/* Asked from outside whether the step is ready: by a port, or by a command of its own. */
static _Noreturn void answer(const plr_init *init)
{
    const plr_init_options *options = &init->options;
    if (options->begun && !plr_pod_has_begun(options->begun))
        process_exit(1);
    if (options->probe_port)
        process_exit(plr_probe(options->probe_port, options->probe_http) ? 0 : 1);
    complain(options->command[0], -plr_command_exec(&init->command), PLR_INIT_EXIT_EXEC);
}

_Noreturn void plr_init_main(long *stack);

/* Called by start.S. `stack`: argc, argv with a NULL, environment with a NULL. */
_Noreturn void plr_init_main(long *stack)
{
    static plr_init init;
    const plr_sigset all = ~(plr_sigset)0;
    const plr_sigaction default_action = { 0 };
    char **argv = (char **)(stack + 1);

    init.deadline = -1; /* at run time: the struct stays out of the file */
    signal_mask(all, &init.command.mask);
    /* Inherited as ignored, it would keep us from waiting for children. */
    signal_action(PLR_SIGCHLD, &default_action, &init.command.on_chld);

    const char *wrong = plr_init_options_read(&init.options, argv);
    if (wrong)
        complain(wrong, PLR_EINVAL, PLR_INIT_EXIT_OWN);
    if (init.options.leased)
        process_exit(plr_pod_was_lost(&init.options) ? 1 : 0);
    init.command.arguments = init.options.command;
    init.command.environment = argv + stack[0] + 1;
    if (init.options.probe_port || init.options.begun)
        answer(&init);
    if (init.options.copy)
        copy_files(&init);
    init.signals = (int)PLR_SYSCALL(signalfd4, -1, &all, sizeof all, PLR_NONBLOCK | PLR_CLOEXEC);
    if (init.signals < 0)
        complain("signalfd", -init.signals, PLR_INIT_EXIT_OWN);
    int error = plr_channel_open(&init.channel, &init.options, &init.relay);
    if (error < 0)
        complain(init.options.socket ? init.options.socket : "--fd", -error, PLR_INIT_EXIT_OWN);

    init.pod.changes = -1;
    if (init.options.pod) {
        error = plr_pod_open(&init.pod, &init.options);
        if (error == -PLR_EEXIST) /* in silence: what is in this log is the step's */
            process_exit(PLR_INIT_EXIT_HELD);
        if (error < 0)
            complain(init.options.pod, -error, PLR_INIT_EXIT_OWN);
        if (init.options.image_later)
            look_for_image(&init);
        look_around(&init);
        serve(&init);
    }
    plr_channel_say(&init.channel, PLR_INIT_HELD);
    if (init.options.command && !has_channel(&init))
        run(&init); /* nobody to wait for */
    serve(&init);
}
