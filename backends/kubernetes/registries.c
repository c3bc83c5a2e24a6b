/* SPDX-License-Identifier: MIT */
/* A file of registry credentials, as the part of it that Kubernetes understands. */
#include "backends/kubernetes/registries.h"

#include "engine/base/error.h"
#include "net/file.h"
#include "net/jsonc.h"

#define FILE_LARGEST ((size_t)1 << 20)

int plr_kube_registries_read(json_object **ret_auths, const char *file, plr_error *err)
{
    _cleanup_buf_ plr_buf text = { 0 };
    json_object *auths = NULL;
    int r = plr_file_read(&text, file, FILE_LARGEST, err);
    if (r < 0)
        return r;
    _cleanup_json_ json_object *config = text.data == NULL ? NULL : json_tokener_parse(text.data);
    bool there = json_object_object_get_ex(config, "auths", &auths);
    if (!json_object_is_type(config, json_type_object) ||
            (there && !json_object_is_type(auths, json_type_object)))
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s: this is not like ~/.docker/config.json: expected an object with \"auths\"",
                file);
    *ret_auths = json_object_get(auths);
    return 0;
}
