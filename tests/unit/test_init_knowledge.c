/* SPDX-License-Identifier: MIT */
/* Random pipelines twice: the engine decides on the fake backend, and the steps of a pod decide for
 * themselves, each from the text of the plan, the records that it asks for and the host's words,
 * in whatever order these come. Both must run the same steps and skip the others for the same
 * reasons. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/knowledge.h"
#include "tests/unit/harness.h"
#include "tests/unit/play.h"

enum { MOST = 10, MOST_ATTEMPTS = 3, N_PIPELINES = 1500, MOST_ROUNDS = 2000, ROOM = 16384 };

/* One container. */
typedef struct container {
    plr_knowledge *knows; /* with its room behind it */
    bool runs, ended;
    plr_turn turn;
    plr_rule_answer why;
    char record[32];
} container;

typedef struct pod {
    size_t n; /* the service, if there is one, is the first */
    bool service_fails, services_said, main_said, failed;
    plr_rule_step rules[MOST];
    plr_init_plan_step more[MOST];
    size_t above[MOST][MOST];
    int codes[MOST]; /* of the last attempt; those before end with 3 */
    unsigned failing[MOST];
    bool dies[MOST], not_ready[MOST], final[MOST];
    plr_init_plan plan;
    container containers[MOST][MOST_ATTEMPTS];
    plr_buf words;
} pod;

static uint64_t state;

