/* SPDX-License-Identifier: MIT */
/*
 * What net/ allocates for itself fails in turn: out of memory is told as such, every call still
 * ends once, and nothing leaks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/host.h"
#include "engine/io/loop.h"
#include "net/archive.h"
#include "net/credentials.h"
#include "net/docker_config.h"
#include "net/http.h"
#include "net/image_name.h"
#include "net/json_stream.h"
#include "tests/oom/failing_malloc.h"

static int failures;
static char config[] = "/tmp/oom_net-XXXXXX";

static void check(int line, int holds)
{
    if (!holds) {
        printf("line %d does not hold\n", line);
        failures++;
    }
}
#define CHECK(condition) check(__LINE__, (condition))

static bool well(int r, const plr_error *err, bool failing)
{
    return r == err->code && (r == 0 || (failing && r == PLR_ERR_NOMEM));
}

static void try_image_name(bool failing, void *userdata)
{
    plr_image_name name = { 0 };
    plr_error err = { 0 };
    (void)userdata;
    int r = plr_image_name_parse(&name, "r.io:5000/a/b:tag", &err);
    CHECK(well(r, &err, failing));
    CHECK((name.tag != NULL) == (r == 0) && (name.registry != NULL) == (r == 0));
    plr_image_name_clear(&name);
}

static void try_config(bool failing, void *userdata)
{
    static const char text[] = "{\"auths\":{\"r.io\":{\"auth\":\"dTpw\",\"identitytoken\":\"t\"}},"
                               "\"credsStore\":\"pass\"}";
    plr_docker_config_answer answer = { 0 };
    plr_buf header = { 0 };
    plr_error err = { 0 };
    (void)userdata;
    int r = plr_docker_config_find(&answer, "file", text, strlen(text), "r.io", &err);
    CHECK(well(r, &err, failing));
    CHECK((answer.helper != NULL) == (r == 0));
    if (r == 0) {
        r = plr_credential_put_header(&answer.credential, "r.io", &header, &err);
        CHECK(well(r, &err, failing));
    }
    plr_buf_clear(&header);
    plr_docker_config_answer_clear(&answer);
}

static void try_archive(bool failing, void *userdata)
{
    static const plr_archive_file file = { .path = "/a", .data = "hello", .size = 5, .mode = 0644 };
    plr_buf out = { 0 };
    plr_error err = { 0 };
    (void)userdata;
    int r = plr_archive_write(&file, 1, &out, &err);
    CHECK(well(r, &err, failing));
    CHECK((out.size > 0) == (r == 0));
    plr_buf_clear(&out);
}

static void no_object(struct json_object *object, void *userdata)
{
    (void)object;
    ++*(int *)userdata;
}

static void try_stream(bool failing, void *userdata)
{
    plr_json_stream *stream = NULL;
    plr_error err = { 0 };
    int n = 0;
    (void)userdata;
    int r = plr_json_stream_new(&stream, 100, no_object, &n, &err);
    CHECK(well(r, &err, failing));
    if (r == 0)
        CHECK(plr_json_stream_feed(stream, "{}{}", 4, NULL) == 0 && n == 2);
    plr_json_stream_free(stream);
}

typedef struct end {
    int n, code;
} end;

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    end *to = userdata;
    (void)call, (void)reply;
    to->n++;
    to->code = err != NULL ? err->code : 0;
}

/* A whole call, to a socket that is not there. */
static void try_http(bool failing, void *userdata)
{
    static const char *const headers[] = { "X-A: b", NULL };
    plr_http_options options = { .base = "unix:///nonexistent/socket", .user_agent = "test" };
    plr_http_client *client = NULL;
    plr_error err = { 0 };
    end to = { 0 };
    plr_buf body = { 0 };
    plr_loop *loop = userdata;
    plr_buf_puts(&body, "{}");
    int r = body.failed ? plr_buf_check(&body, &err) : 0;
    if (r == 0)
        r = plr_http_client_new(&client, &plr_host_table, loop, &options, &err);
    if (r == 0) {
        plr_http_request request = { .method = "POST",
            .path = "/x",
            .headers = headers,
            .body = &body,
            .total_ns = 60000000000,
            .on_done = on_done,
            .userdata = &to };
        r = plr_http_start(client, NULL, &request, &err);
        CHECK((body.data == NULL) == (r == 0));
    }
    CHECK(well(r, &err, failing));
    for (int turns = 0; r == 0 && to.n == 0 && turns < 100; turns++)
        CHECK(plr_loop_dispatch(loop, 1000, NULL) >= 0);
    CHECK(to.n == (r == 0));
    CHECK(r < 0 || to.code == PLR_ERR_INFRASTRUCTURE || (failing && to.code == PLR_ERR_NOMEM));
    plr_http_client_free(client);
    plr_buf_clear(&body);
}

static void on_found(plr_credential_lookup *lookup, const plr_credential *credential,
        const plr_error *warning, void *userdata)
{
    end *to = userdata;
    to->n++;
    to->code = warning != NULL ? warning->code : 0;
    CHECK(warning != NULL || credential != NULL);
    plr_credential_lookup_free(lookup);
}

static void try_lookup(bool failing, void *userdata)
{
    plr_credential_sources sources = { .config_file = config, .user_config_file = "/nonexistent" };
    plr_credential_lookup *lookup = NULL;
    plr_error err = { 0 };
    end to = { 0 };
    plr_loop *loop = userdata;
    int r = plr_credential_lookup_new(
            &lookup, &plr_host_table, loop, &sources, "r.io", on_found, &to, &err);
    CHECK(well(r, &err, failing));
    for (int turns = 0; r == 0 && to.n == 0 && turns < 100; turns++)
        CHECK(plr_loop_dispatch(loop, 1000, NULL) >= 0);
    CHECK(to.n == (r == 0));
    CHECK(r < 0 || to.code == 0 || (failing && to.code == PLR_ERR_NOMEM));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*try)(bool failing, void *userdata);
        size_t least;
    } rows[] = {
        { "image name", try_image_name, 3 },
        { "config.json", try_config, 5 },
        { "archive", try_archive, 1 },
        { "stream of JSON", try_stream, 1 },
        { "http", try_http, 8 },
        { "credentials", try_lookup, 5 },
    };
    static const char text[] = "{\"auths\":{\"r.io\":{\"auth\":\"dTpw\"}}}";
    int fd = mkstemp(config);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    plr_loop *loop = NULL;
    CHECK(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL) == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = plr_oom_each(rows[i].try, loop);
        printf("%s: %zu allocations\n", rows[i].name, n);
        CHECK(n >= rows[i].least);
    }
    plr_loop_free(loop);
    unlink(config);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
