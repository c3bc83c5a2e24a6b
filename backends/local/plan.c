/* SPDX-License-Identifier: MIT */
/* What a run would create, as text for a dry run: each request to the sandbox field by field, with
 * secrets hidden. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backends/local/compose.h"
#include "backends/local/folder.h"
#include "backends/local/local.h"
#include "backends/local/names.h"
#include "engine/base/error.h"
#include "net/image_name.h"

/* A text of its own lines is shown as such, other bytes as their number. */
static void put_bytes(plr_buf *out, const plr_sandbox_field *field, int indent)
{
    bool text = field->tag == PLR_SANDBOX_FIELD_HOSTS || field->tag == PLR_SANDBOX_FIELD_RESOLV;
    if (!text) {
        plr_buf_printf(out, " %zu bytes\n", field->size);
        return;
    }
    plr_buf_putc(out, '\n');
    for (const char *line = field->data; line < field->data + field->size;) {
        size_t left = (size_t)(field->data + field->size - line);
        const char *end = memchr(line, '\n', left);
        size_t length = end == NULL ? left : (size_t)(end - line);
        plr_buf_printf(out, "%*s%.*s\n", indent + 2, "", (int)length, line);
        line += length + 1;
    }
}

static const char *const tag_names[] = {
#define X(number, name, kind) [number] = #name,
    PLR_SANDBOX_FIELDS(X)
#undef X
};

static const plr_sandbox_kind tag_kinds[] = {
#define X(number, name, kind) [number] = PLR_SANDBOX_KIND_##kind,
    PLR_SANDBOX_FIELDS(X)
#undef X
};

static void put_name(plr_buf *out, plr_sandbox_tag tag)
{
    for (const char *c = tag_names[tag]; *c != '\0'; c++)
        plr_buf_putc(out, *c == '_' ? ' ' : (char)(*c | 0x20));
    plr_buf_putc(out, ':');
}

static void put_fields(plr_buf *out, plr_sandbox_fields fields, int indent)
{
    plr_sandbox_field field;
    while (plr_sandbox_next(&fields, &field, NULL) == 1) {
        plr_buf_printf(out, "%*s", indent, "");
        put_name(out, field.tag);
        switch (tag_kinds[field.tag]) {
        case PLR_SANDBOX_KIND_NUMBER:
            plr_buf_printf(out,
                    field.tag == PLR_SANDBOX_FIELD_MODE ? " %04" PRIo64 "\n" : " %" PRIu64 "\n",
                    field.number);
            break;
        case PLR_SANDBOX_KIND_TEXT:
            plr_buf_printf(out, " %s\n", field.data);
            break;
        case PLR_SANDBOX_KIND_BYTES:
            put_bytes(out, &field, indent);
            break;
        case PLR_SANDBOX_KIND_GROUP:
            plr_buf_putc(out, '\n');
            put_fields(out, field.group, indent + 2);
            break;
        default:
            plr_buf_puts(out, " yes\n");
        }
    }
}

/* The image as the store has it; what would have to be pulled first stands there in its place. */
static int find_image(
        plr_store_image **ret_image, const plr_local *local, const plr_task *task, plr_error *err)
{
    _cleanup_image_name_ plr_image_name name = { 0 };
    _cleanup_buf_ plr_buf whole = { 0 };
    int r = plr_image_name_parse(&name, task->step->docker.image, err);
    if (r < 0)
        return r;
    plr_image_name_put(&name, &whole);
    r = plr_buf_check(&whole, err);
    if (r == 0)
        r = plr_store_image_read(
                ret_image, local->settings.store, whole.data, &task->run->document->platform, NULL);
    return r == PLR_ERR_NOMEM ? plr_error_nomem(err) : 0;
}

static int put_task(plr_buf *out, const plr_local *local, plr_network_mode network,
        const plr_task *task, plr_error *err)
{
    static const char *const words[] = { "<the image's command>" };
    static const char *const layers[] = { "<the image's layers>" };
    static const plr_store_image placeholder = {
        .cmd = words, .n_cmd = 1, .layers = layers, .n_layers = 1, .user = "", .working_dir = ""
    };
    const char *image = task->step->docker.image;
    bool on_view =
            local->settings.rootfs == PLR_LOCAL_ROOTFS_HOST || image == NULL || image[0] == '\0';
    _cleanup_store_image_ plr_store_image *found = NULL;
    _cleanup_buf_ plr_buf fields = { 0 };
    int r = on_view ? 0 : find_image(&found, local, task, err);
    plr_local_wish wish = {
        .task = task,
        .image = on_view         ? NULL
                 : found != NULL ? found
                                 : &placeholder,
        .mode = network,
        .room_is_host = network == PLR_NETWORK_HOST,
        .ipv6 = local->settings.ipv6,
        .outbound = true,
        .subnet = plr_local_subnet_choose(""),
        .resolv = "",
    };
    if (r == 0)
        r = plr_local_compose(&fields, &wish, err);
    if (r < 0)
        return r;
    plr_buf_printf(out, "sandbox: step \"%s\"\n", task->step->metadata.name);
    if (on_view)
        plr_buf_puts(out, "  root: a copy-on-write view of this machine\n");
    else
        plr_buf_printf(
                out, "  image: %s, %s\n", image, found != NULL ? "in the store" : "to be pulled");
    put_fields(out, (plr_sandbox_fields){ fields.data, fields.data + fields.size }, 2);
    return 0;
}

static const char *network_words(plr_network_mode mode)
{
    switch (mode) {
    case PLR_NETWORK_ISOLATED:
        return "isolated (a namespace for the run, with an address for each step)";
    case PLR_NETWORK_HOST:
        return "host (this machine's)";
    case PLR_NETWORK_NONE:
        return "none";
    default:
        return "shared (one namespace for the run)";
    }
}

static int put_run(plr_buf *out, const plr_local *local, const plr_run_view *view,
        plr_network_mode network, plr_error *err)
{
    _cleanup_free_ char *folder = NULL;
    int r = plr_local_folder_path(&folder, local->settings.store, view->id, err);
    if (r < 0)
        return r;
    plr_buf_printf(out, "backend: local, store %s\nnetwork: %s\nfolder: %s\n",
            local->settings.store, network_words(network), folder);
    for (size_t i = 0; i < view->document->n_volumes; i++) {
        const plr_volume *volume = &view->document->volumes[i];
        if (volume->temp != NULL)
            plr_buf_printf(out, "volume %zu: \"%s\"%s\n", i, volume->metadata.name,
                    strcmp(volume->temp->medium, "memory") == 0 ? ", in memory" : "");
    }
    return 0;
}

void plr_local_plan(plr_local *local, const plr_run_view *view, plr_task *const *tasks,
        size_t n_tasks, plr_op *op)
{
    plr_network_mode network = view->network != PLR_NETWORK_AUTO
                                       ? view->network
                                       : local->host->network_auto(view->document, true);
    plr_error err = { 0 };
    _cleanup_buf_ plr_buf out = { 0 };
    _cleanup_free_ char *masked = NULL;
    int r = put_run(&out, local, view, network, &err);
    for (size_t i = 0; r == 0 && i < n_tasks; i++)
        r = put_task(&out, local, network, tasks[i], &err);
    if (r == 0)
        r = plr_buf_check(&out, &err);
    /* The view is not changed by being asked for its mask. */
    if (r == 0)
        r = local->host->run_mask((plr_run_view *)view, out.data, &masked, &err);
    if (r == 0)
        local->host->op_text(op, masked, strlen(masked));
    local->host->op_complete(op, r == 0 ? NULL : &err);
}
