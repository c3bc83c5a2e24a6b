/* SPDX-License-Identifier: MIT */
/*
 * What the tables of the format say, for tests and for docs/document.md:
 *
 *     print schema | reference
 *     print read      reads documents from stdin, each ended by a NUL, and prints for each a line:
 *                     0, or the first error
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipeline/spec.h>

static int read_documents(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getdelim(&line, &capacity, '\0', stdin)) > 0) {
        plr_error error = { 0 };
        plr_spec *spec = NULL;
        int r = plr_spec_read(&spec, "-", line, (size_t)size - 1, NULL, NULL, NULL, &error);
        puts(r == 0 ? "0" : error.message);
        fflush(stdout);
        plr_spec_unref(spec);
    }
    free(line);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char *text = NULL;
    plr_error error = { 0 };
    if (strcmp(what, "read") == 0)
        return read_documents();
    int r = strcmp(what, "schema") == 0 ? plr_spec_schema(&text, &error)
                                        : plr_spec_reference(&text, &error);
    if (r < 0) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    fputs(text, stdout);
    free(text);
    return EXIT_SUCCESS;
}
