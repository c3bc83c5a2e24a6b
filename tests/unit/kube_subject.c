/* SPDX-License-Identifier: MIT */
/* Documents, tasks and places for the tests of the Kubernetes backend's pure parts. */
#include "tests/unit/kube_subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/jsonc.h"
#include "tests/unit/documents.h"
#include "tests/unit/harness.h"

static void make_task(plr_kube_subject *s, size_t index)
{
    const plr_document *document = plr_spec_document(s->spec);
    const plr_step *step = document->tasks[index];
    plr_pair *pairs = calloc(step->n_environment + step->n_secrets + 1, sizeof(*pairs));
    plr_task_volume *volumes = calloc(step->n_volumes + 1, sizeof(*volumes));
    size_t n = 0;
    for (size_t i = 0; i < step->n_environment; i++)
        pairs[n++] = step->environment[i];
    for (size_t i = 0; i < step->n_secrets; i++)
        pairs[n++] =
                (plr_pair){ step->secrets[i].env, document->secrets[step->secrets[i].secret].data };
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume *volume = &document->volumes[step->volumes[i].volume];
        volumes[i] = (plr_task_volume){ .name = step->volumes[i].name,
            .path = step->volumes[i].path,
            .host_path = volume->host == NULL ? NULL : volume->host->path,
            .temp = volume->temp,
            .volume = step->volumes[i].volume };
    }
    s->tasks[index] = (plr_task){ .size = sizeof(plr_task),
        .run = &s->run,
        .index = index,
        .attempt = 1,
        .step = step,
        .working_dir = step->working_dir,
        .environment = pairs,
        .n_environment = n,
        .volumes = volumes,
        .n_volumes = step->n_volumes };
}

void plr_kube_subject_init(plr_kube_subject *s, const char *document)
{
    plr_buf found = { 0 };
    *s = (plr_kube_subject){ 0 };
    s->spec = plr_case_read(document, NULL, &found);
    if (s->spec == NULL) {
        printf("%s\n", found.data);
        exit(1);
    }
    plr_buf_clear(&found);
    const plr_document *read = plr_spec_document(s->spec);
    s->run = (plr_run_view){ .size = sizeof(s->run),
        .id = "r1",
        .document = read,
        .owner = "me",
        .grace_ns = 3000000000,
        .self_release = true };
    s->settings.pause_image = (char *)"pause:1";
    s->n_tasks = read->n_tasks;
    s->tasks = calloc(read->n_tasks, sizeof(*s->tasks));
    s->list = calloc(read->n_tasks, sizeof(*s->list));
    s->images = calloc(read->n_tasks, sizeof(*s->images));
    s->place = (plr_kube_place){
        .settings = &s->settings, .nonce = "abc", .images = s->images, .now_s = 1000
    };
    for (size_t i = 0; i < read->n_tasks; i++) {
        make_task(s, i);
        s->list[i] = &s->tasks[i];
    }
}

void plr_kube_subject_image(plr_kube_subject *s, size_t task, const char *config)
{
    char *text = strdup(config);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    s->images[task] = json_tokener_parse(text);
    free(text);
}

int plr_kube_subject_make(plr_kube_subject *s)
{
    plr_kube_objects_clear(&s->objects);
    s->err = (plr_error){ 0 };
    return plr_kube_objects_new(&s->objects, &s->run, s->list, s->n_tasks, &s->place, &s->err);
}

void plr_kube_subject_clear(plr_kube_subject *s)
{
    size_t n = plr_spec_document(s->spec)->n_tasks;
    plr_kube_objects_clear(&s->objects);
    json_object_put(s->place.pod_template);
    for (size_t i = 0; i < n; i++) {
        free((void *)s->tasks[i].environment);
        free((void *)s->tasks[i].volumes);
        json_object_put(s->images[i]);
    }
    free(s->tasks);
    free(s->list);
    free(s->images);
    plr_spec_unref(s->spec);
}

static json_object *item_of(json_object *array, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        json_object *item = json_object_array_get_idx(array, i);
        if (strcmp(plr_jsonc_text(item, "name"), name) == 0)
            return item;
    }
    char *end;
    size_t at = strtoul(name, &end, 10);
    return *end == '\0' ? json_object_array_get_idx(array, at) : NULL;
}

/* A key may have slashes in it ("a.io~1b", as in JSON pointers). */
static json_object *at_path(json_object *object, const char *path)
{
    char part[200];
    while (*path != '\0' && object != NULL) {
        size_t n = strcspn(path, "/");
        snprintf(part, sizeof(part), "%.*s", (int)n, path);
        char *tilde = strstr(part, "~1");
        if (tilde != NULL) {
            *tilde = '/';
            memmove(tilde + 1, tilde + 2, strlen(tilde + 2) + 1);
        }
        path += n + (path[n] == '/');
        json_object *next = NULL;
        if (json_object_is_type(object, json_type_array))
            next = item_of(object, part);
        else
            json_object_object_get_ex(object, part, &next);
        object = next;
    }
    return object;
}

void plr_kube_expect(json_object *object, const char *path, const char *json)
{
    json_object *found = at_path(object, path);
    if (json == NULL) {
        CU_ASSERT_PTR_NULL(found);
        return;
    }
    char *text = strdup(json);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    json_object *wanted = json_tokener_parse(text);
    bool equal = found != NULL && wanted != NULL && json_object_equal(found, wanted);
    CU_ASSERT_TRUE(equal);
    if (!equal)
        printf("%s\n  wanted %s\n  found  %s\n", path, text,
                json_object_to_json_string_ext(found, JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(wanted);
    free(text);
}
