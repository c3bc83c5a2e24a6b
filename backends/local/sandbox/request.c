/* SPDX-License-Identifier: MIT */
/*
 * Fields to structs. Each list has one function for its groups and one for its own fields; a field
 * that does not belong where it stands is refused.
 */
#include "backends/local/sandbox/request.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"

/* One more element, zeroed, behind an array that lives in a request. */
static void *grow(void **items, size_t *n, size_t size, plr_error *err)
{
    char *grown = realloc(*items, (*n + 1) * size);
    if (!grown) {
        plr_error_nomem(err);
        return NULL;
    }
    *items = grown;
    memset(grown + *n * size, 0, size);
    return grown + (*n)++ * size;
}

int plr_strings_add(plr_strings *strings, const char *item, plr_error *err)
{
    char **items = realloc(strings->items, (strings->n + 2) * sizeof *items);
    if (!items)
        return plr_error_nomem(err);
    strings->items = items;
    items[strings->n++] = (char *)(uintptr_t)item;
    items[strings->n] = NULL;
    return 0;
}

static int misplaced(const plr_sandbox_field *field, plr_error *err)
{
    return plr_error_set(err, PLR_ERR_PROTOCOL, "field %d does not belong here", (int)field->tag);
}

static int missing(const char *what, plr_error *err)
{
    return plr_error_set(err, PLR_ERR_PROTOCOL, "%s is missing", what);
}

static int relative(const char *path, plr_error *err)
{
    return plr_error_set(err, PLR_ERR_CONFIGURATION, "not an absolute path: %s", path);
}

static bool is_network(uint64_t number)
{
    return number >= PLR_SANDBOX_NETWORK_HOST && number <= PLR_SANDBOX_NETWORK_NONE;
}

static int read_port(plr_room_request *request, plr_sandbox_fields group, plr_error *err)
{
    plr_net_request *net = &request->net;
    plr_net_port port = { 0 };
    plr_sandbox_field field;
    int r;
    while ((r = plr_sandbox_next(&group, &field, err)) > 0)
        if (field.tag == PLR_SANDBOX_FIELD_HOST_PORT && field.number <= UINT16_MAX)
            port.host_port = (uint16_t)field.number;
        else if (field.tag == PLR_SANDBOX_FIELD_PORT && field.number <= UINT16_MAX)
            port.port = (uint16_t)field.number;
        else if (field.tag == PLR_SANDBOX_FIELD_PROTOCOL)
            port.udp = strcmp(field.data, "udp") == 0;
        else if (field.tag == PLR_SANDBOX_FIELD_ADDRESS)
            port.address = field.data;
        else if (field.tag == PLR_SANDBOX_FIELD_NAME)
            port.name = field.data;
        else
            return misplaced(&field, err);
    if (r == 0 && (port.host_port == 0 || port.port == 0))
        return missing("a published port", err);
    if (r < 0)
        return r;
    void *items = (void *)(uintptr_t)net->ports;
    plr_net_port *added = grow(&items, &net->n_ports, sizeof port, err);
    if (!added)
        return PLR_ERR_NOMEM;
    net->ports = items;
    *added = port;
    return 0;
}

static int read_volume(plr_room_request *request, plr_sandbox_fields group, plr_error *err)
{
    plr_volume_request *volume =
            grow((void **)&request->volumes, &request->n_volumes, sizeof *volume, err);
    plr_sandbox_field field;
    int r;
    if (!volume)
        return PLR_ERR_NOMEM;
    while ((r = plr_sandbox_next(&group, &field, err)) > 0)
        if (field.tag == PLR_SANDBOX_FIELD_VOLUME_NUMBER)
            volume->number = field.number;
        else if (field.tag == PLR_SANDBOX_FIELD_MEMORY_VOLUME)
            volume->memory = true;
        else if (field.tag == PLR_SANDBOX_FIELD_SIZE)
            volume->size = field.number;
        else
            return misplaced(&field, err);
    return r;
}

