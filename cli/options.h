/* SPDX-License-Identifier: MIT */
/* One parser for all options: a table says what there is and where in a struct its value goes.
 * Help and shell completion are made from the same tables. */
#ifndef PLR_CLI_OPTIONS_H
#define PLR_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/engine.h>
#include <pipeline/error.h>

typedef enum plr_cli_kind {
    PLR_CLI_HELP,
    PLR_CLI_SWITCH,   /* bool */
    PLR_CLI_TEXT,     /* const char * */
    PLR_CLI_WORD,     /* int: the index into `words` */
    PLR_CLI_NUMBER,   /* unsigned */
    PLR_CLI_SIZE,     /* uint64_t: bytes */
    PLR_CLI_DURATION, /* int64_t, nanoseconds; only set if given */
    PLR_CLI_LIST,     /* plr_cli_list: may be given more than once */
    PLR_CLI_BACKEND,  /* kept aside for the backend */
} plr_cli_kind;

typedef struct plr_cli_option {
    const char *name; /* long, without dashes */
    char letter;      /* its short form, or 0 */
    bool one_dash;    /* -name is taken, too: drone-runtime's */
    plr_cli_kind kind;
    size_t offset;            /* in the struct that is filled */
    const char *argument;     /* what the help calls its value; NULL: it has none */
    const char *help;         /* one line */
    const char *const *words; /* of WORD, ended by NULL */
} plr_cli_option;

/* A row of a command's table; what else a row has is written as designated initialisers behind. */
#define PLR_CLI_ROW(kind_, type, field, letter_, name_, argument_, help_, ...)                     \
    {                                                                                              \
        .kind = PLR_CLI_##kind_, .offset = offsetof(type, field), .letter = letter_,               \
        .name = name_, .argument = argument_, .help = help_, ##__VA_ARGS__                         \
    }

#define PLR_CLI_HELP_ROW                                                                           \
    {                                                                                              \
        .kind = PLR_CLI_HELP, .letter = 'h', .name = "help", .help = "show this help"              \
    }

typedef struct plr_cli_list {
    const char **items;
    size_t n;
} plr_cli_list;

/* Names are its own: their table goes before. */
typedef struct plr_cli_pairs {
    plr_option *items;
    size_t n;
} plr_cli_pairs;

/* Takes `argv` (without the program's and the command's name) apart. Values are borrowed from it.
 * Returns 1 when help was asked for, 0, or PLR_ERR_USAGE or PLR_ERR_NOMEM. */
int plr_cli_options_parse(const plr_cli_option *options, size_t n_options, int argc, char **argv,
        void *into, plr_cli_list *operands, plr_cli_pairs *backend_options, plr_error *err);

/* The index of the first argument that is neither an option nor the value of one; `argc` if there
 * is none. Unknown options are taken to have no value. */
int plr_cli_first_operand(const plr_cli_option *options, size_t n_options, int argc, char **argv);

int plr_cli_list_add(plr_cli_list *list, const char *item, plr_error *err);
void plr_cli_list_clear(plr_cli_list *list);
int plr_cli_pairs_add(plr_cli_pairs *pairs, const char *name, const char *value, plr_error *err);
void plr_cli_pairs_clear(plr_cli_pairs *pairs);

#endif
