/* SPDX-License-Identifier: MIT */
/* The format of documents, as tables. Decoding, suggestions, the JSON Schema and the reference page
 * all come from here: a new field is one entry (and its member in <pipeline/spec.h>). */
#include <pipeline/event.h>

#include "engine/spec.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(type, member) .offset = offsetof(type, member)
#define AT_N(type, member, n_member)                                                               \
    .offset = offsetof(type, member), .n_offset = offsetof(type, n_member)
#define TABLE(type, list) .size = sizeof(type), .fields = list, .n_fields = COUNT(list)

#define PATH "^/"
#define VARIABLE "^(?!PIPELINE_)[^=]+$"

static const plr_field metadata_fields[] = {
    { "uid", PLR_FIELD_STRING, AT(plr_metadata, uid),
            .doc = "An identifier of the generator's, once in the document." },
    { "namespace", PLR_FIELD_STRING, AT(plr_metadata, namespace_name),
            .doc = "Kept, and not used: on Kubernetes the caller says the namespace." },
    { "name", PLR_FIELD_STRING, AT(plr_metadata, name),
            .doc = "What others refer to, free text without control characters. Without it the uid "
                   "is the name." },
    { "labels", PLR_FIELD_PAIRS, AT_N(plr_metadata, labels, n_labels),
            .doc = "Labels for what is created of it." },
};
static const plr_table metadata_table = { "metadata", "metadata", "Who a thing is.",
    TABLE(plr_metadata, metadata_fields) };

#define METADATA(type)                                                                             \
    {                                                                                              \
        "metadata", PLR_FIELD_OBJECT, AT(type, metadata), .table = &metadata_table,                \
                                                          .doc = "Its name."                       \
    }

static const plr_field platform_fields[] = {
    { "os", PLR_FIELD_STRING, AT(plr_platform, os), .doc = "`linux`." },
    { "arch", PLR_FIELD_STRING, AT(plr_platform, arch), .doc = "`amd64` or `arm64`." },
    { "variant", PLR_FIELD_STRING, AT(plr_platform, variant), .doc = "For example `v8`." },
    { "version", PLR_FIELD_STRING, AT(plr_platform, version), .doc = "Of the system." },
};
static const plr_table platform_table = { "platform", "a platform",
    "The machine that the document is meant for.", TABLE(plr_platform, platform_fields) };

static const plr_field secret_fields[] = {
    METADATA(plr_secret),
    { "data", PLR_FIELD_STRING, AT(plr_secret, data), .fallback = "",
            .doc = "The secret as text. It is masked in all output." },
};
static const plr_table secret_table = { "secret", "a secret",
    "A value for steps that nobody shall read in a log.", TABLE(plr_secret, secret_fields) };

static const plr_field file_fields[] = {
    METADATA(plr_file),
    { "data", PLR_FIELD_BYTES, AT(plr_file, data),
            .doc = "The content in base64, with or without padding and line breaks." },
    { "name", PLR_FIELD_STRING, AT(plr_file, metadata.name),
            .doc = "Old form of `metadata.name`; only one of the two." },
};
static const plr_table file_table = { "file", "a file", "A file that steps get a copy of.",
    TABLE(plr_file, file_fields) };

static const plr_word mediums[] = { { "memory", 0 }, { NULL, 0 } };

static const plr_field volume_temp_fields[] = {
    { "medium", PLR_FIELD_WORD, AT(plr_volume_temp, medium), .words = mediums, .fallback = "",
            .doc = "`memory` for one in RAM; empty for one on disk." },
    { "size_limit", PLR_FIELD_INTEGER, AT(plr_volume_temp, size_limit),
            .doc = "In bytes; 0 is no limit." },
};
static const plr_table volume_temp_table = { "temporary volume", "a temporary volume",
    "A volume that is empty at first and goes with the run.",
    TABLE(plr_volume_temp, volume_temp_fields) };

