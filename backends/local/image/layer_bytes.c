/* SPDX-License-Identifier: MIT */
/* The bytes of a layer: those that an earlier pull has left, then those of the registry, hashed as
 * they come, and the child is told of each piece. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/local/image/layer_call.h"
#include "engine/base/error.h"

#define PIECE ((size_t)1 << 20)
#define PIECES_A_TURN 8u

static void complete(plr_layer *layer)
{
    plr_error err = { 0 };
    if (layer->digest != NULL && plr_digest_check(layer->digest, "a layer", &err) < 0) {
        /* What was downloaded before may have been the wrong part: nothing of it is kept. */
        if (layer->source->path == NULL)
            unlink(layer->path);
        plr_layer_over(layer, &err);
        return;
    }
    layer->whole = true;
    plr_layer_tell(layer);
}

static int write_all(plr_layer *layer, const char *data, size_t size, plr_error *err)
{
    while (size > 0) {
        ssize_t n = write(layer->file, data, size);
        if (n < 0 && errno != EINTR)
            return plr_error_set(err, PLR_ERR_SYSTEM,
                    errno == ENOSPC || errno == EDQUOT ? "no space left: %s (%s)" : "write %s: %s",
                    layer->path, strerror(errno));
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void on_data(plr_registry_get *get, const void *data, size_t size, void *userdata)
{
    plr_layer *layer = userdata;
    plr_error err = { 0 };
    (void)get;
    if (size > layer->total - layer->have)
        plr_error_set(&err, PLR_ERR_IMAGE,
                "a layer is longer than the %" PRIu64 " bytes of its manifest", layer->total);
    else
        write_all(layer, data, size, &err);
    if (err.code != PLR_OK) {
        plr_layer_over(layer, &err);
        return;
    }
    plr_digest_update(layer->digest, data, size);
    layer->have += size;
    plr_layer_tell(layer);
    plr_layer_progress(layer, "downloading", layer->have, layer->total);
}

static void on_done(plr_registry_get *get, plr_buf *body, const plr_error *err, void *userdata)
{
    plr_layer *layer = userdata;
    plr_error error = { 0 };
    (void)get, (void)body;
    layer->get = NULL;
    if (err == NULL && layer->have < layer->total)
        plr_error_set(&error, PLR_ERR_IMAGE,
                "a layer ends after %" PRIu64 " bytes, its manifest says %" PRIu64, layer->have,
                layer->total);
    if (err != NULL || error.code != PLR_OK)
        plr_layer_over(layer, err != NULL ? err : &error);
    else
        complete(layer);
}

static int download(plr_layer *layer, plr_error *err)
{
    plr_registry_request request = {
        .kind = "blobs",
        .reference = layer->source->digest,
        .offset = layer->have,
        .on_data = on_data,
        .on_done = on_done,
        .userdata = layer,
    };
    plr_layer_progress(layer, "downloading", layer->have, layer->total);
    return plr_registry_start(layer->set->options->registry, &layer->get, &request, err);
}

/* Hashes some of what was found. Returns 1 if there is more of it. */
static int hash_some(plr_layer *layer, plr_error *err)
{
    _cleanup_free_ char *piece = malloc(PIECE);
    if (piece == NULL)
        return plr_error_nomem(err);
    for (unsigned i = 0; i < PIECES_A_TURN && layer->have < layer->found; i++) {
        ssize_t n = pread(layer->file, piece, PIECE, (off_t)layer->have);
        if (n <= 0)
            return plr_error_set(err, PLR_ERR_SYSTEM, "read %s: %s", layer->path,
                    n < 0 ? strerror(errno) : "it became shorter");
        if (layer->digest != NULL)
            plr_digest_update(layer->digest, piece, (size_t)n);
        layer->have += (uint64_t)n;
    }
    plr_layer_tell(layer);
    return layer->have < layer->found;
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_layer *layer = userdata;
    plr_layers *set = layer->set;
    plr_error err = { 0 };
    if (layer->tell) {
        plr_layer_tell(layer);
        return;
    }
    int r = hash_some(layer, &err);
    if (r > 0)
        set->host->timer_set(timer, set->host->now(set->loop));
    else if (r == 0 && layer->have < layer->total)
        r = download(layer, &err);
    else if (r == 0)
        complete(layer);
    if (r < 0)
        plr_layer_over(layer, &err);
}

static int open_file(plr_layer *layer, plr_error *err)
{
    struct stat st;
    bool ours = layer->source->path == NULL;
    layer->file = open(layer->path,
            (ours ? O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW : O_RDONLY) | O_CLOEXEC, 0600);
    if (layer->file < 0 || fstat(layer->file, &st) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open %s: %s", layer->path, strerror(errno));
    layer->found = (uint64_t)st.st_size;
    if (layer->found > layer->total && ours) {
        if (ftruncate(layer->file, 0) < 0)
            return plr_error_set(
                    err, PLR_ERR_SYSTEM, "truncate %s: %s", layer->path, strerror(errno));
        layer->found = 0;
    } else if (layer->found != layer->total && !ours) {
        return plr_error_set(err, PLR_ERR_IMAGE,
                "a layer has %" PRIu64 " bytes, its manifest says %" PRIu64, layer->found,
                layer->total);
    }
    return 0;
}

void plr_layer_begin(plr_layer *layer)
{
    plr_layers *set = layer->set;
    plr_error err = { 0 };
    int r = open_file(layer, &err);
    if (r == 0)
        r = set->host->timer_new(set->loop, &layer->timer, on_timer, layer, &err);
    if (r < 0)
        plr_layer_over(layer, &err);
    else
        set->host->timer_set(layer->timer, set->host->now(set->loop));
}
