/* SPDX-License-Identifier: MIT */
/* The document inside the engine: the struct behind plr_spec, and the tables that decode into it
 * and document it. */
#ifndef PLR_SPEC_H
#define PLR_SPEC_H

#include <stddef.h>

#include <pipeline/spec.h>

#include "engine/base/arena.h"
#include "engine/base/decode.h"
#include "engine/base/document.h"
#include "engine/base/findings.h"
#include "engine/base/map.h"

#define PLR_STEP_KINDS 5

typedef struct plr_step_list {
    plr_step *items;
    size_t n;
} plr_step_list;

/* What the tables decode into: the public document, and what is to be gathered into it. */
typedef struct plr_spec_raw {
    plr_document document;
    plr_step_list tasks[PLR_STEP_KINDS]; /* by plr_step_kind */
    const plr_volume *volumes, *docker_volumes;
    size_t n_volumes, n_docker_volumes;
    const char *qemu_image, *fusion_image; /* kept, unused */
} plr_spec_raw;

struct plr_spec {
    unsigned references;
    plr_arena arena;
    plr_spec_raw raw;
};

/* The table of a whole document; all others are reached from it. */
extern const plr_table plr_spec_table;

/* The words of plr_run_policy, in its order. */
extern const plr_word plr_run_policies[];

/* All tables of the format, each once, from the outside in; returns how many. A test sees to it
 * that the array is large enough. */
#define PLR_SPEC_MOST_TABLES 40
size_t plr_spec_tables(const plr_table *ret_tables[PLR_SPEC_MOST_TABLES]);

/* "service", "step", "on-success hook", ... */
const char *plr_step_kind_name(plr_step_kind kind);

/* What no table can say: names that must refer to something, cycles, paths, names of variables.
 * Gathers tasks, dependencies and volumes into the document. `root` is a whole object. */
void plr_spec_check(plr_spec *spec, const plr_node *root, const plr_spec_options *options,
        plr_findings *findings);

/* The part of it that is about order: resolves depends_on and finds cycles. `names` maps names to
 * tasks, `nodes` are the tasks' places in the tree. */
void plr_spec_order(plr_spec *spec, plr_step *const *tasks, const plr_map *names,
        const plr_node *const *nodes, plr_findings *findings);

/* What was probably meant by a name that refers to nothing. */
const char *plr_spec_meant(
        const plr_findings *findings, const char *name, const char *const *names, size_t n);

#endif