static const plr_field volume_host_fields[] = {
    { "path", PLR_FIELD_STRING, AT(plr_volume_host, path), .required = true, .pattern = PATH,
            .doc = "Absolute, without `..`." },
};
static const plr_table volume_host_table = { "host volume", "a host volume",
    "A folder, file or device of the machine.", TABLE(plr_volume_host, volume_host_fields) };

static const plr_field volume_fields[] = {
    METADATA(plr_volume),
    { "temp", PLR_FIELD_POINTER, AT(plr_volume, temp), .table = &volume_temp_table,
            .doc = "A temporary volume; either this or `host`." },
    { "host", PLR_FIELD_POINTER, AT(plr_volume, host), .table = &volume_host_table,
            .doc = "A path of the machine; either this or `temp`." },
};
static const plr_table volume_table = { "volume", "a volume",
    "A folder that steps share. It is exactly one of `temp` and `host`.",
    TABLE(plr_volume, volume_fields) };

static const plr_field auth_fields[] = {
    { "address", PLR_FIELD_STRING, AT(plr_auth, address), .required = true,
            .doc = "The registry: `docker.io`, `registry.example.com:5000`." },
    { "username", PLR_FIELD_STRING, AT(plr_auth, username), .fallback = "", .doc = "The user." },
    { "password", PLR_FIELD_STRING, AT(plr_auth, password), .fallback = "",
            .doc = "Its password. It is masked in all output." },
};
static const plr_table auth_table = { "auth", "an auth", "Credentials for a registry of images.",
    TABLE(plr_auth, auth_fields) };

static const plr_field device_mount_fields[] = {
    { "name", PLR_FIELD_STRING, AT(plr_device_mount, name), .required = true,
            .doc = "A host volume that is a device." },
    { "path", PLR_FIELD_STRING, AT(plr_device_mount, path), .required = true, .pattern = PATH,
            .doc = "Where the step finds it: absolute, without `..`." },
};
static const plr_table device_mount_table = { "device mount", "a device mount",
    "A device of the machine in a step.", TABLE(plr_device_mount, device_mount_fields) };

static const plr_field file_mount_fields[] = {
    { "name", PLR_FIELD_STRING, AT(plr_file_mount, name), .required = true,
            .doc = "A file of the document." },
    { "path", PLR_FIELD_STRING, AT(plr_file_mount, path), .required = true, .pattern = PATH,
            .doc = "Where the step finds it: absolute, without `..`." },
    { "mode", PLR_FIELD_INTEGER, AT(plr_file_mount, mode), .most = 4095,
            .doc = "Permission bits as a decimal number: 511 is 0777. Absent or 0 means 0644." },
};
static const plr_table file_mount_table = { "file mount", "a file mount",
    "A file in a step. Its owner is the step's user if that is a number, else root.",
    TABLE(plr_file_mount, file_mount_fields) };

static const plr_field volume_mount_fields[] = {
    { "name", PLR_FIELD_STRING, AT(plr_volume_mount, name), .required = true,
            .doc = "A volume of the document." },
    { "path", PLR_FIELD_STRING, AT(plr_volume_mount, path), .required = true, .pattern = PATH,
            .doc = "Where the step finds it: absolute, without `..`." },
};
static const plr_table volume_mount_table = { "volume mount", "a volume mount",
    "A volume in a step.", TABLE(plr_volume_mount, volume_mount_fields) };

static const plr_field secret_mount_fields[] = {
    { "name", PLR_FIELD_STRING, AT(plr_secret_mount, name), .required = true,
            .doc = "A secret of the document or of the host." },
    { "env", PLR_FIELD_STRING, AT(plr_secret_mount, env), .required = true, .pattern = VARIABLE,
            .doc = "The environment variable that holds it." },
};
static const plr_table secret_mount_table = { "secret mount", "a secret mount",
    "A secret in a step's environment.", TABLE(plr_secret_mount, secret_mount_fields) };

