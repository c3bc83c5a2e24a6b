/* SPDX-License-Identifier: MIT */
/* What no table can say of a document: names are there once and refer to something, paths are
 * absolute, variables have names. Then everything is gathered for readers. */
#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/spec.h"

/* Names of one kind of thing, and where each stands. */
typedef struct registry {
    plr_map names, uids;
    const plr_node **nodes;
    const char **all; /* names by index, for suggestions; NULL where there is none */
    size_t n;
} registry;

typedef struct check {
    plr_spec *spec;
    plr_arena *arena; /* the spec's */
    plr_findings *findings;
    const plr_spec_options *options;
    const plr_node *root;
    registry tasks, volumes, files, secrets;
    plr_map host_secrets;
} check;

static void *allocate(check *c, size_t n, size_t item_size)
{
    void *memory = plr_arena_array(c->arena, n, item_size);
    if (memory == NULL)
        c->findings->failed = true;
    return memory;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Whether an object has that key with something behind it. */
static bool given(const plr_node *object, const char *name)
{
    const plr_node *child = plr_node_get(object, name);
    bool text_or_list =
            child != NULL && (child->type == PLR_NODE_STRING || child->type == PLR_NODE_ARRAY);
    return child != NULL && child->type != PLR_NODE_NULL && !(text_or_list && child->size == 0);
}

/* Adds to a map; true if it was not there. */
static bool first_of(check *c, plr_map *map, const char *key, size_t value, size_t *ret_other)
{
    int r = plr_map_add(map, key, value, ret_other, NULL);
    if (r < 0)
        c->findings->failed = true;
    return r != 0;
}

static int registry_init(check *c, registry *r, size_t n)
{
    plr_map_init(&r->names);
    plr_map_init(&r->uids);
    r->nodes = allocate(c, n, sizeof *r->nodes);
    r->all = allocate(c, n, sizeof *r->all);
    r->n = 0;
    return r->nodes != NULL && r->all != NULL ? 0 : -1;
}

static void registry_clear(registry *r)
{
    plr_map_clear(&r->names);
    plr_map_clear(&r->uids);
}

/* Whether the decoder has told of that node already. */
static bool is_wrong(const plr_node *node, plr_node_type expected)
{
    return node != NULL && (node->bad || (node->type != expected && node->type != PLR_NODE_NULL));
}

/* Enters a thing: gives it a name, and says so if it has none or one that is taken. */
static void enter(
        check *c, registry *r, plr_metadata *metadata, const plr_node *node, const char *title)
{
    size_t index = r->n++, other;
    const plr_node *of = plr_node_get(node, "metadata");
    const plr_node *name = plr_node_get(of, "name"), *uid = plr_node_get(of, "uid");
    r->nodes[index] = node;
    if (node->type != PLR_NODE_OBJECT)
        return;
    if (metadata->uid != NULL && !first_of(c, &r->uids, metadata->uid, index, &other))
        plr_findings_add(c->findings, &(plr_finding){ .code = "duplicate-uid", .node = uid },
                "the uid \"%.100s\" is taken on line %u", metadata->uid, r->nodes[other]->line);
    const plr_node *place = name != NULL ? name : node;
    if (metadata->name == NULL) {
        metadata->name = metadata->uid;
        place = uid != NULL ? uid : place;
    }
    if (metadata->name == NULL) {
        /* Not again where something is there, but wrong. */
        if (!is_wrong(of, PLR_NODE_OBJECT) && !is_wrong(name, PLR_NODE_STRING) &&
                !is_wrong(uid, PLR_NODE_STRING))
            plr_findings_add(c->findings, &(plr_finding){ .code = "missing-name", .node = place },
                    "%s needs a name or a uid in its metadata", title);
        return;
    }
    r->all[index] = metadata->name;
    if (has_control(metadata->name))
        plr_findings_add(c->findings, &(plr_finding){ .code = "bad-name", .node = place },
                "a name cannot hold control characters");
    if (!first_of(c, &r->names, metadata->name, index, &other))
        plr_findings_add(c->findings, &(plr_finding){ .code = "duplicate-name", .node = place },
                "the name \"%.100s\" is taken on line %u", metadata->name, r->nodes[other]->line);
}

const char *plr_spec_meant(
        const plr_findings *findings, const char *name, const char *const *names, size_t n)
{
    /* Likeness is slow; a document with so many errors or names gets by without. */
    enum { MOST_FINDINGS = 100, MOST_NAMES = 1000 };
    const char *known[MOST_NAMES];
    size_t n_known = 0;
    if (findings->n >= MOST_FINDINGS)
        return NULL;
    for (size_t i = 0; i < n && n_known < MOST_NAMES; i++)
        if (names[i] != NULL)
            known[n_known++] = names[i];
    return plr_text_nearest(name, known, n_known);
}

/* The index that a name refers to; PLR_NONE if it refers to nothing: that is told. */
static size_t refer(check *c, const registry *r, const char *name, const plr_node *node,
        const char *code, const char *kind)
{
    size_t index;
    if (name == NULL)
        return PLR_NONE;
    if (plr_map_find(&r->names, name, &index))
        return index;
    plr_findings_add(c->findings,
            &(plr_finding){ .code = code,
                    .node = plr_node_get(node, "name"),
                    .suggestion = plr_spec_meant(c->findings, name, r->all, r->n) },
            "there is no %s \"%.100s\"", kind, name);
    return PLR_NONE;
}

/* A path without what means nothing ("//", "/./", a "/" at the end). What is no absolute path, or
 * leads upwards, is told and stays as it is. */
static const char *clean_path(check *c, const char *path, const plr_node *node)
{
    const char *wrong = NULL;
    char *clean = allocate(c, strlen(path) + 2, 1), *end = clean;
    if (clean == NULL)
        return path;
    if (path[0] != '/')
        wrong = "is not absolute";
    for (const char *at = path; *at != '\0' && wrong == NULL;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size == 2 && memcmp(at, "..", 2) == 0)
            wrong = "has \"..\" in it";
        if (size > 0 && !(size == 1 && *at == '.')) {
            *end++ = '/';
            memcpy(end, at, size);
            end += size;
        }
        at += size;
    }
    if (wrong != NULL) {
        plr_findings_add(c->findings, &(plr_finding){ .code = "bad-path", .node = node },
                "the path \"%.200s\" %s", path, wrong);
        return path;
    }
    if (end == clean)
        *end = '/';
    return clean;
}

