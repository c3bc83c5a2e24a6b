/* SPDX-License-Identifier: MIT */
/* Thousands of random pipelines on the fake backend, each compared with a small model of the rules
 * that shares nothing with the engine: it walks explicit sets of ancestors, without events and
 * time. Each is played twice: the engine releases the steps, or they release each other. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "tests/unit/play.h"

enum { MOST_STEPS = 14, N_PIPELINES = 3000, N_CANCELLED = 1500 };

typedef enum policy { ON_SUCCESS, ON_FAILURE, ALWAYS, NEVER } policy;

static const char *const policies[] = { "on-success", "on-failure", "always", "never" };

typedef struct model_step {
    policy policy;
    unsigned depends; /* bits of steps with smaller numbers */
    int code;         /* of its last attempt */
    int truth;        /* what is confirmed, whatever it had said */
    bool ignored, detached, not_ready;
    bool dies;               /* for memory, or lost with its node: its record cannot tell it */
    bool lost, silent, host; /* silent: no record; host: nothing of ours is in it */
    bool only_oom;           /* is the reason to try again, so an exit code is final */
    unsigned failing_attempts, attempts;
    /* What the model says. */
    bool failed, halted, end_phase; /* as the others believe */
    bool truly_failed, truly_halted;
    char end[64];
} model_step;

typedef struct model {
    size_t n;
    bool graph, service, service_fails;
    model_step steps[MOST_STEPS];
    bool failed, lost, unexplained;
} model;

static uint64_t state;

static unsigned any(unsigned below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % below;
}

static bool chance(unsigned percent)
{
    return any(100) < percent;
}

/* `contradict`: some ends turn out different from what their steps had said. */
static void make(model *m, bool contradict)
{
    static const policy likely[] = { ON_SUCCESS, ON_SUCCESS, ON_SUCCESS, ON_SUCCESS, ON_FAILURE,
        ALWAYS, NEVER };
    static const int codes[] = { 0, 0, 0, 0, 1, 78, 137 };
    *m = (model){ .n = 1 + any(MOST_STEPS), .graph = chance(70), .service = chance(30) };
    m->service_fails = m->service && chance(20);
    for (size_t i = 0; i < m->n; i++) {
        model_step *s = &m->steps[i];
        s->policy = likely[any(7)];
        s->code = codes[any(7)];
        s->ignored = chance(15);
        s->detached = chance(15);
        s->not_ready = s->detached && chance(25);
        s->attempts = 1;
        s->host = chance(10);
        s->silent = chance(10);
        if (chance(20) && !s->detached) {
            s->attempts = 1 + any(3);
            s->failing_attempts = any(3);
            s->only_oom = chance(20);
            if (s->only_oom)
                s->failing_attempts = 0;
            if (s->failing_attempts >= s->attempts)
                s->code = 3; /* the last one fails like the others */
        } else if (chance(10) && !s->detached) {
            s->dies = true;
            s->lost = chance(50);
        }
        s->truth = s->code;
        if (contradict && chance(30) && s->attempts == 1 && !s->detached && !s->dies) {
            s->truth = codes[any(7)];
            s->host = s->silent = false;
        }
        for (size_t d = 0; d < i && m->graph; d++)
            if (chance(25))
                s->depends |= 1u << d;
        if (!m->graph && i > 0)
            s->depends = 1u << (i - 1);
    }
    bool any_edge = false;
    for (size_t i = 0; i < m->n; i++)
        any_edge |= m->steps[i].depends != 0;
    if (m->graph && !any_edge) { /* read as serial, then */
        m->graph = false;
        for (size_t i = 1; i < m->n; i++)
            m->steps[i].depends = 1u << (i - 1);
    }
}

static void put_script(const model_step *s, plr_buf *out)
{
    for (unsigned i = 1; i <= s->failing_attempts && i < s->attempts; i++)
        plr_buf_printf(out, "@%u exit 3;", i);
    if (s->host)
        plr_buf_puts(out, "host;");
    if (s->silent)
        plr_buf_puts(out, "silent;");
    if (s->truth != s->code)
        plr_buf_printf(out, "truth %d;told %ums;", s->truth, any(600));
    if (s->dies)
        plr_buf_printf(out, "sleep %ums;%s", any(400), s->lost ? "lost" : "oom");
    else if (s->not_ready)
        plr_buf_printf(out, "sleep %ums;exit 0", any(50));
    else if (s->detached)
        plr_buf_puts(out, "hang");
    else
        plr_buf_printf(
                out, "%ssleep %ums;exit %d", chance(30) ? "told 20ms;" : "", any(400), s->code);
}

