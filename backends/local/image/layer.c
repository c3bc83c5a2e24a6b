/* SPDX-License-Identifier: MIT */
/* The set of an image's layers: a few at a time, and one failure ends all. */
#include "backends/local/image/layer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "backends/local/image/layer_call.h"
#include "backends/local/image/say.h"
#include "engine/base/error.h"

#define AT_ONCE 3u
#define PROGRESS_NS 100000000u

static void layer_clear(plr_layer *layer)
{
    plr_layers *set = layer->set;
    if (set == NULL)
        return;
    if (layer->get != NULL)
        plr_registry_cancel(steal(layer->get));
    if (layer->timer != NULL)
        set->host->timer_free(steal(layer->timer));
    set->host->watch_free(steal(layer->watch));
    if (layer->child != NULL)
        set->host->child_free(steal(layer->child));
    cleanup_close(&layer->file);
    cleanup_close(&layer->control);
    cleanup_close(&layer->words);
    layer->file = layer->control = layer->words = -1;
    plr_digest_free(steal(layer->digest));
    free(steal(layer->path));
}

void plr_layers_free(plr_layers *layers)
{
    if (layers == NULL)
        return;
    for (size_t i = 0; i < layers->options->n_sources; i++)
        layer_clear(&layers->items[i]);
    free(layers->items);
    free(layers);
}

void plr_layer_progress(plr_layer *layer, const char *status, uint64_t current, uint64_t total)
{
    const plr_layers *set = layer->set;
    char id[13];
    uint64_t now = set->host->now(set->loop);
    bool amid = current > 0 && current < total;
    if (amid && now - layer->told_at < PROGRESS_NS)
        return;
    layer->told_at = now;
    snprintf(id, sizeof id, "%.12s", plr_digest_hex(layer->source->diff_id));
    plr_say_progress(id, status, current, total);
}

static int open_layer(plr_layer *layer, plr_error *err)
{
    plr_layers *set = layer->set;
    const plr_layer_source *source = layer->source;
    _cleanup_buf_ plr_buf path = { 0 };
    layer->total = (uint64_t)source->size;
    if (source->path != NULL)
        plr_buf_puts(&path, source->path);
    else
        plr_buf_printf(&path, "%s/partial/%s-%s", set->options->store,
                plr_digest_hex(source->digest), plr_digest_hex(source->diff_id));
    int r = plr_buf_steal(&path, &layer->path, err);
    if (r == 0 && source->digest != NULL)
        r = plr_digest_new(&layer->digest, source->digest, err);
    return r < 0 ? r : plr_layer_spawn(layer, err);
}

static void start_more(plr_layers *set)
{
    while (set->error.code == PLR_OK && set->running < AT_ONCE &&
            set->next < set->options->n_sources) {
        plr_layer *layer = &set->items[set->next];
        layer->set = set;
        layer->source = &set->options->sources[set->next++];
        layer->file = layer->control = layer->words = -1;
        if (open_layer(layer, &set->error) < 0)
            layer_clear(layer);
        else
            set->running++;
    }
}

/* Ends what waits for its end: the others, after a failure. */
static void give_up(plr_layers *set)
{
    for (size_t i = 0; i < set->next; i++)
        if (set->items[i].child != NULL && !set->items[i].ending)
            plr_layer_over(&set->items[i], &set->error);
}

void plr_layer_over(plr_layer *layer, const plr_error *err)
{
    plr_layers *set = layer->set;
    if (layer->ending)
        return;
    layer->ending = true;
    layer->done = err == NULL;
    if (err != NULL)
        plr_error_set(&set->error, err->code, "%s", err->message);
    if (layer->get != NULL)
        plr_registry_cancel(steal(layer->get));
    if (layer->timer != NULL)
        set->host->timer_set(layer->timer, 0);
    /* The child leaves nothing half made behind, unless it cannot; its end is waited for. */
    cleanup_close(&layer->control);
    layer->control = -1;
    /* One that waits for another process's work does not listen, and has made nothing yet. */
    if (err != NULL && layer->timer == NULL)
        kill(set->host->child_pid(layer->child), SIGKILL);
    if (err != NULL)
        give_up(set);
}

void plr_layer_ended(plr_layer *layer)
{
    plr_layers *set = layer->set;
    layer_clear(layer);
    set->running--;
    start_more(set);
    if (set->error.code != PLR_OK)
        give_up(set);
    if (set->running == 0 && !set->over) {
        set->over = true;
        set->on_done(set, set->error.code != PLR_OK ? &set->error : NULL, set->userdata);
    }
}

int plr_layers_new(plr_layers **ret_layers, const plr_host *host, plr_loop *loop,
        const plr_layers_options *options, plr_layers_fn *on_done, void *userdata, plr_error *err)
{
    plr_layers *set = calloc(1, sizeof *set);
    plr_layer *items = calloc(options->n_sources + 1, sizeof *items);
    if (set == NULL || items == NULL) {
        free(set);
        free(items);
        return plr_error_nomem(err);
    }
    *set = (plr_layers){
        .host = host,
        .loop = loop,
        .options = options,
        .items = items,
        .on_done = on_done,
        .userdata = userdata,
    };
    start_more(set);
    if (set->running == 0) {
        int r = set->error.code != PLR_OK
                        ? plr_error_set(err, set->error.code, "%s", set->error.message)
                        : plr_error_set(err, PLR_ERR_USAGE, "no layers");
        plr_layers_free(set);
        return r;
    }
    *ret_layers = set;
    return 0;
}
