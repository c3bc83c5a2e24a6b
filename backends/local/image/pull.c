/* SPDX-License-Identifier: MIT */
/* A pull is a row of steps; each begins the next one when it is done. The policies are those of
 * documents, and mean what they mean on Docker. */
#include "backends/local/image/pull.h"

#include <string.h>

#include "backends/local/image/layer.h"
#include "backends/local/image/record.h"
#include "backends/local/image/say.h"
#include "backends/local/store.h"
#include "engine/base/error.h"
#include "net/credentials.h"
#include "net/image_resolve.h"

struct plr_pull {
    const plr_host *host;
    plr_loop *loop;
    const plr_image_request *request;
    const char *store;
    plr_image_name name;
    plr_buf text; /* the whole name */
    plr_store_image *there;
    plr_timer *timer;
    plr_credential_lookup *lookup;
    plr_registry *registry;
    plr_image_resolve *resolve;
    const plr_image_remote *remote;
    plr_layer_source *sources;
    plr_layers_options layers_options;
    plr_layers *layers;
    plr_pull_fn *on_done;
    void *userdata;
};

void plr_pull_free(plr_pull *pull)
{
    if (pull == NULL)
        return;
    plr_layers_free(pull->layers);
    plr_image_resolve_free(pull->resolve);
    plr_registry_free(pull->registry);
    plr_credential_lookup_free(pull->lookup);
    if (pull->timer != NULL)
        pull->host->timer_free(pull->timer);
    plr_store_image_free(pull->there);
    plr_image_name_clear(&pull->name);
    plr_buf_clear(&pull->text);
    free(pull->sources);
    free(pull);
}

static void end(plr_pull *pull, const char *record, const plr_error *err)
{
    plr_error error = { 0 };
    if (err != NULL)
        plr_error_set(&error, err->code, "image %s: %s", pull->text.data, err->message);
    pull->on_done(record, err != NULL ? &error : NULL, pull->userdata);
}

static void end_with_what_is_there(plr_pull *pull)
{
    _cleanup_free_ char *path = NULL;
    plr_error err = { 0 };
    int r = plr_store_record_path(&path, pull->store, pull->text.data, &err);
    end(pull, path, r < 0 ? &err : NULL);
}

/* A registry that cannot be asked is no reason to stop if there is an image. One that says no is.
 */
static void fail(plr_pull *pull, const plr_error *err)
{
    bool away = err->code == PLR_ERR_INFRASTRUCTURE || err->code == PLR_ERR_TIMEOUT;
    plr_error warning = { 0 };
    if (!away || pull->there == NULL) {
        end(pull, NULL, err);
        return;
    }
    plr_error_set(&warning, err->code, "image %s: %s; going on with the image that is there",
            pull->text.data, err->message);
    plr_say_text("warning", warning.message);
    end_with_what_is_there(pull);
}

static void write_record(plr_pull *pull)
{
    _cleanup_free_ char *path = NULL;
    plr_error err = { 0 };
    int r = plr_record_write(
            &path, pull->store, pull->text.data, pull->remote->digest, &pull->remote->config, &err);
    end(pull, path, r < 0 ? &err : NULL);
}

static void on_layers(plr_layers *layers, const plr_error *err, void *userdata)
{
    plr_pull *pull = userdata;
    (void)layers;
    if (err != NULL)
        fail(pull, err);
    else
        write_record(pull);
}

static int get_layers(plr_pull *pull, plr_error *err)
{
    const plr_manifest *manifest = &pull->remote->manifest;
    size_t n = manifest->n_layers;
    pull->sources = calloc(n, sizeof *pull->sources);
    if (pull->sources == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < n; i++)
        pull->sources[i] = (plr_layer_source){
            .diff_id = pull->remote->config.rootfs.diff_ids[i],
            .digest = manifest->layers[i].digest,
            .size = manifest->layers[i].size,
        };
    pull->layers_options = (plr_layers_options){
        .store = pull->store,
        .registry = pull->registry,
        .sources = pull->sources,
        .n_sources = n,
    };
    return plr_layers_new(
            &pull->layers, pull->host, pull->loop, &pull->layers_options, on_layers, pull, err);
}

