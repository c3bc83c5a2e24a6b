/* SPDX-License-Identifier: MIT */
/*
 * The words that an engine and plr-init say to each other: over a Unix stream socket, or, where no
 * file can be shared with the step, by two signals and by lines on the step's stdout.
 * Where steps release each other, in a pod, by files: see the end.
 * Free of libc, so that both sides include this one file. What is said here is advice: the truth
 * about a step's end is what the daemon or the cluster says.
 *
 * A held command:      init: HELD    engine: GO    init: RUNNING    init: EXITED, end of file
 * An exec'd in place:  init: HELD    engine: GO    init: RUNNING    end of file (or first ERRNO)
 * A failure:           init: HELD    engine: GO    init: ERRNO, end of file
 * The pause process:   init: HELD    engine: KILL or end of file
 *
 * End of file (or ECONNRESET, if something of the engine's was left unread) without EXITED or
 * ERRNO: the init was killed, or its command took its place.
 */
#ifndef PLR_INIT_WORDS_H
#define PLR_INIT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are little-endian structs that are sent as they lie in memory"
#endif

/* Both sides hang up on a header with another version. */
#define PLR_INIT_VERSION 2

/* The most that a GO may carry: NAME=VALUE strings, each with its NUL. */
#define PLR_INIT_ENVIRONMENT_MAX (128 * 1024)

/* A nonce is printable ASCII without spaces; a line with the longest one fits into LINE_MAX. */
#define PLR_INIT_NONCE_MAX 64
#define PLR_INIT_LINE_MAX 256

/*
 * Word, its name in a line, who says it and what it carries.
 *   HELD     init: in place, nothing of the user's has run. No payload.
 *   GO       engine: run the command. Payload: late environment, NAME=VALUE strings, NUL after
 *            each; they replace entries of the same name. Nothing is a payload too.
 *   RUNNING  init: the command was exec'd (with --detach: is about to be). No payload.
 *   ERRNO    init: it was not. Payload: plr_init_failure. The init ends with it.
 *   KILL     engine: send a signal. Payload: plr_init_kill. SIGKILL ends the whole step, whoever
 *            it runs as; while held, and for the pause process, any signal ends the init.
 *   EXITED   init: the command and all that it left behind are gone. Payload: plr_init_exit.
 *            Not said where the init cannot see to that, for a process of another user: its own
 *            end does, and the daemon knows when.
 *   SKIPPED  init, in a pod: it has decided that the command does not run.
 *   STOPPED  init, in a pod: as EXITED, but what it means to others is the host's to say.
 *   LOST     init, in a pod: its lease has run out, and so the command, if it runs, is to end. No
 *            payload.
 *   COUNT    init, in a pod: what of the command's output stands before this. Payload:
 *            plr_init_count.
 */
#define PLR_INIT_WORDS(WORD)                                                                       \
    WORD(1, HELD, "held")                                                                          \
    WORD(2, GO, "go")                                                                              \
    WORD(3, RUNNING, "running")                                                                    \
    WORD(4, ERRNO, "errno")                                                                        \
    WORD(5, KILL, "kill")                                                                          \
    WORD(6, EXITED, "exited")                                                                      \
    WORD(7, SKIPPED, "skipped")                                                                    \
    WORD(8, STOPPED, "stopped")                                                                    \
    WORD(9, LOST, "lost")                                                                          \
    WORD(10, COUNT, "count")

typedef enum plr_init_word {
#define PLR_INIT_WORD_ENUM(number, name, text) PLR_INIT_##name = number,
    PLR_INIT_WORDS(PLR_INIT_WORD_ENUM)
#undef PLR_INIT_WORD_ENUM
} plr_init_word;

/* Stands before every word; `size` is that of the payload that follows. */
typedef struct plr_init_header {
    uint16_t version;
    uint16_t word;
    uint32_t size;
} plr_init_header;

/* What failed: reading GO (E2BIG: too long; EINVAL: not NAME=VALUE), fork, or exec. */
typedef enum plr_init_stage {
    PLR_INIT_STAGE_GO = 1,
    PLR_INIT_STAGE_FORK = 2,
    PLR_INIT_STAGE_EXEC = 3,
} plr_init_stage;

