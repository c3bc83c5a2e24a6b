/* SPDX-License-Identifier: MIT */
/* What plr-sandbox is asked for: the first byte says whether the fields are a room's, a task's or a
 * probe's. Whatever is accepted is whole, and lies in the bytes that were given. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/local/sandbox/request.h"

static const char *begin, *end;

static void check_text(const char *text)
{
    if (text < begin || text >= end || text + strlen(text) >= end)
        abort();
}

static void check_path(const char *path)
{
    check_text(path);
    if (*path != '/')
        abort();
}

static void read_room(plr_sandbox_fields fields)
{
    plr_room_request request;
    if (plr_room_request_read(&request, fields, NULL) == 0) {
        check_path(request.folder);
        check_text(request.run_id);
        if (strchr(request.run_id, '/') != NULL)
            abort();
        for (size_t i = 0; i < request.net.n_ports; i++)
            if (request.net.ports[i].port == 0 || request.net.ports[i].host_port == 0)
                abort();
    }
    plr_room_request_clear(&request);
}

static void read_task(plr_sandbox_fields fields)
{
    plr_task_request request;
    if (plr_task_request_read(&request, fields, NULL) == 0) {
        if (request.arguments.n == 0 || request.arguments.items[request.arguments.n] != NULL)
            abort();
        for (size_t i = 0; i < request.layers.n; i++)
            check_path(request.layers.items[i]);
        for (size_t i = 0; i < request.n_mounts; i++)
            check_path(request.mounts[i].target);
        for (size_t i = 0; i < request.n_files; i++) {
            check_path(request.files[i].target);
            if (request.files[i].mode > 07777 || request.files[i].size > (size_t)(end - begin))
                abort();
        }
        for (size_t i = 0; i < request.n_devices; i++)
            check_path(request.devices[i].source);
    }
    /* A task's own process never frees it: it execs. */
    free(request.layers.items);
    free(request.arguments.items);
    free(request.environment.items);
    free(request.mounts);
    free(request.files);
    free(request.devices);
}

static void read_probe(plr_sandbox_fields fields)
{
    plr_probe_request request;
    if (plr_probe_request_read(&request, fields, NULL) == 0 && request.port == 0)
        check_text(request.arguments.items[0]);
    free(request.arguments.items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    begin = (const char *)data + 1;
    end = (const char *)data + size;
    plr_sandbox_fields fields = { begin, end };
    switch (data[0]) {
    case 'r':
        read_room(fields);
        break;
    case 't':
        read_task(fields);
        break;
    default:
        read_probe(fields);
    }
    return 0;
}
