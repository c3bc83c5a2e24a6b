/* SPDX-License-Identifier: MIT */
/* The volumes of a pod and the mounts of its containers. Ours are mounted below /.plr, in paths
 * that plr-init expects (init/words.h); the document's where it says. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/pod_parts.h"
#include "backends/kubernetes/secret.h"
#include "init/words.h"
#include "net/jsonc.h"

#define VOLUME_WORDS PLR_KUBE_VOLUME "words"
#define VOLUME_RESULTS PLR_KUBE_VOLUME "results"

/* Of all records of a run; each is a line. */
#define RESULTS_LIMIT "16Mi"

#define MODE_INIT 0555

/* What stands between folder and name in PLR_INIT_POD_PLAN. */
static const char *file_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

void plr_kube_step_volume(char ret_name[PLR_KUBE_NAME_SIZE], const char *what, size_t task)
{
    snprintf(ret_name, PLR_KUBE_NAME_SIZE, PLR_KUBE_VOLUME "%s-%zu", what, task);
}

static json_object *make_volume(const char *name, const char *kind, json_object *source)
{
    return plr_jsonc_object("name", plr_jsonc_string(name), kind, source, NULL);
}

static json_object *make_memory(int64_t size)
{
    json_object *source = plr_jsonc_object("medium", plr_jsonc_string("Memory"), NULL);
    char limit[32];
    snprintf(limit, sizeof(limit), "%lld", (long long)size);
    if (size <= 0 || plr_jsonc_add(source, "sizeLimit", plr_jsonc_string(limit)))
        return source;
    json_object_put(source);
    return NULL;
}

static json_object *make_note(const char *path, const char *annotation)
{
    char field[128];
    snprintf(field, sizeof(field), "metadata.annotations['%s']", annotation);
    return plr_jsonc_object("path", plr_jsonc_string(file_of(path)), "fieldRef",
            plr_jsonc_object("fieldPath", plr_jsonc_string(field), NULL), NULL);
}

static bool append_own(json_object *volumes, const char *init_secret, bool hosts_file)
{
    json_object *notes = plr_jsonc_list(make_note(PLR_INIT_POD_PLAN, PLR_KUBE_NOTE_PLAN));
    bool good = plr_jsonc_append(notes, make_note(PLR_INIT_POD_WORDS, PLR_KUBE_NOTE_WORDS));
    /* Each renewal makes the kubelet write all of them anew: that is what plr-init looks at. */
    good = plr_jsonc_append(notes, make_note("words/lease", PLR_KUBE_NOTE_DEADLINE)) && good;
    if (hosts_file)
        good = plr_jsonc_append(notes, make_note(PLR_KUBE_HOSTS_FILE, PLR_KUBE_NOTE_HOSTS)) && good;
    good = plr_jsonc_append(volumes, make_volume(VOLUME_WORDS, "downwardAPI",
                                             plr_jsonc_object("items", notes, NULL))) &&
           good;
    return plr_jsonc_append(volumes,
                   make_volume(PLR_KUBE_VOLUME_INIT, "secret",
                           plr_jsonc_object("secretName", plr_jsonc_string(init_secret),
                                   "defaultMode", json_object_new_int(MODE_INIT), NULL))) &&
           plr_jsonc_append(
                   volumes, make_volume(VOLUME_RESULTS, "emptyDir",
                                    plr_jsonc_object("medium", plr_jsonc_string("Memory"),
                                            "sizeLimit", plr_jsonc_string(RESULTS_LIMIT), NULL))) &&
           good;
}

/* One item for each mount: the same file may be in a step twice, with another mode. Those that are
 * copied are read by the copier alone. */