typedef struct plr_init_failure {
    uint32_t error; /* errno of Linux */
    uint32_t stage; /* plr_init_stage */
} plr_init_failure;

typedef struct plr_init_kill {
    uint32_t signal;
} plr_init_kill;

/* The resources are those of the command and of all its processes that have been waited for. */
typedef struct plr_init_exit {
    uint32_t status; /* of the command, as wait(2) gives it */
    uint32_t zero;
    uint64_t user_us;    /* microseconds of processor time */
    uint64_t system_us;  /* the same, in the kernel */
    uint64_t maxrss_kib; /* of the largest process */
    uint64_t blocks_in;  /* of 512 bytes, read from storage */
    uint64_t blocks_out;
    uint64_t ran_us; /* microseconds from the command's start to its end */
} plr_init_exit;

/* Output up to some point. Two that are equal have the same bytes in the same order, but for
 * carriage returns, which runtimes drop some of. */
typedef struct plr_init_count {
    uint64_t bytes;
    uint32_t sum;  /* of them */
    uint32_t sums; /* of all sums until then */
} plr_init_count;

static inline void plr_init_count_add(plr_init_count *count, const void *data, size_t size)
{
    const unsigned char *byte = (const unsigned char *)data, *end = byte + size;
    plr_init_count now = *count;
    for (; byte < end; byte++) {
        if (*byte == '\r')
            continue;
        now.bytes++;
        now.sum += *byte;
        now.sums += now.sum;
    }
    *count = now;
}

/* How long the payload of a word of the init's is; UINT32_MAX: it says no such word. */
static inline uint32_t plr_init_payload_size(unsigned word)
{
    switch (word) {
    case PLR_INIT_HELD:
    case PLR_INIT_RUNNING:
        return 0;
    case PLR_INIT_ERRNO:
        return sizeof(plr_init_failure);
    case PLR_INIT_EXITED:
        return sizeof(plr_init_exit);
    default:
        return UINT32_MAX;
    }
}

/*
 * Without a socket (--signal-word NONCE). The engine asks by a signal until it has read an answer:
 * one that comes before the init has blocked it is lost. It says go once, after an answer and when
 * no question is on its way any more, so that no stray signal reaches the command. What a GO would
 * carry on a socket it has put into the file of --late by then. Each word of the init is one line,
 * written at once, on the step's stdout, behind whatever the step wrote before it:
 *
 *     \x1e "plr " NONCE " held\n"
 *     \x1e "plr " NONCE " running\n"
 *     \x1e "plr " NONCE " errno " ERROR " " STAGE "\n"
 *     \x1e "plr " NONCE " exited " STATUS " " USER_US " " SYSTEM_US " " MAXRSS_KIB " " IN " " OUT
 *         " " RAN_US "\n"
 *
 * The numbers are decimal. A terminal makes \r\n of the \n.
 */
#define PLR_INIT_LINE_PREFIX "\x1eplr "
#define PLR_INIT_SIGNAL_ASK 10 /* SIGUSR1: answered by "held" */
#define PLR_INIT_SIGNAL_GO 12  /* SIGUSR2 */