static void put_json(const model *m, plr_buf *out)
{
    plr_buf_putc(out, '{');
    if (m->service)
        plr_buf_printf(out,
                "'services':[{'metadata':{'name':'svc'},'docker':{'image':'i:1'},"
                "'environment':{'FAKE':'%s'},'ready':{'log':'up'}}],",
                m->service_fails ? "sleep 1s;exit 0" : "sleep 10ms;out up;hang");
    plr_buf_puts(out, "'steps':[");
    for (size_t i = 0; i < m->n; i++) {
        const model_step *s = &m->steps[i];
        plr_buf_printf(out,
                "%s{'metadata':{'name':'s%zu'},'docker':{'image':'i:1'},'run_policy':'%s',"
                "'ignore_err':%s,'environment':{'FAKE':'",
                i > 0 ? "," : "", i, policies[s->policy], s->ignored ? "true" : "false");
        put_script(s, out);
        plr_buf_puts(out, "'}");
        if (s->detached)
            plr_buf_puts(
                    out, s->not_ready ? ",'detach':true,'ready':{'log':'up'}" : ",'detach':true");
        if (s->attempts > 1)
            plr_buf_printf(out, ",'retry':{'attempts':%u,'backoff':'%ums'%s}", s->attempts, any(30),
                    s->only_oom ? ",'on':['oom']" : "");
        if (m->graph && s->depends != 0) {
            plr_buf_puts(out, ",'depends_on':[");
            for (size_t d = 0, k = 0; d < i; d++)
                if (s->depends & 1u << d)
                    plr_buf_printf(out, "%s's%zu'", k++ > 0 ? "," : "", d);
            plr_buf_putc(out, ']');
        }
        plr_buf_putc(out, '}');
    }
    plr_buf_puts(out, "]}");
}

static unsigned ancestors(const model *m, size_t i)
{
    unsigned set = m->steps[i].depends;
    for (size_t a = i; a-- > 0;)
        if (set & 1u << a)
            set |= m->steps[a].depends;
    return set;
}

static void judge(model *m, size_t i)
{
    model_step *s = &m->steps[i];
    unsigned above = ancestors(m, i);
    bool failed = m->service_fails, halted = false;
    bool under_root = false; /* in the end phase all of the main phase stands above */
    for (size_t a = 0; a < i; a++) {
        if (!(above & 1u << a))
            continue;
        failed |= m->steps[a].failed;
        halted |= m->steps[a].halted;
        under_root |= m->steps[a].end_phase && m->steps[a].depends == 0;
    }
    under_root |= s->end_phase && s->depends == 0;
    for (size_t a = 0; a < m->n && under_root; a++)
        failed |= !m->steps[a].end_phase && (m->steps[a].failed || m->steps[a].truly_failed);
    const char *skip = s->policy == NEVER        ? "never"
                       : s->policy == ALWAYS     ? NULL
                       : halted                  ? "exit-78"
                       : s->policy == ON_SUCCESS ? (failed ? "failed-before" : NULL)
                                                 : (failed ? NULL : "nothing-failed");
    if (skip != NULL) {
        snprintf(s->end, sizeof s->end, "s%zu skipped %s\n", i, skip);
        return;
    }
    bool may_halt = !s->detached && !s->end_phase && !s->dies;
    s->halted = s->code == 78 && may_halt;
    s->truly_halted = s->truth == 78 && may_halt;
    bool believed = s->detached ? s->not_ready : s->dies || (s->code != 0 && !s->halted);
    bool failure = s->detached ? s->not_ready : s->dies || (s->truth != 0 && !s->truly_halted);
    s->failed = believed && !s->ignored;
    s->truly_failed = failure && !s->ignored;
    m->failed |= s->truly_failed;
    m->lost |= s->truly_failed && s->dies && s->lost;
    if (s->detached && !s->not_ready)
        snprintf(s->end, sizeof s->end, "s%zu stopped\n", i);
    else if (s->detached)
        snprintf(s->end, sizeof s->end, "s%zu not-ready%s\n", i, s->ignored ? " ignored" : "");
    else if (s->dies)
        snprintf(s->end, sizeof s->end, " %s%s\n", s->lost ? "lost" : "oom",
                s->ignored ? " ignored" : "");
    else
        snprintf(s->end, sizeof s->end, " exit %d%s\n", s->truth,
                failure && s->ignored ? " ignored" : "");
}

