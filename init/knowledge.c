/* SPDX-License-Identifier: MIT */
/*
 * Puts records and words into the graph that the rules look at, and asks them. words.h has the
 * grammar of both; what does not keep to it says nothing.
 */
#include "init/knowledge.h"
#include "init/scan.h"
#include "init/syscall.h"
#include "init/words.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

#define STATUS_MAX 0xffff
#define SIGNAL_MAX 64

void plr_knowledge_init(plr_knowledge *k)
{
    bool services = false;
    for (size_t i = 0; i < k->plan.graph.n; i++)
        services |= k->plan.graph.steps[i].kind == PLR_RULE_SERVICE;
    k->run.services_known = !services;
}

static void learn(plr_rule_step *rule, plr_rule_outcome outcome)
{
    if (rule->outcome == PLR_RULE_UNKNOWN)
        rule->outcome = outcome;
}

static void hear_cancelled(plr_knowledge *k, plr_scan *line)
{
    static const char *const modes[] = { "graceful", "now" };
    size_t mode;
    uint64_t started;
    if (!plr_scan_name(line, modes, LENGTH(modes), &mode) || !plr_scan_number(line, 1, &started))
        return;
    k->run.cancelled = true;
    k->run.started |= started == 1;
    k->nothing_begins |= mode == 1;
}

static void hear_outcome(plr_knowledge *k, plr_scan *line)
{
    static const char *const outcomes[] = { "passed", "failed", "halted", "skipped" };
    uint64_t step;
    size_t outcome;
    if (plr_scan_number(line, k->plan.graph.n - 1, &step) &&
            plr_scan_name(line, outcomes, LENGTH(outcomes), &outcome))
        learn(&k->plan.graph.steps[step], PLR_RULE_PASSED + (plr_rule_outcome)outcome);
}

static void hear_services(plr_knowledge *k, plr_scan *line)
{
    static const char *const words[] = { "ready", "failed" };
    size_t is;
    if (k->run.services_known || !plr_scan_name(line, words, LENGTH(words), &is))
        return;
    k->run.services_known = true;
    k->run.services_failed = is == 1;
}

static void hear_main(plr_knowledge *k, plr_scan *line)
{
    static const char *const words[] = { "passed", "failed" };
    size_t is;
    if (k->run.main_ended || !plr_scan_name(line, words, LENGTH(words), &is))
        return;
    k->run.main_ended = true;
    k->run.failed = is == 1;
}

/* Whether the line goes on with the name of this attempt. */
static bool is_for_me(const plr_knowledge *k, plr_scan *line)
{
    uint64_t step, attempt;
    return plr_scan_number(line, SIZE_MAX, &step) && plr_scan_number(line, UINT32_MAX, &attempt) &&
           step == k->self && attempt == k->attempt;
}

static bool is_stop_for_me(const plr_knowledge *k, plr_scan *line, uint64_t *ret_signal)
{
    return is_for_me(k, line) && plr_scan_number(line, SIGNAL_MAX, ret_signal) && *ret_signal > 0;
}

typedef enum said {
    SAID_CANCELLED,
    SAID_OUTCOME,
    SAID_SERVICES,
    SAID_MAIN,
    SAID_GO,
    SAID_IMAGE,
    SAID_STOP,
    SAID_LATE,
} said;

/* What the next line that says something is about; the rest of it is left in `ret_line`. */
static bool next_said(plr_scan *text, said *ret_said, plr_scan *ret_line)
{
    static const char *const words[] = {
        [SAID_CANCELLED] = "cancelled",
        [SAID_OUTCOME] = "outcome",
        [SAID_SERVICES] = "services",
        [SAID_MAIN] = "main",
        [SAID_GO] = "go",
        [SAID_IMAGE] = "image",
        [SAID_STOP] = "stop",
        [SAID_LATE] = "late",
    };
    size_t word;
    while (plr_scan_line(text, ret_line))
        if (plr_scan_name(ret_line, words, LENGTH(words), &word)) {
            *ret_said = (said)word;
            return true;
        }
    return false;
}

