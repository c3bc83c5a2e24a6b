/* SPDX-License-Identifier: MIT */
/* How a container's end is read: the daemon's exit code is the truth, the init's record explains
 * it, and what happened around it may say that it was nobody's fault in the step. */
#include "backends/docker/end.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void plr_docker_end_state(plr_docker_evidence *evidence, json_object *inspect)
{
    json_object *state = plr_jsonc_get(inspect, "State", json_type_object);
    const char *status = plr_jsonc_text(state, "Status");
    /* "created" with a start that was refused has an exit code and an error; "removing" and "dead"
     * are on their way out. */
    evidence->exited = state != NULL && !plr_jsonc_true(state, "Running") &&
                       !plr_jsonc_true(state, "Paused") && !plr_jsonc_true(state, "Restarting") &&
                       (strcmp(status, "exited") == 0 || strcmp(status, "dead") == 0 ||
                               strcmp(status, "removing") == 0 || strcmp(status, "stopped") == 0);
    evidence->exit_code = (int)plr_jsonc_number(state, "ExitCode");
    evidence->oom = plr_jsonc_true(state, "OOMKilled");
    snprintf(evidence->error, sizeof(evidence->error), "%s", plr_jsonc_text(state, "Error"));
}

int plr_docker_end_code(uint32_t wait_status)
{
    int status = (int)wait_status;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void take_usage(plr_end *end, const plr_init_exit *record)
{
    end->usage = (plr_usage){
        .cpu_user_us = record->user_us,
        .cpu_system_us = record->system_us,
        .memory_peak = record->maxrss_kib * 1024,
        .read_bytes = record->blocks_in * 512,
        .written_bytes = record->blocks_out * 512,
    };
}

static void take_status(plr_end *end, int status)
{
    if (WIFSIGNALED(status)) {
        end->reason = PLR_REASON_SIGNAL;
        end->signal = WTERMSIG(status);
    } else {
        end->reason = PLR_REASON_EXIT;
    }
    end->exit_code = plr_docker_end_code((uint32_t)status);
}

void plr_docker_end_early(const plr_docker_evidence *evidence, plr_end *ret_end)
{
    *ret_end = (plr_end){ .size = sizeof(*ret_end), .reason = PLR_REASON_EXIT, .exit_code = -1 };
    take_status(ret_end, (int)evidence->record.status);
    take_usage(ret_end, &evidence->record);
}

/* A failed exec, in the words that Docker has for it. */
static void say_failure(const plr_docker_evidence *evidence, char *message, size_t size)
{
    int error = (int)evidence->failure.error;
    const char *command = evidence->command == NULL ? "" : evidence->command;
    if (evidence->failure.stage == PLR_INIT_STAGE_FORK)
        snprintf(message, size, "cannot fork: %s", strerror(error));
    else if (evidence->failure.stage == PLR_INIT_STAGE_GO)
        snprintf(message, size, "late environment: %s", strerror(error));
    else if (error == ENOENT && strchr(command, '/') == NULL)
        snprintf(message, size, "exec: \"%s\": executable file not found in $PATH", command);
    else if (error == ENOENT)
        snprintf(message, size, "exec: \"%s\": stat %s: no such file or directory", command,
                command);
    else if (error == EACCES)
        snprintf(message, size, "exec: \"%s\": permission denied", command);
    else
        snprintf(message, size, "exec: \"%s\": %s", command, strerror(error));
}

static bool is_kill(int exit_code)
{
    return exit_code == 128 + SIGKILL || exit_code == 128 + SIGTERM;
}

/* Whether the record and the daemon tell of the same end. */
static bool agrees(const plr_docker_evidence *evidence)
{
    return evidence->has_record &&
           plr_docker_end_code(evidence->record.status) == evidence->exit_code;
}

void plr_docker_end_decide(
        const plr_docker_evidence *evidence, plr_end *ret_end, char *message, size_t size)
{
    int code = evidence->exit_code;
    *ret_end = (plr_end){
        .size = sizeof(*ret_end),
        .reason = PLR_REASON_EXIT,
        .exit_code = code,
        .oom = evidence->oom,
    };
    message[0] = '\0';
    if (evidence->has_record)
        take_usage(ret_end, &evidence->record);

    if (evidence->has_failure) {
        say_failure(evidence, message, size);
    } else if (code == 128 + SIGKILL && evidence->oom) {
        ret_end->reason = PLR_REASON_OOM;
        ret_end->signal = SIGKILL;
        snprintf(message, size, "killed by the kernel: the memory limit was reached");
    } else if (is_kill(code) && evidence->dropped && evidence->stopped == 0) {
        ret_end->reason = PLR_REASON_INFRASTRUCTURE;
        snprintf(message, size,
                "the container was stopped (exit code %d) while the daemon went down", code);
    } else if (agrees(evidence)) {
        take_status(ret_end, (int)evidence->record.status);
    } else if (is_kill(code) && evidence->stopped == code - 128) {
        ret_end->reason = PLR_REASON_SIGNAL;
        ret_end->signal = code - 128;
    } else if (code == 128 + SIGKILL && !evidence->plain) {
        /* Without a record, PID 1 itself was killed. */
        ret_end->reason = PLR_REASON_SIGNAL;
        ret_end->signal = SIGKILL;
    } else if (evidence->error[0] != '\0') {
        snprintf(message, size, "%s", evidence->error);
    }
    ret_end->message = message[0] == '\0' ? NULL : message;
}

bool plr_docker_end_is_odd(const plr_docker_evidence *evidence)
{
    bool own = agrees(evidence) && WIFEXITED((int)evidence->record.status);
    return is_kill(evidence->exit_code) && evidence->stopped == 0 && !evidence->oom &&
           !evidence->dropped && !evidence->has_failure && !own;
}
