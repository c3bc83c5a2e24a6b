/* SPDX-License-Identifier: MIT */
/* What has been given out is known by the line with the highest time, the mark, and by how many
 * lines have come behind it. In a log that is opened again from a time that leaves none of these
 * out, everything before the mark was given out too, for the file keeps its order. A line that is
 * later than the mark, before the mark has come, shows that it is not there any more: it was
 * rotated away, and perhaps others with it.
 *
 * Within one stream a kubelet goes on with the file that there is when it looks again: where it had
 * to wait for its reader, and the file was rotated twice meanwhile, all of one file is missing, and
 * nothing says so but the times. Such a hole is as long as the time between two rotations, and what
 * stands before it is read when both are over. */
#include "backends/kubernetes/resume.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000

/* Runtimes cut long lines after a multiple of this. A kubelet before 1.23 puts a time before each
 * piece; later ones only where a line begins. */
#define PIECE 8192

/* A kubelet rotates no sooner than this after the last time, and hardly a smaller file. */
#define ROTATION_NS (INT64_C(3) * SECOND)
#define ROTATION_SIZE (256 * 1024)

enum {
    LINE_BEGIN, /* a time is to come */
    TEXT,
    PIECE_BEGIN,  /* a time may come */
    WITHOUT_TIME, /* a line that began with none */
};

static bool read_digits(const char **text, int n, int *ret_number)
{
    int number = 0;
    for (; n > 0; n--, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        number = number * 10 + (**text - '0');
    }
    *ret_number = number;
    return true;
}

static bool read_char(const char **text, char c)
{
    return *(*text)++ == c;
}

/* ".752871025", of any length, or nothing. */
static bool read_fraction(const char **text, int64_t *ret_ns)
{
    int64_t ns = 0, unit = SECOND / 10;
    if (**text == '.') {
        (*text)++;
        if (**text < '0' || **text > '9')
            return false;
        for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
            ns += (**text - '0') * unit;
    }
    *ret_ns = ns;
    return true;
}

