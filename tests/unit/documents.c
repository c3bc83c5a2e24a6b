/* SPDX-License-Identifier: MIT */
/* Reads the documents of tests and writes down what was found. */
#include "tests/unit/documents.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"

void plr_case_diagnostic(const plr_diagnostic *diagnostic, void *buf)
{
    plr_buf *found = buf;
    plr_buf_printf(found, "%s%zu:%zu %s%s%s%s", found->size > 0 ? "\n" : "", diagnostic->line,
            diagnostic->column, diagnostic->severity == PLR_SEVERITY_WARNING ? "warning " : "",
            diagnostic->code, diagnostic->pointer[0] != '\0' ? " " : "", diagnostic->pointer);
    if (diagnostic->suggestion != NULL)
        plr_buf_printf(found, " (%s)", diagnostic->suggestion);
    CU_ASSERT_EQUAL(diagnostic->size, sizeof *diagnostic);
    CU_ASSERT_STRING_EQUAL(diagnostic->source, "test.json");
    CU_ASSERT_NOT_EQUAL(diagnostic->text[0], '\0');
}

static int read_case(plr_spec **ret_spec, const char *json, const plr_spec_options *options,
        plr_buf *found, plr_error *err)
{
    plr_buf text = { 0 };
    for (const char *c = json; *c != '\0'; c++)
        plr_buf_putc(&text, *c == '\'' ? '"' : *c);
    /* A copy of the exact size, so that the sanitizers see a read beyond the end; it is gone when
     * the spec is looked at. */
    char *exact = malloc(text.size > 0 ? text.size : 1);
    if (text.size > 0)
        memcpy(exact, text.data, text.size);
    int r = plr_spec_read(ret_spec, "test.json", exact, text.size, options,
            found != NULL ? plr_case_diagnostic : NULL, found, err);
    free(exact);
    plr_buf_clear(&text);
    return r;
}

plr_spec *plr_case_read(const char *json, const plr_spec_options *options, plr_buf *found)
{
    plr_spec *spec = NULL;
    plr_error error = { 0 };
    int r = read_case(&spec, json, options, found, &error);
    if (r < 0 && found == NULL)
        fprintf(stderr, "\n%s\n", error.message);
    return spec;
}

void plr_cases_check(const plr_case *cases, size_t n, const plr_spec_options *options)
{
    for (size_t i = 0; i < n; i++) {
        plr_buf found = { 0 };
        plr_error error = { 0 };
        plr_spec *spec = NULL;
        int r = read_case(&spec, cases[i].json, options, &found, &error);
        const char *text = found.data != NULL ? found.data : "";
        bool same = strcmp(text, cases[i].found) == 0;
        if (!same)
            fprintf(stderr, "\n%s:\n%s\n  expected:\n%s\n  found:\n%s\n", cases[i].what,
                    cases[i].json, cases[i].found, text);
        CU_ASSERT_TRUE(same);
        const char *first = text;
        while (strncmp(strchr(first, ' ') != NULL ? strchr(first, ' ') : "", " warning ", 9) == 0 &&
                strchr(first, '\n') != NULL)
            first = strchr(first, '\n') + 1;
        bool refused = text[0] != '\0' && strstr(first, " warning ") == NULL;
        CU_ASSERT_EQUAL(r, refused ? PLR_ERR_DOCUMENT : 0);
        CU_ASSERT_EQUAL(error.code, r);
        CU_ASSERT_EQUAL(spec != NULL, r == 0);
        if (refused) {
            /* The message begins with the place of the first error. */
            char place[80];
            snprintf(place, sizeof place, "test.json:%.*s:", (int)strcspn(first, " "), first);
            CU_ASSERT_EQUAL(strncmp(error.message, place, strlen(place)), 0);
        }
        plr_spec_unref(spec);
        plr_buf_clear(&found);
    }
}
