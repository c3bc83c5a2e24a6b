/* SPDX-License-Identifier: MIT */
/* The files of a step, written into its container before it starts, as one tar. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/refusal.h"
#include "engine/base/error.h"
#include "net/archive.h"

static void on_written(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code == 0) {
        plr_docker_attempt_next(attempt);
        return;
    }
    plr_error_set(&err,
            reply->status == 0 ? reply->error.code
                               : plr_docker_refusal_code(reply->status, reply->error.message),
            "files: %s", reply->error.message);
    plr_docker_attempt_fail(attempt, &err);
}

/* "1000", "1000:100": numbers are taken over, names are root. */
static void read_user(const char *user, uid_t *ret_uid, gid_t *ret_gid)
{
    char *end;
    unsigned long uid, gid = 0;
    *ret_uid = 0;
    *ret_gid = 0;
    if (user == NULL || user[0] < '0' || user[0] > '9')
        return;
    uid = strtoul(user, &end, 10);
    if (*end == ':' && end[1] >= '0' && end[1] <= '9')
        gid = strtoul(end + 1, &end, 10);
    if ((*end != '\0' && *end != ':') || uid > UINT32_MAX - 1 || gid > UINT32_MAX - 1)
        return;
    *ret_uid = (uid_t)uid;
    *ret_gid = (gid_t)gid;
}

/* plr-init, where it is not bound in, and what it reads at its word. */
static size_t add_init(const plr_docker_attempt *attempt, plr_archive_file files[2])
{
    const unsigned char *data;
    size_t size;
    if (!plr_docker_attempt_by_signal(attempt) ||
            !plr_docker_share_init(plr_jsonc_text(attempt->image, "Architecture"), &data, &size))
        return 0;
    files[0] =
            (plr_archive_file){ .path = PLR_DOCKER_INIT, .data = data, .size = size, .mode = 0755 };
    files[1] = (plr_archive_file){ .path = PLR_DOCKER_LATE, .data = "", .mode = 0644 };
    return 2;
}

void plr_docker_stage_files(plr_docker_attempt *attempt)
{
    const plr_step *step = attempt->task->step;
    const plr_document *document = attempt->task->run->document;
    plr_error err = { 0 };
    uid_t uid;
    gid_t gid;
    read_user(step->docker.user, &uid, &gid);
    _cleanup_buf_ plr_buf tar = { 0 };
    _cleanup_free_ plr_archive_file *files = calloc(step->n_files + 2, sizeof(*files));
    int r = files == NULL ? plr_error_nomem(&err) : 0;
    size_t n = r == 0 ? add_init(attempt, files) : 0;
    for (size_t i = 0; r == 0 && i < step->n_files; i++) {
        const plr_file_mount *mount = &step->files[i];
        const plr_bytes *data = &document->files[mount->file].data;
        files[n++] = (plr_archive_file){
            .path = mount->path,
            .data = data->data,
            .size = data->size,
            .mode = (mode_t)mount->mode,
            .uid = uid,
            .gid = gid,
        };
    }
    if (r == 0 && n == 0) {
        plr_docker_attempt_next(attempt);
        return;
    }
    if (r == 0)
        r = plr_archive_write(files, n, &tar, &err);
    _cleanup_free_ char *path = NULL;
    if (r == 0 && asprintf(&path, "/containers/%s/archive?path=/", attempt->id) < 0) {
        path = NULL;
        r = plr_error_nomem(&err);
    }
    if (r < 0) {
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    plr_docker_request request = { .method = "PUT", .path = path, .tar = &tar, .limit_s = 300 };
    plr_docker_ask(attempt->run->docker, &request, on_written, attempt);
}
