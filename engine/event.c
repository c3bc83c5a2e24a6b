/* SPDX-License-Identifier: MIT */
/* The words of an event's enums, made from the same lists as the enums.
 * They stand in JSON lines, in a document's retry.on and in what people read. */
#include <pipeline/event.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define WORD(name, word) word,

static const char *const states[] = { PLR_STATES(WORD) };
static const char *const reasons[] = { PLR_REASONS(WORD) };
static const char *const skips[] = { PLR_SKIPS(WORD) };
static const char *const types[] = { PLR_EVENTS(WORD) };

static const char *const faults[] = {
    [PLR_FAULT_NONE] = "none",
    [PLR_FAULT_USER] = "user",
    [PLR_FAULT_CONFIGURATION] = "configuration",
    [PLR_FAULT_REGISTRY] = "registry",
    [PLR_FAULT_INFRASTRUCTURE] = "infrastructure",
};

static const char *const outcomes[] = {
    [PLR_OUTCOME_PASSED] = "passed",
    [PLR_OUTCOME_FAILED] = "failed",
    [PLR_OUTCOME_REFUSED] = "refused",
    [PLR_OUTCOME_INFRASTRUCTURE] = "infrastructure",
    [PLR_OUTCOME_CANCELLED] = "cancelled",
    [PLR_OUTCOME_TIMEOUT] = "timeout",
};

static const char *word(const char *const *words, size_t n, size_t at)
{
    return at < n ? words[at] : "unknown";
}

const char *plr_state_name(plr_state state)
{
    return word(states, LENGTH(states), (size_t)state);
}

const char *plr_reason_name(plr_reason reason)
{
    return word(reasons, LENGTH(reasons), (size_t)reason);
}

const char *plr_skip_name(plr_skip skip)
{
    return word(skips, LENGTH(skips), (size_t)skip);
}

const char *plr_event_type_name(plr_event_type type)
{
    return word(types, LENGTH(types), (size_t)type);
}

const char *plr_fault_name(plr_fault fault)
{
    return word(faults, LENGTH(faults), (size_t)fault);
}

const char *plr_outcome_name(plr_outcome outcome)
{
    return word(outcomes, LENGTH(outcomes), (size_t)outcome);
}