/* The place in a step where something stands, cleaned; once for each place. */
static void mount(check *c, plr_map *places, const char **path, const plr_node *node)
{
    if (*path == NULL)
        return;
    size_t line;
    const plr_node *at = plr_node_get(node, "path");
    *path = clean_path(c, *path, at);
    if (strcmp(*path, "/") == 0)
        plr_findings_add(c->findings, &(plr_finding){ .code = "bad-path", .node = at },
                "nothing can stand at \"/\"");
    else if (!first_of(c, places, *path, node->line, &line))
        plr_findings_add(c->findings, &(plr_finding){ .code = "duplicate-path", .node = at },
                "\"%.200s\" is taken on line %zu", *path, line);
}

static void check_mounts(check *c, plr_step *step, const plr_node *node)
{
    _cleanup_map_ plr_map places;
    plr_map_init(&places);
    const plr_node *at = plr_node_at(plr_node_get(node, "volumes"), 0);
    for (size_t i = 0; i < step->n_volumes; i++, at = at->next) {
        plr_volume_mount *m = (plr_volume_mount *)&step->volumes[i];
        m->volume = refer(c, &c->volumes, m->name, at, "unknown-volume", "volume");
        mount(c, &places, &m->path, at);
    }
    at = plr_node_at(plr_node_get(node, "files"), 0);
    for (size_t i = 0; i < step->n_files; i++, at = at->next) {
        plr_file_mount *m = (plr_file_mount *)&step->files[i];
        m->file = refer(c, &c->files, m->name, at, "unknown-file", "file");
        mount(c, &places, &m->path, at);
        if (m->mode == 0)
            m->mode = 0644;
    }
    at = plr_node_at(plr_node_get(node, "devices"), 0);
    for (size_t i = 0; i < step->n_devices; i++, at = at->next) {
        plr_device_mount *m = (plr_device_mount *)&step->devices[i];
        m->volume = refer(c, &c->volumes, m->name, at, "unknown-volume", "volume");
        if (m->volume != PLR_NONE && c->spec->raw.document.volumes[m->volume].host == NULL)
            plr_findings_add(c->findings,
                    &(plr_finding){ .code = "not-a-device", .node = plr_node_get(at, "name") },
                    "a device is a host volume, \"%.100s\" is not", m->name);
        mount(c, &places, &m->path, at);
    }
}

