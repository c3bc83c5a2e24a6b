/* SPDX-License-Identifier: MIT */
/* The output of an attempt: the live stream while the container runs, and the log where the live
 * stream was cut. The end of a stream proves nothing; see ending.c. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"

struct plr_docker_attach {
    plr_docker *docker;
    plr_docker_attach *next;
    plr_docker_attempt *attempt; /* NULL: it has left */
    plr_http_call *call;
    plr_frames frames;
    plr_init_lines lines; /* of a plr-init that has no socket */
    bool log;             /* from the container's begin */
    bool open;            /* the daemon has said yes */
    plr_error error;
};

static void attach_free(plr_docker_attach *attach)
{
    for (plr_docker_attach **link = &attach->docker->attaches; *link != NULL;
            link = &(*link)->next) {
        if (*link == attach) {
            *link = attach->next;
            break;
        }
    }
    free(attach);
}

void plr_docker_attaches_clear(plr_docker *docker)
{
    while (docker->attaches != NULL) {
        if (docker->attaches->attempt != NULL)
            docker->attaches->attempt->attach = NULL;
        attach_free(docker->attaches);
    }
}

void plr_docker_attach_close(plr_docker_attempt *attempt)
{
    plr_docker_attach *attach = steal(attempt->attach);
    if (attach == NULL)
        return;
    attach->attempt = NULL;
    plr_http_cancel(attach->call);
}

void plr_docker_attach_flow(plr_docker_attempt *attempt, bool paused)
{
    attempt->paused = paused;
    if (attempt->attach == NULL)
        return;
    if (paused)
        plr_http_pause(attempt->attach->call);
    else
        plr_http_resume(attempt->attach->call);
}

static void report_output(
        plr_docker_attempt *attempt, plr_stream stream, const void *data, size_t size, bool gap)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_OUTPUT };
    report.u.output.stream = stream;
    report.u.output.data = data;
    report.u.output.size = size;
    report.u.output.gap = gap;
    attempt->run->docker->host->report(attempt->task, &report);
}

static void report_gap(plr_docker_attempt *attempt, plr_stream stream)
{
    report_output(attempt, stream, "", 0, true);
}

void plr_docker_report_gaps(plr_docker_attempt *attempt)
{
    bool err = attempt->resume.streams[PLR_STREAM_STDERR].given > 0;
    if (!err || attempt->resume.streams[PLR_STREAM_STDOUT].given > 0)
        report_gap(attempt, PLR_STREAM_STDOUT);
    if (err)
        report_gap(attempt, PLR_STREAM_STDERR);
}

static void take_output(plr_docker_attach *attach, plr_stream stream, const void *data, size_t size)
{
    plr_docker_attempt *attempt = attach->attempt;
    /* It speaks, so it runs; its init's word for that may come a moment later. */
    if (plr_docker_attempt_is_at(attempt, plr_docker_stage_go))
        plr_docker_attempt_runs(attempt);
    if (attach->attempt == NULL)
        return;
    size_t skip = attach->log ? plr_docker_resume_skip(&attempt->resume, stream, data, size) : 0;
    if (skip == size)
        return;
    data = (const char *)data + skip;
    size -= skip;
    plr_docker_resume_give(&attempt->resume, stream, data, size);
    report_output(attempt, stream, data, size, false);
}

static void on_line(
        const void *data, size_t size, unsigned word, const void *payload, void *userdata)
{
    plr_docker_attach *attach = userdata;
    if (attach->attempt == NULL)
        return;
    if (data != NULL)
        take_output(attach, PLR_STREAM_STDOUT, data, size);
    else
        plr_docker_take_word(attach->attempt, word, payload);
}

static void on_piece(plr_stream stream, const void *data, size_t size, void *userdata)
{
    plr_docker_attach *attach = userdata;
    if (stream == PLR_STREAM_STDOUT)
        plr_init_lines_feed(&attach->lines, data, size, on_line, attach);
    else if (attach->attempt != NULL)
        take_output(attach, stream, data, size);
}

static void on_data(plr_http_call *call, const void *data, size_t size, void *userdata)
{
    plr_docker_attach *attach = userdata;
    if (attach->error.code == 0 &&
            plr_frames_feed(&attach->frames, data, size, on_piece, attach, &attach->error) < 0)
        plr_http_cancel(call);
}

static void on_headers(plr_http_call *call, const plr_http_reply *reply, void *userdata)
{
    plr_docker_attach *attach = userdata;
    (void)call;
    if (attach->attempt == NULL || reply->status < 200 || reply->status >= 300)
        return;
    attach->open = true;
    if (plr_docker_attempt_is_at(attach->attempt, plr_docker_stage_attach))
        plr_docker_attempt_next(attach->attempt);
}

