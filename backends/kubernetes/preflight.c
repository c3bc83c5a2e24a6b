/* SPDX-License-Identifier: MIT */
/* SelfSubjectRulesReview tells most of our rights at once, but may be incomplete, so each that is
 * not in it is asked for by a SelfSubjectAccessReview, whose answer counts. Both are allowed to
 * everybody whom the cluster knows. */
#include "backends/kubernetes/preflight.h"

#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/role.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "net/jsonc.h"

/* Somebody waits who has only just begun: a server that does not answer is said soon. */
#define PATIENCE_NS (UINT64_C(8) * 1000000000)

#define REVIEWS "/apis/authorization.k8s.io/v1/"

/* One verb of one rule. */
typedef struct right {
    plr_kube_preflight *preflight;
    const plr_kube_rule *rule;
    const char *verb;
    plr_kube_call *call; /* while it is asked for */
    bool missing;
} right;

struct plr_kube_preflight {
    plr_kube_client *client;
    plr_kube_preflight_fn *on_end;
    void *userdata;
    plr_kube_call *call; /* for all rules */
    right rights[PLR_KUBE_MOST_RIGHTS];
    size_t n_rights, n_asked;
    plr_error error; /* asking failed */
};

void plr_kube_preflight_free(plr_kube_preflight *preflight)
{
    if (preflight == NULL)
        return;
    plr_kube_call_cancel(preflight->call);
    for (size_t i = 0; i < preflight->n_rights; i++)
        plr_kube_call_cancel(preflight->rights[i].call);
    free(preflight);
}

/* The rules that would grant what is missing, in YAML on one line. */
static void put_missing(plr_buf *out, const plr_kube_preflight *preflight)
{
    const plr_kube_rule *open = NULL;
    for (size_t i = 0; i < preflight->n_rights; i++) {
        const right *r = &preflight->rights[i];
        if (!r->missing)
            continue;
        if (r->rule == open) {
            plr_buf_printf(out, ", %s", r->verb);
            continue;
        }
        plr_buf_printf(out, "%s{apiGroups: [\"\"], resources: [%s%s%s], verbs: [%s",
                open != NULL ? "]}, " : "", r->rule->resource,
                r->rule->subresource != NULL ? "/" : "",
                r->rule->subresource != NULL ? r->rule->subresource : "", r->verb);
        open = r->rule;
    }
    plr_buf_puts(out, "]}");
}

static void end(plr_kube_preflight *preflight)
{
    _cleanup_buf_ plr_buf rules = { 0 };
    plr_error err = preflight->error; /* the preflight may be freed in its end */
    size_t n = 0;
    for (size_t i = 0; i < preflight->n_rights; i++)
        n += preflight->rights[i].missing;
    if (n > 0) {
        put_missing(&rules, preflight);
        if (plr_buf_check(&rules, &err) == 0)
            plr_error_set(&err, PLR_ERR_REFUSED,
                    "%zu rights are missing in namespace %s; a Role with these rules grants them: "
                    "[%s] (`pipeline-runtime kube-role` prints the whole Role)",
                    n, plr_kube_client_namespace(preflight->client), rules.data);
    }
    preflight->on_end(preflight, err.code != PLR_OK ? &err : NULL, preflight->userdata);
}

static void on_access(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    right *r = userdata;
    plr_kube_preflight *preflight = r->preflight;
    json_object *answer = plr_jsonc_get(reply, "status", json_type_object);
    (void)call, (void)status;
    r->call = NULL;
    if (err != NULL)
        plr_error_set(&preflight->error, err->code, "%s", err->message);
    else
        r->missing = !plr_jsonc_true(answer, "allowed");
    if (--preflight->n_asked == 0)
        end(preflight);
}

/* {kind, spec: {…}}; the spec is taken. */
static json_object *review(const char *kind, json_object *spec)
{
    _cleanup_json_ json_object *body = json_object_new_object();
    bool good = plr_jsonc_add(body, "spec", spec);
    good = good && plr_jsonc_add(body, "kind", plr_jsonc_string(kind)) &&
           plr_jsonc_add(body, "apiVersion", plr_jsonc_string("authorization.k8s.io/v1"));
    return good ? steal(body) : NULL;
}

