/* SPDX-License-Identifier: MIT */
/* One stream of a container's log after another, joined by resume.c. No log proves that it is
 * whole: a runtime may drop what a container said last, and a kubelet the last of a file that is
 * rotated. Where plr-init counts the output, its counts prove it, and nothing else is believed:
 * neither that something is missing nor that nothing is. Where it does not, what resume.c finds is
 * said, and the log is over when streams that were opened after the container's end end by
 * themselves and bring nothing new for a while. */
#include "backends/kubernetes/log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/resume.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "net/http.h"
#include "net/init_lines.h"

#define SECOND UINT64_C(1000000000)

/* A step that says nothing for so long is asked for again, lest its stream be one that a kubelet
 * has forgotten; then after twice the time. */
#define IDLE_NS (60 * SECOND)
#define LAST_IDLE_NS (960 * SECOND)

/* The status says that a container has ended a second later than its log. */
#define AFTER_END_NS (2 * SECOND)
/* How long an ended container must bring nothing new, and when it is asked again that did. */
#define SETTLE_NS (2 * SECOND)
#define ASK_AGAIN_NS (SECOND / 2)
/* A stream ends about a second after its container. */
#define LINGER_NS (10 * SECOND)

#define FIRST_DELAY_NS (SECOND / 10)
#define LAST_DELAY_NS (5 * SECOND)
/* How long an ended container's log may be out of reach. */
#define GONE_NS (60 * SECOND)

struct plr_kube_log {
    const plr_host *host;
    plr_loop *loop;
    plr_kube_client *client;
    const plr_kube_log_calls *calls;
    void *userdata;
    char *path; /* with its query, but for the time */
    plr_kube_call *call;
    plr_timer *timer; /* to open it again; or, while it is open, to cut it after the end */
    plr_kube_resume resume;
    plr_init_lines lines;
    plr_init_exit record; /* of EXITED or STOPPED, until it is told */
    unsigned record_word;
    bool is_counted;
    plr_init_count count; /* of what was given out */
    bool ran;             /* the user's command */
    bool ended_by_word;
    bool proven; /* all of the output has been given out */
    uint64_t idle_ns, delay_ns;
    uint64_t finish_since; /* 0: the container runs */
    bool opened_finished;  /* the stream was opened after that */
    bool news;             /* it brought what was not known */
    uint64_t quiet_since;  /* the first such stream that brought nothing new; 0: none yet */
    bool last;             /* the log goes with its container, which we have ended */
    bool over;             /* the stream ended by itself after that */
    bool paused;
    bool ended;    /* on_end was called, or is about to be */
    unsigned busy; /* callbacks that are being made */
    bool dead;     /* freed in one of them */
};

static void destroy(plr_kube_log *log)
{
    free(log->path);
    free(log);
}

/* The object must survive its own callbacks: they come from the middle of a stream. */
static void leave(plr_kube_log *log)
{
    if (--log->busy == 0 && log->dead)
        destroy(log);
}

void plr_kube_log_free(plr_kube_log *log)
{
    if (log == NULL || log->dead)
        return;
    log->dead = true;
    plr_kube_call_cancel(steal(log->call));
    log->host->timer_free(steal(log->timer));
    if (log->busy == 0)
        destroy(log);
}

static void set_timer(plr_kube_log *log, uint64_t in_ns)
{
    log->host->timer_set(log->timer, log->host->now(log->loop) + in_ns);
}

static bool is_whole(const plr_kube_log *log)
{
    return log->proven || log->over;
}

/* Whether the end of a stream can be that of the output, by all that has been read. */
static bool may_end_here(const plr_kube_log *log)
{
    bool never_ran =
            !log->ran && !log->ended_by_word && log->count.bytes == 0 && log->lines.n_line == 0;
    return plr_kube_resume_is_joined(&log->resume) &&
           (log->proven || !log->is_counted || never_ran);
}

static void tell_record(plr_kube_log *log)
{
    unsigned word = log->record_word;
    log->record_word = 0;
    if (word != 0 && !log->dead)
        log->calls->on_word(word, &log->record, log->userdata);
}

/* Where it differs something is missing; or something else stood there, or came twice. */
static void take_count(plr_kube_log *log, const plr_init_count *count)
{
    bool differs = log->count.bytes != count->bytes || log->count.sum != count->sum ||
                   log->count.sums != count->sums;
    log->count = *count;
    log->proven = log->ended_by_word;
    if (log->is_counted && differs)
        log->calls->on_output("", 0, log->userdata);
    if (log->ended_by_word)
        tell_record(log);
}

