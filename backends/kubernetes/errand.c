/* SPDX-License-Identifier: MIT */
/* Errands and requests: see errand.h. */
#include "backends/kubernetes/errand.h"

#include "engine/base/error.h"
#include "net/http.h"

void plr_kube_complete(const plr_kube *kube, plr_op *op, const plr_error *err)
{
    if (op == NULL)
        return;
    kube->host->op_on_cancel(op, NULL, NULL);
    kube->host->op_complete(op, err == NULL || err->code == 0 ? NULL : err);
}

void *plr_kube_errand_new(plr_kube *kube, size_t size, plr_op *op)
{
    plr_error err = { 0 };
    plr_kube_errand *errand = calloc(1, size);
    if (errand == NULL) {
        plr_error_nomem(&err);
        plr_kube_complete(kube, op, &err);
        return NULL;
    }
    errand->kube = kube;
    errand->op = op;
    errand->next = kube->errands;
    kube->errands = errand;
    return errand;
}

void plr_kube_errand_free(plr_kube_errand *errand)
{
    plr_kube_errand **link = &errand->kube->errands;
    while (*link != errand)
        link = &(*link)->next;
    *link = errand->next;
    if (errand->clear != NULL)
        errand->clear(errand);
    free(errand);
}

void plr_kube_errand_finish(plr_kube_errand *errand, const plr_error *err)
{
    plr_kube *kube = errand->kube;
    plr_op *op = errand->op;
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    plr_kube_errand_free(errand);
    plr_kube_complete(kube, op, &copy);
}

int plr_kube_ask(plr_kube *kube, plr_kube_call **ret_call, const char *method, json_object *body,
        plr_kube_done_fn *on_done, void *userdata, plr_error *err, const char *format, ...)
{
    _cleanup_buf_ plr_buf path = { 0 };
    va_list arguments;
    plr_buf_puts(&path, "/api/v1/namespaces/");
    plr_http_escape(&path, plr_kube_client_namespace(kube->client));
    va_start(arguments, format);
    plr_buf_vprintf(&path, format, arguments);
    va_end(arguments);
    plr_kube_request request = {
        .method = method,
        .path = path.data,
        .body = body,
        .on_done = on_done,
        .userdata = userdata,
    };
    int r = plr_buf_check(&path, err);
    return r < 0 ? r : plr_kube_call_start(kube->client, ret_call, &request, err);
}
