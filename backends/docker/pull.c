/* SPDX-License-Identifier: MIT */
/* Pulling one image, once for all attempts of a run that want it at the same time: credentials, the
 * stream of progress, and another try where the registry may change its mind. */
#include "backends/docker/pull.h"

#include <stdio.h>
#include <string.h>

#include "backends/docker/pull_error.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/credentials.h"
#include "net/image_name.h"
#include "net/json_stream.h"

#define OBJECT_LIMIT (1024 * 1024)
#define BUSY_TRIES 5u
#define UNREACHABLE_TRIES 2u
#define FIRST_DELAY_NS (500 * PLR_MILLISECOND)

/* A pull that says nothing for so long is given up. Unpacking a large layer is silent. */
#define IDLE_NS (300 * PLR_SECOND)

/* A layer's bytes are told this often. */
#define PROGRESS_NS (100 * PLR_MILLISECOND)

struct plr_docker_pull {
    plr_docker *docker;
    plr_docker_run *run;
    plr_docker_pull *next;
    plr_docker_attempt *pullers;
    plr_image_name name;
    char *text; /* the whole name */
    plr_credential_lookup *lookup;
    char *auth; /* "X-Registry-Auth: ...", or NULL */
    plr_http_call *call;
    plr_json_stream *stream;
    plr_timer *timer;
    unsigned tries;
    uint64_t told_at;
    plr_error error; /* of this try */
};

static void pull_free(plr_docker_pull *pull)
{
    if (pull == NULL)
        return;
    for (plr_docker_pull **link = &pull->docker->pulls; *link != NULL; link = &(*link)->next) {
        if (*link == pull) {
            *link = pull->next;
            break;
        }
    }
    for (plr_docker_attempt *a = pull->pullers; a != NULL; a = a->next_puller)
        a->pull = NULL;
    plr_credential_lookup_free(pull->lookup);
    plr_json_stream_free(pull->stream);
    pull->docker->host->timer_free(pull->timer);
    plr_image_name_clear(&pull->name);
    free(pull->text);
    if (pull->auth != NULL)
        explicit_bzero(pull->auth, strlen(pull->auth));
    free(pull->auth);
    free(pull);
}

void plr_docker_pulls_clear(plr_docker *docker)
{
    while (docker->pulls != NULL)
        pull_free(docker->pulls);
}

static void finish(plr_docker_pull *pull, const plr_error *err)
{
    plr_docker_attempt *attempt = pull->pullers;
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    pull->pullers = NULL;
    pull_free(pull);
    while (attempt != NULL) {
        plr_docker_attempt *next = steal(attempt->next_puller);
        attempt->pull = NULL;
        plr_docker_pulled(attempt, copy.code == 0 ? NULL : &copy);
        attempt = next;
    }
}

void plr_docker_pull_leave(plr_docker_attempt *attempt)
{
    plr_docker_pull *pull = steal(attempt->pull);
    if (pull == NULL)
        return;
    for (plr_docker_attempt **link = &pull->pullers; *link != NULL; link = &(*link)->next_puller) {
        if (*link == attempt) {
            *link = attempt->next_puller;
            break;
        }
    }
    attempt->next_puller = NULL;
    if (pull->pullers != NULL)
        return;
    /* Nobody waits any more. A call that is open frees the pull when it has ended. */
    if (pull->call != NULL)
        plr_http_cancel(pull->call);
    else
        pull_free(pull);
}

static void report(const plr_docker_pull *pull, const plr_report *report)
{
    for (plr_docker_attempt *a = pull->pullers; a != NULL; a = a->next_puller)
        pull->docker->host->report(a->task, report);
}

static void on_object(json_object *object, void *userdata)
{
    plr_docker_pull *pull = userdata;
    const char *error =
            plr_jsonc_text(plr_jsonc_get(object, "errorDetail", json_type_object), "message");
    if (error[0] == '\0')
        error = plr_jsonc_text(object, "error");
    if (error[0] != '\0') {
        plr_error_set(&pull->error, PLR_ERR_INFRASTRUCTURE, "%s", error);
        return;
    }
    json_object *detail = plr_jsonc_get(object, "progressDetail", json_type_object);
    const char *layer = plr_jsonc_text(object, "id");
    int64_t current = plr_jsonc_number(detail, "current");
    int64_t total = plr_jsonc_number(detail, "total");
    uint64_t now = pull->docker->host->now(pull->docker->loop);
    if (current > 0 && current < total && now - pull->told_at < PROGRESS_NS)
        return;
    pull->told_at = now;
    plr_report progress = { .size = sizeof(progress), .type = PLR_REPORT_PULL };
    progress.u.pull.image = pull->text;
    progress.u.pull.layer = layer[0] == '\0' ? NULL : layer;
    progress.u.pull.status = plr_jsonc_text(object, "status");
    progress.u.pull.current = current > 0 ? (uint64_t)current : 0;
    progress.u.pull.total = total > 0 ? (uint64_t)total : 0;
    report(pull, &progress);
}