static void take_word(plr_kube_log *log, unsigned word, const void *payload)
{
    switch (word) {
    case PLR_INIT_COUNT:
        take_count(log, payload);
        return;
    case PLR_INIT_EXITED:
    case PLR_INIT_STOPPED:
        log->ended_by_word = true;
        log->record = *(const plr_init_exit *)payload;
        log->record_word = word;
        return;
    case PLR_INIT_SKIPPED:
    case PLR_INIT_ERRNO:
        log->proven = true; /* there is none */
        break;
    case PLR_INIT_RUNNING:
        log->ran = true;
        break;
    default:
        break;
    }
    log->calls->on_word(word, payload, log->userdata);
}

static void on_line(
        const void *data, size_t size, unsigned word, const void *payload, void *userdata)
{
    plr_kube_log *log = userdata;
    if (log->dead)
        return;
    if (data == NULL) {
        take_word(log, word, payload);
        return;
    }
    log->proven = log->ended_by_word = false;
    plr_init_count_add(&log->count, data, size);
    log->calls->on_output(data, size, log->userdata);
}

static void tell_gap(plr_kube_log *log)
{
    plr_init_lines_end(&log->lines, on_line, log);
    if (!log->dead)
        log->calls->on_output("", 0, log->userdata);
}

static void on_piece(plr_kube_piece piece, const void *data, size_t size, void *userdata)
{
    plr_kube_log *log = userdata;
    char words[PLR_KUBE_WORDS_MAX];
    if (log->dead)
        return;
    switch (piece) {
    case PLR_KUBE_PIECE_OUTPUT:
        log->idle_ns = IDLE_NS;
        log->delay_ns = FIRST_DELAY_NS;
        log->news = true;
        plr_init_lines_feed(&log->lines, data, size, on_line, log);
        break;
    case PLR_KUBE_PIECE_GAP:
        if (!log->is_counted)
            tell_gap(log);
        break;
    case PLR_KUBE_PIECE_WORDS:
        snprintf(words, sizeof(words), "%.*s", (int)size, (const char *)data);
        log->calls->on_warning(words, log->userdata);
        break;
    }
}

/* Nothing more comes. Without proof that nothing is missing, that is said. */
static void end(plr_kube_log *log, bool proven)
{
    plr_kube_call_cancel(steal(log->call));
    log->host->timer_set(log->timer, 0);
    log->ended = true;
    if (!proven)
        tell_gap(log);
    else
        plr_init_lines_end(&log->lines, on_line, log);
    tell_record(log);
    if (!log->dead)
        log->calls->on_end(log->userdata);
}

static void open_later(plr_kube_log *log, uint64_t at_least_ns)
{
    set_timer(log, log->delay_ns > at_least_ns ? log->delay_ns : at_least_ns);
    log->delay_ns = log->delay_ns * 2 < LAST_DELAY_NS ? log->delay_ns * 2 : LAST_DELAY_NS;
}

/* The stream broke, or there was none. */
static void went_down(plr_kube_log *log, const plr_error *err)
{
    uint64_t now = log->host->now(log->loop);
    bool gone = log->finish_since != 0 &&
                (err->code == PLR_ERR_NOTFOUND || now - log->finish_since > GONE_NS);
    if (gone) {
        if (err->code != PLR_ERR_NOTFOUND)
            log->calls->on_warning(err->message, log->userdata);
        if (!log->dead)
            end(log, false);
        return;
    }
    open_later(log, 0);
}

/* Nothing new has come of the ended container for long enough. */
static bool is_settled(plr_kube_log *log)
{
    uint64_t now = log->host->now(log->loop);
    if (log->news)
        log->quiet_since = 0;
    else if (log->quiet_since == 0)
        log->quiet_since = now;
    return log->quiet_since != 0 && now - log->quiet_since >= SETTLE_NS;
}

static void ended_cleanly(plr_kube_log *log)
{
    plr_kube_resume_end(&log->resume, on_piece, log);
    if (log->dead)
        return;
    if (log->last && may_end_here(log)) {
        log->over = true;
        log->host->timer_set(log->timer, 0); /* finish will come, or has: */
        if (log->finish_since != 0)
            end(log, true);
    } else if (log->finish_since == 0) {
        open_later(log, AFTER_END_NS);
    } else if (!log->opened_finished) {
        set_timer(log, 0);
    } else if (is_settled(log)) {
        end(log, may_end_here(log));
    } else {
        /* Quiet for the first time: one more look, when that is long enough. */
        set_timer(log, log->news ? ASK_AGAIN_NS : SETTLE_NS);
    }
}

static void on_data(plr_kube_call *call, const void *data, size_t size, void *userdata)
{
    plr_kube_log *log = userdata;
    (void)call;
    log->busy++;
    if (log->finish_since != 0)
        set_timer(log, LINGER_NS);
    plr_kube_resume_at(&log->resume, log->host->wall_now(log->loop));
    plr_kube_resume_feed(&log->resume, data, size, on_piece, log);
    if (!log->dead && log->finish_since != 0 && is_whole(log))
        end(log, true);
    leave(log);
}