/* A name of an environment variable that a document may set. */
static void check_variable(check *c, const char *name, const plr_node *node, bool key)
{
    const plr_finding finding = { .code = "bad-env", .node = node, .key = key };
    if (name[0] == '\0')
        plr_findings_add(c->findings, &finding, "an environment variable needs a name");
    else if (strchr(name, '=') != NULL)
        plr_findings_add(c->findings, &finding,
                "the name \"%.100s\" of an environment variable holds \"=\"", name);
    else if (strncmp(name, "PIPELINE_", strlen("PIPELINE_")) == 0)
        plr_findings_add(c->findings, &finding,
                "\"%.100s\" is reserved, as all that begins with PIPELINE_", name);
}

static void check_environment(check *c, plr_step *step, const plr_node *node)
{
    const plr_node *at = plr_node_at(plr_node_get(node, "environment"), 0);
    for (size_t i = 0; i < step->n_environment; i++, at = at->next) {
        while (at->bad_key)
            at = at->next;
        check_variable(c, step->environment[i].name, at, true);
    }
}

static void check_secrets(check *c, plr_step *step, const plr_node *node)
{
    _cleanup_map_ plr_map taken;
    plr_map_init(&taken);
    const plr_node *at = plr_node_at(plr_node_get(node, "secrets"), 0);
    for (size_t i = 0; i < step->n_secrets; i++, at = at->next) {
        plr_secret_mount *m = (plr_secret_mount *)&step->secrets[i];
        size_t line;
        m->secret = PLR_NONE;
        bool host = c->options->secrets_from_host ||
                    (m->name != NULL && plr_map_find(&c->host_secrets, m->name, &line));
        if (m->name != NULL && !(plr_map_find(&c->secrets.names, m->name, &m->secret) || host))
            refer(c, &c->secrets, m->name, at, "unknown-secret", "secret");
        if (m->env == NULL)
            continue;
        const plr_node *env = plr_node_get(at, "env");
        check_variable(c, m->env, env, false);
        if (!first_of(c, &taken, m->env, at->line, &line))
            plr_findings_add(c->findings, &(plr_finding){ .code = "duplicate-env", .node = env },
                    "\"%.100s\" holds already the secret on line %zu", m->env, line);
    }
}