static const plr_field limits_fields[] = {
    { "cpu", PLR_FIELD_INTEGER, AT(plr_resource_list, cpu),
            .doc = "Thousandths of a core: 500 is half of one." },
    { "memory", PLR_FIELD_INTEGER, AT(plr_resource_list, memory), .doc = "Bytes." },
    { "pids", PLR_FIELD_INTEGER, AT(plr_resource_list, pids), .doc = "Processes and threads." },
};
static const plr_table limits_table = { "limits", "limits",
    "What a step can use at most; 0 is no limit.", TABLE(plr_resource_list, limits_fields) };

static const plr_field requests_fields[] = {
    { "cpu", PLR_FIELD_INTEGER, AT(plr_resource_list, cpu),
            .doc = "Thousandths of a core: 500 is half of one." },
    { "memory", PLR_FIELD_INTEGER, AT(plr_resource_list, memory), .doc = "Bytes." },
};
static const plr_table requests_table = { "requests", "requests",
    "What a step needs to be scheduled.", TABLE(plr_resource_list, requests_fields) };

static const plr_field resources_fields[] = {
    { "limits", PLR_FIELD_OBJECT, AT(plr_resources, limits), .table = &limits_table,
            .doc = "The most." },
    { "requests", PLR_FIELD_OBJECT, AT(plr_resources, requests), .table = &requests_table,
            .doc = "The least." },
};
static const plr_table resources_table = { "resources", "resources",
    "How much of the machine a step gets.", TABLE(plr_resources, resources_fields) };

static const plr_word protocols[] = { { "tcp", 0 }, { "udp", 1 }, { "sctp", 2 }, { NULL, 0 } };

static const plr_field port_fields[] = {
    { "port", PLR_FIELD_INTEGER, AT(plr_port, port), .required = true, .least = 1, .most = 65535,
            .doc = "The step's port." },
    { "host", PLR_FIELD_INTEGER, AT(plr_port, host), .most = 65535,
            .doc = "The machine's port; 0 lets the backend choose." },
    { "protocol", PLR_FIELD_WORD, AT(plr_port, protocol), .words = protocols, .fallback = "tcp",
            .doc = "The protocol." },
};
static const plr_table port_table = { "port", "a port", "A port of a step, published.",
    TABLE(plr_port, port_fields) };

static const plr_word pull_policies[] = {
    { "default", PLR_PULL_DEFAULT },
    { "always", PLR_PULL_ALWAYS },
    { "if-not-exists", PLR_PULL_IF_NOT_EXISTS },
    { "never", PLR_PULL_NEVER },
    { NULL, 0 },
};

#define STRINGS(type, member) PLR_FIELD_STRINGS, AT_N(type, member, n_##member)

static const plr_field docker_fields[] = {
    { "image", PLR_FIELD_STRING, AT(plr_docker_options, image),
            .doc = "The image: `alpine:3.6`, `registry.example.com:5000/team/tool@sha256:…`." },
    { "command", STRINGS(plr_docker_options, command),
            .doc = "The program and its first arguments, in place of the image's entrypoint." },
    { "args", STRINGS(plr_docker_options, args),
            .doc = "Arguments, in place of the image's command." },
    { "user", PLR_FIELD_STRING, AT(plr_docker_options, user),
            .doc = "`name`, `1000` or `1000:1000`." },
    { "privileged", PLR_FIELD_BOOL, AT(plr_docker_options, privileged),
            .doc = "All rights on the machine. Not everywhere allowed." },
    { "pull_policy", PLR_FIELD_ENUM, AT(plr_docker_options, pull_policy), .words = pull_policies,
            .doc = "When to pull. `default` is always for `latest` or no tag, else only if the "
                   "image is absent." },
    { "ports", PLR_FIELD_LIST, AT_N(plr_docker_options, ports, n_ports), .table = &port_table,
            .doc = "Ports to publish on the machine." },
    { "network", PLR_FIELD_STRING, AT(plr_docker_options, network),
            .doc = "Docker's own network mode, in place of the run's network." },
    { "networks", STRINGS(plr_docker_options, networks),
            .doc = "Existing networks to join besides." },
    { "dns", STRINGS(plr_docker_options, dns), .doc = "Name servers." },
    { "dns_search", STRINGS(plr_docker_options, dns_search), .doc = "Search domains." },
    { "extra_hosts", STRINGS(plr_docker_options, extra_hosts),
            .doc = "Lines for `/etc/hosts`: `name:address`." },
    { "shm_size", PLR_FIELD_INTEGER, AT(plr_docker_options, shm_size),
            .doc = "Size of `/dev/shm` in bytes; 0 is the backend's default." },
};
static const plr_table docker_table = { "docker options", "a step's docker",
    "The container of a step; other backends use of it what they can.",
    TABLE(plr_docker_options, docker_fields) };

