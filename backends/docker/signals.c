/* SPDX-License-Identifier: MIT */
/* The word to a plr-init that shares no file with us (init/words.h): asked by one signal until a
 * line of its output answers, and told to go by another, once, when no question is on its way. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"
#include "net/archive.h"

/* The daemon's answer to a start comes before the init's first instruction; a question that is too
 * early is lost. */
#define FIRST_DELAY_NS (10 * PLR_MILLISECOND)
#define LAST_DELAY_NS (500 * PLR_MILLISECOND)

int plr_docker_signals_nonce(plr_docker_attempt *attempt, plr_error *err)
{
    unsigned char random[(sizeof(attempt->nonce) - 1) / 2];
    if (attempt->nonce[0] != '\0')
        return 0;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return plr_error_set(err, PLR_ERR_SYSTEM, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(attempt->nonce + 2 * i, 3, "%02x", random[i]);
    return 0;
}

static void ask(plr_docker_attempt *attempt);

static void on_asked(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    uint64_t now = docker->host->now(docker->loop);
    attempt->asking = false;
    if (!plr_docker_attempt_is_at(attempt, plr_docker_stage_held))
        return;
    if (attempt->evidence.is_held) {
        plr_docker_attempt_next(attempt);
    } else if (reply->error.code != 0) {
        plr_docker_attempt_unheld(attempt, reply->error.message);
    } else if (now - attempt->asked_since > PLR_DOCKER_WORD_NS) {
        plr_docker_no_word(attempt);
    } else {
        plr_docker_attempt_timer(attempt, ask, attempt->ask_delay_ns);
        if (attempt->ask_delay_ns < LAST_DELAY_NS)
            attempt->ask_delay_ns *= 2;
    }
}

static void tell(plr_docker_attempt *attempt, int signal, plr_docker_reply_fn *on_reply)
{
    plr_docker_askf(attempt->run->docker, "POST", on_reply, attempt,
            "/containers/%s/kill?signal=%d", attempt->id, signal);
}

static void ask(plr_docker_attempt *attempt)
{
    attempt->asking = true;
    tell(attempt, PLR_INIT_SIGNAL_ASK, on_asked);
}

void plr_docker_signals_ask(plr_docker_attempt *attempt)
{
    const plr_docker *docker = attempt->run->docker;
    attempt->asked_since = docker->host->now(docker->loop);
    attempt->ask_delay_ns = FIRST_DELAY_NS;
    ask(attempt);
}

static void on_told(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    plr_error err = { 0 };
    (void)docker;
    /* Its answer may have overtaken the daemon's. */
    if (!plr_docker_attempt_is_at(attempt, plr_docker_stage_go))
        return;
    if (reply->error.code == 0) {
        attempt->told = true;
        return;
    }
    plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "container %s was not told to go: %s",
            attempt->name, reply->error.message);
    plr_docker_attempt_fail(attempt, &err);
}

static void say_go(plr_docker_attempt *attempt)
{
    plr_docker_attempt_timer(attempt, plr_docker_no_word, PLR_DOCKER_WORD_NS);
    tell(attempt, PLR_INIT_SIGNAL_GO, on_told);
}

static void on_late(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code == 0) {
        say_go(attempt);
        return;
    }
    plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "late environment: %s", reply->error.message);
    plr_docker_attempt_fail(attempt, &err);
}

void plr_docker_signals_go(plr_docker_attempt *attempt)
{
    plr_archive_file file = {
        .path = PLR_DOCKER_LATE,
        .data = attempt->late.data,
        .size = attempt->late.size,
        .mode = 0644,
    };
    plr_error err = { 0 };
    char path[160];
    _cleanup_buf_ plr_buf tar = { 0 };
    if (attempt->attach == NULL) {
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "container %s ended while it was held",
                attempt->name);
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    if (attempt->late.size == 0) {
        say_go(attempt);
        return;
    }
    if (plr_archive_write(&file, 1, &tar, &err) < 0) {
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    snprintf(path, sizeof(path), "/containers/%s/archive?path=/", attempt->id);
    plr_docker_request request = { .method = "PUT", .path = path, .tar = &tar };
    plr_docker_ask(attempt->run->docker, &request, on_late, attempt);
}