static json_object *access_review(const right *r, const char *namespace_name)
{
    json_object *spec = json_object_new_object();
    json_object *attributes = json_object_new_object();
    bool good = plr_jsonc_add(spec, "resourceAttributes", attributes) &&
                plr_jsonc_add(attributes, "namespace", plr_jsonc_string(namespace_name)) &&
                plr_jsonc_add(attributes, "verb", plr_jsonc_string(r->verb)) &&
                plr_jsonc_add(attributes, "resource", plr_jsonc_string(r->rule->resource));
    if (good && r->rule->subresource != NULL)
        good = plr_jsonc_add(attributes, "subresource", plr_jsonc_string(r->rule->subresource));
    if (good)
        return review("SelfSubjectAccessReview", spec);
    json_object_put(spec);
    return NULL;
}

static int ask(plr_kube_preflight *preflight, const char *path, json_object *body,
        plr_kube_done_fn *on_done, plr_kube_call **ret_call, void *userdata, plr_error *err)
{
    plr_kube_request request = {
        .method = "POST",
        .path = path,
        .body = body,
        .repeatable = true, /* nothing is kept of it */
        .total_ns = PATIENCE_NS,
        .on_done = on_done,
        .userdata = userdata,
    };
    return body == NULL ? plr_error_nomem(err)
                        : plr_kube_call_start(preflight->client, ret_call, &request, err);
}

static bool has(json_object *list, const char *word)
{
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
        const char *item = json_object_get_string(json_object_array_get_idx(list, i));
        if (item != NULL && (strcmp(item, word) == 0 || strcmp(item, "*") == 0))
            return true;
    }
    return false;
}

/* A rule for named objects only is none for us. */
static bool grants(json_object *rule, const right *r)
{
    json_object *names = plr_jsonc_get(rule, "resourceNames", json_type_array);
    char resource[64];
    snprintf(resource, sizeof resource, "%s%s%s", r->rule->resource,
            r->rule->subresource != NULL ? "/" : "",
            r->rule->subresource != NULL ? r->rule->subresource : "");
    return (names == NULL || json_object_array_length(names) == 0) &&
           has(plr_jsonc_get(rule, "apiGroups", json_type_array), "") &&
           has(plr_jsonc_get(rule, "resources", json_type_array), resource) &&
           has(plr_jsonc_get(rule, "verbs", json_type_array), r->verb);
}

static bool is_granted(json_object *rules, const right *r)
{
    for (size_t i = 0; rules != NULL && i < json_object_array_length(rules); i++)
        if (grants(json_object_array_get_idx(rules, i), r))
            return true;
    return false;
}

static void on_rules(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_preflight *preflight = userdata;
    (void)call;
    preflight->call = NULL;
    /* Refused as such: the other question may still be allowed. Not known, not reached: it is not.
     */
    if (err != NULL && status != 403 && status != 404) {
        preflight->on_end(preflight, err, preflight->userdata);
        return;
    }
    json_object *rules = plr_jsonc_at(reply, json_type_array, "status", "resourceRules", NULL);
    for (size_t i = 0; i < preflight->n_rights; i++) {
        right *r = &preflight->rights[i];
        if (is_granted(rules, r))
            continue;
        _cleanup_json_ json_object *body =
                access_review(r, plr_kube_client_namespace(preflight->client));
        int code = ask(preflight, REVIEWS "selfsubjectaccessreviews", body, on_access, &r->call, r,
                &preflight->error);
        if (code < 0)
            break;
        preflight->n_asked++;
    }
    if (preflight->n_asked == 0)
        end(preflight);
}

static json_object *rules_review(const char *namespace_name)
{
    json_object *spec = json_object_new_object();
    if (plr_jsonc_add(spec, "namespace", plr_jsonc_string(namespace_name)))
        return review("SelfSubjectRulesReview", spec);
    json_object_put(spec);
    return NULL;
}

int plr_kube_preflight_new(plr_kube_preflight **ret_preflight, plr_kube_client *client,
        const plr_kube_rule *rules, size_t n_rules, plr_kube_preflight_fn *on_end, void *userdata,
        plr_error *err)
{
    _cleanup_kube_preflight_ plr_kube_preflight *preflight = calloc(1, sizeof *preflight);
    if (preflight == NULL)
        return plr_error_nomem(err);
    preflight->client = client;
    preflight->on_end = on_end;
    preflight->userdata = userdata;
    for (size_t i = 0; i < n_rules; i++)
        for (size_t k = 0; rules[i].verbs[k] != NULL; k++)
            preflight->rights[preflight->n_rights++] = (right){
                .preflight = preflight,
                .rule = &rules[i],
                .verb = rules[i].verbs[k],
            };
    _cleanup_json_ json_object *body = rules_review(plr_kube_client_namespace(client));
    int r = ask(preflight, REVIEWS "selfsubjectrulesreviews", body, on_rules, &preflight->call,
            preflight, err);
    if (r == 0)
        *ret_preflight = steal(preflight);
    return r;
}