static bool append_files(
        json_object *volumes, const plr_kube_pod_maker *maker, const plr_task *task)
{
    char volume[PLR_KUBE_NAME_SIZE], secret[PLR_KUBE_NAME_SIZE];
    const plr_step *step = task->step;
    bool copied = plr_kube_owns_files(step);
    json_object *items = json_object_new_array();
    bool good = items != NULL;
    for (size_t i = 0; i < step->n_files && good; i++) {
        char key[PLR_KUBE_KEY_SIZE], path[32];
        int64_t mode = copied ? 0444 : (int64_t)(step->files[i].mode & 0777);
        plr_kube_file_key(key, &step->files[i]);
        snprintf(path, sizeof(path), "%zu", i);
        good = plr_jsonc_append(
                items, plr_jsonc_object("key", plr_jsonc_string(key), "path",
                               plr_jsonc_string(path), "mode", json_object_new_int64(mode), NULL));
    }
    plr_kube_pod_name(secret, maker->run->id, maker->place->only);
    plr_kube_step_volume(volume, copied ? PLR_KUBE_SOURCE : PLR_KUBE_FILES, task->index);
    good = plr_jsonc_append(
                   volumes, make_volume(volume, "secret",
                                    plr_jsonc_object("secretName", plr_jsonc_string(secret),
                                            "items", items, NULL))) &&
           good;
    plr_kube_step_volume(volume, PLR_KUBE_FILES, task->index);
    return good &&
           (!copied || plr_jsonc_append(volumes, make_volume(volume, "emptyDir", make_memory(0))));
}

/* What must be there, so that nothing is made on the node in silence. The API has no word for "any
 * file": a device is not looked at. */
static json_object *make_host_path(const char *path)
{
    size_t length = strlen(path);
    json_object *source = plr_jsonc_object("path", plr_jsonc_string(path), NULL);
    const char *type = strncmp(path, "/dev/", 5) == 0                          ? ""
                       : length > 5 && strcmp(path + length - 5, ".sock") == 0 ? "Socket"
                                                                               : "Directory";
    if (plr_jsonc_add(source, "type", plr_jsonc_string(type)))
        return source;
    json_object_put(source);
    return NULL;
}

static bool append_volume(json_object *volumes, const plr_kube_pod_maker *maker,
        const plr_task_volume *volume, bool *done)
{
    char name[PLR_KUBE_NAME_SIZE], claim[PLR_KUBE_NAME_SIZE];
    if (*done)
        return true;
    *done = true;
    plr_kube_volume_name(name, volume->volume);
    if (volume->temp == NULL)
        return plr_jsonc_append(
                volumes, make_volume(name, "hostPath", make_host_path(volume->host_path)));
    if (maker->place->only != NULL &&
            plr_kube_is_claimed(maker->document, maker->place, volume->volume)) {
        plr_kube_claim_name(claim, maker->run->id, volume->volume);
        return plr_jsonc_append(
                volumes, make_volume(name, "persistentVolumeClaim",
                                 plr_jsonc_object("claimName", plr_jsonc_string(claim), NULL)));
    }
    if (strcmp(volume->temp->medium, "memory") == 0)
        return plr_jsonc_append(
                volumes, make_volume(name, "emptyDir", make_memory(volume->temp->size_limit)));
    json_object *source = json_object_new_object();
    char limit[32];
    snprintf(limit, sizeof(limit), "%lld", (long long)volume->temp->size_limit);
    bool good = volume->temp->size_limit <= 0 ||
                plr_jsonc_add(source, "sizeLimit", plr_jsonc_string(limit));
    return plr_jsonc_append(volumes, make_volume(name, "emptyDir", source)) && good;
}

static bool append_devices(
        json_object *volumes, const plr_kube_pod_maker *maker, const plr_step *step, bool *done)
{
    const plr_document *document = maker->document;
    bool good = true;
    for (size_t i = 0; i < step->n_devices && good; i++) {
        size_t at = step->devices[i].volume;
        plr_task_volume volume = { .volume = at };
        volume.host_path = document->volumes[at].host->path;
        good = append_volume(volumes, maker, &volume, &done[at]);
    }
    return good;
}

json_object *plr_kube_volumes(const plr_kube_pod_maker *maker, const char *init_secret)
{
    char name[PLR_KUBE_NAME_SIZE];
    _cleanup_json_ json_object *volumes = json_object_new_array();
    _cleanup_free_ bool *done = calloc(maker->document->n_volumes + 1, sizeof(*done));
    bool good = done != NULL && append_own(volumes, init_secret, maker->hosts_file);
    for (size_t i = 0; i < maker->document->n_tasks && good; i++) {
        const plr_task *task = maker->tasks[i];
        if (task == NULL)
            continue;
        for (size_t k = 0; k < task->n_volumes && good; k++)
            good = append_volume(volumes, maker, &task->volumes[k], &done[task->volumes[k].volume]);
        good = good && append_devices(volumes, maker, task->step, done) &&
               (task->step->n_files == 0 || append_files(volumes, maker, task));
        plr_kube_step_volume(name, PLR_KUBE_SHM, i);
        if (good && task->step->docker.shm_size > 0)
            good = plr_jsonc_append(volumes,
                    make_volume(name, "emptyDir", make_memory(task->step->docker.shm_size)));
    }
    return good ? steal(volumes) : NULL;
}

