/* SPDX-License-Identifier: MIT */
/* A pod template as it is read: what stands in it that is ours to say is found here, where its line
 * is known. */
#include "backends/kubernetes/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/names.h"
#include "backends/kubernetes/yaml.h"
#include "backends/kubernetes/yaml_read.h"
#include "engine/base/error.h"
#include "net/file.h"
#include "net/jsonc.h"

typedef struct reader {
    const char *file;
    plr_error *err;
} reader;

static int refuse(const reader *r, const plr_node *at, const char *format, ...) PLR_PRINTF(3, 4);

static int refuse(const reader *r, const plr_node *at, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    bool key = at->key != NULL;
    return plr_error_set(r->err, PLR_ERR_CONFIGURATION, "%s:%u:%u: %s", r->file,
            key ? at->key_line : at->line, key ? at->key_column : at->column, text);
}

static bool is(const plr_node *node, const char *name)
{
    return node->key_size == strlen(name) && memcmp(node->key, name, node->key_size) == 0;
}

/* With case, unlike plr_node_get: that is how the API reads. */
static const plr_node *member(const plr_node *object, const char *name)
{
    for (const plr_node *child = object->first; child != NULL; child = child->next)
        if (is(child, name))
            return child;
    return NULL;
}

static bool starts_with(const plr_node *text, const char *start)
{
    return text->type == PLR_NODE_STRING && text->size >= strlen(start) &&
           memcmp(text->text, start, strlen(start)) == 0;
}

static int check_type(const reader *r, const plr_node *node, plr_node_type type)
{
    if (node->type == type)
        return 0;
    return refuse(r, node, "expected %s, found %s", plr_node_type_name(type),
            plr_node_type_name(node->type));
}

typedef struct reserved {
    const char *key, *why;
} reserved;

static int check_reserved(const reader *r, const plr_node *object, const reserved *list, size_t n)
{
    for (const plr_node *child = object->first; child != NULL; child = child->next)
        for (size_t i = 0; i < n; i++)
            if (is(child, list[i].key))
                return refuse(r, child, "%s is not for a template: %s", list[i].key, list[i].why);
    return 0;
}

static const reserved of_spec[] = {
    { "restartPolicy", "a step runs once" },
    { "hostNetwork", "it is --network host" },
    { "hostPID", "plr-init is to be PID 1 of its container" },
    { "shareProcessNamespace", "plr-init is to be PID 1 of its container" },
    { "ephemeralContainers", "they are added to a pod that runs" },
};

static const reserved of_container[] = {
    { "command", "it is the step's, behind plr-init" },
    { "args", "they are the step's, behind plr-init" },
    { "image", "it is the step's" },
    { "restartPolicy", "a step runs once" },
};

static int check_mounts(const reader *r, const plr_node *mounts)
{
    int code = mounts == NULL ? 0 : check_type(r, mounts, PLR_NODE_ARRAY);
    for (const plr_node *mount = code == 0 && mounts != NULL ? mounts->first : NULL;
            mount != NULL && code == 0; mount = mount->next) {
        code = check_type(r, mount, PLR_NODE_OBJECT);
        const plr_node *path = code == 0 ? member(mount, "mountPath") : NULL;
        if (path != NULL && starts_with(path, PLR_KUBE_FOLDER) &&
                (path->size == strlen(PLR_KUBE_FOLDER) ||
                        path->text[strlen(PLR_KUBE_FOLDER)] == '/'))
            code = refuse(r, path, "%s is plr-init's own folder", PLR_KUBE_FOLDER);
    }
    return code;
}

/* A list of things with names; `own` is what names may not begin with, or NULL. */
static int check_named(const reader *r, const plr_node *list, const char *own)
{
    int code = check_type(r, list, PLR_NODE_ARRAY);
    for (const plr_node *item = code == 0 ? list->first : NULL; item != NULL && code == 0;
            item = item->next) {
        code = check_type(r, item, PLR_NODE_OBJECT);
        if (code < 0)
            break;
        const plr_node *name = member(item, "name");
        if (name == NULL || name->type != PLR_NODE_STRING)
            code = refuse(r, item, "a name is needed here");
        else if (own != NULL && starts_with(name, own))
            code = refuse(r, name, "names that begin with %s are ours", own);
    }
    return code;
}

