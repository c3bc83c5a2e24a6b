/* SPDX-License-Identifier: MIT */
/* Reading a document: parse, decode, check, tell what was found. The object that results is shared
 * by counting and never changes. */
#include "engine/spec.h"

#include <stdlib.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"

PLR_DEFINE_CLEANUP(plr_spec, plr_spec_unref)

static int read_into(plr_spec *spec, const void *data, size_t size, const plr_spec_options *options,
        plr_findings *findings, plr_error *err)
{
    _cleanup_arena_ plr_arena tree;
    plr_arena_init(&tree);
    plr_node *root;
    int r = plr_document_parse(&root, &tree, data, size, findings, err);
    if (r < 0 || root == NULL)
        return r;
    if (root->type != PLR_NODE_OBJECT) {
        plr_findings_add(findings, &(plr_finding){ .code = "wrong-type", .node = root },
                "expected an object, found %s", plr_node_type_name(root->type));
        return 0;
    }
    plr_decoder decoder = { &spec->arena, findings, options->lenient };
    plr_decode(&decoder, &plr_spec_table, root, &spec->raw);
    if (root->whole)
        plr_spec_check(spec, root, options, findings);
    return 0;
}

int plr_spec_read(plr_spec **ret_spec, const char *name, const void *data, size_t size,
        const plr_spec_options *options, plr_diagnostic_fn *on_diagnostic, void *userdata,
        plr_error *err)
{
    static const plr_spec_options defaults = { .size = sizeof defaults };
    _cleanup_(cleanup_plr_spec_unref) plr_spec *spec = calloc(1, sizeof *spec);
    if (spec == NULL)
        return plr_error_nomem(err);
    spec->references = 1;
    plr_arena_init(&spec->arena);

    _cleanup_(plr_findings_clear) plr_findings findings;
    plr_findings_init(&findings);
    int r = read_into(spec, data, size, options != NULL ? options : &defaults, &findings, err);
    if (r == 0)
        r = plr_findings_tell(
                &findings, name != NULL ? name : "document", on_diagnostic, userdata, err);
    if (r == 0)
        *ret_spec = steal(spec);
    return r;
}

plr_spec *plr_spec_ref(plr_spec *spec)
{
    spec->references++;
    return spec;
}

void plr_spec_unref(plr_spec *spec)
{
    if (spec == NULL || --spec->references > 0)
        return;
    plr_arena_clear(&spec->arena);
    free(spec);
}

const plr_document *plr_spec_document(const plr_spec *spec)
{
    return &spec->raw.document;
}

const char *plr_step_kind_name(plr_step_kind kind)
{
    static const char *const names[PLR_STEP_KINDS] = { "service", "step", "on-success hook",
        "on-failure hook", "always hook" };
    return names[kind];
}