static void on_data(plr_http_call *call, const void *data, size_t size, void *userdata)
{
    plr_docker_pull *pull = userdata;
    plr_error err = { 0 };
    (void)call;
    /* An error of the stream's own shows at its end. */
    if (pull->error.code != PLR_ERR_PROTOCOL &&
            plr_json_stream_feed(pull->stream, data, size, &err) < 0)
        pull->error = err;
}

static void send_pull(plr_docker_pull *pull);

static void on_again(plr_timer *timer, void *userdata)
{
    (void)timer;
    send_pull(userdata);
}

/* After a failed try: another one, or the end. */
static void take_failure(plr_docker_pull *pull)
{
    const plr_host *host = pull->docker->host;
    plr_docker_pull_kind kind = plr_docker_pull_classify(pull->error.message);
    unsigned tries = pull->error.code != PLR_ERR_INFRASTRUCTURE ? 0
                     : kind == PLR_DOCKER_PULL_BUSY             ? BUSY_TRIES
                     : kind == PLR_DOCKER_PULL_UNREACHABLE      ? UNREACHABLE_TRIES
                                                                : 0;
    plr_error err = { 0 };
    if (++pull->tries < tries) {
        plr_report notice = { .size = sizeof(notice), .type = PLR_REPORT_NOTICE };
        char text[600];
        uint64_t delay = FIRST_DELAY_NS << (pull->tries - 1);
        snprintf(text, sizeof(text), "pull of %s failed, trying again in %.1f s: %.400s",
                pull->text, (double)delay / (double)PLR_SECOND, pull->error.message);
        notice.u.text = text;
        report(pull, &notice);
        if (pull->timer != NULL ||
                host->timer_new(pull->docker->loop, &pull->timer, on_again, pull, &err) == 0) {
            host->timer_set(pull->timer, host->now(pull->docker->loop) + delay);
            return;
        }
    }
    bool refused = pull->error.code == PLR_ERR_INFRASTRUCTURE && kind == PLR_DOCKER_PULL_REFUSED;
    plr_error_set(&err, refused ? PLR_ERR_IMAGE : pull->error.code, "pull of %s: %s", pull->text,
            pull->error.message);
    finish(pull, &err);
}

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_docker_pull *pull = userdata;
    (void)call;
    pull->call = NULL;
    if (pull->pullers == NULL) {
        pull_free(pull);
        return;
    }
    if (err != NULL && pull->error.code == 0)
        pull->error = *err;
    if (reply->status >= 400 && pull->error.code == 0) {
        plr_docker_refusal(&pull->error, reply->status, reply->body.data, reply->body.size);
        /* A 404 is the registry's, or of one that was asked through it; the words decide. */
        pull->error.code = PLR_ERR_INFRASTRUCTURE;
    }
    if (pull->error.code == 0)
        plr_json_stream_end(pull->stream, &pull->error);
    if (pull->error.code == 0)
        finish(pull, NULL);
    else
        take_failure(pull);
}

static int make_path(const plr_docker_pull *pull, char **ret_path, plr_error *err)
{
    const plr_platform *platform = &pull->run->view->document->platform;
    _cleanup_buf_ plr_buf path = { 0 };
    _cleanup_buf_ plr_buf repository = { 0 };
    plr_image_name_put_repository(&pull->name, &repository);
    if (plr_buf_check(&repository, err) < 0)
        return PLR_ERR_NOMEM;
    plr_buf_printf(&path, "/v1.%u/images/create?fromImage=", pull->docker->api);
    plr_http_escape(&path, repository.data);
    /* Without a tag all of them would be pulled. */
    plr_buf_puts(&path, "&tag=");
    plr_http_escape(&path, pull->name.digest != NULL ? pull->name.digest
                           : pull->name.tag != NULL  ? pull->name.tag
                                                     : "latest");
    if (platform->os != NULL && platform->os[0] != '\0' && platform->arch != NULL &&
            platform->arch[0] != '\0' && !pull->docker->podman) {
        plr_buf_puts(&path, "&platform=");
        plr_http_escape(&path, platform->os);
        plr_buf_puts(&path, "%2F");
        plr_http_escape(&path, platform->arch);
        if (platform->variant != NULL && platform->variant[0] != '\0') {
            plr_buf_puts(&path, "%2F");
            plr_http_escape(&path, platform->variant);
        }
    }
    return plr_buf_steal(&path, ret_path, err);
}