/* The log has ended, and with it all that can be had. */
static void log_ended(plr_docker_attempt *attempt)
{
    for (unsigned stream = 1; stream <= 2; stream++)
        if (plr_docker_resume_has_gap(&attempt->resume, stream) ||
                !plr_docker_resume_is_possible(&attempt->resume))
            report_gap(attempt, (plr_stream)stream);
    attempt->cut = false;
    if (attempt->evidence.exited)
        attempt->eof = true;
    else
        plr_docker_look(attempt);
    plr_docker_maybe_end(attempt);
}

static void ended(plr_docker_attempt *attempt, bool log, const plr_error *err)
{
    if (err == NULL && log) {
        log_ended(attempt);
        return;
    }
    if (err != NULL)
        attempt->cut = true;
    if (attempt->evidence.exited && !attempt->cut) {
        attempt->eof = true;
        plr_docker_maybe_end(attempt);
    } else if (attempt->started) {
        /* The end of the container is told a moment before or after this. */
        plr_docker_look_later(attempt, PLR_SECOND);
    } else if (plr_docker_attempt_by_signal(attempt)) {
        /* Its init's words came this way. */
        plr_docker_take_word(attempt, 0, NULL);
    }
}

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_docker_attach *attach = userdata;
    plr_docker_attempt *attempt = attach->attempt;
    plr_error error = attach->error;
    bool log = attach->log;
    bool was_open = attach->open;
    (void)call;
    if (attempt == NULL) {
        attach_free(attach);
        return;
    }
    if (error.code == 0 && err != NULL)
        error = *err;
    if (error.code == 0 && reply->status >= 400)
        plr_docker_refusal(&error, reply->status, reply->body.data, reply->body.size);
    if (error.code == 0)
        plr_frames_end(&attach->frames, &error);
    if (error.code == 0)
        plr_init_lines_end(&attach->lines, on_line, attach);
    attempt->attach = NULL;
    attach_free(attach);
    if (!was_open && plr_docker_attempt_is_at(attempt, plr_docker_stage_attach)) {
        if (error.code == 0)
            plr_error_set(&error, PLR_ERR_PROTOCOL, "the daemon refused to attach");
        plr_docker_attempt_fail(attempt, &error);
    } else {
        ended(attempt, log, error.code == 0 ? NULL : &error);
    }
}

static int attach_new(plr_docker_attempt *attempt, bool log, plr_error *err)
{
    plr_docker *docker = attempt->run->docker;
    _cleanup_buf_ plr_buf path = { 0 };
    if (log)
        plr_buf_printf(&path, "/v1.%u/containers/%s/logs?follow=1&stdout=1&stderr=1&tail=all",
                docker->api, attempt->id);
    else
        plr_buf_printf(&path, "/v1.%u/containers/%s/attach?stream=1&stdout=1&stderr=1", docker->api,
                attempt->id);
    plr_docker_attach *attach = calloc(1, sizeof(*attach));
    if (attach == NULL || path.failed) {
        free(attach);
        return plr_error_nomem(err);
    }
    attach->docker = docker;
    attach->attempt = attempt;
    attach->log = log;
    plr_init_lines_init(&attach->lines, attempt->nonce);
    plr_http_request request = {
        .method = log ? "GET" : "POST",
        .path = path.data,
        .long_lived = true,
        .first_byte_ns = 60 * PLR_SECOND,
        .on_headers = on_headers,
        .on_data = on_data,
        .on_done = on_done,
        .userdata = attach,
    };
    int r = plr_http_start(docker->client, &attach->call, &request, err);
    if (r < 0) {
        free(attach);
        return r;
    }
    attach->next = docker->attaches;
    docker->attaches = attach;
    attempt->attach = attach;
    if (attempt->paused)
        plr_http_pause(attach->call);
    return 0;
}

void plr_docker_stage_attach(plr_docker_attempt *attempt)
{
    plr_error err = { 0 };
    if (attach_new(attempt, false, &err) < 0)
        plr_docker_attempt_fail(attempt, &err);
}

void plr_docker_attach_resume(plr_docker_attempt *attempt)
{
    plr_error err = { 0 };
    bool log = plr_docker_resume_is_possible(&attempt->resume) && !attempt->run->docker->podman;
    if (attempt->attach != NULL)
        return;
    /* A daemon that died may have taken along what it had read and not yet written down. */
    if (!log || attempt->evidence.dropped)
        plr_docker_report_gaps(attempt);
    if (!log) {
        attempt->cut = false;
        if (attempt->evidence.exited) {
            attempt->eof = true;
            plr_docker_maybe_end(attempt);
            return;
        }
    }
    plr_docker_resume_rewind(&attempt->resume);
    if (attach_new(attempt, log, &err) < 0)
        plr_docker_end(attempt, PLR_REASON_INFRASTRUCTURE, err.message);
}