void plr_knowledge_hear(plr_knowledge *k, const char *text, size_t size)
{
    plr_scan all = { text, text + size }, line;
    uint64_t signal;
    for (said what; next_said(&all, &what, &line);) {
        switch (what) {
        case SAID_CANCELLED:
            hear_cancelled(k, &line);
            break;
        case SAID_OUTCOME:
            hear_outcome(k, &line);
            break;
        case SAID_SERVICES:
            hear_services(k, &line);
            break;
        case SAID_MAIN:
            hear_main(k, &line);
            break;
        case SAID_GO:
            k->go |= is_for_me(k, &line);
            break;
        case SAID_IMAGE:
            k->image |= is_for_me(k, &line);
            break;
        case SAID_STOP:
            k->stop |= is_stop_for_me(k, &line, &signal);
            break;
        case SAID_LATE:
            break;
        }
    }
}

unsigned int plr_knowledge_take_stop(plr_knowledge *k, const char *text, size_t size)
{
    plr_scan all = { text, text + size }, line;
    uint64_t signal;
    size_t n = 0;
    for (said what; next_said(&all, &what, &line);)
        if (what == SAID_STOP && is_stop_for_me(k, &line, &signal) && n++ == k->n_stops) {
            k->n_stops++;
            return (unsigned int)signal;
        }
    return 0;
}

/* The six bits that a letter of base64 stands for, or -1. */
static int bits_of(char c)
{
    static const char letters[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 64; i++)
        if (letters[i] == c)
            return i;
    return -1;
}

/* Decodes a word of base64, padded or not. Returns the size, or a negative errno. */
static long decode(plr_scan word, char *to, size_t to_size)
{
    size_t n = 0, n_bits = 0;
    unsigned int held = 0;
    for (int padding = 0; word.at < word.end && *(word.end - 1) == '=' && padding < 2; padding++)
        word.end--;
    for (; word.at < word.end; word.at++) {
        int bits = bits_of(*word.at);
        if (bits < 0)
            return -PLR_EINVAL;
        held = (held << 6 | (unsigned int)bits) & 0xffff;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (n == to_size)
            return -PLR_E2BIG;
        to[n++] = (char)(held >> n_bits & 0xff);
    }
    return (long)n;
}

long plr_knowledge_late(
        const plr_knowledge *k, const char *text, size_t size, char *to, size_t to_size)
{
    plr_scan all = { text, text + size }, line, word;
    uint64_t step;
    size_t n = 0;
    for (said what; next_said(&all, &what, &line);) {
        if (what != SAID_LATE || !plr_scan_number(&line, SIZE_MAX, &step) || step != k->self)
            continue;
        if (!plr_scan_word(&line, &word))
            return -PLR_EINVAL;
        long entry = decode(word, to + n, to_size - n);
        if (entry < 0)
            return entry;
        n += (size_t)entry;
        if (n == to_size)
            return -PLR_E2BIG;
        to[n++] = '\0';
    }
    return (long)n;
}

/* Looked at from below: a dependency whose summary is not known is wanted. What stands above it
 * matters when its own outcome is known and the summary still is not, as of one that is skipped in
 * any case: so in a row of steps each one waits for the one before it only. */
void plr_knowledge_update(plr_knowledge *k)
{
    plr_rule_graph *graph = &k->plan.graph;
    for (size_t n = 0; n < graph->n; n++) {
        size_t i = graph->steps[n].nth;
        plr_rule_graph_spread(&graph->steps[i], plr_rule_graph_above(graph, i, &k->run));
        k->plan.steps[i].wanted = false;
    }
    for (size_t n = graph->n; n-- > 0;) {
        size_t i = graph->steps[n].nth;
        if (i != k->self &&
                (!k->plan.steps[i].wanted || graph->steps[i].outcome == PLR_RULE_UNKNOWN))
            continue;
        for (size_t d = 0; d < graph->steps[i].n_above; d++) {
            size_t above = graph->steps[i].above[d];
            k->plan.steps[above].wanted = !graph->steps[above].summary.known;
        }
    }
}

