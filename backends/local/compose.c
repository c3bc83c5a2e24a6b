/* SPDX-License-Identifier: MIT */
/* A task as the fields of a TASK request. The one thing asked of the machine is whether a host path
 * is a device. */
#include "backends/local/compose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/local/names.h"
#include "backends/local/protocol.h"
#include "engine/base/error.h"
#include "engine/base/map.h"

/* Docker's, for images that say nothing. */
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *put_words(plr_buf *out, const char *first, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n && out != NULL; i++)
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ARGUMENT, words[i]);
    return first == NULL && n > 0 ? words[0] : first;
}

const char *plr_local_compose_command(
        plr_buf *out, const plr_task *task, const plr_store_image *image)
{
    const plr_docker_options *docker = &task->step->docker;
    const char *first = NULL;
    if (docker->n_command > 0)
        first = put_words(out, first, docker->command, docker->n_command);
    else if (image != NULL)
        first = put_words(out, first, image->entrypoint, image->n_entrypoint);
    first = put_words(out, first, docker->args, docker->n_args);
    if (docker->n_command == 0 && docker->n_args == 0 && image != NULL)
        first = put_words(out, first, image->cmd, image->n_cmd);
    return first;
}

/* Names and values in which the later ones have replaced the earlier ones. */
typedef struct environment {
    plr_map names;
    plr_pair *pairs;
    size_t n;
    char **names_made; /* of entries that were one text */
    size_t n_made;
} environment;

static int put_pair(environment *env, const char *name, const char *value, plr_error *err)
{
    size_t at;
    int added = plr_map_add(&env->names, name, env->n, &at, err);
    if (added < 0)
        return added;
    if (added == 1)
        at = env->n++;
    env->pairs[at] = (plr_pair){ name, value };
    return 0;
}

/* "NAME=value" of an image. */
static int put_text(environment *env, const char *text, plr_error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return 0;
    char *name = strndup(text, (size_t)(equals - text));
    if (name == NULL)
        return plr_error_nomem(err);
    env->names_made[env->n_made++] = name;
    return put_pair(env, name, equals + 1, err);
}

static int collect(
        environment *env, const plr_task *task, const plr_store_image *image, plr_error *err)
{
    const plr_run_view *run = task->run;
    int r = put_pair(env, "PATH", PATH_DEFAULT, err);
    for (size_t i = 0; r == 0 && image != NULL && i < image->n_environment; i++)
        r = put_text(env, image->environment[i], err);
    for (size_t i = 0; r == 0 && i < run->n_host_environment; i++)
        r = put_pair(env, run->host_environment[i].name, run->host_environment[i].value, err);
    for (size_t i = 0; r == 0 && i < task->n_environment; i++)
        r = put_pair(env, task->environment[i].name, task->environment[i].value, err);
    return r;
}

int plr_local_compose_environment(
        plr_buf *out, const plr_task *task, const plr_store_image *image, plr_error *err)
{
    size_t n_image = image == NULL ? 0 : image->n_environment;
    size_t most = 1 + n_image + task->run->n_host_environment + task->n_environment;
    _cleanup_buf_ plr_buf text = { 0 };
    environment env = { 0 };
    plr_map_init(&env.names);
    env.pairs = calloc(most, sizeof(*env.pairs));
    env.names_made = calloc(n_image + 1, sizeof(*env.names_made));
    int r = env.pairs == NULL || env.names_made == NULL ? plr_error_nomem(err)
                                                        : collect(&env, task, image, err);
    for (size_t i = 0; r == 0 && i < env.n; i++) {
        plr_buf_reset(&text);
        plr_buf_printf(&text, "%s=%s", env.pairs[i].name, env.pairs[i].value);
        r = plr_buf_check(&text, err);
        if (r == 0)
            plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ENVIRONMENT, text.data);
    }
    for (size_t i = 0; i < env.n_made; i++)
        free(env.names_made[i]);
    free(env.names_made);
    free(env.pairs);
    plr_map_clear(&env.names);
    return r;
}

