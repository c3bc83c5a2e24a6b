/* SPDX-License-Identifier: MIT */
/* An end in words. */
#include "cli/view/words.h"

#include <string.h>

#include "cli/view/terminal.h"

static const char *const reasons[] = {
    [PLR_REASON_NONE] = "ended",
    [PLR_REASON_EXIT] = "exit code",
    [PLR_REASON_SIGNAL] = "killed by a signal",
    [PLR_REASON_OOM] = "ran out of memory",
    [PLR_REASON_TIMEOUT] = "timed out",
    [PLR_REASON_CANCELLED] = "cancelled",
    [PLR_REASON_STOPPED] = "stopped",
    [PLR_REASON_SKIPPED] = "", /* the skip says it */
    [PLR_REASON_IMAGE] = "no image",
    [PLR_REASON_NOT_READY] = "not ready",
    [PLR_REASON_EVICTED] = "evicted",
    [PLR_REASON_LOST] = "lost",
    [PLR_REASON_CONFIGURATION] = "cannot be started as written",
    [PLR_REASON_INFRASTRUCTURE] = "infrastructure",
};

static const char *const skips[] = {
    [PLR_SKIP_NONE] = "",
    [PLR_SKIP_FAILED_BEFORE] = "a step before it failed",
    [PLR_SKIP_NOTHING_FAILED] = "nothing failed",
    [PLR_SKIP_NEVER] = "its run policy is never",
    [PLR_SKIP_EXIT_78] = "a step before it ended the run (exit code 78)",
    [PLR_SKIP_CANCELLED] = "the run was cancelled",
    [PLR_SKIP_TIMEOUT] = "the run timed out",
    [PLR_SKIP_NOT_SELECTED] = "not selected",
    [PLR_SKIP_RUN_FAILED] = "the run could not be set up",
};

plr_mark plr_words_mark(const plr_end *end)
{
    if (end->will_retry)
        return PLR_MARK_RETRIED;
    if (end->ignored)
        return PLR_MARK_IGNORED;
    if (end->failed)
        return PLR_MARK_FAILED;
    switch (end->reason) {
    case PLR_REASON_SKIPPED:
        return PLR_MARK_SKIPPED;
    case PLR_REASON_STOPPED:
        return PLR_MARK_STOPPED;
    case PLR_REASON_CANCELLED:
        return PLR_MARK_FAILED;
    default:
        return PLR_MARK_PASSED;
    }
}

static void put_reason(const plr_end *end, plr_text *out)
{
    size_t reason = (size_t)end->reason;
    if (reason == PLR_REASON_EXIT)
        plr_text_printf(out, "exit code %d", end->exit_code);
    else if (reason == PLR_REASON_SIGNAL && end->signal > 0)
        plr_text_printf(out, "killed by signal %d", end->signal);
    else if (reason < sizeof reasons / sizeof *reasons)
        plr_text_puts(out, reasons[reason]);
    else
        plr_text_puts(out, plr_reason_name(end->reason));
    const char *name = end->signal > 0 ? sigabbrev_np(end->signal) : NULL;
    if (reason == PLR_REASON_SIGNAL && name != NULL)
        plr_text_printf(out, " (SIG%s)", name);
}

void plr_words_why(const plr_end *end, plr_text *out)
{
    put_reason(end, out);
    if (end->reason == PLR_REASON_SKIPPED && (size_t)end->skip < sizeof skips / sizeof *skips)
        plr_text_puts(out, skips[end->skip]);
    if (end->message != NULL && end->message[0] != '\0') {
        plr_text_puts(out, ": ");
        plr_terminal_message(out, end->message);
    }
    if (end->oom && end->reason != PLR_REASON_OOM)
        plr_text_puts(out, " (the kernel killed something of it for want of memory)");
    if (end->ignored)
        plr_text_puts(out, " (ignored)");
}

void plr_words_end(const plr_end *end, plr_text *out)
{
    if (end->reason == PLR_REASON_SKIPPED)
        plr_text_puts(out, "skipped: ");
    plr_words_why(end, out);
}