/* A retried 78 is no failure, so it is not tried again; the engine stops at it as the model does.
 */
static void solve(model *m)
{
    m->failed = m->service_fails;
    for (size_t i = 0; i < m->n; i++) {
        model_step *s = &m->steps[i];
        s->end_phase = m->graph && s->depends == 0 && s->policy == ON_FAILURE;
        for (size_t a = 0; a < i; a++)
            s->end_phase |= (ancestors(m, i) & 1u << a) && m->steps[a].end_phase;
    }
    for (int phase = 0; phase < 2; phase++)
        for (size_t i = 0; i < m->n; i++)
            if (m->steps[i].end_phase == (phase == 1))
                judge(m, i);
    bool halted = false;
    for (size_t i = 0; i < m->n; i++)
        halted |= m->steps[i].truly_halted;
    for (size_t i = 0; i < m->n; i++)
        m->unexplained |= strstr(m->steps[i].end, "failed-before") != NULL ||
                          (strstr(m->steps[i].end, "exit-78") != NULL && !halted);
}

/* Never a false success: what only an untrue word is the reason for does not pass. */
static bool has_outcome(const model *m, plr_outcome outcome)
{
    if (m->failed)
        return outcome == PLR_OUTCOME_FAILED || (m->lost && outcome == PLR_OUTCOME_INFRASTRUCTURE);
    return outcome == (m->unexplained ? PLR_OUTCOME_INFRASTRUCTURE : PLR_OUTCOME_PASSED);
}

/* The line of the step's last attempt: "s3 exit 0" or "s3+ exit 0". */
static bool has_end(const char *ends, size_t i, const model_step *s)
{
    char wanted[128];
    if (s->end[0] == 's')
        return strstr(ends, s->end) != NULL;
    snprintf(wanted, sizeof wanted, "s%zu%s", i, s->end);
    if (strstr(ends, wanted) != NULL)
        return true;
    snprintf(wanted, sizeof wanted, "s%zu+%s", i, s->end);
    return strstr(ends, wanted) != NULL;
}

static void compare(uint64_t seed, bool contradict, const char *release)
{
    model m;
    _cleanup_buf_ plr_buf json = { 0 };
    state = seed * 0x9e3779b97f4a7c15u + 1;
    make(&m, contradict);
    put_json(&m, &json);
    solve(&m);
    plr_play play = { .options.max_parallel = chance(release != NULL ? 10 : 50) ? 1 + any(3) : 0,
        .jitter = chance(50) ? "30ms" : "0",
        .release = release };
    int r = plr_play_json(&play, json.data);
    bool right = r == 0 && has_outcome(&m, play.result.outcome);
    for (size_t i = 0; i < m.n && right; i++)
        right = has_end(play.ends.data, i, &m.steps[i]);
    CU_ASSERT_TRUE(right);
    if (!right) {
        fprintf(stderr, "\nseed %llu, release %s: %s\n%s%s\nexpected:\n", (unsigned long long)seed,
                release != NULL ? release : "-", json.data, play.err.message, play.result.message);
        for (size_t i = 0; i < m.n; i++)
            fprintf(stderr, "%zu: %s", i, m.steps[i].end);
        fprintf(stderr, "got (%s):\n%s", plr_outcome_name(play.result.outcome),
                play.ends.data != NULL ? play.ends.data : "");
    }
    plr_play_clear(&play);
}

static void pipelines_end_as_the_model_says(void)
{
    for (uint64_t seed = 1; seed <= plr_test_cases(N_PIPELINES); seed++)
        compare(seed, false, NULL);
}