static int read_room_field(
        plr_room_request *request, const plr_sandbox_field *field, plr_error *err)
{
    switch (field->tag) {
    case PLR_SANDBOX_FIELD_RUN_ID:
        request->run_id = field->data;
        return 0;
    case PLR_SANDBOX_FIELD_FOLDER:
        request->folder = field->data;
        return field->data[0] == '/' ? 0 : relative(field->data, err);
    case PLR_SANDBOX_FIELD_NETWORK:
        request->network = (plr_sandbox_network)field->number;
        return is_network(field->number) && field->number <= PLR_SANDBOX_NETWORK_ROOM
                       ? 0
                       : misplaced(field, err);
    case PLR_SANDBOX_FIELD_SUBNET:
        request->net.subnet = field->data;
        return 0;
    case PLR_SANDBOX_FIELD_BRIDGE:
        request->net.bridge = true;
        return 0;
    case PLR_SANDBOX_FIELD_OUTBOUND:
        request->net.outbound = true;
        return 0;
    case PLR_SANDBOX_FIELD_ELSE_HOST:
        request->else_host = true;
        return 0;
    case PLR_SANDBOX_FIELD_HOST_ROOT:
        request->host_root = true;
        return 0;
    case PLR_SANDBOX_FIELD_PUBLISH:
        return read_port(request, field->group, err);
    case PLR_SANDBOX_FIELD_VOLUME:
        return read_volume(request, field->group, err);
    case PLR_SANDBOX_FIELD_LINGER_MS:
        request->linger_ms = field->number;
        return 0;
    default:
        return misplaced(field, err);
    }
}

