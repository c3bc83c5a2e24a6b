/* SPDX-License-Identifier: MIT */
/* Errors of the library: one code and one message in a struct that the caller owns.
 * Diagnostics of documents and of a backend's check are a list of their own. */
#ifndef PIPELINE_ERROR_H
#define PIPELINE_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PLR_PUBLIC __attribute__((visibility("default")))
#define PLR_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define PLR_PUBLIC
#define PLR_PRINTF(at, first)
#endif

/* name, value, what it means. A function that fails returns one of the values. */
#define PLR_ERROR_CODES(X)                                                                         \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(USAGE, -2, "an argument or an option is wrong")                                              \
    X(STATE, -3, "not allowed at this moment")                                                     \
    X(DOCUMENT, -4, "the document is invalid")                                                     \
    X(REFUSED, -5, "the backend or the policy refuses it")                                         \
    X(CONFIGURATION, -6, "the step or the machine is configured wrongly")                          \
    X(IMAGE, -7, "the image is not to be had")                                                     \
    X(INFRASTRUCTURE, -8, "a daemon, cluster or registry does not do its part")                    \
    X(LOST, -9, "what ran cannot be found any more")                                               \
    X(SYSTEM, -10, "a system call failed")                                                         \
    X(PROTOCOL, -11, "a peer sent what its protocol does not allow")                               \
    X(TIMEOUT, -12, "a time limit ran out")                                                        \
    X(CANCELLED, -13, "cancelled on request")                                                      \
    X(NOTFOUND, -14, "there is no such thing")                                                     \
    X(UNSUPPORTED, -15, "not available here")

typedef enum plr_error_code {
    PLR_OK = 0,
#define X(name, value, text) PLR_ERR_##name = value,
    PLR_ERROR_CODES(X)
#undef X
} plr_error_code;

#define PLR_ERROR_MESSAGE_SIZE 1024

/* The message is one line of UTF-8, cut at a character's border if it is too long. Start with an
 * empty one: `plr_error err = {0}`. */
typedef struct plr_error {
    int code; /* plr_error_code */
    char message[PLR_ERROR_MESSAGE_SIZE];
} plr_error;

/* The short name of a code ("nomem"); "unknown" for a number that is none. Since: 0.1 */
PLR_PUBLIC const char *plr_error_name(int code);

/* Sets `err`, if it is not NULL and holds no error yet (the first failure wins), and returns
 * `code`. Published for writers of backends. Since: 0.1 */
PLR_PUBLIC int plr_error_set(plr_error *err, int code, const char *format, ...) PLR_PRINTF(3, 4);

typedef enum plr_severity {
    PLR_SEVERITY_WARNING = 1,
    PLR_SEVERITY_ERROR = 2,
} plr_severity;

/* One finding about a document. All strings are borrowed for the time of the callback. */
typedef struct plr_diagnostic {
    size_t size; /* sizeof(plr_diagnostic) as the library knows it */
    plr_severity severity;
    const char *code;       /* stable word: "unknown-key", "cycle", ... */
    const char *source;     /* the document's name as given by the caller */
    const char *pointer;    /* JSON pointer of the place; "" is the whole document */
    size_t line, column;    /* from 1, column in bytes; 0: no position */
    const char *text;       /* one sentence */
    const char *suggestion; /* what was probably meant, or NULL */
} plr_diagnostic;

typedef void plr_diagnostic_fn(const plr_diagnostic *diagnostic, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
