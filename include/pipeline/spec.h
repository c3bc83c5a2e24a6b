/* SPDX-License-Identifier: MIT */
/* What a pipeline document says, as const structs: the tables of the engine decode into them, and
 * hosts and backends read them. They belong to a reference-counted plr_spec and live as long. */
#ifndef PIPELINE_SPEC_H
#define PIPELINE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plr_spec plr_spec;

/* An index that refers to nothing (a secret that the host has to bring). */
#define PLR_NONE ((size_t)-1)

typedef struct plr_pair {
    const char *name;
    const char *value;
} plr_pair;

typedef struct plr_bytes {
    const unsigned char *data;
    size_t size;
} plr_bytes;

typedef struct plr_metadata {
    const char *uid;
    const char *namespace_name;
    const char *name; /* the uid where the document gives no name */
    const plr_pair *labels;
    size_t n_labels;
} plr_metadata;

typedef struct plr_platform {
    const char *os, *arch, *variant, *version;
} plr_platform;

typedef struct plr_secret {
    plr_metadata metadata;
    const char *data;
} plr_secret;

typedef struct plr_file {
    plr_metadata metadata;
    plr_bytes data; /* decoded */
} plr_file;

typedef struct plr_volume_temp {
    const char *medium; /* "" or "memory" */
    int64_t size_limit; /* bytes; 0: none */
} plr_volume_temp;

typedef struct plr_volume_host {
    const char *path;
} plr_volume_host;

typedef struct plr_volume {
    plr_metadata metadata;
    const plr_volume_temp *temp; /* exactly one of the two is set */
    const plr_volume_host *host;
} plr_volume;

typedef struct plr_auth {
    const char *address, *username, *password;
} plr_auth;

typedef struct plr_device_mount {
    const char *name; /* a host volume's name */
    const char *path; /* in the step */
    size_t volume;    /* index into plr_document.volumes */
} plr_device_mount;

typedef struct plr_file_mount {
    const char *name;
    const char *path;
    int64_t mode; /* permission bits, 0644 where the document says nothing */
    size_t file;  /* index into plr_document.files */
} plr_file_mount;

typedef struct plr_volume_mount {
    const char *name;
    const char *path;
    size_t volume; /* index into plr_document.volumes */
} plr_volume_mount;

typedef struct plr_secret_mount {
    const char *name;
    const char *env;
    size_t secret; /* index into plr_document.secrets, or PLR_NONE: the host's */
} plr_secret_mount;

typedef struct plr_resource_list {
    int64_t cpu;    /* thousandths of a core; 0: not said */
    int64_t memory; /* bytes; 0: not said */
    int64_t pids;   /* limits only; 0: not said */
} plr_resource_list;

typedef struct plr_resources {
    plr_resource_list limits, requests;
} plr_resources;

typedef enum plr_run_policy {
    PLR_RUN_ON_SUCCESS,
    PLR_RUN_ON_FAILURE,
    PLR_RUN_ALWAYS,
    PLR_RUN_NEVER,
} plr_run_policy;

typedef enum plr_pull_policy {
    PLR_PULL_DEFAULT,
    PLR_PULL_ALWAYS,
    PLR_PULL_IF_NOT_EXISTS,
    PLR_PULL_NEVER,
} plr_pull_policy;

typedef struct plr_port {
    int64_t port, host;   /* host 0: the daemon chooses */
    const char *protocol; /* "tcp", "udp" or "sctp" */
} plr_port;

typedef struct plr_docker_options {
    const char *const *command; /* the entrypoint */
    size_t n_command;
    const char *const *args;
    size_t n_args;
    const char *const *dns;
    size_t n_dns;
    const char *const *dns_search;
    size_t n_dns_search;
    const char *const *extra_hosts;
    size_t n_extra_hosts;
    const char *image;
    const char *network;
    const char *const *networks;
    size_t n_networks;
    const plr_port *ports;
    size_t n_ports;
    bool privileged;
    int pull_policy;  /* plr_pull_policy */
    int64_t shm_size; /* bytes; 0: the backend's default */
    const char *user;
} plr_docker_options;

typedef struct plr_kubernetes_options {
    const char *const *command;
    size_t n_command;
    const char *const *args;
    size_t n_args;
} plr_kubernetes_options;

typedef struct plr_retry {
    int64_t attempts; /* all attempts, the first one included; 0 and 1: no retry */
    const int *on;    /* plr_reason values; none: every reason that may be retried */
    size_t n_on;
    int64_t backoff_ns; /* before the second attempt, doubled before each further one */
} plr_retry;

typedef struct plr_ready {
    int64_t tcp;             /* a port; 0: none */
    const char *http;        /* ":port/path", or NULL */
    const char *const *exec; /* a command in the service's own container */
    size_t n_exec;
    const char *log;    /* a literal in its raw output, or NULL */
    int64_t timeout_ns; /* 0: the engine's default */
} plr_ready;

