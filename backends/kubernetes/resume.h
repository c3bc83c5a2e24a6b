/* SPDX-License-Identifier: MIT */
/* A container's log as the API sends it, each line behind its time: the times are taken away, and
 * when the log is opened again, what has been given out before. Pure: no I/O, no clock. */
#ifndef PLR_KUBE_RESUME_H
#define PLR_KUBE_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest "2026-11-21T15:12:32.752871025+01:00 ". */
#define PLR_KUBE_STAMP_MAX 36

/* What fits of a line that has no time, into a message. */
#define PLR_KUBE_WORDS_MAX 256

typedef struct plr_kube_stamp {
    int64_t s;  /* since 1970 */
    int64_t ns; /* below a second */
} plr_kube_stamp;

typedef enum plr_kube_piece {
    PLR_KUBE_PIECE_OUTPUT,
    PLR_KUBE_PIECE_GAP,   /* what follows cannot be proven to be next; no data */
    PLR_KUBE_PIECE_WORDS, /* the kubelet's own: a line without a time. A gap comes before it */
} plr_kube_piece;

typedef void plr_kube_resume_fn(
        plr_kube_piece piece, const void *data, size_t size, void *userdata);

/* All zero at the beginning. */
typedef struct plr_kube_resume {
    /* What has been given out. Clocks and writers do not keep the order of time, the file does. */
    bool any;
    plr_kube_stamp highest; /* of all lines; the first that has it is the mark */
    plr_kube_stamp lowest;  /* from the mark on */
    uint64_t after;         /* lines that have begun behind the mark */
    uint64_t given;         /* bytes of the last line, with its newline */

    /* How far we are behind, in nanoseconds; clocks of ours and the node's may differ. */
    int64_t now, opened; /* 0: not known */
    int64_t least_late;  /* of all lines: what clocks and the way make */
    int64_t late;        /* the last line, beyond that */
    uint64_t fed;        /* bytes, by all streams */

    /* Where the stream is. */
    unsigned state;
    char held[PLR_KUBE_WORDS_MAX]; /* what may be becoming a time, or a line without one */
    size_t n_held;
    uint64_t at;          /* in the text of the line */
    plr_kube_stamp stamp; /* of the line, or of its piece that is read */

    /* The last line is looked for: it was not in this stream yet. */
    bool searching;
    bool met;       /* the mark was */
    uint64_t left;  /* lines to come, to the last one */
    bool drops;     /* this line was given out before */
    uint64_t skips; /* so many bytes of this line were */
} plr_kube_resume;

/* The log is opened (again). */
void plr_kube_resume_open(plr_kube_resume *resume);

/* The time to open it from ("2026-11-21T15:12:32Z"; the API knows whole seconds only), or false:
 * from its begin. */
bool plr_kube_resume_since(const plr_kube_resume *resume, char *to, size_t size);

/* What is fed from now on was received at this time, in nanoseconds since 1970. Where it is never
 * told, a hole within one stream is not seen. */
void plr_kube_resume_at(plr_kube_resume *resume, int64_t wall_ns);

void plr_kube_resume_feed(plr_kube_resume *resume, const void *data, size_t size,
        plr_kube_resume_fn *on_piece, void *userdata);

/* The stream has ended: what looked like the begin of a time was text. */
void plr_kube_resume_end(plr_kube_resume *resume, plr_kube_resume_fn *on_piece, void *userdata);

/* Whether all that has been given out was found again, so that what came then followed it. */
bool plr_kube_resume_is_joined(const plr_kube_resume *resume);

#endif
