/* SPDX-License-Identifier: MIT */
/* The request by a table, like a document. */
#include "backends/local/image/request.h"

#include "engine/base/decode.h"
#include "engine/base/error.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(type, member) .offset = offsetof(type, member)
#define AT_N(type, member) .offset = offsetof(type, member), .n_offset = offsetof(type, n_##member)
#define TABLE(type, list) .size = sizeof(type), .fields = list, .n_fields = COUNT(list)

static const plr_word commands[] = {
    { "pull", PLR_IMAGE_PULL },
    { "import", PLR_IMAGE_IMPORT },
    { "list", PLR_IMAGE_LIST },
    { "remove", PLR_IMAGE_REMOVE },
    { "prune", PLR_IMAGE_PRUNE },
    { 0 },
};

static const plr_word policies[] = {
    { "default", PLR_PULL_DEFAULT },
    { "always", PLR_PULL_ALWAYS },
    { "if-not-exists", PLR_PULL_IF_NOT_EXISTS },
    { "never", PLR_PULL_NEVER },
    { 0 },
};

static const plr_field platform_fields[] = {
    { "os", PLR_FIELD_STRING, AT(plr_platform, os) },
    { "arch", PLR_FIELD_STRING, AT(plr_platform, arch) },
    { "variant", PLR_FIELD_STRING, AT(plr_platform, variant) },
};
static const plr_table platform_table = {
    .name = "platform", .title = "a platform", TABLE(plr_platform, platform_fields)
};

static const plr_field auth_fields[] = {
    { "address", PLR_FIELD_STRING, AT(plr_auth, address) },
    { "username", PLR_FIELD_STRING, AT(plr_auth, username) },
    { "password", PLR_FIELD_STRING, AT(plr_auth, password) },
};
static const plr_table auth_table = {
    .name = "auth", .title = "an auth", TABLE(plr_auth, auth_fields)
};

static const plr_field request_fields[] = {
    { "command", PLR_FIELD_ENUM, AT(plr_image_request, command), .words = commands,
            .required = true },
    { "image", PLR_FIELD_STRING, AT(plr_image_request, image) },
    { "policy", PLR_FIELD_ENUM, AT(plr_image_request, policy), .words = policies },
    { "platform", PLR_FIELD_OBJECT, AT(plr_image_request, platform), .table = &platform_table },
    { "auths", PLR_FIELD_LIST, AT_N(plr_image_request, auths), .table = &auth_table },
    { "config", PLR_FIELD_STRING, AT(plr_image_request, config) },
    { "store", PLR_FIELD_STRING, AT(plr_image_request, store) },
    { "insecure", PLR_FIELD_STRINGS, AT_N(plr_image_request, insecure) },
    { "path", PLR_FIELD_STRING, AT(plr_image_request, path) },
    { "patience", PLR_FIELD_DURATION, AT(plr_image_request, patience) },
};
static const plr_table request_table = {
    .name = "request", .title = "a request", TABLE(plr_image_request, request_fields)
};

int plr_image_request_read(
        plr_image_request *ret_request, const char *text, size_t size, plr_error *err)
{
    plr_image_request request = { 0 };
    plr_arena_init(&request.arena);
    int r = plr_decode_text(&request, &request.arena, &request_table, text, size, "the request",
            PLR_ERR_USAGE, err);
    bool names = request.command == PLR_IMAGE_PULL || request.command == PLR_IMAGE_REMOVE;
    if (r == 0 && names && request.image == NULL)
        r = plr_error_set(err, PLR_ERR_USAGE, "the request names no image");
    if (r == 0 && request.command == PLR_IMAGE_IMPORT && request.path == NULL)
        r = plr_error_set(err, PLR_ERR_USAGE, "the request names no path to import from");
    if (r < 0)
        plr_arena_clear(&request.arena);
    else
        *ret_request = request;
    return r;
}