static const plr_field kubernetes_fields[] = {
    { "command", STRINGS(plr_kubernetes_options, command),
            .doc = "In place of `docker.command`, if not empty." },
    { "args", STRINGS(plr_kubernetes_options, args),
            .doc = "In place of `docker.args`, if not empty." },
};
static const plr_table kubernetes_table = { "kubernetes options", "a step's kubernetes",
    "What is different on Kubernetes.", TABLE(plr_kubernetes_options, kubernetes_fields) };

static const plr_word retry_reasons[] = {
#define REASON(name, word)                                                                         \
    {                                                                                              \
        word, PLR_REASON_##name                                                                    \
    }
    REASON(EXIT, "exit"),
    REASON(SIGNAL, "signal"),
    REASON(OOM, "oom"),
    REASON(TIMEOUT, "timeout"),
    REASON(IMAGE, "image"),
    REASON(NOT_READY, "not-ready"),
    REASON(EVICTED, "evicted"),
    REASON(LOST, "lost"),
    REASON(INFRASTRUCTURE, "infrastructure"),
#undef REASON
    { NULL, 0 },
};

static const plr_field retry_fields[] = {
    { "attempts", PLR_FIELD_INTEGER, AT(plr_retry, attempts), .most = 1000,
            .doc = "All attempts, the first included; 0 and 1 are no retry." },
    { "on", PLR_FIELD_ENUMS, AT_N(plr_retry, on, n_on), .words = retry_reasons,
            .doc = "The reasons that are worth another attempt. Without it: all but `timeout`, "
                   "which is retried only if named. A cancelled step and exit code 78 never are." },
    { "backoff", PLR_FIELD_DURATION, AT(plr_retry, backoff_ns),
            .doc = "The pause before the second attempt, doubled before each further one." },
};
static const plr_table retry_table = { "retry", "retry",
    "What happens when a step fails. A detached step is retried only before it is ready.",
    TABLE(plr_retry, retry_fields) };

static const plr_field ready_fields[] = {
    { "tcp", PLR_FIELD_INTEGER, AT(plr_ready, tcp), .least = 1, .most = 65535,
            .doc = "A port that accepts connections." },
    { "http", PLR_FIELD_STRING, AT(plr_ready, http), .pattern = "^:[0-9]+(/.*)?$",
            .doc = "`:port/path` that answers with 2xx or 3xx." },
    { "exec", STRINGS(plr_ready, exec), .doc = "A command in its container that exits with 0." },
    { "log", PLR_FIELD_STRING, AT(plr_ready, log), .doc = "A text that appears in its output." },
    { "timeout", PLR_FIELD_DURATION, AT(plr_ready, timeout_ns),
            .doc = "How long to wait before it counts as failed." },
};
static const plr_table ready_table = { "ready", "ready",
    "When a service or detached step is ready: all that is given here holds.",
    TABLE(plr_ready, ready_fields) };

const plr_word plr_run_policies[] = {
    { "on-success", PLR_RUN_ON_SUCCESS },
    { "on-failure", PLR_RUN_ON_FAILURE },
    { "always", PLR_RUN_ALWAYS },
    { "never", PLR_RUN_NEVER },
    { NULL, 0 },
};
static const plr_word step_networks[] = { { "host", 0 }, { "none", 1 }, { NULL, 0 } };

enum { STEP = 1, SERVICE = 2, HOOK = 4 };

