/* SPDX-License-Identifier: MIT */
/*
 * The reader of a plan. plan.h has the grammar; what does not keep to it is no plan.
 */
#include "init/plan.h"
#include "init/scan.h"
#include "init/syscall.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

_Static_assert(sizeof(plr_rule_step) % sizeof(void *) == 0 &&
                       sizeof(plr_init_plan_step) % sizeof(void *) == 0,
        "arrays behind each other are aligned");

/* What is left of the memory that the caller gave. */
typedef struct room {
    char *at, *end;
} room;

/* Aligned for pointers, as all sizes that are asked for keep it. NULL: there is not enough. */
static void *take(room *r, size_t size)
{
    if ((size_t)(r->end - r->at) < size)
        return NULL;
    void *taken = r->at;
    r->at += size;
    return taken;
}

static size_t count_lines(plr_scan text)
{
    size_t n = 0;
    for (plr_scan line; plr_scan_line(&text, &line); n++)
        ;
    return n;
}

static bool read_flags(plr_scan *line, plr_rule_step *rule, plr_init_plan_step *step)
{
    plr_scan word;
    if (!plr_scan_word(line, &word))
        return false;
    if (word.end - word.at == 1 && *word.at == '-')
        return true;
    for (; word.at < word.end; word.at++) {
        switch (*word.at) {
#define READ_FLAG(letter, value)                                                                   \
    case letter:                                                                                   \
        (value) = true;                                                                            \
        break;
            PLR_INIT_PLAN_FLAGS(READ_FLAG, rule, step)
#undef READ_FLAG
        default:
            return false;
        }
    }
    return true;
}

static int read_step(plr_scan line, plr_rule_step *rule, plr_init_plan_step *step, room *r)
{
    static const char *const kinds[] = { PLR_INIT_PLAN_KINDS };
    static const char *const policies[] = { PLR_INIT_PLAN_POLICIES };
    size_t kind, policy;
    uint64_t attempts;
    if (!plr_scan_name(&line, kinds, LENGTH(kinds), &kind) ||
            !plr_scan_name(&line, policies, LENGTH(policies), &policy) ||
            !plr_scan_number(&line, PLR_INIT_PLAN_ATTEMPTS_MAX, &attempts) || attempts == 0 ||
            !read_flags(&line, rule, step))
        return -PLR_EINVAL;
    rule->kind = (plr_rule_kind)kind;
    rule->policy = (plr_rule_policy)policy;
    rule->outcome = step->absent ? PLR_RULE_SKIPPED : PLR_RULE_UNKNOWN;
    step->attempts = (uint32_t)attempts;
    rule->above = (size_t *)(void *)r->at;
    while (!plr_scan_is_done(&line)) {
        uint64_t index;
        if (!plr_scan_number(&line, SIZE_MAX, &index))
            return -PLR_EINVAL;
        size_t *dependency = take(r, sizeof *dependency);
        if (dependency == NULL)
            return -PLR_E2BIG;
        *dependency = (size_t)index;
        rule->n_above++;
    }
    return 0;
}

static bool read_head(plr_scan *text, bool *ret_serial)
{
    static const char *const words[] = { "plan", "1" };
    static const char *const forms[] = { "graph", "serial" };
    plr_scan line;
    size_t form;
    if (!plr_scan_line(text, &line))
        return false;
    for (size_t i = 0, found; i < LENGTH(words); i++)
        if (!plr_scan_name(&line, words + i, 1, &found))
            return false;
    if (!plr_scan_name(&line, forms, LENGTH(forms), &form) || !plr_scan_is_done(&line))
        return false;
    *ret_serial = form == 1;
    return true;
}

int plr_init_plan_read(
        plr_init_plan *ret_plan, const char *text, size_t size, void *memory, size_t memory_size)
{
    plr_scan all = { text, text + size }, line;
    room r = { memory, (char *)memory + memory_size };
    plr_init_plan plan = { .graph.serial = false };
    if (!read_head(&all, &plan.graph.serial))
        return -PLR_EINVAL;
    plan.graph.n = count_lines(all);
    plan.graph.steps = take(&r, plan.graph.n * sizeof *plan.graph.steps);
    plan.steps = take(&r, plan.graph.n * sizeof *plan.steps);
    if (plan.graph.steps == NULL || plan.steps == NULL)
        return -PLR_E2BIG;
    for (size_t i = 0; plr_scan_line(&all, &line); i++) {
        int error = read_step(line, &plan.graph.steps[i], &plan.steps[i], &r);
        if (error < 0)
            return error;
    }
    if (!plr_scan_is_done(&all) || !plr_rule_graph_init(&plan.graph))
        return -PLR_EINVAL;
    *ret_plan = plan;
    return 0;
}