typedef enum plr_step_kind {
    PLR_STEP_SERVICE,
    PLR_STEP_STEP,
    PLR_STEP_HOOK_SUCCESS,
    PLR_STEP_HOOK_FAILURE,
    PLR_STEP_HOOK_ALWAYS,
} plr_step_kind;

typedef struct plr_step {
    size_t size; /* sizeof(plr_step) as the library knows it */
    plr_step_kind kind;
    const char *pointer; /* where it stands in the document, for diagnostics */
    size_t line, column;
    plr_metadata metadata;
    bool detach; /* true for services too */
    const char *const *depends_on;
    size_t n_depends_on;
    const size_t *dependencies; /* the same as indices into plr_document.tasks, without repeats; in
                                   a serial document the step before */
    size_t n_dependencies;
    const plr_device_mount *devices;
    size_t n_devices;
    const plr_pair *environment;
    size_t n_environment;
    const plr_file_mount *files;
    size_t n_files;
    bool ignore_err, ignore_stdout, ignore_stderr;
    plr_resources resources;
    int run_policy; /* plr_run_policy */
    const plr_secret_mount *secrets;
    size_t n_secrets;
    const plr_volume_mount *volumes;
    size_t n_volumes;
    const char *working_dir;
    plr_docker_options docker;
    plr_kubernetes_options kubernetes;
    int64_t timeout_ns; /* for each attempt; 0: none */
    plr_retry retry;
    const plr_ready *ready; /* NULL: met when started */
    const char *network;    /* "host", "none" or NULL */
    const char *const *aliases;
    size_t n_aliases;
} plr_step;

typedef struct plr_document {
    size_t size; /* sizeof(plr_document) as the library knows it */
    plr_metadata metadata;
    plr_platform platform;
    const plr_secret *secrets;
    size_t n_secrets;
    const plr_file *files;
    size_t n_files;
    const plr_volume *volumes; /* the document's and docker.volumes */
    size_t n_volumes;
    const plr_auth *auths;
    size_t n_auths;
    int64_t timeout_ns;           /* of the pipeline; 0: none */
    bool serial;                  /* no step has depends_on */
    const plr_step *const *tasks; /* services, steps, hooks: success, failure, always; in the
                                     document's order each */
    size_t n_tasks;
} plr_document;

typedef struct plr_spec_options {
    size_t size;
    bool lenient;               /* unknown keys are warnings */
    const char *const *secrets; /* names that the host will bring when the run starts */
    size_t n_secrets;
    bool secrets_from_host; /* names of secrets are not checked here, but at the run's start */
} plr_spec_options;

/* Reads a document of `size` bytes. `name` is what diagnostics call it. All findings go to
 * `on_diagnostic` (may be NULL) before the call returns; with an error among them the call fails
 * with PLR_ERR_DOCUMENT and `err` tells the first. `data` may be freed afterwards. `options` may be
 * NULL. On success the caller holds the one reference. Since: 0.1 */
PLR_PUBLIC int plr_spec_read(plr_spec **ret_spec, const char *name, const void *data, size_t size,
        const plr_spec_options *options, plr_diagnostic_fn *on_diagnostic, void *userdata,
        plr_error *err);

/* One more reference; returns `spec`. Not for two threads at once. Since: 0.1 */
PLR_PUBLIC plr_spec *plr_spec_ref(plr_spec *spec);

/* One reference less; the last one frees. NULL is accepted. Since: 0.1 */
PLR_PUBLIC void plr_spec_unref(plr_spec *spec);

/* What the document says; borrowed. Since: 0.1 */
PLR_PUBLIC const plr_document *plr_spec_document(const plr_spec *spec);

/* A place in a document's text, from 1; columns are bytes. Line 0: not known. */
typedef struct plr_position {
    size_t line, column;
} plr_position;

/* Where the values that JSON pointers name stand in the text that a spec was read from; of one that
 * is not there, what it would stand in. For findings of a backend's check, which know the pointer
 * only. Since: 0.1 */
PLR_PUBLIC int plr_spec_locate(const void *data, size_t size, const char *const *pointers, size_t n,
        plr_position *ret_positions, plr_error *err);

typedef enum plr_graph_format {
    PLR_GRAPH_TEXT,
    PLR_GRAPH_DOT,
    PLR_GRAPH_MERMAID,
    PLR_GRAPH_JSON,
} plr_graph_format;

/* The plan of a document as text. On success `*ret_text` is for the caller to free(). Since: 0.1 */
PLR_PUBLIC int plr_spec_graph(
        const plr_spec *spec, plr_graph_format format, char **ret_text, plr_error *err);

/* The JSON Schema (2020-12) of documents, and their reference page in Markdown, both made from the
 * tables that decode. On success `*ret_text` is for the caller to free(). Since: 0.1 */
PLR_PUBLIC int plr_spec_schema(char **ret_text, plr_error *err);
PLR_PUBLIC int plr_spec_reference(char **ret_text, plr_error *err);

#ifdef __cplusplus
}
#endif
#endif