static const plr_field step_fields[] = {
    METADATA(plr_step),
    { "docker", PLR_FIELD_OBJECT, AT(plr_step, docker), .table = &docker_table,
            .doc = "Its container." },
    { "depends_on", STRINGS(plr_step, depends_on), .variants = STEP,
            .doc = "Names of steps to wait for. If no step of the document has any, each waits for "
                   "the one before it." },
    { "run_policy", PLR_FIELD_ENUM, AT(plr_step, run_policy), .words = plr_run_policies,
            .variants = STEP, .doc = "On which outcome of the steps above it this one runs." },
    { "detach", PLR_FIELD_BOOL, AT(plr_step, detach), .variants = STEP,
            .doc = "Runs in the background until the end of the run; others wait only until it has "
                   "started, or is ready." },
    { "environment", PLR_FIELD_PAIRS, AT_N(plr_step, environment, n_environment),
            .pattern = VARIABLE,
            .doc = "Environment variables. Names that begin with `PIPELINE_` are reserved." },
    { "secrets", PLR_FIELD_LIST, AT_N(plr_step, secrets, n_secrets), .table = &secret_mount_table,
            .doc = "Secrets in its environment." },
    { "files", PLR_FIELD_LIST, AT_N(plr_step, files, n_files), .table = &file_mount_table,
            .doc = "Files in it." },
    { "volumes", PLR_FIELD_LIST, AT_N(plr_step, volumes, n_volumes), .table = &volume_mount_table,
            .doc = "Volumes in it." },
    { "devices", PLR_FIELD_LIST, AT_N(plr_step, devices, n_devices), .table = &device_mount_table,
            .doc = "Devices in it." },
    { "working_dir", PLR_FIELD_STRING, AT(plr_step, working_dir), .pattern = PATH,
            .doc = "Where its command starts: absolute, without `..`." },
    { "resources", PLR_FIELD_OBJECT, AT(plr_step, resources), .table = &resources_table,
            .doc = "Its share of the machine." },
    { "timeout", PLR_FIELD_DURATION, AT(plr_step, timeout_ns),
            .doc = "For each attempt, while it runs." },
    { "retry", PLR_FIELD_OBJECT, AT(plr_step, retry), .table = &retry_table,
            .doc = "Further attempts." },
    { "ready", PLR_FIELD_POINTER, AT(plr_step, ready), .table = &ready_table,
            .variants = STEP | SERVICE,
            .doc = "When it is ready; in steps only together with `detach`." },
    { "network", PLR_FIELD_WORD, AT(plr_step, network), .words = step_networks,
            .doc = "The machine's network, or none at all, in place of the run's." },
    { "aliases", STRINGS(plr_step, aliases), .doc = "Further names by which others reach it." },
    { "ignore_err", PLR_FIELD_BOOL, AT(plr_step, ignore_err),
            .doc = "Its failure counts as success." },
    { "ignore_stdout", PLR_FIELD_BOOL, AT(plr_step, ignore_stdout),
            .doc = "Its standard output is not shown." },
    { "ignore_stderr", PLR_FIELD_BOOL, AT(plr_step, ignore_stderr),
            .doc = "Its standard error is not shown." },
    { "kubernetes", PLR_FIELD_OBJECT, AT(plr_step, kubernetes), .table = &kubernetes_table,
            .doc = "What is different on Kubernetes." },
};
static const plr_table step_table = { "step", "a step", "A command in a container.",
    TABLE(plr_step, step_fields), .variant = STEP };
static const plr_table service_table = { "service", "a service",
    "A step in the background: all services are ready before the first step, and live until the "
    "last hook has ended.",
    TABLE(plr_step, step_fields), .variant = SERVICE };
static const plr_table hook_table = { "hook", "a hook",
    "A step after all others. It sees `PIPELINE_RESULT` and `PIPELINE_FAILED_STEPS`.",
    TABLE(plr_step, step_fields), .variant = HOOK };