static int check_containers(const reader *r, const plr_node *containers, bool steps)
{
    int code = check_named(r, containers, NULL);
    for (const plr_node *item = containers->first; item != NULL && code == 0; item = item->next) {
        if (steps)
            code = check_reserved(
                    r, item, of_container, sizeof(of_container) / sizeof(of_container[0]));
        if (code == 0)
            code = check_mounts(r, member(item, "volumeMounts"));
    }
    return code;
}

static int check_spec(const reader *r, const plr_node *spec)
{
    int code = check_type(r, spec, PLR_NODE_OBJECT);
    if (code == 0)
        code = check_reserved(r, spec, of_spec, sizeof(of_spec) / sizeof(of_spec[0]));
    for (const plr_node *child = spec->first; child != NULL && code == 0; child = child->next) {
        if (is(child, "containers") || is(child, "initContainers"))
            code = check_containers(r, child, is(child, "containers"));
        else if (is(child, "volumes"))
            code = check_named(r, child, PLR_KUBE_VOLUME);
    }
    return code;
}

static int check_metadata(const reader *r, const plr_node *metadata)
{
    int code = check_type(r, metadata, PLR_NODE_OBJECT);
    for (const plr_node *child = code == 0 ? metadata->first : NULL; child != NULL && code == 0;
            child = child->next) {
        if (!is(child, "labels") && !is(child, "annotations"))
            return refuse(r, child, "of metadata a template has labels and annotations");
        code = check_type(r, child, PLR_NODE_OBJECT);
        for (const plr_node *pair = code == 0 ? child->first : NULL; pair != NULL && code == 0;
                pair = pair->next) {
            code = check_type(r, pair, PLR_NODE_STRING);
            if (code == 0 && pair->key_size >= strlen(PLR_KUBE_LABEL) &&
                    memcmp(pair->key, PLR_KUBE_LABEL, strlen(PLR_KUBE_LABEL)) == 0)
                code = refuse(r, pair, "what begins with %s is ours", PLR_KUBE_LABEL);
        }
    }
    return code;
}

static bool says(const plr_node *node, const char *text)
{
    return node->type == PLR_NODE_STRING && node->size == strlen(text) &&
           memcmp(node->text, text, node->size) == 0;
}

static int check_template(const reader *r, const plr_node *root)
{
    int code = check_type(r, root, PLR_NODE_OBJECT);
    for (const plr_node *child = code == 0 ? root->first : NULL; child != NULL && code == 0;
            child = child->next) {
        if (is(child, "metadata"))
            code = check_metadata(r, child);
        else if (is(child, "spec"))
            code = check_spec(r, child);
        else if (is(child, "kind") ? !says(child, "Pod")
                                   : !is(child, "apiVersion") || !says(child, "v1"))
            code = refuse(
                    r, child, "a template is a Pod of v1: apiVersion, kind, metadata and spec");
    }
    return code;
}

int plr_kube_template_parse(
        json_object **ret_template, const char *file, const char *text, size_t size, plr_error *err)
{
    _cleanup_arena_ plr_arena arena;
    reader r = { .file = file, .err = err };
    plr_node *root = NULL;
    plr_arena_init(&arena);
    int code = plr_yaml_read(&root, &arena, file, text, size, err);
    if (code == 0)
        code = check_template(&r, root);
    return code < 0 ? code : plr_yaml_to_json(ret_template, root, err);
}

int plr_kube_template_read(json_object **ret_template, const char *file, plr_error *err)
{
    _cleanup_buf_ plr_buf text = { 0 };
    int code = plr_file_read(&text, file, PLR_YAML_LARGEST, err);
    if (code < 0)
        return code;
    return plr_kube_template_parse(
            ret_template, file, text.data == NULL ? "" : text.data, text.size, err);
}
