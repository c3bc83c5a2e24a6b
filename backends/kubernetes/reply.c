/* SPDX-License-Identifier: MIT */
/* What the API server's replies say: see reply.h. */
#include "backends/kubernetes/reply.h"

#include "engine/base/error.h"
#include "net/json_stream.h"
#include "net/jsonc.h"

static void keep_object(json_object *object, void *userdata)
{
    json_object **kept = userdata;
    if (*kept == NULL)
        *kept = json_object_get(object);
}

json_object *plr_kube_reply_parse(const plr_buf *body)
{
    static const char *const unread[] = { PLR_KUBE_UNREAD, NULL };
    _cleanup_json_ json_object *reply = NULL;
    _cleanup_json_stream_ plr_json_stream *stream = NULL;
    if (body->size == 0 || plr_json_stream_new(&stream, body->size, keep_object, &reply, NULL) < 0)
        return NULL;
    plr_json_stream_skip(stream, unread);
    return plr_json_stream_feed(stream, body->data, body->size, NULL) < 0 ? NULL : steal(reply);
}

static int code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return PLR_ERR_REFUSED;
    case 404:
        return PLR_ERR_NOTFOUND;
    case 409:
    case 410:
        return PLR_ERR_STATE;
    case 408:
    case 429:
        return PLR_ERR_INFRASTRUCTURE;
    default:
        return status >= 500 ? PLR_ERR_INFRASTRUCTURE : PLR_ERR_CONFIGURATION;
    }
}

void plr_kube_reply_refusal(plr_error *ret_err, int status, json_object *reply, const char *origin)
{
    const char *message = plr_jsonc_text(reply, "message");
    if (status == 401)
        plr_error_set(ret_err, PLR_ERR_REFUSED, "%s does not accept our credentials%s%s", origin,
                message[0] != '\0' ? ": " : "", message);
    else if (message[0] != '\0')
        plr_error_set(ret_err, code_of(status), "%s", message);
    else
        plr_error_set(ret_err, code_of(status), "the API server answered with status %d", status);
}