static void on_resolved(plr_image_resolve *resolve, const plr_image_remote *remote,
        const plr_error *err, void *userdata)
{
    plr_pull *pull = userdata;
    plr_error error = { 0 };
    (void)resolve;
    pull->remote = remote;
    if (err != NULL)
        fail(pull, err);
    else if (remote->unchanged)
        end_with_what_is_there(pull);
    else if (remote->manifest.n_layers == 0)
        write_record(pull);
    else if (get_layers(pull, &error) < 0)
        fail(pull, &error);
}

static void on_notice(const char *text, void *userdata)
{
    (void)userdata;
    plr_say_text("notice", text);
}

static int resolve(plr_pull *pull, const plr_credential *credential, plr_error *err)
{
    plr_registry_options options = {
        .name = &pull->name,
        .credential = credential,
        .insecure = pull->request->insecure,
        .n_insecure = pull->request->n_insecure,
        .patience_ns = (uint64_t)pull->request->patience,
        .on_notice = on_notice,
    };
    int r = plr_registry_new(&pull->registry, pull->host, pull->loop, &options, err);
    if (r < 0)
        return r;
    return plr_image_resolve_new(&pull->resolve, pull->registry, &pull->name,
            &pull->request->platform, pull->there != NULL ? pull->there->digest : NULL, on_resolved,
            pull, err);
}

static void on_credential(plr_credential_lookup *lookup, const plr_credential *credential,
        const plr_error *warning, void *userdata)
{
    plr_pull *pull = userdata;
    plr_error err = { 0 };
    if (warning != NULL)
        plr_say_text("warning", warning->message);
    int r = resolve(pull, credential, &err);
    plr_credential_lookup_free(lookup);
    pull->lookup = NULL;
    if (r < 0)
        fail(pull, &err);
}

static int look_up(plr_pull *pull, plr_error *err)
{
    plr_credential_sources sources = {
        .auths = pull->request->auths,
        .n_auths = pull->request->n_auths,
        .config_file = pull->request->config,
    };
    return plr_credential_lookup_new(&pull->lookup, pull->host, pull->loop, &sources,
            pull->name.registry, on_credential, pull, err);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_pull *pull = userdata;
    int policy = pull->request->policy;
    plr_error err = { 0 };
    (void)timer;
    /* A record that cannot be read is written again. */
    plr_store_image_read(
            &pull->there, pull->store, pull->text.data, &pull->request->platform, &err);
    err = (plr_error){ 0 };
    bool always = policy == PLR_PULL_ALWAYS ||
                  (policy == PLR_PULL_DEFAULT && plr_image_name_is_latest(&pull->name));
    if (pull->there != NULL && (!always || policy == PLR_PULL_NEVER)) {
        end_with_what_is_there(pull);
    } else if (policy == PLR_PULL_NEVER) {
        plr_error_set(&err, PLR_ERR_IMAGE, "it is not there, and pull_policy is never");
        end(pull, NULL, &err);
    } else if (look_up(pull, &err) < 0) {
        fail(pull, &err);
    }
}

PLR_DEFINE_CLEANUP(plr_pull, plr_pull_free)

int plr_pull_new(plr_pull **ret_pull, const plr_host *host, plr_loop *loop,
        const plr_image_request *request, const char *store, plr_pull_fn *on_done, void *userdata,
        plr_error *err)
{
    _cleanup_(cleanup_plr_pull_free) plr_pull *pull = calloc(1, sizeof *pull);
    if (pull == NULL)
        return plr_error_nomem(err);
    pull->host = host;
    pull->loop = loop;
    pull->request = request;
    pull->store = store;
    pull->on_done = on_done;
    pull->userdata = userdata;
    int r = plr_image_name_parse(&pull->name, request->image, err);
    if (r < 0)
        return r;
    plr_image_name_put(&pull->name, &pull->text);
    r = plr_buf_check(&pull->text, err);
    if (r == 0)
        r = host->timer_new(loop, &pull->timer, on_timer, pull, err);
    if (r < 0)
        return r;
    host->timer_set(pull->timer, host->now(loop));
    *ret_pull = steal(pull);
    return 0;
}
