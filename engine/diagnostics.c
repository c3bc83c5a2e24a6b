/* SPDX-License-Identifier: MIT */
/* What a backend's check found in a document: kept with the run, so that a host can show all of it.
 */
#include <string.h>

#include "engine/base/error.h"
#include "engine/run.h"

struct plr_kept_diagnostic {
    plr_kept_diagnostic *next;
    plr_diagnostic diagnostic;
};

static bool copy(plr_arena *arena, const char **text)
{
    if (*text == NULL)
        return true;
    *text = plr_arena_copy(arena, *text, strlen(*text));
    return *text != NULL;
}

static bool keep(plr_run *run, const plr_diagnostic *diagnostic)
{
    plr_kept_diagnostic *kept = plr_arena_alloc(&run->arena, sizeof *kept);
    if (kept == NULL)
        return false;
    plr_diagnostic *own = &kept->diagnostic;
    *own = *diagnostic;
    own->size = sizeof *own;
    if (!copy(&run->arena, &own->code) || !copy(&run->arena, &own->source) ||
            !copy(&run->arena, &own->pointer) || !copy(&run->arena, &own->text) ||
            !copy(&run->arena, &own->suggestion))
        return false;
    *(run->last_diagnostic != NULL ? &run->last_diagnostic->next : &run->first_diagnostic) = kept;
    run->last_diagnostic = kept;
    return true;
}

void plr_run_on_diagnostic(const plr_diagnostic *diagnostic, void *userdata)
{
    plr_run *run = userdata;
    plr_error err = { 0 };
    if (!keep(run, diagnostic))
        plr_error_nomem(&err);
    if (diagnostic->severity == PLR_SEVERITY_ERROR)
        plr_error_set(&err, PLR_ERR_REFUSED, "%s", diagnostic->text);
    else
        plr_emit_text(run, NULL, PLR_EVENT_WARNING, diagnostic->text);
    if (err.code != PLR_OK)
        plr_run_note_failure(run, &err);
}

void plr_run_diagnostics(const plr_run *run, plr_diagnostic_fn *on_diagnostic, void *userdata)
{
    for (const plr_kept_diagnostic *kept = run->first_diagnostic; kept != NULL; kept = kept->next) {
        _cleanup_buf_ plr_buf text = { 0 };
        plr_diagnostic masked = kept->diagnostic;
        if (plr_mask_text(run->mask, masked.text, &text, NULL) < 0)
            plr_buf_reset(&text);
        masked.text = text.data != NULL ? text.data : "";
        on_diagnostic(&masked, userdata);
    }
}