/* ":port" or ":port/path" */
static bool is_http(const char *text)
{
    size_t digits = strspn(text + 1, "0123456789");
    if (text[0] != ':' || digits == 0 || digits > 5)
        return false;
    unsigned port = 0;
    for (size_t i = 1; i <= digits; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return port >= 1 && port <= 65535 && (text[digits + 1] == '/' || text[digits + 1] == '\0');
}

static void check_ready(check *c, const plr_step *step, const plr_node *node)
{
    const plr_ready *ready = step->ready;
    const plr_node *at = plr_node_get(node, "ready");
    if (!step->detach)
        plr_findings_add(c->findings,
                &(plr_finding){ .code = "ready-not-detached", .node = at, .key = true },
                "only a service or a detached step can become ready");
    if (!given(at, "tcp") && !given(at, "http") && !given(at, "exec") && !given(at, "log"))
        plr_findings_add(c->findings, &(plr_finding){ .code = "empty-ready", .node = at },
                "\"ready\" needs at least one of tcp, http, exec and log");
    if (ready->http != NULL && (!is_http(ready->http) || has_control(ready->http)))
        plr_findings_add(c->findings,
                &(plr_finding){ .code = "bad-http", .node = plr_node_get(at, "http") },
                "\"%.100s\" is not like \":8080/health\"", ready->http);
}

static void check_step(check *c, plr_step *step, const plr_node *node)
{
    if (step->n_volumes > 0 || step->n_files > 0 || step->n_devices > 0)
        check_mounts(c, step, node);
    if (step->n_environment > 0)
        check_environment(c, step, node);
    if (step->n_secrets > 0)
        check_secrets(c, step, node);
    if (step->ready != NULL)
        check_ready(c, step, node);
    if (step->working_dir != NULL)
        step->working_dir = clean_path(c, step->working_dir, plr_node_get(node, "working_dir"));
    const plr_node *at = step->n_aliases > 0 ? plr_node_at(plr_node_get(node, "aliases"), 0) : NULL;
    for (size_t i = 0; i < step->n_aliases; i++, at = at->next)
        if (step->aliases[i][0] == '\0' || strpbrk(step->aliases[i], " /") != NULL ||
                has_control(step->aliases[i]))
            plr_findings_add(c->findings, &(plr_finding){ .code = "bad-name", .node = at },
                    "\"%.100s\" cannot be the name of a host", step->aliases[i]);
}

static void check_volume(check *c, const plr_volume *volume, const plr_node *node)
{
    if (node->type != PLR_NODE_OBJECT)
        return;
    if (given(node, "temp") == given(node, "host"))
        plr_findings_add(c->findings, &(plr_finding){ .code = "volume-source", .node = node },
                "a volume is either \"temp\" or \"host\"");
    if (volume->host != NULL && volume->host->path != NULL)
        ((plr_volume_host *)volume->host)->path =
                clean_path(c, volume->host->path, plr_node_get(plr_node_get(node, "host"), "path"));
}

/* Both lists of volumes as one. */
static void gather_volumes(check *c)
{
    plr_spec_raw *raw = &c->spec->raw;
    size_t n = raw->n_volumes + raw->n_docker_volumes;
    plr_volume *all = allocate(c, n, sizeof *all);
    if (all == NULL || registry_init(c, &c->volumes, n) < 0)
        return;
    if (raw->n_volumes > 0)
        memcpy(all, raw->volumes, raw->n_volumes * sizeof *all);
    if (raw->n_docker_volumes > 0)
        memcpy(all + raw->n_volumes, raw->docker_volumes, raw->n_docker_volumes * sizeof *all);
    raw->document.volumes = all;
    const plr_node *at = plr_node_at(plr_node_get(c->root, "volumes"), 0);
    for (size_t i = 0; i < n; i++, at = at->next) {
        if (i == raw->n_volumes)
            at = plr_node_at(plr_node_get(plr_node_get(c->root, "docker"), "volumes"), 0);
        enter(c, &c->volumes, &all[i].metadata, at, "a volume");
        check_volume(c, &all[i], at);
    }
    raw->document.n_volumes = n;
}

static void gather_files(check *c)
{
    plr_document *document = &c->spec->raw.document;
    if (registry_init(c, &c->files, document->n_files) < 0)
        return;
    const plr_node *at = plr_node_at(plr_node_get(c->root, "files"), 0);
    for (size_t i = 0; i < document->n_files; i++, at = at->next) {
        const plr_node *old = plr_node_get(at, "name");
        const plr_node *name = plr_node_get(plr_node_get(at, "metadata"), "name");
        if (old != NULL && name != NULL)
            plr_findings_add(c->findings,
                    &(plr_finding){ .code = "duplicate-key", .node = old, .key = true },
                    "the name stands already in the metadata");
        enter(c, &c->files, (plr_metadata *)&document->files[i].metadata, at, "a file");
    }
}

static void gather_secrets(check *c)
{
    plr_document *document = &c->spec->raw.document;
    if (registry_init(c, &c->secrets, document->n_secrets) < 0)
        return;
    const plr_node *at = plr_node_at(plr_node_get(c->root, "secrets"), 0);
    for (size_t i = 0; i < document->n_secrets; i++, at = at->next)
        enter(c, &c->secrets, (plr_metadata *)&document->secrets[i].metadata, at, "a secret");
    for (size_t i = 0; i < c->options->n_secrets; i++)
        first_of(c, &c->host_secrets, c->options->secrets[i], i, NULL);
}

/* Where the list of a kind stands. */
static const plr_node *list_of(const check *c, plr_step_kind kind, const char **ret_pointer)
{
    static const struct {
        const char *outer, *name, *pointer;
    } lists[PLR_STEP_KINDS] = {
        [PLR_STEP_SERVICE] = { NULL, "services", "/services" },
        [PLR_STEP_STEP] = { NULL, "steps", "/steps" },
        [PLR_STEP_HOOK_SUCCESS] = { "hooks", "on_success", "/hooks/on_success" },
        [PLR_STEP_HOOK_FAILURE] = { "hooks", "on_failure", "/hooks/on_failure" },
        [PLR_STEP_HOOK_ALWAYS] = { "hooks", "always", "/hooks/always" },
    };
    const plr_node *outer =
            lists[kind].outer != NULL ? plr_node_get(c->root, lists[kind].outer) : c->root;
    *ret_pointer = lists[kind].pointer;
    return plr_node_get(outer, lists[kind].name);
}

static const char *pointer_to(check *c, const char *list, size_t index)
{
    size_t size = strlen(list) + 24;
    char *pointer = allocate(c, size, 1);
    if (pointer != NULL)
        snprintf(pointer, size, "%s/%zu", list, index);
    return pointer;
}

static void gather_tasks(check *c)
{
    plr_spec_raw *raw = &c->spec->raw;
    size_t n = 0;
    for (int kind = 0; kind < PLR_STEP_KINDS; kind++)
        n += raw->tasks[kind].n;
    plr_step **tasks = allocate(c, n, sizeof(plr_step *));
    if (tasks == NULL || registry_init(c, &c->tasks, n) < 0)
        return;
    for (plr_step_kind kind = 0; kind < PLR_STEP_KINDS; kind++) {
        const char *list;
        const plr_node *at = plr_node_at(list_of(c, kind, &list), 0);
        for (size_t i = 0; i < raw->tasks[kind].n; i++, at = at->next) {
            plr_step *step = &raw->tasks[kind].items[i];
            tasks[c->tasks.n] = step;
            step->size = sizeof *step;
            step->kind = kind;
            step->pointer = pointer_to(c, list, i);
            step->line = at->line;
            step->column = at->column;
            if (kind == PLR_STEP_SERVICE)
                step->detach = true;
            enter(c, &c->tasks, &step->metadata, at, "a step");
            check_step(c, step, at);
        }
    }
    raw->document.tasks = (const plr_step *const *)tasks;
    raw->document.n_tasks = n;
    if (!c->findings->failed)
        plr_spec_order(c->spec, tasks, &c->tasks.names, c->tasks.nodes, c->findings);
}

void plr_spec_check(plr_spec *spec, const plr_node *root, const plr_spec_options *options,
        plr_findings *findings)
{
    check c = {
        .spec = spec, .arena = &spec->arena, .findings = findings, .options = options, .root = root
    };
    plr_map_init(&c.host_secrets);
    spec->raw.document.size = sizeof spec->raw.document;
    const char *name = spec->raw.document.metadata.name;
    if (name != NULL && has_control(name))
        plr_findings_add(findings,
                &(plr_finding){ .code = "bad-name",
                        .node = plr_node_get(plr_node_get(root, "metadata"), "name") },
                "a name cannot hold control characters");
    const plr_node *steps = plr_node_get(root, "steps");
    if (steps != NULL && steps->type == PLR_NODE_ARRAY && steps->size == 0)
        plr_findings_add(findings, &(plr_finding){ .code = "empty-steps", .node = steps },
                "a document needs at least one step");
    if (!findings->failed)
        gather_volumes(&c);
    if (!findings->failed)
        gather_files(&c);
    if (!findings->failed)
        gather_secrets(&c);
    if (!findings->failed)
        gather_tasks(&c);
    registry_clear(&c.tasks);
    registry_clear(&c.volumes);
    registry_clear(&c.files);
    registry_clear(&c.secrets);
    plr_map_clear(&c.host_secrets);
}