static void on_done(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_log *log = userdata;
    (void)call;
    (void)status;
    (void)reply;
    log->call = NULL;
    log->busy++;
    /* Silence is no failure. */
    bool silent = err != NULL && err->code == PLR_ERR_TIMEOUT && log->finish_since == 0;
    if (is_whole(log)) {
        log->host->timer_set(log->timer, 0); /* finish will come, or is waiting for its turn */
        if (log->finish_since != 0)
            end(log, true);
    } else if (silent) {
        log->idle_ns = log->idle_ns * 2 < LAST_IDLE_NS ? log->idle_ns * 2 : LAST_IDLE_NS;
        set_timer(log, 0);
    } else if (err != NULL) {
        went_down(log, err);
    } else {
        ended_cleanly(log);
    }
    leave(log);
}

static void open_log(plr_kube_log *log)
{
    char since[32];
    plr_error err = { 0 };
    _cleanup_buf_ plr_buf path = { 0 };
    plr_buf_puts(&path, log->path);
    if (plr_kube_resume_since(&log->resume, since, sizeof(since))) {
        plr_buf_puts(&path, "&sinceTime=");
        plr_http_escape(&path, since);
    }
    plr_kube_resume_open(&log->resume);
    log->opened_finished = log->finish_since != 0;
    log->news = false;
    /* The headers come with the first line. */
    plr_kube_request request = {
        .method = "GET",
        .path = path.data,
        .on_data = on_data,
        .first_byte_ns = log->idle_ns,
        .idle_ns = log->idle_ns,
        .on_done = on_done,
        .userdata = log,
    };
    int r = plr_buf_check(&path, &err);
    if (r == 0)
        r = plr_kube_call_start(log->client, &log->call, &request, &err);
    if (r < 0) {
        went_down(log, &err);
        return;
    }
    if (log->paused)
        plr_kube_call_pause(log->call);
    if (log->finish_since != 0)
        set_timer(log, LINGER_NS);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_kube_log *log = userdata;
    (void)timer;
    log->busy++;
    if (log->finish_since != 0 && is_whole(log)) {
        end(log, true);
    } else if (log->call == NULL) {
        open_log(log);
    } else if (!log->paused) {
        /* A stream that does not end after its container. */
        plr_error err = { 0 };
        plr_error_set(&err, PLR_ERR_TIMEOUT, "the log of a container that has ended does not end");
        plr_kube_call_cancel(steal(log->call));
        went_down(log, &err);
    }
    leave(log);
}

int plr_kube_log_new(plr_kube_log **ret_log, const plr_host *host, plr_loop *loop,
        plr_kube_client *client, const plr_kube_log_options *options,
        const plr_kube_log_calls *calls, void *userdata, plr_error *err)
{
    _cleanup_buf_ plr_buf path = { 0 };
    _cleanup_kube_log_ plr_kube_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return plr_error_nomem(err);
    log->host = host;
    log->loop = loop;
    log->client = client;
    log->calls = calls;
    log->userdata = userdata;
    log->idle_ns = IDLE_NS;
    log->delay_ns = FIRST_DELAY_NS;
    log->is_counted = options->is_counted;
    plr_init_lines_init(&log->lines, options->nonce);
    plr_buf_puts(&path, "/api/v1/namespaces/");
    plr_http_escape(&path, plr_kube_client_namespace(client));
    plr_buf_puts(&path, "/pods/");
    plr_http_escape(&path, options->pod);
    plr_buf_puts(&path, "/log?follow=true&timestamps=true&container=");
    plr_http_escape(&path, options->container);
    int r = plr_buf_steal(&path, &log->path, err);
    if (r == 0)
        r = host->timer_new(loop, &log->timer, on_timer, log, err);
    if (r < 0)
        return r;
    set_timer(log, 0);
    *ret_log = steal(log);
    return 0;
}

void plr_kube_log_finish(plr_kube_log *log)
{
    if (log->finish_since != 0 || log->ended)
        return;
    log->finish_since = log->host->now(log->loop);
    log->delay_ns = FIRST_DELAY_NS;
    /* At once, but from the loop; or, while the stream is open, when it should have ended. */
    set_timer(log, is_whole(log) || log->call == NULL ? 0 : LINGER_NS);
}

void plr_kube_log_last(plr_kube_log *log)
{
    log->last = true;
}

void plr_kube_log_flow(plr_kube_log *log, bool paused)
{
    log->paused = paused;
    if (log->call == NULL)
        return;
    if (paused)
        plr_kube_call_pause(log->call);
    else
        plr_kube_call_resume(log->call);
    if (!paused && log->finish_since != 0)
        set_timer(log, LINGER_NS);
}