bool plr_kube_append_mount(
        json_object *mounts, const char *volume, const char *path, const char *part, bool read_only)
{
    json_object *mount = plr_jsonc_object(
            "name", plr_jsonc_string(volume), "mountPath", plr_jsonc_string(path), NULL);
    bool good = part == NULL || plr_jsonc_add(mount, "subPath", plr_jsonc_string(part));
    good = (!read_only || plr_jsonc_add(mount, "readOnly", json_object_new_boolean(true))) && good;
    return plr_jsonc_append(mounts, mount) && good;
}

/* All records, and a folder for this container's own: what it writes there nobody else can. One
 * without an init writes none, but its folder shows that it was made. */
static bool append_records(json_object *mounts, const char *container, bool writes)
{
    return plr_kube_append_mount(mounts, VOLUME_WORDS, PLR_KUBE_FOLDER "/words", NULL, true) &&
           plr_kube_append_mount(
                   mounts, VOLUME_RESULTS, PLR_KUBE_FOLDER "/" PLR_INIT_POD_RESULTS, NULL, true) &&
           plr_kube_append_mount(mounts, VOLUME_RESULTS, PLR_KUBE_FOLDER "/" PLR_INIT_POD_OWN,
                   container, !writes);
}

/* The document's own file there is the one that counts. */
static bool append_hosts(json_object *mounts, const plr_step *step)
{
    for (size_t i = 0; i < step->n_files; i++)
        if (strcmp(step->files[i].path, PLR_KUBE_HOSTS_FILE) == 0)
            return true;
    for (size_t i = 0; i < step->n_volumes; i++)
        if (strcmp(step->volumes[i].path, PLR_KUBE_HOSTS_FILE) == 0)
            return true;
    return plr_kube_append_mount(
            mounts, VOLUME_WORDS, PLR_KUBE_HOSTS_FILE, file_of(PLR_KUBE_HOSTS_FILE), false);
}

json_object *plr_kube_mounts(const plr_kube_pod_maker *maker, const plr_task *task,
        const char *container, plr_kube_hold hold)
{
    const plr_step *step = task->step;
    char name[PLR_KUBE_NAME_SIZE], part[32];
    _cleanup_json_ json_object *mounts = json_object_new_array();
    bool good = plr_kube_append_mount(
                        mounts, PLR_KUBE_VOLUME_INIT, PLR_KUBE_FOLDER "/bin", NULL, true) &&
                append_records(mounts, container, plr_kube_has_init(hold)) &&
                (!maker->hosts_file || append_hosts(mounts, step));
    for (size_t i = 0; i < task->n_volumes && good; i++) {
        plr_kube_volume_name(name, task->volumes[i].volume);
        good = plr_kube_append_mount(mounts, name, task->volumes[i].path, NULL, false);
    }
    for (size_t i = 0; i < step->n_devices && good; i++) {
        plr_kube_volume_name(name, step->devices[i].volume);
        good = plr_kube_append_mount(mounts, name, step->devices[i].path, NULL, false);
    }
    plr_kube_step_volume(name, PLR_KUBE_FILES, task->index);
    for (size_t i = 0; i < step->n_files && good; i++) {
        snprintf(part, sizeof(part), "%zu", i);
        good = plr_kube_append_mount(
                mounts, name, step->files[i].path, part, !plr_kube_owns_files(step));
    }
    plr_kube_step_volume(name, PLR_KUBE_SHM, task->index);
    if (good && step->docker.shm_size > 0)
        good = plr_kube_append_mount(mounts, name, "/dev/shm", NULL, false);
    return good ? steal(mounts) : NULL;
}