/* "Z" or "+01:00", and the end. */
static bool read_zone(const char **text, int64_t *ret_s)
{
    int hours = 0, minutes = 0;
    char sign = *(*text)++;
    *ret_s = 0;
    if (sign == 'Z')
        return **text == '\0';
    if ((sign != '+' && sign != '-') || !read_digits(text, 2, &hours) || !read_char(text, ':') ||
            !read_digits(text, 2, &minutes) || **text != '\0')
        return false;
    *ret_s = (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

/* RFC 3339. */
static bool read_stamp(const char *text, plr_kube_stamp *ret_stamp)
{
    struct tm tm = { .tm_isdst = 0 };
    int64_t zone = 0;
    if (!read_digits(&text, 4, &tm.tm_year) || !read_char(&text, '-') ||
            !read_digits(&text, 2, &tm.tm_mon) || !read_char(&text, '-') ||
            !read_digits(&text, 2, &tm.tm_mday) || !read_char(&text, 'T') ||
            !read_digits(&text, 2, &tm.tm_hour) || !read_char(&text, ':') ||
            !read_digits(&text, 2, &tm.tm_min) || !read_char(&text, ':') ||
            !read_digits(&text, 2, &tm.tm_sec) || !read_fraction(&text, &ret_stamp->ns) ||
            !read_zone(&text, &zone))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    ret_stamp->s = (int64_t)timegm(&tm) - zone;
    return true;
}

static int compare(const plr_kube_stamp *a, const plr_kube_stamp *b)
{
    if (a->s != b->s)
        return a->s < b->s ? -1 : 1;
    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    return 0;
}

void plr_kube_resume_open(plr_kube_resume *resume)
{
    resume->state = LINE_BEGIN;
    resume->n_held = 0;
    resume->opened = 0;
    resume->searching = resume->any;
    resume->met = false;
    resume->drops = false;
    resume->skips = 0;
}

void plr_kube_resume_at(plr_kube_resume *resume, int64_t wall_ns)
{
    resume->now = wall_ns;
    if (resume->opened == 0)
        resume->opened = wall_ns;
}

bool plr_kube_resume_since(const plr_kube_resume *resume, char *to, size_t size)
{
    struct tm tm;
    time_t s = (time_t)resume->lowest.s;
    return resume->any && gmtime_r(&s, &tm) != NULL &&
           strftime(to, size, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
}

bool plr_kube_resume_is_joined(const plr_kube_resume *resume)
{
    return !resume->searching && resume->skips == 0;
}

/* In nanoseconds; more than ten days are as good as ten: a line's time can say any year. */
static int64_t difference(const plr_kube_stamp *a, const plr_kube_stamp *b)
{
    static const int64_t most = 1000000;
    int64_t s = a->s - b->s;
    if (s > most || s < -most)
        return s > 0 ? most * SECOND : -most * SECOND;
    return s * SECOND + a->ns - b->ns;
}

/* Before a stream was opened nobody could be late for it. */
static void measure(plr_kube_resume *resume)
{
    const plr_kube_stamp now = { resume->now / SECOND, resume->now % SECOND };
    int64_t late = difference(&now, &resume->stamp);
    if (!resume->any || late < resume->least_late)
        resume->least_late = late;
    late -= resume->least_late;
    resume->late = late < resume->now - resume->opened ? late : resume->now - resume->opened;
}

/* Whether all of a file may be missing between the last line and the one that begins. */
static bool may_be_a_hole(const plr_kube_resume *resume)
{
    int64_t silence = difference(&resume->stamp, &resume->highest);
    return resume->any && resume->fed >= ROTATION_SIZE && resume->late >= ROTATION_NS &&
           silence >= ROTATION_NS;
}

static void begin_new(plr_kube_resume *resume)
{
    measure(resume);
    if (!resume->any || compare(&resume->stamp, &resume->highest) > 0) {
        resume->highest = resume->lowest = resume->stamp;
        resume->after = 0;
    } else {
        resume->after++;
        if (compare(&resume->stamp, &resume->lowest) < 0)
            resume->lowest = resume->stamp;
    }
    resume->any = true;
    resume->given = 0;
}

/* Whether the line that begins is the last one that was given out. */
static bool is_found(plr_kube_resume *resume)
{
    if (resume->met)
        return --resume->left == 0;
    resume->met = compare(&resume->stamp, &resume->highest) == 0;
    resume->left = resume->after;
    return resume->met && resume->left == 0;
}

static void begin_line(plr_kube_resume *resume, plr_kube_resume_fn *on_piece, void *userdata)
{
    resume->state = TEXT;
    resume->at = 0;
    resume->drops = false;
    if (!resume->searching) {
        if (may_be_a_hole(resume))
            on_piece(PLR_KUBE_PIECE_GAP, NULL, 0, userdata);
        begin_new(resume);
    } else if (compare(&resume->stamp, &resume->highest) > 0) {
        resume->searching = false;
        on_piece(PLR_KUBE_PIECE_GAP, NULL, 0, userdata);
        begin_new(resume);
    } else if (is_found(resume)) {
        resume->searching = false;
        resume->skips = resume->given;
    } else {
        resume->drops = true;
    }
}

/* Text of one line, perhaps with its newline at the end. */
static void take_text(plr_kube_resume *resume, const char *text, size_t size,
        plr_kube_resume_fn *on_piece, void *userdata)
{
    bool ends = text[size - 1] == '\n';
    resume->at += size;
    if (!resume->drops) {
        size_t skip = resume->skips < size ? (size_t)resume->skips : size;
        resume->skips -= skip;
        resume->given += size - skip;
        if (size > skip)
            on_piece(PLR_KUBE_PIECE_OUTPUT, text + skip, size - skip, userdata);
        /* It is shorter than it was. */
        if (ends && resume->skips > 0) {
            resume->skips = 0;
            on_piece(PLR_KUBE_PIECE_GAP, NULL, 0, userdata);
        }
    }
    if (ends)
        resume->state = LINE_BEGIN;
    else if (resume->at % PIECE == 0)
        resume->state = PIECE_BEGIN;
}

/* A line without a time is not the container's; or it is the rest of a line whose begin is older
 * than what was asked for. */
static void end_words(plr_kube_resume *resume, plr_kube_resume_fn *on_piece, void *userdata)
{
    size_t size = resume->n_held;
    resume->n_held = 0;
    resume->state = LINE_BEGIN;
    if (resume->searching || size == 0)
        return;
    on_piece(PLR_KUBE_PIECE_GAP, NULL, 0, userdata);
    on_piece(PLR_KUBE_PIECE_WORDS, resume->held, size, userdata);
}

static bool can_be_in_stamp(char c)
{
    return (c >= '0' && c <= '9') || strchr("-T:.Z+", c) != NULL;
}

/* One byte where a time is to come. False: it was not taken, the state is another. */
static bool take_stamp(
        plr_kube_resume *resume, char c, plr_kube_resume_fn *on_piece, void *userdata)
{
    if (c != '\0' && can_be_in_stamp(c) && resume->n_held < PLR_KUBE_STAMP_MAX) {
        resume->held[resume->n_held++] = c;
        return true;
    }
    plr_kube_stamp stamp = { 0 };
    resume->held[resume->n_held] = '\0';
    bool is_stamp = c == ' ' && read_stamp(resume->held, &stamp);
    if (resume->state == LINE_BEGIN) {
        if (!is_stamp) {
            resume->state = WITHOUT_TIME;
            return false;
        }
        resume->n_held = 0;
        resume->stamp = stamp;
        begin_line(resume, on_piece, userdata);
        return true;
    }
    size_t size = resume->n_held;
    resume->n_held = 0;
    resume->state = TEXT;
    if (is_stamp && compare(&stamp, &resume->stamp) >= 0)
        return true;
    if (size > 0)
        take_text(resume, resume->held, size, on_piece, userdata);
    return false;
}

static void take_words(
        plr_kube_resume *resume, char c, plr_kube_resume_fn *on_piece, void *userdata)
{
    if (c == '\n')
        end_words(resume, on_piece, userdata);
    else if (resume->n_held < sizeof(resume->held) - 1)
        resume->held[resume->n_held++] = c;
}

/* As much as is text of this line and of this piece of it. */
static size_t text_size(const plr_kube_resume *resume, const char *bytes, size_t size)
{
    uint64_t piece = PIECE - resume->at % PIECE;
    if (size > piece)
        size = (size_t)piece;
    const char *end = memchr(bytes, '\n', size);
    return end == NULL ? size : (size_t)(end - bytes) + 1;
}

void plr_kube_resume_feed(plr_kube_resume *resume, const void *data, size_t size,
        plr_kube_resume_fn *on_piece, void *userdata)
{
    const char *bytes = data;
    resume->fed += size;
    while (size > 0) {
        size_t n = 1;
        if (resume->state == TEXT) {
            n = text_size(resume, bytes, size);
            take_text(resume, bytes, n, on_piece, userdata);
        } else if (resume->state == WITHOUT_TIME) {
            take_words(resume, *bytes, on_piece, userdata);
        } else {
            n = take_stamp(resume, *bytes, on_piece, userdata) ? 1 : 0;
        }
        bytes += n;
        size -= n;
    }
}

void plr_kube_resume_end(plr_kube_resume *resume, plr_kube_resume_fn *on_piece, void *userdata)
{
    size_t size = resume->n_held;
    if (resume->state == WITHOUT_TIME) {
        end_words(resume, on_piece, userdata);
    } else if (resume->state == PIECE_BEGIN && size > 0) {
        resume->n_held = 0;
        resume->state = TEXT;
        take_text(resume, resume->held, size, on_piece, userdata);
    }
}
