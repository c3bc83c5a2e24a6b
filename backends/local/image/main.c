/* SPDX-License-Identifier: MIT */
/* plr-image fills the store of images: the module of the local backend starts it for each pull, the
 * command for `pipeline-runtime image …`. It is a program of its own so that only a pull loads
 * curl, libarchive and libcrypto. One request comes as a line of JSON on stdin, which then stays
 * open: its end means that nobody waits any more. What happens goes to stdout as lines of JSON, the
 * last of which is {"done":…} or {"error":…}. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/local/image/import.h"
#include "backends/local/image/pull.h"
#include "backends/local/image/record.h"
#include "backends/local/image/say.h"
#include "backends/local/image/unpack.h"
#include "backends/local/store.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/host.h"
#include "engine/io/loop.h"

#define LARGEST_REQUEST ((size_t)16 << 20)
#define LOCK_TRIES 500u

typedef struct outcome {
    bool over;
    plr_error error;
} outcome;

static int read_request(plr_image_request *request, plr_error *err)
{
    _cleanup_buf_ plr_buf line = { 0 };
    char piece[4096];
    while (line.data == NULL || memchr(line.data, '\n', line.size) == NULL) {
        ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (line.size > LARGEST_REQUEST)
            return plr_error_set(err, PLR_ERR_USAGE, "the request is larger than 16 MiB");
        int r = plr_buf_append(&line, piece, (size_t)n, err);
        if (r < 0)
            return r;
    }
    return plr_image_request_read(request, line.data != NULL ? line.data : "", line.size, err);
}

/* Shared with all runs and pulls; whoever removes something holds it for moments only. */
static int lock_store(int *ret_fd, const char *store, plr_error *err)
{
    static const struct timespec moment = { .tv_nsec = 20000000 };
    for (unsigned i = 0;; i++) {
        plr_error error = { 0 };
        int r = plr_store_lock(ret_fd, store, false, &error);
        if (r != PLR_ERR_STATE || i == LOCK_TRIES)
            return r == 0 ? 0 : plr_error_set(err, r, "%s", error.message);
        nanosleep(&moment, NULL);
    }
}

/* Whoever asked has gone. What was downloaded stays for the next one; the processes that unpack see
 * the end of their own stdin when we are gone, and clean up. */
static void on_stdin(plr_watch *watch, unsigned events, void *userdata)
{
    char piece[256];
    (void)watch, (void)events, (void)userdata;
    if (read(STDIN_FILENO, piece, sizeof piece) == 0) {
        plr_error err = { 0 };
        plr_error_set(&err, PLR_ERR_CANCELLED, "given up");
        plr_say_error(&err);
        _exit(1);
    }
}

static void on_done(const char *record, const plr_error *err, void *userdata)
{
    outcome *end = userdata;
    end->over = true;
    if (err != NULL) {
        end->error = *err;
        return;
    }
    json_object *done = json_object_new_object();
    json_object_object_add(done, "record", json_object_new_string(record));
    plr_say("done", done);
}

PLR_DEFINE_CLEANUP(plr_pull, plr_pull_free)
PLR_DEFINE_CLEANUP(plr_import, plr_import_free)

/* A pull or an import, which need the loop. */
static int bring(const plr_image_request *request, const char *store, plr_error *err)
{
    _cleanup_(cleanup_plr_loop_free) plr_loop *loop = NULL;
    _cleanup_(cleanup_plr_pull_free) plr_pull *pull = NULL;
    _cleanup_(cleanup_plr_import_free) plr_import *import = NULL;
    plr_watch *watch = NULL;
    outcome end = { 0 };
    int r = plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, err);
    /* A file or /dev/null says nothing about who waits. */
    if (r == 0 && lseek(STDIN_FILENO, 0, SEEK_CUR) < 0)
        r = plr_watch_new(loop, &watch, STDIN_FILENO, PLR_WATCH_READ, on_stdin, NULL, err);
    if (r == 0 && request->command == PLR_IMAGE_IMPORT)
        r = plr_import_new(&import, &plr_host_table, loop, request, store, on_done, &end, err);
    else if (r == 0)
        r = plr_pull_new(&pull, &plr_host_table, loop, request, store, on_done, &end, err);
    while (r >= 0 && !end.over) /* it returns how much it did */
        r = plr_loop_dispatch(loop, -1, err);
    plr_watch_free(watch);
    if (r < 0)
        return r;
    return end.error.code == PLR_OK ? 0
                                    : plr_error_set(err, end.error.code, "%s", end.error.message);
}

static int work(const plr_image_request *request, plr_error *err)
{
    _cleanup_free_ char *store = NULL;
    _cleanup_close_ int lock = -1;
    int r = plr_store_path(&store, request->store, err);
    if (r < 0)
        return r;
    /* Removing takes the lock alone, for as long as it needs it. */
    if (request->command != PLR_IMAGE_REMOVE && request->command != PLR_IMAGE_PRUNE)
        r = lock_store(&lock, store, err);
    if (r < 0)
        return r;
    switch ((plr_image_command)request->command) {
    case PLR_IMAGE_PULL:
    case PLR_IMAGE_IMPORT:
        return bring(request, store, err);
    case PLR_IMAGE_LIST:
        r = plr_store_list(store, err);
        break;
    case PLR_IMAGE_REMOVE:
        r = plr_store_remove(store, request->image, err);
        break;
    case PLR_IMAGE_PRUNE:
        r = plr_store_prune(store, err);
        break;
    }
    if (r == 0)
        plr_say("done", json_object_new_object());
    return r;
}

int main(int argc, char **argv)
{
    plr_image_request request = { 0 };
    plr_error err = { 0 };
    if (argc > 2 && strcmp(argv[1], "--unpack") == 0)
        return plr_unpack_main(argv + 2);
    /* A child that ended is told by its end, and a reader that has gone by stdin's. */
    signal(SIGPIPE, SIG_IGN);
    int r = read_request(&request, &err);
    if (r == 0)
        r = work(&request, &err);
    plr_arena_clear(&request.arena);
    if (r < 0)
        plr_say_error(&err);
    return r < 0 ? 1 : 0;
}
