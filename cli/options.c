/* SPDX-License-Identifier: MIT */
/* Takes a command line apart by a table: --name=value, --name value, -l value, and -name for the
 * options that drone-runtime had. */
#include "cli/options.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

typedef struct parser {
    const plr_cli_option *options;
    size_t n_options;
    char *into;
    plr_cli_pairs *backend_options;
    plr_error *err;
} parser;

int plr_cli_list_add(plr_cli_list *list, const char *item, plr_error *err)
{
    const char **items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items == NULL)
        return plr_cli_no_memory(err);
    list->items = items;
    list->items[list->n++] = item;
    return 0;
}

void plr_cli_list_clear(plr_cli_list *list)
{
    free(list->items);
    *list = (plr_cli_list){ 0 };
}

int plr_cli_pairs_add(plr_cli_pairs *pairs, const char *name, const char *value, plr_error *err)
{
    char *copy = strdup(name);
    plr_option *items = realloc(pairs->items, (pairs->n + 1) * sizeof *items);
    if (items != NULL)
        pairs->items = items;
    if (items == NULL || copy == NULL) {
        free(copy);
        return plr_cli_no_memory(err);
    }
    pairs->items[pairs->n++] = (plr_option){ copy, value };
    return 0;
}

void plr_cli_pairs_clear(plr_cli_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++)
        free((char *)pairs->items[i].name);
    free(pairs->items);
    *pairs = (plr_cli_pairs){ 0 };
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0'; /* "-" is stdin */
}

/* The option that an argument names; `*ret_value` is what follows its '=', or NULL. */
static const plr_cli_option *find(
        const plr_cli_option *options, size_t n, const char *argument, const char **ret_value)
{
    bool one_dash = argument[1] != '-';
    const char *name = argument + (one_dash ? 1 : 2);
    size_t length = strcspn(name, "=");
    *ret_value = name[length] == '=' ? name + length + 1 : NULL;
    for (size_t i = 0; i < n; i++) {
        const plr_cli_option *option = &options[i];
        if (one_dash && length == 1 && option->letter == name[0])
            return option;
        if ((!one_dash || option->one_dash) && strlen(option->name) == length &&
                strncmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static int unknown(const parser *p, const char *argument)
{
    const char *name = argument + strspn(argument, "-");
    char given[64] = "";
    size_t length = strcspn(name, "=");
    if (length < sizeof given) {
        memcpy(given, name, length);
        given[length] = '\0';
    }
    const plr_cli_option *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < p->n_options && length > 1; i++) {
        size_t distance = plr_cli_distance(given, p->options[i].name);
        if (plr_cli_near(given, p->options[i].name) && distance < best) {
            nearest = &p->options[i];
            best = distance;
        }
    }
    /* Its value may be a secret that was meant for another option: not repeated. */
    if (nearest != NULL)
        return plr_error_set(p->err, PLR_ERR_USAGE, "there is no option %.*s; did you mean --%s?",
                (int)strcspn(argument, "="), argument, nearest->name);
    return plr_error_set(p->err, PLR_ERR_USAGE, "there is no option %.*s",
            (int)strcspn(argument, "="), argument);
}

static int set_word(const parser *p, const plr_cli_option *option, const char *value)
{
    char all[256] = "";
    for (int i = 0; option->words[i] != NULL; i++) {
        if (strcmp(option->words[i], value) == 0) {
            memcpy(p->into + option->offset, &i, sizeof i);
            return 0;
        }
        strncat(all, i > 0 ? ", " : "", sizeof all - strlen(all) - 1);
        strncat(all, option->words[i], sizeof all - strlen(all) - 1);
    }
    return plr_error_set(
            p->err, PLR_ERR_USAGE, "--%s is one of %s, not \"%s\"", option->name, all, value);
}

static int set_number(const parser *p, const plr_cli_option *option, const char *value)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number > UINT_MAX)
        return plr_error_set(
                p->err, PLR_ERR_USAGE, "--%s is a number, not \"%s\"", option->name, value);
    unsigned small = (unsigned)number;
    memcpy(p->into + option->offset, &small, sizeof small);
    return 0;
}

