/* SPDX-License-Identifier: MIT */
/* What a step of the fake backend does, read from the variable FAKE of its environment: words with
 * an argument each, separated by ';'. "@2 exit 1" counts in the second attempt only. */
#ifndef PLR_FAKE_SCRIPT_H
#define PLR_FAKE_SCRIPT_H

#include <pipeline/backend.h>

/* Name, word, what it does. */
#define FAKE_WORDS(X)                                                                              \
    X(PREPARE, "prepare")           /* duration: how long the preparation takes */                 \
    X(FAIL_PREPARE, "fail-prepare") /* error code's name, text */                                  \
    X(START, "start")               /* duration: how long the start takes */                       \
    X(FAIL_START, "fail-start")     /* error code's name, text */                                  \
    X(FAIL, "fail")                 /* the same, of an operation on the whole run */               \
    X(FIND, "find")                 /* JSON pointer, text: a finding of the check */               \
    X(READY, "ready")               /* duration after the start until probes answer */             \
    X(PROBE, "probe")               /* duration that each probe takes */                           \
    X(IGNORE_TERM, "ignore-term")                                                                  \
    X(TOLD, "told")     /* duration between the init's word and the confirmed end */               \
    X(TRUTH, "truth")   /* code of the confirmed end, whatever was said before */                  \
    X(SILENT, "silent") /* its init dies with it: no word and no record, only the end */           \
    X(HOST, "host")     /* has no init that decides: only the host can release it */               \
    X(SLEEP, "sleep")   /* duration */                                                             \
    X(OUT, "out")       /* text, a line on stdout */                                               \
    X(ERR, "err")       /* text, a line on stderr */                                               \
    X(PART, "part")     /* text on stdout, without a newline */                                    \
    X(BYTES, "bytes")   /* hex digits: the bytes they stand for, on stdout */                      \
    X(FILL, "fill")     /* number of bytes on stdout, without a newline */                         \
    X(GAP, "gap")       /* something is missing here on stdout */                                  \
    X(FLOOD, "flood")   /* number of lines of 100 bytes on stdout */                               \
    X(ENV, "env")       /* name of a variable, whose value goes out as a line */                   \
    X(HANG, "hang")     /* until it is stopped */                                                  \
    X(EXIT, "exit")     /* code */                                                                 \
    X(SIGNAL, "signal") /* number */                                                               \
    X(OOM, "oom")                                                                                  \
    X(LOST, "lost")                                                                                \
    X(EVICTED, "evicted")                                                                          \
    X(BREAK_RUN, "break-run") /* the infrastructure of the whole run goes */

typedef enum fake_word {
#define X(name, word) FAKE_##name,
    FAKE_WORDS(X)
#undef X
} fake_word;

enum {
#define X(name, word) +1
    FAKE_N_WORDS = 0 FAKE_WORDS(X)
#undef X
};

extern const char *const fake_script_words[FAKE_N_WORDS];

typedef struct fake_action {
    fake_word word;
    unsigned attempt; /* 0: any */
    int64_t number;   /* nanoseconds, code, signal, lines; an error code */
    const char *text; /* into the script's copy */
} fake_action;

typedef struct fake_script {
    char *copy;
    fake_action *actions;
    size_t n;
} fake_script;

/* `source` may be NULL: a script without words. PLR_ERR_CONFIGURATION if it is none. */
int fake_script_read(fake_script *ret_script, const char *source, plr_error *err);
void fake_script_clear(fake_script *script);

/* The first action with this word for this attempt, or NULL. */
const fake_action *fake_script_find(const fake_script *script, fake_word word, unsigned attempt);

#endif