int plr_room_request_read(plr_room_request *ret_request, plr_sandbox_fields fields, plr_error *err)
{
    plr_room_request *request = ret_request;
    plr_sandbox_field field;
    int r;
    *request = (plr_room_request){ 0 };
    while ((r = plr_sandbox_next(&fields, &field, err)) > 0) {
        r = read_room_field(request, &field, err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    if (!request->run_id || strchr(request->run_id, '/') || request->run_id[0] == '\0')
        return missing("a run's id that is a name of a file", err);
    if (!request->folder || !request->network)
        return missing("the run's folder or network", err);
    if (request->network == PLR_SANDBOX_NETWORK_ROOM && request->net.subnet == NULL)
        return missing("the range of the run's network", err);
    return 0;
}

void plr_room_request_clear(plr_room_request *request)
{
    free((void *)(uintptr_t)request->net.ports);
    free(request->volumes);
}

static int read_mount(plr_task_request *request, plr_sandbox_fields group, plr_error *err)
{
    plr_mount_request *mount =
            grow((void **)&request->mounts, &request->n_mounts, sizeof *mount, err);
    plr_sandbox_field field;
    int r;
    if (!mount)
        return PLR_ERR_NOMEM;
    while ((r = plr_sandbox_next(&group, &field, err)) > 0)
        if (field.tag == PLR_SANDBOX_FIELD_TARGET)
            mount->target = field.data;
        else if (field.tag == PLR_SANDBOX_FIELD_SOURCE)
            mount->source = field.data;
        else if (field.tag == PLR_SANDBOX_FIELD_VOLUME_NUMBER)
            mount->volume = field.number;
        else
            return misplaced(&field, err);
    if (r < 0)
        return r;
    if (!mount->target || mount->target[0] != '/')
        return relative(mount->target ? mount->target : "", err);
    return mount->source && mount->source[0] != '/' ? relative(mount->source, err) : 0;
}

static int read_file(plr_task_request *request, plr_sandbox_fields group, plr_error *err)
{
    plr_file_request *file = grow((void **)&request->files, &request->n_files, sizeof *file, err);
    plr_sandbox_field field;
    int r;
    if (!file)
        return PLR_ERR_NOMEM;
    while ((r = plr_sandbox_next(&group, &field, err)) > 0)
        switch (field.tag) {
        case PLR_SANDBOX_FIELD_TARGET:
            file->target = field.data;
            break;
        case PLR_SANDBOX_FIELD_MODE:
            file->mode = field.number;
            break;
        case PLR_SANDBOX_FIELD_UID:
            file->uid = field.number;
            break;
        case PLR_SANDBOX_FIELD_GID:
            file->gid = field.number;
            break;
        case PLR_SANDBOX_FIELD_DATA:
            file->data = field.data;
            file->size = field.size;
            break;
        default:
            return misplaced(&field, err);
        }
    if (r < 0)
        return r;
    if (!file->target || file->target[0] != '/')
        return relative(file->target ? file->target : "", err);
    if (file->mode > 07777)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "file %s: mode %llo is not for files",
                file->target, (unsigned long long)file->mode);
    return 0;
}

static int read_device(plr_task_request *request, plr_sandbox_fields group, plr_error *err)
{
    plr_device_request *device =
            grow((void **)&request->devices, &request->n_devices, sizeof *device, err);
    plr_sandbox_field field;
    int r;
    if (!device)
        return PLR_ERR_NOMEM;
    while ((r = plr_sandbox_next(&group, &field, err)) > 0)
        if (field.tag == PLR_SANDBOX_FIELD_SOURCE)
            device->source = field.data;
        else if (field.tag == PLR_SANDBOX_FIELD_TARGET)
            device->target = field.data;
        else
            return misplaced(&field, err);
    if (r < 0)
        return r;
    if (!device->source || !device->target)
        return missing("a device's path", err);
    if (device->source[0] != '/' || device->target[0] != '/')
        return relative(device->source[0] != '/' ? device->source : device->target, err);
    return 0;
}

/* The fields that are one text or one number. Returns false for another. */
static bool read_simple(plr_task_request *request, const plr_sandbox_field *field)
{
    switch (field->tag) {
#define X(tag, member, value)                                                                      \
    case PLR_SANDBOX_FIELD_##tag:                                                                  \
        request->member = (value);                                                                 \
        return true;
        X(HOST_ROOT, host_root, true)
        X(LOOK, look, true)
        X(PRIVILEGED, privileged, true)
        X(DETACH, detach, true)
        X(KEEP, keep, true)
        X(WORKING_DIR, working_dir, field->data)
        X(USER, user, field->data)
        X(HOSTNAME, hostname, field->data)
        X(NAME, name, field->data)
        X(ADDRESS, address, field->data)
        X(ADDRESS6, address6, field->data)
        X(HOSTS, hosts, ((plr_bytes_request){ field->data, field->size }))
        X(RESOLV, resolv, ((plr_bytes_request){ field->data, field->size }))
        X(NETWORK, network, (plr_sandbox_network)field->number)
        X(SHM_SIZE, shm_size, field->number)
        X(MEMORY, memory, field->number)
        X(CPU, cpu, field->number)
        X(PIDS, pids, field->number)
#undef X
    case PLR_SANDBOX_FIELD_GRACE_MS:
        request->grace_ms = field->number;
        request->has_grace = true;
        return true;
    default:
        return false;
    }
}

static int read_task_field(
        plr_task_request *request, const plr_sandbox_field *field, plr_error *err)
{
    switch (field->tag) {
    case PLR_SANDBOX_FIELD_LAYER:
        if (field->data[0] != '/')
            return relative(field->data, err);
        return plr_strings_add(&request->layers, field->data, err);
    case PLR_SANDBOX_FIELD_ARGUMENT:
        return plr_strings_add(&request->arguments, field->data, err);
    case PLR_SANDBOX_FIELD_ENVIRONMENT:
        return plr_strings_add(&request->environment, field->data, err);
    case PLR_SANDBOX_FIELD_MOUNT:
        return read_mount(request, field->group, err);
    case PLR_SANDBOX_FIELD_FILE:
        return read_file(request, field->group, err);
    case PLR_SANDBOX_FIELD_DEVICE:
        return read_device(request, field->group, err);
    default:
        return read_simple(request, field) ? 0 : misplaced(field, err);
    }
}

int plr_task_request_read(plr_task_request *ret_request, plr_sandbox_fields fields, plr_error *err)
{
    plr_task_request *request = ret_request;
    plr_sandbox_field field;
    int r;
    *request = (plr_task_request){ .shm_size = 64u << 20 };
    while ((r = plr_sandbox_next(&fields, &field, err)) > 0) {
        r = read_task_field(request, &field, err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    if (request->arguments.n == 0)
        return missing("the command", err);
    if (!is_network(request->network))
        return missing("the network", err);
    if (request->working_dir && request->working_dir[0] != '/')
        return relative(request->working_dir, err);
    return 0;
}

int plr_probe_request_read(
        plr_probe_request *ret_request, plr_sandbox_fields fields, plr_error *err)
{
    plr_probe_request *request = ret_request;
    plr_sandbox_field field;
    int r;
    *request = (plr_probe_request){ .timeout_ms = 10000 };
    while ((r = plr_sandbox_next(&fields, &field, err)) > 0)
        if (field.tag == PLR_SANDBOX_FIELD_PORT)
            request->port = field.number;
        else if (field.tag == PLR_SANDBOX_FIELD_HTTP)
            request->http = field.data;
        else if (field.tag == PLR_SANDBOX_FIELD_TIMEOUT_MS)
            request->timeout_ms = field.number;
        else if (field.tag != PLR_SANDBOX_FIELD_ARGUMENT)
            return misplaced(&field, err);
        else if ((r = plr_strings_add(&request->arguments, field.data, err)) < 0)
            return r;
    if (r < 0)
        return r;
    return request->port == 0 && request->arguments.n == 0 ? missing("what to probe", err) : 0;
}