/*
 * In a pod (--pod DIR --step N --attempt N --nonce NONCE) nobody waits at the other end. DIR has:
 *
 *     words/plan       what all steps are: plan.h. Written before the pod, never changed
 *     words/words      what the host says, below. The folder is one that a kubelet keeps (the
 *                      downward API): a new text takes the place of the old one as a whole, and
 *                      other files beside it, too: so each change of any of them renews the lease
 *     own/result       what this init says to the others: its record, below
 *     results/NAME/result
 *                      the same of all containers, this one's too. NAME is s<step> for a first
 *                      attempt, s<step>-<attempt> for a later one; a folder may come at any time
 *
 * Step and attempt are numbers, those of the document's tasks and from 1.
 *
 * A record is one line, put in place by rename. Without one nobody knows anything of that attempt,
 * and whatever else stands there is none:
 *
 *     "running\n"               the command was exec'd (with --detach: is about to be, and this
 *                               stays)
 *     "exited " STATUS "\n"     as wait(2) gives it; also of a command that cannot be executed, as
 *                               a shell would say it
 *     "stopped " STATUS "\n"    the same, of one that was sent a signal from outside: what that
 *                               means, the host says
 *     "skipped " WHY "\n"       a name of PLR_INIT_WHYS
 *
 * The host's text is lines, in the order in which they were said; a later text has all of an
 * earlier one, and more. Whatever else stands there is passed over:
 *
 *     "cancelled " MODE " " STARTED "\n"   MODE: graceful or now (nothing begins any more).
 *                                         STARTED: 0 or 1, something of the user's has run
 *     "outcome " STEP " " OUTCOME "\n"     passed, failed, halted or skipped: what dependents see,
 *                                         where no record says it. An init that is held ends by it
 *     "services " IS "\n"                  ready or failed (one has ended before)
 *     "main " IS "\n"                      passed or failed: all but the end phase has ended
 *     "go " STEP " " ATTEMPT "\n"          run, whatever the rules say
 *     "image " STEP " " ATTEMPT "\n"       with --image-later: there was no first start
 *     "stop " STEP " " ATTEMPT " " SIGNAL "\n"
 *                                         a signal for the command (SIGKILL: for all of the step);
 *                                         after SIGTERM, --grace-ms, SIGKILL follows by itself.
 *                                         Held, the init skips. Said twice, it is sent twice
 *                                         (with --detach nobody is there any more to hear it)
 *     "late " STEP " " BASE64 "\n"         of NAME=VALUE, an environment entry; before its go
 *
 * Marks are lines as above: RUNNING; ERRNO; EXITED or STOPPED; LOST; "skipped " WHY;
 * "count " BYTES " " SUM " " SUMS. STOPPED is said, too, where the record could not be written. An
 * init whose step has an outcome by the host's word, or by another attempt's record, says nothing
 * and ends. In a pod, 0 is the exit code of a command that ran and of nothing else: what the log
 * and the record do not tell any more, it still does.
 *
 * The command's stdout and stderr are one pipe to the init (with --detach they are not), which
 * hands all on to its stdout. COUNT tells what that was so far. It comes behind the end of a line,
 * after each 16 KiB or so, and once more right behind EXITED or STOPPED: whoever has read the same
 * by then has read all. A log in which it is missing there is not whole; SKIPPED and ERRNO need
 * none, for nothing of the user's has run.
 *
 * With --lease SECONDS it ends the step when the host's text has not changed for so long: TERM,
 * --grace-ms, KILL; held, it just ends. A kubelet that still pulls images for the pod brings no
 * text: until each of --containers N has its folder in results, the lease is 15 min at least.
 * A command in whose container no init is left is looked after by `plr-init --pod DIR --lease
 * SECONDS --containers N --leased`, which a kubelet asks (a liveness probe).
 */
#define PLR_INIT_POD_PLAN "words/plan"
#define PLR_INIT_POD_WORDS "words/words"
#define PLR_INIT_POD_OWN "own"
#define PLR_INIT_POD_RESULTS "results"

/* Why a step decided that it does not run; the names are those of plr_skip. */
#define PLR_INIT_WHYS(WHY)                                                                         \
    WHY(FAILED_BEFORE, "failed-before")                                                            \
    WHY(NOTHING_FAILED, "nothing-failed")                                                          \
    WHY(NEVER, "never")                                                                            \
    WHY(HALTED, "exit-78")                                                                         \
    WHY(CANCELLED, "cancelled")

/* How the init itself ends; otherwise it ends as its command did, 128 + n for signal n. */
#define PLR_INIT_EXIT_HELD 124  /* the command was not to run, or not any more */
#define PLR_INIT_EXIT_OWN 125   /* usage, connect, a bad GO, fork */
#define PLR_INIT_EXIT_EXEC 126  /* the command cannot be executed */
#define PLR_INIT_EXIT_NOENT 127 /* there is no such command */

#endif
