/* SPDX-License-Identifier: MIT */
/* A client without a connection. One call is open at a time, as with a watch or a log. */
#include "tests/unit/kube_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/host.h"
#include "engine/io/loop.h"

struct plr_kube_call {
    plr_kube_client *client;
    plr_kube_request request;
    char *path;
    bool paused;
};

struct plr_kube_client {
    plr_kube_call *call;
    unsigned n_calls;
};

const char *plr_kube_client_namespace(const plr_kube_client *client)
{
    (void)client;
    return "ns";
}

int plr_kube_call_start(plr_kube_client *client, plr_kube_call **ret_call,
        const plr_kube_request *request, plr_error *err)
{
    plr_kube_call *call = calloc(1, sizeof(*call));
    (void)err;
    if (call == NULL || client->call != NULL)
        abort();
    call->client = client;
    call->request = *request;
    call->path = strdup(request->path);
    client->call = call;
    client->n_calls++;
    *ret_call = call;
    return 0;
}

void plr_kube_call_cancel(plr_kube_call *call)
{
    if (call == NULL)
        return;
    call->client->call = NULL;
    free(call->path);
    free(call);
}

void plr_kube_call_pause(plr_kube_call *call)
{
    call->paused = true;
}

void plr_kube_call_resume(plr_kube_call *call)
{
    call->paused = false;
}

static void on_still(plr_watch *watch, unsigned events, void *userdata)
{
    (void)watch;
    (void)events;
    (void)userdata;
}

void script_open(kube_script *script)
{
    plr_error err = { 0 };
    script->client = calloc(1, sizeof(*script->client));
    if (script->client == NULL || pipe(script->ends) < 0 ||
            plr_loop_new(&script->loop, PLR_CLOCK_VIRTUAL, &err) < 0 ||
            plr_watch_new(script->loop, &script->still, script->ends[0], PLR_WATCH_READ, on_still,
                    NULL, &err) < 0)
        abort();
}

void script_close(kube_script *script)
{
    plr_kube_call_cancel(script->client->call);
    free(script->client);
    plr_watch_free(script->still);
    plr_loop_free(script->loop);
    close(script->ends[0]);
    close(script->ends[1]);
}

void script_step(kube_script *script)
{
    plr_loop_dispatch(script->loop, 0, NULL);
}

void script_wait(kube_script *script, unsigned seconds)
{
    uint64_t until = plr_loop_now(script->loop) + seconds * UINT64_C(1000000000);
    while (script->client->call == NULL && plr_loop_now(script->loop) < until &&
            plr_loop_dispatch(script->loop, 0, NULL) > 0)
        ;
}

bool script_asks(kube_script *script, const char *path)
{
    size_t length = strlen(path);
    script_wait(script, 600);
    if (script->client->call == NULL) {
        fprintf(stderr, "nothing is asked, not %s\n", path);
        return false;
    }
    const char *is = script->client->call->path;
    bool same = length > 0 && path[length - 1] == '*' ? strncmp(is, path, length - 1) == 0
                                                      : strcmp(is, path) == 0;
    if (!same)
        fprintf(stderr, "asked: %s\n  not: %s\n", is, path);
    return same;
}

bool script_is_quiet(const kube_script *script)
{
    return script->client->call == NULL;
}

bool script_is_paused(const kube_script *script)
{
    return script->client->call != NULL && script->client->call->paused;
}

const char *script_path(const kube_script *script)
{
    return script->client->call == NULL ? "" : script->client->call->path;
}

void script_send_bytes(kube_script *script, const void *data, size_t size)
{
    plr_kube_call *call = script->client->call;
    if (call == NULL || call->request.on_data == NULL)
        abort();
    if (call->request.on_headers != NULL)
        call->request.on_headers(call, 200, call->request.userdata);
    call->request.on_data(call, data, size, call->request.userdata);
}

void script_send(kube_script *script, const char *text)
{
    script_send_bytes(script, text, strlen(text));
}

void script_end(kube_script *script, int error, const char *reply)
{
    plr_kube_call *call = script->client->call;
    plr_error err = { 0 };
    json_object *object = reply == NULL ? NULL : json_tokener_parse(reply);
    if (call == NULL || (reply != NULL && object == NULL))
        abort();
    script->client->call = NULL;
    plr_error_set(&err, error, "as the script says");
    call->request.on_done(
            call, error == 0 ? 200 : 500, object, error == 0 ? NULL : &err, call->request.userdata);
    json_object_put(object);
    free(call->path);
    free(call);
}

unsigned script_n_calls(const kube_script *script)
{
    return script->client->n_calls;
}
