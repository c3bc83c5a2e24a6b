/* SPDX-License-Identifier: MIT */
#include "engine/base/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

static int read_switch(bool *ret_on, const char *name, const char *text, plr_error *err)
{
    if (text[0] == '\0' || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *ret_on = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *ret_on = false;
    else
        return plr_error_set(
                err, PLR_ERR_USAGE, "%s: \"%s\" is neither true nor false", name, text);
    return 0;
}

static int read_word(
        int *ret_word, const char *const *words, const char *name, const char *text, plr_error *err)
{
    _cleanup_buf_ plr_buf all = { 0 };
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_word = i;
            return 0;
        }
        plr_buf_printf(&all, "%s %s", i == 0 ? " neither" : " nor", words[i]);
    }
    int r = plr_buf_check(&all, err);
    return r < 0 ? r : plr_error_set(err, PLR_ERR_USAGE, "%s: \"%s\" is%s", name, text, all.data);
}

static int read_integer(int64_t *ret_number, const plr_setting *row, const char *name,
        const char *text, plr_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < row->least || value > row->most)
        return plr_error_set(err, PLR_ERR_USAGE, "%s: \"%s\" is not a number from %lld to %lld",
                name, text, (long long)row->least, (long long)row->most);
    *ret_number = value;
    return 0;
}

static int read_duration(int64_t *ret_ns, const char *name, const char *text, plr_error *err)
{
    plr_error why = { 0 };
    if (plr_duration_parse(text, ret_ns, &why) == 0)
        return 0;
    return plr_error_set(err, PLR_ERR_USAGE, "%s: %s", name, why.message);
}

static int read_text(char **text, const char *value, plr_error *err)
{
    free(steal(*text));
    return plr_text_copy(text, value, err);
}

static int add_text(plr_texts *texts, const char *value, plr_error *err)
{
    char **items = realloc(texts->items, (texts->n + 1) * sizeof(*items));
    if (items == NULL)
        return plr_error_nomem(err);
    texts->items = items;
    int r = plr_text_copy(&items[texts->n], value, err);
    if (r == 0)
        texts->n++;
    return r;
}

static int read_one(
        const plr_setting *row, void *member, const char *name, const char *value, plr_error *err)
{
    if (row->type == PLR_SETTING_SWITCH)
        return read_switch(member, name, value, err);
    if (value[0] == '\0')
        return plr_error_set(err, PLR_ERR_USAGE, "%s needs a value", name);
    switch (row->type) {
    case PLR_SETTING_TEXT:
        return read_text(member, value, err);
    case PLR_SETTING_TEXTS:
        return add_text(member, value, err);
    case PLR_SETTING_WORD:
        return read_word(member, row->words, name, value, err);
    case PLR_SETTING_INTEGER:
        return read_integer(member, row, name, value, err);
    case PLR_SETTING_DURATION:
        return read_duration(member, name, value, err);
    case PLR_SETTING_SWITCH:
        break;
    }
    return 0;
}

int plr_settings_read(const plr_setting_table *table, void *settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    int r = 0;
    for (size_t i = 0; i < n_options && r == 0; i++) {
        const char *name = options[i].name;
        const char *value = options[i].value == NULL ? "" : options[i].value;
        size_t k = 0;
        while (k < table->n && strcmp(table->infos[k].name, name) != 0)
            k++;
        if (k == table->n)
            return plr_error_set(err, PLR_ERR_USAGE, "the %s backend has no option \"%s\"",
                    table->backend, name);
        r = read_one(&table->rows[k], (char *)settings + table->rows[k].offset, name, value, err);
    }
    return r;
}

void plr_settings_clear(const plr_setting_table *table, void *settings)
{
    for (size_t k = 0; k < table->n; k++) {
        void *member = (char *)settings + table->rows[k].offset;
        if (table->rows[k].type == PLR_SETTING_TEXT) {
            char **text = member;
            free(steal(*text));
        } else if (table->rows[k].type == PLR_SETTING_TEXTS) {
            plr_texts *texts = member;
            for (size_t i = 0; i < texts->n; i++)
                free(texts->items[i]);
            free(texts->items);
            *texts = (plr_texts){ 0 };
        }
    }
}
