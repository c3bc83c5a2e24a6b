/* SPDX-License-Identifier: MIT */
/* What the three hosts share: a document from a file, its findings on stderr. */
#include <pipeline/spec.h>
#include <stdio.h>
#include <stdlib.h>

static void print_finding(const plr_diagnostic *finding, void *userdata)
{
    (void)userdata;
    fprintf(stderr, "%s:%zu:%zu: %s\n", finding->source, finding->line, finding->column,
            finding->text);
}

/* Up to 64 KB; NULL, with the reason in `err`, if it is none. */
static plr_spec *read_document(const char *path, plr_error *err)
{
    static _Thread_local char text[65536];
    plr_spec *spec = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        plr_error_set(err, PLR_ERR_USAGE, "cannot open %s", path);
        return NULL;
    }
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    plr_spec_read(&spec, path, text, size, NULL, print_finding, NULL, err);
    return spec;
}