static void send_pull(plr_docker_pull *pull)
{
    _cleanup_free_ char *path = NULL;
    const char *headers[] = { pull->auth, NULL };
    pull->error = (plr_error){ 0 };
    plr_json_stream_free(steal(pull->stream));
    int r = plr_json_stream_new(&pull->stream, OBJECT_LIMIT, on_object, pull, &pull->error);
    if (r == 0)
        r = make_path(pull, &path, &pull->error);
    plr_http_request request = {
        .method = "POST",
        .path = path,
        .headers = headers,
        .long_lived = true,
        .first_byte_ns = IDLE_NS,
        .idle_ns = IDLE_NS,
        .on_data = on_data,
        .on_done = on_done,
        .userdata = pull,
    };
    if (r == 0)
        r = plr_http_start(pull->docker->client, &pull->call, &request, &pull->error);
    if (r < 0)
        take_failure(pull);
}

static int take_credential(plr_docker_pull *pull, const plr_credential *credential)
{
    _cleanup_buf_ plr_buf header = { 0 };
    plr_buf_puts(&header, "X-Registry-Auth: ");
    int r = plr_credential_put_header(credential, pull->name.registry, &header, &pull->error);
    return r < 0 ? r : plr_buf_steal(&header, &pull->auth, &pull->error);
}

static void on_credential(plr_credential_lookup *lookup, const plr_credential *credential,
        const plr_error *warning, void *userdata)
{
    plr_docker_pull *pull = userdata;
    (void)lookup;
    if (warning != NULL) {
        plr_report text = { .size = sizeof(text), .type = PLR_REPORT_WARNING };
        text.u.text = warning->message;
        report(pull, &text);
    }
    int r = credential == NULL ? 0 : take_credential(pull, credential);
    plr_credential_lookup_free(steal(pull->lookup));
    if (r < 0)
        take_failure(pull);
    else
        send_pull(pull);
}

static int pull_new(plr_docker_pull **ret_pull, plr_docker_run *run, const plr_image_name *name,
        const char *text, plr_error *err)
{
    plr_docker *docker = run->docker;
    plr_credential_sources sources = {
        .auths = run->view->document->auths,
        .n_auths = run->view->document->n_auths,
        .config_file = docker->settings.config,
    };
    plr_docker_pull *pull = calloc(1, sizeof(*pull));
    if (pull == NULL)
        return plr_error_nomem(err);
    pull->docker = docker;
    pull->run = run;
    int r = plr_text_copy(&pull->text, text, err);
    if (r == 0)
        r = plr_image_name_parse(&pull->name, text, err);
    if (r == 0)
        r = plr_credential_lookup_new(&pull->lookup, docker->host, docker->loop, &sources,
                name->registry, on_credential, pull, err);
    if (r < 0) {
        pull_free(pull);
        return r;
    }
    pull->next = docker->pulls;
    docker->pulls = pull;
    *ret_pull = pull;
    return 0;
}

int plr_docker_pull_join(plr_docker_attempt *attempt, const plr_image_name *name, plr_error *err)
{
    plr_docker *docker = attempt->run->docker;
    _cleanup_buf_ plr_buf text = { 0 };
    plr_image_name_put(name, &text);
    int r = plr_buf_check(&text, err);
    if (r < 0)
        return r;
    plr_docker_pull *pull = docker->pulls;
    while (pull != NULL && (pull->run != attempt->run || pull->pullers == NULL ||
                                   strcmp(pull->text, text.data) != 0))
        pull = pull->next;
    if (pull == NULL)
        r = pull_new(&pull, attempt->run, name, text.data, err);
    if (r < 0)
        return r;
    attempt->pull = pull;
    attempt->next_puller = pull->pullers;
    pull->pullers = attempt;
    return 0;
}