static unsigned any(unsigned below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

static bool chance(unsigned percent)
{
    return any(100) < percent;
}

static bool is_service(const pod *p, size_t i)
{
    return p->rules[i].kind == PLR_RULE_SERVICE;
}

static void make_step(pod *p, size_t i)
{
    static const plr_rule_policy policies[] = { PLR_RULE_ON_SUCCESS, PLR_RULE_ON_SUCCESS,
        PLR_RULE_ON_SUCCESS, PLR_RULE_ON_FAILURE, PLR_RULE_ALWAYS, PLR_RULE_NEVER };
    static const int codes[] = { 0, 0, 0, 1, 78 };
    plr_rule_step *rule = &p->rules[i];
    plr_init_plan_step *more = &p->more[i];
    rule->kind = PLR_RULE_STEP;
    rule->policy = policies[any(6)];
    rule->ignore_err = chance(15);
    rule->detach = chance(20);
    more->absent = rule->policy == PLR_RULE_NEVER;
    more->ready = rule->detach && chance(50);
    p->not_ready[i] = more->ready && chance(50);
    p->codes[i] = codes[any(5)];
    if (!rule->detach && chance(25)) {
        more->attempts = 1 + any(MOST_ATTEMPTS);
        p->failing[i] = any(more->attempts);
    }
    p->dies[i] = !rule->detach && more->attempts == 1 && chance(10);
}

/* Edges lead to steps in front in a random order of all, so that the plan's is none. */
static void make_edges(pod *p, size_t first, bool serial)
{
    size_t order[MOST];
    for (size_t i = first; i < p->n; i++) {
        size_t at = first + any((unsigned)(i - first + 1));
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t i = first; i < p->n; i++) {
        size_t self = serial ? i : order[i];
        p->rules[self].above = p->above[self];
        for (size_t k = first; k < i; k++)
            if (serial ? k + 1 == i : chance(30))
                p->above[self][p->rules[self].n_above++] = serial ? k : order[k];
    }
}

static void make(pod *p)
{
    size_t first = chance(30), n_edges = 0;
    *p = (pod){ .n = first + 1 + any(MOST - 1) };
    for (size_t i = 0; i < p->n; i++)
        p->more[i].attempts = 1;
    if (first == 1) {
        p->rules[0].kind = PLR_RULE_SERVICE;
        p->rules[0].detach = true;
        p->service_fails = chance(30);
    }
    p->services_said = first == 0;
    p->failed = p->service_fails;
    for (size_t i = first; i < p->n; i++)
        make_step(p, i);
    bool serial = chance(30);
    make_edges(p, first, serial);
    for (size_t i = 0; i < p->n; i++)
        n_edges += p->rules[i].n_above;
    if (n_edges == 0) { /* read as a serial one */
        serial = true;
        make_edges(p, first, serial);
    }
    p->plan = (plr_init_plan){ .graph = { .steps = p->rules, .n = p->n, .serial = serial },
        .steps = p->more };
}

static void put_step(const pod *p, size_t i, plr_buf *out)
{
    static const char *const policies[] = { PLR_INIT_PLAN_POLICIES };
    const plr_rule_step *rule = &p->rules[i];
    plr_buf_printf(out, "{'metadata':{'name':'s%zu'},'docker':{'image':'i:1'},", i);
    plr_buf_printf(out, "'run_policy':'%s','ignore_err':%s,", policies[rule->policy],
            rule->ignore_err ? "true" : "false");
    if (rule->detach)
        plr_buf_puts(out, "'detach':true,");
    if (p->more[i].ready)
        plr_buf_puts(out, "'ready':{'log':'up'},");
    if (p->more[i].attempts > 1)
        plr_buf_printf(out, "'retry':{'attempts':%u},", p->more[i].attempts);
    for (size_t k = 0; k < rule->n_above && !p->plan.graph.serial; k++)
        plr_buf_printf(out, "%s's%zu'%s", k == 0 ? "'depends_on':[" : ",", rule->above[k],
                k + 1 == rule->n_above ? "]," : "");
    plr_buf_puts(out, "'environment':{'FAKE':'");
    for (unsigned attempt = 1; attempt <= p->failing[i]; attempt++)
        plr_buf_printf(out, "@%u exit 3;", attempt);
    if (p->dies[i])
        plr_buf_puts(out, "oom");
    else if (p->not_ready[i])
        plr_buf_puts(out, "exit 0");
    else if (rule->detach)
        plr_buf_puts(out, p->more[i].ready ? "out up;hang" : "hang");
    else
        plr_buf_printf(out, "sleep %ums;exit %d", any(100), p->codes[i]);
    plr_buf_puts(out, "'}}");
}

static void put_json(const pod *p, plr_buf *out)
{
    size_t first = is_service(p, 0);
    plr_buf_putc(out, '{');
    if (first == 1)
        plr_buf_printf(out,
                "'services':[{'metadata':{'name':'s0'},'docker':{'image':'i:1'},"
                "'environment':{'FAKE':'%s'},'ready':{'log':'up'}}],",
                p->service_fails ? "exit 0" : "out up;hang");
    plr_buf_puts(out, "'steps':[");
    for (size_t i = first; i < p->n; i++) {
        plr_buf_puts(out, i > first ? "," : "");
        put_step(p, i, out);
    }
    plr_buf_puts(out, "]}");
}

static void start_container(pod *p, size_t i, unsigned attempt, const plr_buf *plan)
{
    container *c = &p->containers[i][attempt - 1];
    c->knows = calloc(1, sizeof *c->knows + ROOM);
    CU_ASSERT_PTR_NOT_NULL(c->knows);
    if (c->knows == NULL)
        return;
    c->knows->self = i;
    c->knows->attempt = attempt;
    CU_ASSERT_EQUAL(
            plr_init_plan_read(&c->knows->plan, plan->data, plan->size, c->knows + 1, ROOM), 0);
    plr_knowledge_init(c->knows);
}

static void start_all(pod *p)
{
    _cleanup_buf_ plr_buf plan = { 0 };
    size_t size = plr_init_plan_write(&p->plan, NULL, 0);
    CU_ASSERT_EQUAL(plr_buf_reserve(&plan, size, NULL), 0);
    plan.size = plr_init_plan_write(&p->plan, plan.data, size);
    CU_ASSERT_EQUAL(plan.size, size);
    CU_ASSERT_TRUE(PLR_INIT_PLAN_ROOM(size) <= ROOM);
    for (size_t i = is_service(p, 0); i < p->n; i++)
        for (unsigned attempt = 1; attempt <= p->more[i].attempts && !p->more[i].absent; attempt++)
            start_container(p, i, attempt, &plan);
}

static void finish(pod *p, size_t i, bool failed)
{
    p->final[i] = true;
    p->failed |= failed;
}

static void look(pod *p, size_t i, unsigned attempt)
{
    container *c = &p->containers[i][attempt - 1];
    plr_knowledge_hear(c->knows, p->words.data, p->words.size);
    for (bool learned = true; learned;) {
        learned = false;
        plr_knowledge_update(c->knows);
        for (size_t k = 0; k < p->n; k++)
            for (unsigned a = 1; a <= p->more[k].attempts; a++) {
                const char *record = p->containers[k][a - 1].record;
                if (plr_knowledge_wants(c->knows, k, a))
                    learned |= plr_knowledge_see(c->knows, k, a, record, strlen(record));
            }
    }
    c->turn = plr_knowledge_turn(c->knows, &c->why);
    if (c->turn == PLR_TURN_RUN) {
        c->runs = true;
        strcpy(c->record, "running\n");
    } else if (c->turn == PLR_TURN_SKIP) {
        snprintf(c->record, sizeof c->record, "skipped %s\n",
                c->why == PLR_RULE_SKIP_HALTED           ? "exit-78"
                : c->why == PLR_RULE_SKIP_FAILED_BEFORE  ? "failed-before"
                : c->why == PLR_RULE_SKIP_NOTHING_FAILED ? "nothing-failed"
                                                         : "cancelled");
        finish(p, i, false);
    }
}

/* What runs comes to its end, and the host says what the record cannot. */
static void end(pod *p, size_t i, unsigned attempt)
{
    container *c = &p->containers[i][attempt - 1];
    const plr_rule_step *rule = &p->rules[i];
    bool has_next = attempt <= p->failing[i], failed;
    int code = has_next ? 3 : p->codes[i];
    c->runs = false;
    c->ended = true;
    if (rule->detach) {
        failed = p->not_ready[i] && !rule->ignore_err;
        if (p->more[i].ready)
            plr_buf_printf(&p->words, "outcome %zu %s\n", i, failed ? "failed" : "passed");
        finish(p, i, failed);
        return;
    }
    if (!p->dies[i])
        snprintf(c->record, sizeof c->record, "exited %d\n", code << 8);
    bool halts = code == 78 && plr_rule_halts(rule) && !p->dies[i];
    if (code != 0 && !halts && !p->dies[i] && attempt < p->more[i].attempts) {
        plr_buf_printf(&p->words, "go %zu %u\n", i, attempt + 1);
        return;
    }
    failed = (p->dies[i] || (code != 0 && !halts)) && !rule->ignore_err;
    if (p->dies[i])
        plr_buf_printf(&p->words, "outcome %zu %s\n", i, failed ? "failed" : "passed");
    finish(p, i, failed);
}

static void host(pod *p)
{
    if (!p->services_said) {
        plr_buf_printf(&p->words, "services %s\n", p->service_fails ? "failed" : "ready");
        p->services_said = true;
    }
    bool main_ended = true;
    for (size_t i = 0; i < p->n; i++)
        main_ended &= is_service(p, i) || p->rules[i].end_phase || p->final[i] || p->more[i].absent;
    if (main_ended && !p->main_said) {
        plr_buf_printf(&p->words, "main %s\n", p->failed ? "failed" : "passed");
        p->main_said = true;
    }
}

/* Until each step has come to an end; false if they wait for each other. */
static bool play_pod(pod *p)
{
    bool open = true;
    for (int round = 0; round < MOST_ROUNDS && open; round++) {
        open = false;
        if (chance(30))
            host(p);
        for (size_t i = 0; i < p->n; i++) {
            for (unsigned attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
                container *c = &p->containers[i][attempt - 1];
                if (c->knows == NULL)
                    continue;
                bool waits = !c->runs && !c->ended && c->turn == PLR_TURN_WAIT;
                open |= waits || c->runs;
                if (waits && chance(50))
                    look(p, i, attempt);
                else if (c->runs && chance(30))
                    end(p, i, attempt);
            }
        }
    }
    return !open;
}

/* Whether the engine has ended a step as the pod has. */
static bool is_same(const pod *p, size_t i, const char *ends)
{
    char skipped[64];
    const container *c = &p->containers[i][0];
    snprintf(skipped, sizeof skipped, "s%zu skipped %.20s", i,
            c->turn == PLR_TURN_SKIP ? c->record + strlen("skipped ") : "");
    if (p->more[i].absent)
        return strstr(ends, skipped) != NULL;
    return (c->turn == PLR_TURN_SKIP) == (strstr(ends, skipped) != NULL) && p->final[i] == true;
}

static void compare(uint64_t seed)
{
    pod p;
    _cleanup_buf_ plr_buf json = { 0 };
    state = seed * 0x9e3779b97f4a7c15u + 1;
    make(&p);
    put_json(&p, &json);
    CU_ASSERT_TRUE(plr_rule_graph_init(&p.plan.graph));
    start_all(&p);
    plr_play play = { .jitter = "30ms" };
    bool right = plr_play_json(&play, json.data) == 0 && play_pod(&p);
    for (size_t i = is_service(&p, 0); i < p.n && right; i++)
        right = is_same(&p, i, play.ends.data);
    CU_ASSERT_TRUE(right);
    if (!right) {
        fprintf(stderr, "\nseed %llu: %s\n%s%s\nwords:\n%s", (unsigned long long)seed, json.data,
                play.err.message, play.ends.data != NULL ? play.ends.data : "",
                p.words.data != NULL ? p.words.data : "");
        for (size_t i = 0; i < p.n; i++)
            fprintf(stderr, "s%zu %s", i, p.containers[i][0].record);
    }
    for (size_t i = 0; i < MOST * MOST_ATTEMPTS; i++)
        free(p.containers[i / MOST_ATTEMPTS][i % MOST_ATTEMPTS].knows);
    plr_buf_clear(&p.words);
    plr_play_clear(&play);
}

static void steps_of_a_pod_decide_as_the_engine(void)
{
    for (uint64_t seed = 1; seed <= plr_test_cases(N_PIPELINES); seed++)
        compare(seed);
}

/* Ten thousand in a row, the last one first, within the room that is said to be enough. */
static void a_plan_of_any_size_fits(void)
{
    enum { N = 10000 };
    _cleanup_free_ plr_rule_step *rules = calloc(N, sizeof *rules);
    _cleanup_free_ plr_init_plan_step *steps = calloc(N, sizeof *steps);
    _cleanup_free_ size_t *above = calloc(N, sizeof *above);
    _cleanup_free_ char *text = malloc(PLR_INIT_PLAN_MAX);
    plr_init_plan plan = { .graph = { .steps = rules, .n = N }, .steps = steps }, read;
    for (size_t i = 0; i < N && rules != NULL && steps != NULL && above != NULL; i++) {
        above[i] = i + 1;
        rules[i].kind = PLR_RULE_HOOK;
        rules[i].policy = PLR_RULE_NEVER;
        rules[i].above = &above[i];
        rules[i].n_above = i + 1 < N;
        steps[i].attempts = 1;
    }
    size_t size = plr_init_plan_write(&plan, text, PLR_INIT_PLAN_MAX);
    CU_ASSERT_TRUE(size < PLR_INIT_PLAN_MAX);
    _cleanup_free_ void *room = calloc(1, PLR_INIT_PLAN_ROOM(size));
    CU_ASSERT_EQUAL(plr_init_plan_read(&read, text, size, room, PLR_INIT_PLAN_ROOM(size)), 0);
    CU_ASSERT_EQUAL(read.graph.n, N);
    CU_ASSERT_EQUAL(read.graph.steps[0].nth, N - 1);
    CU_ASSERT_TRUE(plr_init_plan_read(&read, text, size, room, size) < 0);
}

static const plr_test tests[] = {
    { "steps of a pod decide as the engine", steps_of_a_pod_decide_as_the_engine },
    { "a plan of any size fits", a_plan_of_any_size_fits },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("init_knowledge", tests);
}