#define TASKS(kind)                                                                                \
    PLR_FIELD_LIST, AT_N(plr_spec_raw, tasks[PLR_STEP_##kind].items, tasks[PLR_STEP_##kind].n)

static const plr_field hooks_fields[] = {
    { "on_success", TASKS(HOOK_SUCCESS), .table = &hook_table, .doc = "When the run has passed." },
    { "on_failure", TASKS(HOOK_FAILURE), .table = &hook_table,
            .doc = "When it has not: failed, cancelled, out of time." },
    { "always", TASKS(HOOK_ALWAYS), .table = &hook_table, .doc = "Last, in any case." },
};
static const plr_table hooks_table = { "hooks", "hooks",
    "Steps that run one after another when all else has ended.",
    TABLE(plr_spec_raw, hooks_fields) };

static const plr_field spec_docker_fields[] = {
    { "auths", PLR_FIELD_LIST, AT_N(plr_spec_raw, document.auths, document.n_auths),
            .table = &auth_table, .doc = "Credentials for registries." },
    { "volumes", PLR_FIELD_LIST, AT_N(plr_spec_raw, docker_volumes, n_docker_volumes),
            .table = &volume_table, .doc = "More volumes; names are shared with `volumes`." },
};
static const plr_table spec_docker_table = { "docker", "the document's docker",
    "What all containers share.", TABLE(plr_spec_raw, spec_docker_fields) };

static const plr_field qemu_fields[] = {
    { "image", PLR_FIELD_STRING, AT(plr_spec_raw, qemu_image), .doc = "An image." },
};
static const plr_table qemu_table = { "qemu", "qemu", "Accepted, and not used.",
    TABLE(plr_spec_raw, qemu_fields) };

static const plr_field fusion_fields[] = {
    { "image", PLR_FIELD_STRING, AT(plr_spec_raw, fusion_image), .doc = "An image." },
};
static const plr_table fusion_table = { "fusion", "fusion", "Accepted, and not used.",
    TABLE(plr_spec_raw, fusion_fields) };

static const plr_field spec_fields[] = {
    { "metadata", PLR_FIELD_OBJECT, AT(plr_spec_raw, document.metadata), .table = &metadata_table,
            .doc = "Who the pipeline is." },
    { "platform", PLR_FIELD_OBJECT, AT(plr_spec_raw, document.platform), .table = &platform_table,
            .doc = "What it is meant for." },
    { "steps", TASKS(STEP), .table = &step_table, .required = true,
            .doc = "What it does; at least one." },
    { "services", TASKS(SERVICE), .table = &service_table, .doc = "What runs beside the steps." },
    { "hooks", PLR_FIELD_OBJECT, .offset = 0, .table = &hooks_table,
            .doc = "What comes after the steps." },
    { "volumes", PLR_FIELD_LIST, AT_N(plr_spec_raw, volumes, n_volumes), .table = &volume_table,
            .doc = "Folders that steps share." },
    { "files", PLR_FIELD_LIST, AT_N(plr_spec_raw, document.files, document.n_files),
            .table = &file_table, .doc = "Files that steps get." },
    { "secrets", PLR_FIELD_LIST, AT_N(plr_spec_raw, document.secrets, document.n_secrets),
            .table = &secret_table, .doc = "Values that steps get and logs do not." },
    { "timeout", PLR_FIELD_DURATION, AT(plr_spec_raw, document.timeout_ns),
            .doc = "For the whole run. Where the caller gives one, too, the smaller holds." },
    { "docker", PLR_FIELD_OBJECT, .offset = 0, .table = &spec_docker_table,
            .doc = "What all containers share." },
    { "qemu", PLR_FIELD_OBJECT, .offset = 0, .table = &qemu_table,
            .doc = "Accepted, and not used." },
    { "fusion", PLR_FIELD_OBJECT, .offset = 0, .table = &fusion_table,
            .doc = "Accepted, and not used." },
};
const plr_table plr_spec_table = { "document", "the document", "A pipeline.",
    TABLE(plr_spec_raw, spec_fields) };
