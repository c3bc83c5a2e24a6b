/* SPDX-License-Identifier: MIT */
/* What the objects of a run are called in the cluster, and their labels and annotations. Names come
 * from the run's id, so an object found again is known again. Pure. */
#ifndef PLR_KUBE_NAMES_H
#define PLR_KUBE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <pipeline/backend.h>

#define PLR_KUBE_LABEL "pipeline-runtime.io/"

/* Of pods and Secrets: the run's id, by which all of a run is found, watched and swept; and what
 * kind of thing it is ("run" or "init"). */
#define PLR_KUBE_LABEL_RUN PLR_KUBE_LABEL "run"
#define PLR_KUBE_LABEL_KIND PLR_KUBE_LABEL "kind"

/* Of pods that a Service has: "true" until their step is over. */
#define PLR_KUBE_LABEL_LIVES PLR_KUBE_LABEL "lives"

/* Annotations. The first two are read by plr-init through files; that the deadline is written anew
 * is its lease. */
#define PLR_KUBE_NOTE_PLAN PLR_KUBE_LABEL "plan"
#define PLR_KUBE_NOTE_WORDS PLR_KUBE_LABEL "words"
#define PLR_KUBE_NOTE_HOSTS PLR_KUBE_LABEL "hosts" /* where there is one: its own /etc/hosts */
#define PLR_KUBE_NOTE_OWNER PLR_KUBE_LABEL "owner"
#define PLR_KUBE_NOTE_DEADLINE PLR_KUBE_LABEL "deadline" /* seconds since 1970; moves on */
#define PLR_KUBE_NOTE_VERSION PLR_KUBE_LABEL "version"
#define PLR_KUBE_NOTE_ON_LOSS PLR_KUBE_LABEL "on-loss" /* "keep", or absent */
#define PLR_KUBE_NOTE_STEPS PLR_KUBE_LABEL "steps"     /* for people: {"s0": "build", …} */

/* Where things of ours are in every container. */
#define PLR_KUBE_FOLDER "/.plr"
#define PLR_KUBE_INIT PLR_KUBE_FOLDER "/bin/plr-init"
#define PLR_KUBE_INIT_KEY "plr-init"

/* Room for the name of any object or container of ours, with its NUL. */
#define PLR_KUBE_NAME_SIZE 80

/* "plr-RUN": the pod of the run, and the Secret with what it is given; where `only` has a pod of
 * its own, "plr-RUN-s3-2". With "-pull" behind it, the registries' credentials. */
void plr_kube_pod_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *run_id, const plr_task *only);
void plr_kube_pull_name(
        char ret_name[PLR_KUBE_NAME_SIZE], const char *run_id, const plr_task *only);

/* "s3" for the first attempt of task 3, "s3-2" for its second; and back: false for a container that
 * is none of ours. */
void plr_kube_container_name(char ret_name[PLR_KUBE_NAME_SIZE], size_t task, unsigned attempt);
bool plr_kube_container_parse(const char *name, size_t *ret_task, unsigned *ret_attempt);

/* Volumes of ours in a pod begin with this; the n-th of the document is "plr-v3". */
#define PLR_KUBE_VOLUME "plr-"
void plr_kube_volume_name(char ret_name[PLR_KUBE_NAME_SIZE], size_t volume);

/* How long a pod of the run may take, whatever happens: seconds from its beginning. */
int64_t plr_kube_limit_s(const plr_run_view *run);

/* How long it goes on without a word of its engine's: seconds. */
int64_t plr_kube_lease_s(const plr_run_view *run);

/* Until when what is left of it is spared, seconds since 1970, if this is the engine's last word:
 * the text of PLR_KUBE_NOTE_DEADLINE. */
#define PLR_KUBE_DEADLINE_SIZE 24
void plr_kube_deadline(
        char ret_text[PLR_KUBE_DEADLINE_SIZE], const plr_run_view *run, int64_t now_s);

/* "metadata" of an object of the run with its labels, owner, deadline; `namespace_name` may be
 * NULL. NULL if there is no memory. */
json_object *plr_kube_metadata(
        const plr_run_view *run, const char *name, const char *namespace_name, int64_t now_s);

/* What Kubernetes takes for a name: one of DNS in lower case (RFC 1123). */
bool plr_kube_is_dns_name(const char *name);
/* One that is a single label: a pod's host name. */
bool plr_kube_is_dns_label(const char *name);
/* What names look like that somebody means to resolve; one with a space in it is for people. */
bool plr_kube_is_host_name(const char *name);

#endif
