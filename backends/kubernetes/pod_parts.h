/* SPDX-License-Identifier: MIT */
/* What the files that make a pod share: all that is known while one is made. */
#ifndef PLR_KUBE_POD_PARTS_H
#define PLR_KUBE_POD_PARTS_H

#include "backends/kubernetes/pod.h"
#include "backends/kubernetes/resources.h"

typedef struct plr_kube_pod_maker {
    const plr_run_view *run;
    const plr_document *document;
    const plr_kube_place *place;
    const char *architecture;
    const plr_task **tasks; /* by index into document->tasks, NULL: has no container */
    size_t *order;
    plr_kube_request *requests;
    json_object *hosts; /* [{"ip", "hostnames"}]: what resolves */
    bool hosts_file;    /* it is in a file of ours */
    bool restricted;    /* each step has a user that is not root, and wants nothing of the node */
    int64_t lease_s;    /* how long its plr-inits go on without a word of the engine's */
    size_t n_containers;
} plr_kube_pod_maker;

/* pod_container.c: all that does not come from volumes. */
int plr_kube_container(json_object **ret_container, const plr_kube_pod_maker *maker,
        const plr_task *task, unsigned attempt, plr_error *err);

/* pod_container.c: adds what has something in it; the rest is not worth saying. Takes the value. */
bool plr_kube_add_filled(json_object *object, const char *key, json_object *value);

/* pod_container.c: who it runs as and what it may, that of the step besides. */
bool plr_kube_add_user(json_object *container, const plr_kube_pod_maker *maker,
        const plr_step *step, bool privileged);

/* pod_volumes.c: the pod's volumes, and what of them a container mounts. */
json_object *plr_kube_volumes(const plr_kube_pod_maker *maker, const char *init_secret);
json_object *plr_kube_mounts(const plr_kube_pod_maker *maker, const plr_task *task,
        const char *container, plr_kube_hold hold);
/* Volumes of one step: its files, what they are copied from where they are to be its user's, its
 * shared memory. */
#define PLR_KUBE_FILES "files"
#define PLR_KUBE_SOURCE "source"
#define PLR_KUBE_SHM "shm"
void plr_kube_step_volume(char ret_name[PLR_KUBE_NAME_SIZE], const char *what, size_t task);
#define PLR_KUBE_VOLUME_INIT PLR_KUBE_VOLUME "init"
/* `part`: a file or folder in the volume, NULL for all of it. */
bool plr_kube_append_mount(json_object *mounts, const char *volume, const char *path,
        const char *part, bool read_only);

/* pod_files.c: whether a step's files have another owner than root, and who copies such ones. */
bool plr_kube_owns_files(const plr_step *step);
bool plr_kube_add_copiers(json_object *spec, const plr_kube_pod_maker *maker);

/* pod_hold.c: its image is what the registry has, each time. */
bool plr_kube_pulls_always(const plr_docker_options *docker);
#define PLR_KUBE_HOSTS_FILE "/etc/hosts"

/* pod_network.c: names that resolve, its own one, name servers. False: no memory. */
bool plr_kube_add_network(json_object *spec, const plr_kube_pod_maker *maker);

/* pod_hosts.c: finds the names of the maker; then as the API has them, and as a file in an
 * annotation, if there is one. False: no memory. */
bool plr_kube_hosts_init(plr_kube_pod_maker *maker);
bool plr_kube_add_aliases(json_object *spec, const plr_kube_pod_maker *maker);
bool plr_kube_add_hosts_note(json_object *notes, const plr_kube_pod_maker *maker);
/* It brings a name that others may look for and the API does not take. */
bool plr_kube_needs_hosts_file(const plr_step *step);
/* "name:address" or "name=address" taken apart; false if it is neither. */
bool plr_kube_extra_host(const char *text, char ret_name[254], const char **ret_address);

/* pod_container.c: a user as "1000", "1000:1000", "root": false for any other name. Numbers are -1
 * where it says nothing. */
bool plr_kube_user_read(const char *user, int64_t *ret_user, int64_t *ret_group);

/* pod_command.c: `text` so that what Kubernetes makes of it, who replaces $(NAME) and halves $$, is
 * `text` again. NULL: no memory. */
json_object *plr_kube_literal(const char *text);

/* pod_command.c: command and args. PLR_ERR_CONFIGURATION: there is nothing to run. */
int plr_kube_add_command(json_object *container, const plr_kube_pod_maker *maker,
        const plr_task *task, unsigned attempt, plr_error *err);

/* pod_probes.c: how it is seen that it is ready, and, where no plr-init sees to that, that its
 * engine is lost. */
bool plr_kube_add_probes(json_object *container, const plr_kube_pod_maker *maker,
        const plr_step *step, plr_kube_hold hold);
/* pod_probes.c: "--lease", "--containers" for plr-init, four words. */
#define PLR_KUBE_LEASE_WORDS 4
typedef struct plr_kube_lease_words {
    char numbers[2][24];
    const char *words[PLR_KUBE_LEASE_WORDS];
} plr_kube_lease_words;
void plr_kube_lease_words_make(plr_kube_lease_words *ret_words, const plr_kube_pod_maker *maker);
/* How many questions a step's `ready` asks of Kubernetes, which can ask two of a container. */
#define PLR_KUBE_PROBES 2
size_t plr_kube_probe_count(const plr_ready *ready);

#endif