static const char *const words[] = { "0", "20ms", "900ms" };

static void so_they_do_if_the_steps_release_each_other(void)
{
    for (uint64_t seed = 1; seed <= plr_test_cases(N_PIPELINES); seed++)
        compare(seed, false, words[seed % 3]);
}

static void what_was_said_decides_and_what_is_true_counts(void)
{
    for (uint64_t seed = 1; seed <= plr_test_cases(N_PIPELINES); seed++) {
        compare(seed, true, NULL);
        compare(seed, true, words[seed % 3]);
    }
}

typedef struct watch {
    unsigned finals[MOST_STEPS + 1];
    bool over;
} watch;

static plr_answer watch_event(const plr_event *event, void *userdata)
{
    watch *w = userdata;
    CU_ASSERT_FALSE(w->over);
    w->over = event->type == PLR_EVENT_RUN_ENDED;
    if (event->type == PLR_EVENT_STEP && event->u.moved.to == PLR_STATE_ENDED &&
            !event->u.moved.end->will_retry)
        w->finals[event->task]++;
    return PLR_ANSWER_GO_ON;
}

/* Whenever a cancel of whatever strength comes: each step ends once, then the run, and nothing
 * after it. */
static void cancel_at_any_time(bool release)
{
    for (uint64_t seed = 1; seed <= plr_test_cases(N_CANCELLED); seed++) {
        model m;
        _cleanup_buf_ plr_buf json = { 0 };
        state = seed * 0xd1342543de82ef95u + 1;
        make(&m, release);
        put_json(&m, &json);
        watch w = { 0 };
        plr_play play = { .jitter = "30ms",
            .release = release ? words[seed % 3] : NULL,
            .on_event = watch_event,
            .userdata = &w };
        play.cancel_at_ns[any(3)] = 1 + (uint64_t)any(1500) * 1000000;
        if (chance(30))
            play.cancel_at_ns[any(3)] = 1 + (uint64_t)any(1500) * 1000000;
        CU_ASSERT_EQUAL(plr_play_json(&play, json.data), 0);
        CU_ASSERT_TRUE(w.over);
        CU_ASSERT_TRUE(play.duration_ns < (uint64_t)60 * 1000000000);
        for (size_t i = 0; i < m.n + m.service; i++)
            CU_ASSERT_EQUAL(w.finals[i], 1);
        if (w.finals[0] != 1)
            fprintf(stderr, "\nseed %llu: %s\n%s\n", (unsigned long long)seed, json.data,
                    play.ends.data);
        plr_play_clear(&play);
    }
}

static void a_cancel_at_any_time_ends_every_step_once(void)
{
    cancel_at_any_time(false);
}

static void so_it_does_if_the_steps_release_each_other(void)
{
    cancel_at_any_time(true);
}

static void a_seed_gives_the_same_run_again(void)
{
    for (uint64_t seed = 1; seed <= plr_test_cases(100); seed++) {
        model m;
        _cleanup_buf_ plr_buf json = { 0 };
        state = seed;
        make(&m, false);
        put_json(&m, &json);
        plr_play first = { .seed = "7", .jitter = "1s" }, second = { .seed = "7", .jitter = "1s" };
        plr_play_json(&first, json.data);
        plr_play_json(&second, json.data);
        CU_ASSERT_STRING_EQUAL(first.trace.data, second.trace.data);
        CU_ASSERT_EQUAL(first.duration_ns, second.duration_ns);
        plr_play_clear(&first);
        plr_play_clear(&second);
    }
}

static const plr_test tests[] = {
    { "random pipelines end as the model says", pipelines_end_as_the_model_says },
    { "so they do if the steps release each other", so_they_do_if_the_steps_release_each_other },
    { "what was said decides, and what is true counts",
            what_was_said_decides_and_what_is_true_counts },
    { "a cancel at any time ends every step once", a_cancel_at_any_time_ends_every_step_once },
    { "so it does if the steps release each other", so_it_does_if_the_steps_release_each_other },
    { "a seed gives the same run again", a_seed_gives_the_same_run_again },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("random", tests);
}
