/* SPDX-License-Identifier: MIT */
/*
 * The words that an engine and plr-init say to each other: over a Unix stream socket, or, where no
 * file can be shared with the step, by two signals and by lines on the step's stdout.
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

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are little-endian structs that are sent as they lie in memory"
#endif

/* Both sides hang up on a header with another version. */
#define PLR_INIT_VERSION 1

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
 */
#define PLR_INIT_WORDS(WORD)                                                                       \
    WORD(1, HELD, "held")                                                                          \
    WORD(2, GO, "go")                                                                              \
    WORD(3, RUNNING, "running")                                                                    \
    WORD(4, ERRNO, "errno")                                                                        \
    WORD(5, KILL, "kill")                                                                          \
    WORD(6, EXITED, "exited")

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
} plr_init_exit;

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
 * "\n"
 *
 * The numbers are decimal. A terminal makes \r\n of the \n.
 */
#define PLR_INIT_LINE_PREFIX "\x1eplr "
#define PLR_INIT_SIGNAL_ASK 10 /* SIGUSR1: answered by "held" */
#define PLR_INIT_SIGNAL_GO 12  /* SIGUSR2 */

/* How the init itself ends; otherwise it ends as its command did, 128 + n for signal n. */
#define PLR_INIT_EXIT_HELD 124  /* a signal or the engine's end came before GO */
#define PLR_INIT_EXIT_OWN 125   /* usage, connect, a bad GO, fork */
#define PLR_INIT_EXIT_EXEC 126  /* the command cannot be executed */
#define PLR_INIT_EXIT_NOENT 127 /* there is no such command */

#endif
