/* SPDX-License-Identifier: MIT */
/* How an attempt's end is found out: something hints at it (a die event, the end of the output, the
 * init's last word, a daemon that is back), the daemon is asked, and when it says so and all output
 * is out, the end is reported. What cannot be found any more is lost, never a success. */
#include <stdarg.h>
#include <stdio.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"
#include "net/init_end.h"

/* After its end a container's output is at its own end within milliseconds, unless the reader is
 * slow. */
#define OUTPUT_NS (10 * PLR_SECOND)

/* A daemon that is told to stop ends its containers first, and is gone a moment later. */
#define AGAIN_NS (500 * PLR_MILLISECOND)
#define ODD_LOOKS 3u

void plr_docker_warn(plr_docker_attempt *attempt, const char *format, ...)
{
    char text[1200];
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_WARNING };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    report.u.text = text;
    attempt->run->docker->host->report(attempt->task, &report);
}

static void report_end(plr_docker_attempt *attempt, const plr_end *end)
{
    const plr_host *host = attempt->run->docker->host;
    plr_report eof = { .size = sizeof(eof), .type = PLR_REPORT_EOF };
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_ENDED, .u.end = *end };
    attempt->ended = true;
    plr_docker_attach_close(attempt);
    plr_docker_attempt_timer(attempt, NULL, 0);
    host->report(attempt->task, &eof);
    host->report(attempt->task, &report);
    plr_docker_pause_let_go(attempt->run);
}

void plr_docker_end(plr_docker_attempt *attempt, plr_reason reason, const char *message)
{
    plr_end end = {
        .size = sizeof(end),
        .reason = reason,
        .exit_code = -1,
        .message = message,
    };
    if (attempt->started && !attempt->ended)
        report_end(attempt, &end);
}

void plr_docker_maybe_end(plr_docker_attempt *attempt)
{
    char message[600];
    plr_end end;
    if (!attempt->started || attempt->ended || !attempt->evidence.exited || !attempt->eof)
        return;
    plr_docker_end_decide(&attempt->evidence, &end, message, sizeof(message));
    report_end(attempt, &end);
}

void plr_docker_record(plr_docker_attempt *attempt, const plr_init_exit *record)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_EXITED };
    if (!attempt->started || attempt->ended || attempt->evidence.has_record)
        return;
    attempt->evidence.has_record = true;
    attempt->evidence.record = *record;
    plr_docker_end_early(&attempt->evidence, &report.u.end);
    attempt->run->docker->host->report(attempt->task, &report);
    plr_docker_pause_let_go(attempt->run);
}

/* Still open, and the container has long ended. */
static void output_is_late(plr_docker_attempt *attempt)
{
    if (attempt->paused) {
        plr_docker_attempt_timer(attempt, output_is_late, OUTPUT_NS);
        return;
    }
    plr_docker_report_gaps(attempt);
    attempt->eof = true;
    plr_docker_maybe_end(attempt);
}

static void take_exit(plr_docker_attempt *attempt)
{
    if (plr_docker_end_is_odd(&attempt->evidence) && attempt->odd_looks < ODD_LOOKS) {
        attempt->odd_looks++;
        attempt->evidence.exited = false;
        plr_docker_look_later(attempt, AGAIN_NS);
    } else if (attempt->cut) {
        plr_docker_attach_resume(attempt);
    } else if (attempt->attach != NULL) {
        plr_docker_attempt_timer(attempt, output_is_late, OUTPUT_NS);
    } else {
        attempt->eof = true;
        plr_docker_maybe_end(attempt);
    }
}

/* The daemon's event says the same as the init did, and without a limit of memory there is no kill
 * for it that an inspect would tell of: it need not be asked, which takes long while it cleans up.
 */
static bool is_told(const plr_docker_attempt *attempt, int exit_code)
{
    const plr_docker_evidence *evidence = &attempt->evidence;
    return attempt->started && evidence->has_record && !evidence->exited && !evidence->dropped &&
           attempt->task->step->resources.limits.memory == 0 &&
           plr_init_end_code((int)evidence->record.status) == exit_code;
}

void plr_docker_died(plr_docker_attempt *attempt, int exit_code)
{
    attempt->died = true;
    if (attempt->ended || !is_told(attempt, exit_code)) {
        plr_docker_look(attempt);
        return;
    }
    attempt->evidence.exited = true;
    attempt->evidence.exit_code = exit_code;
    take_exit(attempt);
}

static void on_look(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    attempt->looking = false;
    if (attempt->ended || attempt->evidence.exited)
        return;
    if (reply->status == 404) {
        plr_docker_end(attempt, PLR_REASON_LOST, "its container was removed by somebody else");
        return;
    }
    if (reply->error.code != 0 || reply->json == NULL) {
        /* While the daemon is gone, its return will ask again. */
        if (plr_docker_events_is_up(docker))
            plr_docker_look_later(attempt, PLR_SECOND);
        return;
    }
    plr_docker_end_state(&attempt->evidence, reply->json);
    if (attempt->evidence.exited)
        take_exit(attempt);
    else if (attempt->attach == NULL)
        plr_docker_attach_resume(attempt);
    else if (attempt->channel == NULL && !attempt->task->step->detach && !attempt->evidence.plain &&
             !plr_docker_attempt_by_signal(attempt))
        plr_docker_look_later(attempt, PLR_SECOND);
}

void plr_docker_look(plr_docker_attempt *attempt)
{
    if (!attempt->started || attempt->ended || attempt->looking || attempt->evidence.exited)
        return;
    attempt->looking = true;
    plr_docker_askf(
            attempt->run->docker, "GET", on_look, attempt, "/containers/%s/json", attempt->id);
}

void plr_docker_look_later(plr_docker_attempt *attempt, uint64_t delay_ns)
{
    plr_docker_attempt_timer(attempt, plr_docker_look, delay_ns);
}