static int set_size(const parser *p, const plr_cli_option *option, const char *value)
{
    uint64_t bytes;
    if (!plr_cli_size(value, &bytes))
        return plr_error_set(p->err, PLR_ERR_USAGE,
                "--%s is a number of bytes like 4096, 64k, 10M or 1G, not \"%s\"", option->name,
                value);
    memcpy(p->into + option->offset, &bytes, sizeof bytes);
    return 0;
}

static int set_duration(const parser *p, const plr_cli_option *option, const char *value)
{
    int64_t ns;
    if (!plr_cli_duration(value, &ns))
        return plr_error_set(p->err, PLR_ERR_USAGE,
                "--%s is a duration like 1h30m, 90s or 250ms, not \"%s\"", option->name, value);
    memcpy(p->into + option->offset, &ns, sizeof ns);
    return 0;
}

static int set_switch(const parser *p, const plr_cli_option *option, const char *value)
{
    bool on = value == NULL || strcmp(value, "true") == 0;
    if (!on && strcmp(value, "false") != 0)
        return plr_error_set(p->err, PLR_ERR_USAGE, "--%s takes no value", option->name);
    memcpy(p->into + option->offset, &on, sizeof on);
    return 0;
}

static int set(const parser *p, const plr_cli_option *option, const char *value)
{
    /* A command whose options all go elsewhere has nothing to put them into. */
    void *at = p->into != NULL ? p->into + option->offset : NULL;
    switch (option->kind) {
    case PLR_CLI_HELP:
        return 1;
    case PLR_CLI_SWITCH:
        return set_switch(p, option, value);
    case PLR_CLI_TEXT:
        memcpy(at, &value, sizeof value);
        return 0;
    case PLR_CLI_WORD:
        return set_word(p, option, value);
    case PLR_CLI_NUMBER:
        return set_number(p, option, value);
    case PLR_CLI_SIZE:
        return set_size(p, option, value);
    case PLR_CLI_DURATION:
        return set_duration(p, option, value);
    case PLR_CLI_LIST:
        return plr_cli_list_add(at, value, p->err);
    case PLR_CLI_BACKEND:
        return plr_cli_pairs_add(
                p->backend_options, option->name, value != NULL ? value : "true", p->err);
    }
    return 0;
}

int plr_cli_options_parse(const plr_cli_option *options, size_t n_options, int argc, char **argv,
        void *into, plr_cli_list *operands, plr_cli_pairs *backend_options, plr_error *err)
{
    parser p = { options, n_options, into, backend_options, err };
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *value;
        int r;
        if (only_operands || !is_option(argv[i])) {
            r = plr_cli_list_add(operands, argv[i], err);
        } else if (strcmp(argv[i], "--") == 0) {
            only_operands = true;
            r = 0;
        } else {
            const plr_cli_option *option = find(options, n_options, argv[i], &value);
            if (option == NULL)
                return unknown(&p, argv[i]);
            if (option->argument != NULL && value == NULL) {
                if (++i == argc)
                    return plr_error_set(err, PLR_ERR_USAGE, "--%s needs a value: --%s=%s",
                            option->name, option->name, option->argument);
                value = argv[i];
            }
            r = set(&p, option, value);
        }
        if (r != 0)
            return r;
    }
    return 0;
}

int plr_cli_first_operand(const plr_cli_option *options, size_t n_options, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const char *value;
        if (!is_option(argv[i]))
            return i;
        if (strcmp(argv[i], "--") == 0)
            return argc;
        const plr_cli_option *option = find(options, n_options, argv[i], &value);
        if (option != NULL && option->argument != NULL && value == NULL)
            i++;
    }
    return argc;
}
