/* SPDX-License-Identifier: MIT */
/*
 * What is asked for, as structs: the fields of protocol.h decoded and checked one by one. Strings
 * point into the memory that the fields were read from.
 */
#ifndef PLR_SANDBOX_REQUEST_H
#define PLR_SANDBOX_REQUEST_H

#include "backends/local/protocol.h"
#include "backends/local/sandbox/net.h"

typedef struct plr_strings {
    char **items; /* a NULL behind the last */
    size_t n;
} plr_strings;

typedef struct plr_volume_request {
    uint64_t number, size;
    bool memory;
} plr_volume_request;

typedef struct plr_mount_request {
    const char *target;
    const char *source; /* NULL: a volume */
    uint64_t volume;
} plr_mount_request;

typedef struct plr_file_request {
    const char *target;
    uint64_t mode, uid, gid;
    const char *data;
    size_t size;
} plr_file_request;

typedef struct plr_device_request {
    const char *source, *target;
} plr_device_request;

typedef struct plr_room_request {
    const char *run_id, *folder;
    plr_sandbox_network network;
    bool else_host, host_root;
    plr_net_request net; /* its ports belong to this struct */
    plr_volume_request *volumes;
    size_t n_volumes;
    uint64_t linger_ms;
} plr_room_request;

typedef struct plr_bytes_request {
    const char *data; /* NULL: not asked for */
    size_t size;
} plr_bytes_request;

typedef struct plr_task_request {
    bool host_root, look, privileged, detach, keep;
    plr_strings layers, arguments, environment;
    const char *working_dir, *user, *hostname, *name, *address, *address6;
    plr_bytes_request hosts, resolv;
    plr_sandbox_network network;
    plr_mount_request *mounts;
    plr_file_request *files;
    plr_device_request *devices;
    size_t n_mounts, n_files, n_devices;
    uint64_t shm_size, memory, cpu, pids, grace_ms; /* 0: not given, but for the first */
    bool has_grace;
} plr_task_request;

typedef struct plr_probe_request {
    plr_strings arguments;
    uint64_t port, timeout_ms;
    const char *http;
} plr_probe_request;

/* PLR_ERR_PROTOCOL for what is malformed or missing. What was allocated is cleared at the end. */
int plr_room_request_read(plr_room_request *ret_request, plr_sandbox_fields fields, plr_error *err);
int plr_task_request_read(plr_task_request *ret_request, plr_sandbox_fields fields, plr_error *err);
int plr_probe_request_read(
        plr_probe_request *ret_request, plr_sandbox_fields fields, plr_error *err);

void plr_room_request_clear(plr_room_request *request);

/* Appends a string, keeps the NULL behind the last. */
int plr_strings_add(plr_strings *strings, const char *item, plr_error *err);

#endif
