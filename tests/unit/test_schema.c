/* SPDX-License-Identifier: MIT */
/* The tables themselves, and that all of them stand in the schema and on the reference page. */
#include <stdlib.h>
#include <string.h>

#include "engine/spec.h"
#include "tests/unit/harness.h"

static void tables_are_sound(void)
{
    const plr_table *tables[PLR_SPEC_MOST_TABLES];
    size_t n = plr_spec_tables(tables);
    CU_ASSERT_TRUE(n > 20 && n < PLR_SPEC_MOST_TABLES);
    for (size_t i = 0; i < n; i++) {
        const plr_table *t = tables[i];
        CU_ASSERT_TRUE(t->n_fields > 0 && t->n_fields <= PLR_TABLE_WIDEST);
        CU_ASSERT_TRUE(t->name != NULL && t->title != NULL && t->doc != NULL);
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(t->name, tables[j]->name);
        for (size_t j = 0; j < t->n_fields; j++) {
            const plr_field *f = &t->fields[j];
            bool is_table = f->type == PLR_FIELD_OBJECT || f->type == PLR_FIELD_POINTER ||
                            f->type == PLR_FIELD_LIST;
            bool is_word = f->type == PLR_FIELD_WORD || f->type == PLR_FIELD_ENUM ||
                           f->type == PLR_FIELD_ENUMS;
            CU_ASSERT_EQUAL(f->table != NULL, is_table);
            CU_ASSERT_EQUAL(f->words != NULL, is_word);
            CU_ASSERT_TRUE(f->doc != NULL && f->doc[strlen(f->doc) - 1] == '.');
            CU_ASSERT_TRUE(f->offset < t->size && f->n_offset < t->size);
            CU_ASSERT_TRUE(f->fallback == NULL || f->type <= PLR_FIELD_WORD);
            CU_ASSERT_TRUE(strspn(f->name, "abcdefghijklmnopqrstuvwxyz_") == strlen(f->name));
            for (size_t k = 0; k < j; k++)
                CU_ASSERT_STRING_NOT_EQUAL(f->name, t->fields[k].name);
        }
    }
}

/* The words of an enum stand at the index that is their value: plr_run_policies is used so. */
static void policies_are_in_order(void)
{
    int i = 0;
    for (; plr_run_policies[i].word != NULL; i++)
        CU_ASSERT_EQUAL(plr_run_policies[i].value, i);
    CU_ASSERT_EQUAL(i, PLR_RUN_NEVER + 1);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

static void every_field_is_written_down(void)
{
    char *schema = NULL, *reference = NULL;
    plr_error error = { 0 };
    CU_ASSERT_EQUAL(plr_spec_schema(&schema, &error), 0);
    CU_ASSERT_EQUAL(plr_spec_reference(&reference, &error), 0);
    const plr_table *tables[PLR_SPEC_MOST_TABLES];
    size_t n = plr_spec_tables(tables), n_fields = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < tables[i]->n_fields; j++)
            n_fields += plr_field_in(&tables[i]->fields[j], tables[i]);
    /* A description for each table and each field, a line for each field, a heading for each table.
     */
    CU_ASSERT_EQUAL(count(schema, "\"description\": "), n + n_fields);
    CU_ASSERT_EQUAL(count(schema, "\"additionalProperties\": false"), n);
    CU_ASSERT_EQUAL(count(reference, "\n| `"), n_fields);
    CU_ASSERT_EQUAL(count(reference, "\n## "), n);
    free(schema);
    free(reference);
}

int main(void)
{
    static const plr_test tests[] = {
        { "the tables are sound", tables_are_sound },
        { "run policies stand in their order", policies_are_in_order },
        { "every field is written down", every_field_is_written_down },
        { NULL, NULL },
    };
    return plr_test_main("schema", tests);
}
