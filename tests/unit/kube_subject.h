/* SPDX-License-Identifier: MIT */
/* A document as the Kubernetes backend gets it, for tests of what it makes of one. */
#ifndef PLR_TESTS_UNIT_KUBE_SUBJECT_H
#define PLR_TESTS_UNIT_KUBE_SUBJECT_H

#include <pipeline/backend.h>

#include "backends/kubernetes/pod.h"

typedef struct plr_kube_subject {
    plr_spec *spec;
    plr_run_view run; /* may be changed before a make */
    plr_kube_settings settings;
    plr_kube_place place;
    plr_task *tasks;
    plr_task **list;
    size_t n_tasks; /* those that run: all */
    json_object **images;
    plr_kube_objects objects;
    plr_error err;
} plr_kube_subject;

/* Reads a document with ' for ", and makes its tasks as the engine would. */
void plr_kube_subject_init(plr_kube_subject *subject, const char *document);
void plr_kube_subject_clear(plr_kube_subject *subject);

/* What the registry says of a task's image. */
void plr_kube_subject_image(plr_kube_subject *subject, size_t task, const char *config);

/* Makes the objects; the result of plr_kube_objects_new. */
int plr_kube_subject_make(plr_kube_subject *subject);

/* Compares what stands at a path ("spec/containers/s0/env/A/value": members, and items by name or
 * number) with JSON (' for "); NULL: nothing is there. */
void plr_kube_expect(json_object *object, const char *path, const char *json);

#endif