static void put_root(plr_buf *out, const plr_store_image *image)
{
    if (image == NULL)
        plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_HOST_ROOT);
    for (size_t i = 0; image != NULL && i < image->n_layers; i++)
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_LAYER, image->layers[i]);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* The step's own, or else what the image says. */
static void put_place(plr_buf *out, const plr_local_wish *wish)
{
    const plr_step *step = wish->task->step;
    const char *folder = wish->task->working_dir, *user = step->docker.user;
    if (!is_set(folder) && wish->image != NULL)
        folder = wish->image->working_dir;
    if (!is_set(user) && wish->image != NULL)
        user = wish->image->user;
    if (is_set(folder) && folder[0] == '/')
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_WORKING_DIR, folder);
    if (is_set(user))
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_USER, user);
    if (plr_local_is_host_name(step->metadata.name) && strlen(step->metadata.name) <= 63)
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_HOSTNAME, step->metadata.name);
}

static void put_network(plr_buf *out, const plr_local_wish *wish)
{
    const plr_task *task = wish->task;
    plr_network_mode mode =
            wish->room_is_host && wish->mode != PLR_NETWORK_NONE ? PLR_NETWORK_HOST : wish->mode;
    plr_network_mode own = plr_local_network_of(task->step, mode);
    char text[PLR_LOCAL_ADDRESS_SIZE], text6[PLR_LOCAL_ADDRESS6_SIZE];
    uint32_t address;
    plr_sandbox_network network = PLR_SANDBOX_NETWORK_ROOM;
    _cleanup_buf_ plr_buf file = { 0 };
    if (own == PLR_NETWORK_HOST)
        network = PLR_SANDBOX_NETWORK_HOST;
    else if (own == PLR_NETWORK_NONE)
        network = PLR_SANDBOX_NETWORK_NONE;
    else if (own == PLR_NETWORK_ISOLATED &&
             plr_local_address(wish->subnet, task->index, &address)) {
        network = PLR_SANDBOX_NETWORK_OWN;
        plr_local_address_text(address, true, text);
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ADDRESS, text);
        plr_local_address6_text(address, true, text6);
        if (wish->ipv6)
            plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ADDRESS6, text6);
    }
    plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_NETWORK, network);
    plr_local_hosts(&file, task->run->document, task->step, mode, wish->subnet, wish->ipv6);
    out->failed |= file.failed;
    plr_sandbox_put_bytes(out, PLR_SANDBOX_FIELD_HOSTS, file.data, file.size);
    plr_buf_reset(&file);
    text[0] = '\0';
    if (wish->outbound && own != PLR_NETWORK_NONE)
        plr_local_address_text(wish->subnet + PLR_LOCAL_NAME_SERVER, false, text);
    plr_local_resolv(&file, task->step, wish->resolv, own == PLR_NETWORK_HOST ? NULL : text);
    out->failed |= file.failed;
    plr_sandbox_put_bytes(
            out, PLR_SANDBOX_FIELD_RESOLV, file.data == NULL ? "" : file.data, file.size);
}

static bool is_device(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode));
}

static void put_source(plr_buf *out, plr_sandbox_tag tag, const char *source, const char *target)
{
    size_t group = plr_sandbox_begin(out, tag);
    plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_SOURCE, source);
    plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_TARGET, target);
    plr_sandbox_end_group(out, group);
}

/* A volume of the run's own. */
static void put_temp(plr_buf *out, const plr_task_volume *volume)
{
    size_t group = plr_sandbox_begin(out, PLR_SANDBOX_FIELD_MOUNT);
    plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_VOLUME_NUMBER, volume->volume);
    plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_TARGET, volume->path);
    plr_sandbox_end_group(out, group);
}

static void put_volumes(plr_buf *out, const plr_task *task)
{
    const plr_document *document = task->run->document;
    for (size_t i = 0; i < task->n_volumes; i++) {
        const plr_task_volume *volume = &task->volumes[i];
        if (volume->host_path != NULL) {
            bool device = is_device(volume->host_path);
            put_source(out, device ? PLR_SANDBOX_FIELD_DEVICE : PLR_SANDBOX_FIELD_MOUNT,
                    volume->host_path, volume->path);
            continue;
        }
        put_temp(out, volume);
    }
    for (size_t i = 0; i < task->step->n_devices; i++) {
        const plr_device_mount *device = &task->step->devices[i];
        put_source(out, PLR_SANDBOX_FIELD_DEVICE, document->volumes[device->volume].host->path,
                device->path);
    }
}

