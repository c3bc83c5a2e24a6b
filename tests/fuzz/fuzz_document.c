/* SPDX-License-Identifier: MIT */
/*
 * The reader of documents: whatever comes in, it answers with a spec whose every reference holds,
 * or with findings that stand somewhere; and lenient differs in unknown keys only.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pipeline/spec.h>

#include "engine/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

typedef struct counts {
    size_t errors, unknown_keys, warnings;
} counts;

static void on_diagnostic(const plr_diagnostic *d, void *userdata)
{
    counts *c = userdata;
    must(d->pointer[0] == '\0' || d->pointer[0] == '/');
    must((d->line == 0) == (d->column == 0));
    must(d->text[0] != '\0');
    must(plr_utf8_valid_prefix(d->text, strlen(d->text)) == strlen(d->text));
    must(strcspn(d->text, "\n\x1b") == strlen(d->text));
    if (d->severity == PLR_SEVERITY_WARNING)
        c->warnings++;
    else if (strcmp(d->code, "unknown-key") == 0)
        c->unknown_keys++;
    else
        c->errors++;
}

static void check_path(const char *path)
{
    size_t size = strlen(path);
    must(path[0] == '/' && strstr(path, "//") == NULL && strstr(path, "/../") == NULL);
    must(size < 3 || strcmp(path + size - 3, "/..") != 0);
}

static void check_step(const plr_document *d, size_t index)
{
    const plr_step *s = d->tasks[index];
    must(s->metadata.name != NULL && s->metadata.name[0] != '\0' && s->line > 0 && s->column > 0);
    for (size_t i = 0; i < s->n_dependencies; i++) {
        must(s->dependencies[i] < d->n_tasks && s->dependencies[i] != index);
        must(d->tasks[s->dependencies[i]]->kind == PLR_STEP_STEP && s->kind == PLR_STEP_STEP);
    }
    for (size_t i = 0; i < s->n_volumes; i++) {
        must(s->volumes[i].volume < d->n_volumes);
        check_path(s->volumes[i].path);
    }
    for (size_t i = 0; i < s->n_devices; i++) {
        must(d->volumes[s->devices[i].volume].host != NULL);
        check_path(s->devices[i].path);
    }
    for (size_t i = 0; i < s->n_files; i++) {
        must(s->files[i].file < d->n_files && s->files[i].mode > 0 && s->files[i].mode <= 07777);
        check_path(s->files[i].path);
    }
    for (size_t i = 0; i < s->n_secrets; i++)
        must(s->secrets[i].secret < d->n_secrets && s->secrets[i].env[0] != '\0');
    for (size_t i = 0; i < s->n_environment; i++)
        must(s->environment[i].name[0] != '\0' && strchr(s->environment[i].name, '=') == NULL);
    must(s->ready == NULL || s->detach);
    must(s->timeout_ns >= 0 && s->retry.attempts >= 0);
}

static void check_spec(const plr_spec *spec)
{
    const plr_document *d = plr_spec_document(spec);
    must(d->n_tasks > 0);
    for (size_t i = 0; i < d->n_tasks; i++)
        check_step(d, i);
    for (size_t i = 0; i < d->n_volumes; i++)
        must((d->volumes[i].temp == NULL) != (d->volumes[i].host == NULL));
    for (plr_graph_format format = PLR_GRAPH_TEXT; format <= PLR_GRAPH_JSON; format++) {
        char *text = NULL;
        must(plr_spec_graph(spec, format, &text, NULL) == 0);
        must(plr_utf8_valid_prefix(text, strlen(text)) == strlen(text));
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    counts strict = { 0 }, lenient = { 0 };
    plr_spec_options options = { .size = sizeof options, .lenient = true };
    plr_spec *spec = NULL, *again = NULL;
    int r = plr_spec_read(&spec, "f", data, size, NULL, on_diagnostic, &strict, NULL);
    must(r == 0 || r == PLR_ERR_DOCUMENT);
    must((r == 0) == (strict.errors + strict.unknown_keys == 0) && strict.warnings == 0);
    if (r == 0)
        check_spec(spec);
    r = plr_spec_read(&again, "f", data, size, &options, on_diagnostic, &lenient, NULL);
    must((r == 0) == (strict.errors == 0));
    must(lenient.errors == strict.errors && lenient.warnings == strict.unknown_keys);
    if (r == 0)
        check_spec(again);
    plr_spec_unref(spec);
    plr_spec_unref(again);
    return 0;
}
