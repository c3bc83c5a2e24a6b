/* SPDX-License-Identifier: MIT */
/*
 * The writer of a plan: for backends, in whose modules it lies. plan.h has the grammar.
 */
#include "init/plan.h"

typedef struct out {
    char *to;
    size_t size, n;
} out;

static void put_char(out *o, char c)
{
    if (o->n < o->size)
        o->to[o->n] = c;
    o->n++;
}

static void put(out *o, const char *text)
{
    for (; *text != '\0'; text++)
        put_char(o, *text);
}

static void put_number(out *o, size_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(o, first);
}

static void put_flags(out *o, const plr_rule_step *rule, const plr_init_plan_step *step)
{
    size_t before = o->n;
#define PUT_FLAG(letter, value)                                                                    \
    if (value)                                                                                     \
        put_char(o, letter);
    PLR_INIT_PLAN_FLAGS(PUT_FLAG, rule, step)
#undef PUT_FLAG
    if (o->n == before)
        put_char(o, '-');
}

size_t plr_init_plan_write(const plr_init_plan *plan, char *to, size_t size)
{
    static const char *const kinds[] = { PLR_INIT_PLAN_KINDS };
    static const char *const policies[] = { PLR_INIT_PLAN_POLICIES };
    out o = { .to = to, .size = size };
    put(&o, plan->graph.serial ? "plan 1 serial\n" : "plan 1 graph\n");
    for (size_t i = 0; i < plan->graph.n; i++) {
        const plr_rule_step *rule = &plan->graph.steps[i];
        put(&o, kinds[rule->kind]);
        put_char(&o, ' ');
        put(&o, policies[rule->policy]);
        put_char(&o, ' ');
        put_number(&o, plan->steps[i].attempts);
        put_char(&o, ' ');
        put_flags(&o, rule, &plan->steps[i]);
        for (size_t d = 0; d < rule->n_above; d++) {
            put_char(&o, ' ');
            put_number(&o, rule->above[d]);
        }
        put_char(&o, '\n');
    }
    return o.n;
}