/* "1000", "1000:100": numbers are taken over, names are root. */
static void read_user(const char *user, uint64_t *ret_uid, uint64_t *ret_gid)
{
    char *end;
    *ret_uid = *ret_gid = 0;
    if (user == NULL || user[0] < '0' || user[0] > '9')
        return;
    unsigned long uid = strtoul(user, &end, 10), gid = 0;
    if (*end == ':' && end[1] >= '0' && end[1] <= '9')
        gid = strtoul(end + 1, &end, 10);
    if ((*end != '\0' && *end != ':') || uid > UINT32_MAX - 1 || gid > UINT32_MAX - 1)
        return;
    *ret_uid = uid;
    *ret_gid = gid;
}

static void put_files(plr_buf *out, const plr_task *task)
{
    const plr_step *step = task->step;
    uint64_t uid, gid;
    read_user(step->docker.user, &uid, &gid);
    for (size_t i = 0; i < step->n_files; i++) {
        const plr_file_mount *file = &step->files[i];
        const plr_bytes *data = &task->run->document->files[file->file].data;
        size_t group = plr_sandbox_begin(out, PLR_SANDBOX_FIELD_FILE);
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_TARGET, file->path);
        plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_MODE, (uint64_t)file->mode);
        plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_UID, uid);
        plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_GID, gid);
        plr_sandbox_put_bytes(out, PLR_SANDBOX_FIELD_DATA,
                data->size == 0 ? (const void *)"" : data->data, data->size);
        plr_sandbox_end_group(out, group);
    }
}

static void put_positive(plr_buf *out, plr_sandbox_tag tag, int64_t number)
{
    if (number > 0)
        plr_sandbox_put_number(out, tag, (uint64_t)number);
}

static void put_limits(plr_buf *out, const plr_task *task)
{
    const plr_step *step = task->step;
    const plr_run_view *run = task->run;
    put_positive(out, PLR_SANDBOX_FIELD_SHM_SIZE, step->docker.shm_size);
    put_positive(out, PLR_SANDBOX_FIELD_MEMORY, step->resources.limits.memory);
    put_positive(out, PLR_SANDBOX_FIELD_CPU, step->resources.limits.cpu);
    put_positive(out, PLR_SANDBOX_FIELD_PIDS, step->resources.limits.pids);
    if (step->docker.privileged)
        plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_PRIVILEGED);
    if (step->detach)
        plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_DETACH);
    if (run->keep_on_failure)
        plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_LOOK);
    if (run->on_loss == PLR_ON_LOSS_KEEP)
        plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_KEEP);
    plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_GRACE_MS,
            (uint64_t)(run->grace_ns > 0 ? run->grace_ns / 1000000 : 0));
}

int plr_local_compose(plr_buf *out, const plr_local_wish *wish, plr_error *err)
{
    const plr_task *task = wish->task;
    put_root(out, wish->image);
    if (plr_local_compose_command(out, task, wish->image) == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "no command: neither the step nor the image %s names one",
                is_set(task->step->docker.image) ? task->step->docker.image : "(none)");
    int r = plr_local_compose_environment(out, task, wish->image, err);
    if (r < 0)
        return r;
    put_place(out, wish);
    put_network(out, wish);
    put_volumes(out, task);
    put_files(out, task);
    put_limits(out, task);
    return plr_buf_check(out, err);
}

int plr_local_compose_look(
        plr_buf *out, const plr_task *task, const plr_store_image *image, plr_error *err)
{
    const char *name = task->step->metadata.name, *folder = task->working_dir;
    put_root(out, image);
    plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_LOOK);
    plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ARGUMENT, "sh");
    plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_NETWORK, PLR_SANDBOX_NETWORK_HOST);
    plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_NAME, name);
    for (size_t i = 0; image != NULL && i < image->n_environment; i++)
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ENVIRONMENT, image->environment[i]);
    if (is_set(folder) && folder[0] == '/')
        plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_WORKING_DIR, folder);
    for (size_t i = 0; i < task->n_volumes; i++) {
        const plr_task_volume *volume = &task->volumes[i];
        const plr_volume_temp *temp = volume->host_path != NULL
                                              ? NULL
                                              : task->run->document->volumes[volume->volume].temp;
        if (temp != NULL && strcmp(temp->medium, "memory") != 0)
            put_temp(out, volume);
    }
    return plr_buf_check(out, err);
}
