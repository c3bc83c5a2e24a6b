/* SPDX-License-Identifier: MIT */
/* The process that unpacks a layer, seen from the one that downloads it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "backends/local/image/layer_call.h"
#include "backends/local/image/say.h"
#include "backends/local/image/unpack.h"
#include "engine/base/error.h"

/* What may come out of so many bytes: gzip makes a thousand of one at most, real layers ten. */
#define MOST_FACTOR 200u
#define MOST_ALWAYS ((uint64_t)256 << 20)
#define MOST_EVER ((uint64_t)64 << 30)
#define AGAIN_NS 20000000u

void plr_layer_tell(plr_layer *layer)
{
    const plr_layers *set = layer->set;
    uint64_t word = layer->have | (layer->whole ? PLR_UNPACK_WHOLE : 0);
    if (layer->control < 0)
        return;
    ssize_t n = write(layer->control, &word, sizeof word);
    /* A full pipe has plenty for the child; but the last word must arrive. */
    layer->tell = layer->whole && n < 0 && errno == EAGAIN;
    if (layer->tell)
        set->host->timer_set(layer->timer, set->host->now(set->loop) + AGAIN_NS);
}

/* From the name that nobody looks at to the one that counts, as the last step. */
static int publish(plr_layer *layer, plr_error *err)
{
    const char *store = layer->set->options->store;
    const char *hex = plr_digest_hex(layer->source->diff_id);
    _cleanup_buf_ plr_buf from = { 0 };
    _cleanup_buf_ plr_buf to = { 0 };
    plr_buf_printf(&from, "%s/layers/.new-%s", store, hex);
    plr_buf_printf(&to, "%s/layers/%s", store, hex);
    int r = plr_buf_check(&from, err);
    if (r == 0)
        r = plr_buf_check(&to, err);
    if (r == 0 && rename(from.data, to.data) < 0)
        r = plr_error_set(err, PLR_ERR_SYSTEM, "rename %s: %s", from.data, strerror(errno));
    if (r == 0 && layer->source->path == NULL)
        unlink(layer->path);
    return r;
}

static void take_word(plr_layer *layer, const plr_unpack_word *word)
{
    plr_error err = { 0 };
    switch ((plr_unpack_kind)word->kind) {
    case PLR_UNPACK_WAITING:
        plr_layer_progress(layer, "waiting", 0, layer->total);
        break;
    case PLR_UNPACK_READY:
        plr_layer_begin(layer);
        break;
    case PLR_UNPACK_PROGRESS:
        if (layer->whole)
            plr_layer_progress(layer, "unpacking", word->number, 0);
        break;
    case PLR_UNPACK_NOTE:
        plr_say_text("notice", word->text);
        break;
    case PLR_UNPACK_PRESENT:
        plr_layer_progress(layer, "present", layer->total, layer->total);
        plr_layer_over(layer, NULL);
        break;
    case PLR_UNPACK_DONE:
        publish(layer, &err);
        plr_layer_progress(layer, "done", layer->total, layer->total);
        plr_layer_over(layer, err.code != PLR_OK ? &err : NULL);
        break;
    case PLR_UNPACK_FAILED:
        plr_error_set(&err, word->code, "%s", word->text);
        plr_layer_over(layer, &err);
        break;
    }
}

static void on_words(plr_watch *watch, unsigned events, void *userdata)
{
    plr_layer *layer = userdata;
    plr_unpack_word word;
    ssize_t n;
    (void)watch, (void)events;
    while ((n = read(layer->words, &word, sizeof word)) == (ssize_t)sizeof word) {
        word.text[sizeof word.text - 1] = '\0';
        if (!layer->ending)
            take_word(layer, &word);
    }
    if (n == 0)
        layer->set->host->watch_free(steal(layer->watch)); /* the end of the child tells more */
}

static void on_child(plr_child *child, int status, void *userdata)
{
    plr_layer *layer = userdata;
    plr_error err = { 0 };
    (void)child;
    if (layer->watch != NULL)
        on_words(layer->watch, 0, layer);
    if (!layer->ending) {
        bool killed = status != -1 && WIFSIGNALED(status);
        plr_error_set(&err, PLR_ERR_SYSTEM, "unpacking a layer ended with %s %d",
                killed ? "signal" : "status", killed ? WTERMSIG(status) : WEXITSTATUS(status));
        plr_layer_over(layer, &err);
    }
    plr_layer_ended(layer);
}

int plr_layer_spawn(plr_layer *layer, plr_error *err)
{
    plr_layers *set = layer->set;
    _cleanup_close_ int input = -1;
    _cleanup_close_ int output = -1;
    _cleanup_buf_ plr_buf folder = { 0 };
    char most[24];
    int fds[2];
    uint64_t limit =
            layer->total > MOST_EVER / MOST_FACTOR ? MOST_EVER : layer->total * MOST_FACTOR;
    snprintf(most, sizeof most, "%" PRIu64, limit > MOST_ALWAYS ? limit : MOST_ALWAYS);
    plr_buf_printf(&folder, "%s/layers", set->options->store);
    int r = plr_buf_check(&folder, err);
    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    input = fds[0];
    layer->control = fds[1];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    layer->words = fds[0];
    output = fds[1];
    if (fcntl(layer->control, F_SETFL, O_NONBLOCK) < 0 ||
            fcntl(layer->words, F_SETFL, O_NONBLOCK) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fcntl: %s", strerror(errno));
    r = set->host->watch_new(
            set->loop, &layer->watch, layer->words, PLR_WATCH_READ, on_words, layer, err);
    if (r < 0)
        return r;
    plr_child_options child = {
        .size = sizeof child,
        .path = "/proc/self/exe",
        .argv = (const char *const[]){ "plr-image", "--unpack", layer->path, folder.data,
                layer->source->diff_id, most, NULL },
        .stdin_fd = input,
        .stdout_fd = output,
        .stderr_fd = -1,
    };
    return set->host->child_new(set->loop, &layer->child, &child, on_child, layer, err);
}