bool plr_knowledge_wants(const plr_knowledge *k, size_t step, uint32_t attempt)
{
    if (k->plan.graph.steps[step].outcome != PLR_RULE_UNKNOWN)
        return false;
    return step == k->self ? attempt < k->attempt : k->plan.steps[step].wanted;
}

/* Rule 9: those that depend on it look at the last attempt, and which one that is shows only if it
 * cannot be tried again. */
static void see_exit(plr_knowledge *k, size_t step, uint32_t attempt, uint64_t status)
{
    plr_rule_step *rule = &k->plan.graph.steps[step];
    int signal = (int)(status & 0x7f);
    int code = signal != 0 ? 128 + signal : (int)(status >> 8);
    bool is_final = attempt == k->plan.steps[step].attempts || code == 0 ||
                    (code == PLR_RULE_EXIT_HALT && plr_rule_halts(rule));
    if (is_final && !rule->detach)
        learn(rule, plr_rule_of_exit(rule, code));
}

bool plr_knowledge_see(
        plr_knowledge *k, size_t step, uint32_t attempt, const char *text, size_t size)
{
    enum { RUNNING, EXITED, STOPPED, SKIPPED };
    static const char *const words[] = { "running", "exited", "stopped", "skipped" };
#define WHY_NAME(name, text) text,
    static const char *const whys[] = { PLR_INIT_WHYS(WHY_NAME) };
#undef WHY_NAME
    plr_scan all = { text, text + size }, line;
    plr_rule_step *rule = &k->plan.graph.steps[step];
    bool known = rule->outcome != PLR_RULE_UNKNOWN;
    uint64_t status = 0;
    size_t word, why;
    if (!plr_scan_line(&all, &line) || !plr_scan_name(&line, words, LENGTH(words), &word))
        return false;
    if (word == SKIPPED ? !plr_scan_name(&line, whys, LENGTH(whys), &why)
                        : word != RUNNING && !plr_scan_number(&line, STATUS_MAX, &status))
        return false;
    if (!plr_scan_is_done(&line) || !plr_scan_is_done(&all))
        return false;
    if (word == SKIPPED && attempt == 1)
        learn(rule, PLR_RULE_SKIPPED);
    else if (word == RUNNING && rule->detach && !k->plan.steps[step].ready)
        learn(rule, PLR_RULE_PASSED); /* rule 4: it is met */
    else if (word == EXITED)
        see_exit(k, step, attempt, status);
    k->run.started |= word != SKIPPED;
    return !known && rule->outcome != PLR_RULE_UNKNOWN;
}

plr_turn plr_knowledge_turn(plr_knowledge *k, plr_rule_answer *ret_why)
{
    const plr_rule_step *rule = &k->plan.graph.steps[k->self];
    if (rule->outcome != PLR_RULE_UNKNOWN)
        return PLR_TURN_NONE;
    if (k->stop || k->nothing_begins) {
        *ret_why = PLR_RULE_SKIP_CANCELLED;
        return PLR_TURN_SKIP;
    }
    if (k->go)
        return PLR_TURN_RUN;
    if (rule->kind == PLR_RULE_HOOK || k->attempt > 1 || k->plan.steps[k->self].host)
        return PLR_TURN_WAIT;
    plr_rule_summary above = plr_rule_graph_above(&k->plan.graph, k->self, &k->run);
    plr_rule_answer answer = plr_rule_decide(rule->policy, above, &k->run);
    if (answer == PLR_RULE_WAIT || answer == PLR_RULE_RUN)
        return answer == PLR_RULE_RUN ? PLR_TURN_RUN : PLR_TURN_WAIT;
    *ret_why = answer;
    return PLR_TURN_SKIP;
}
