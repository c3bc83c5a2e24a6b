/* SPDX-License-Identifier: MIT */
/* From options to a struct of settings, by one table: what people see of an option and where its
 * value goes stand in the same row. */
#ifndef PLR_BASE_SETTINGS_H
#define PLR_BASE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

/* How an option's value is read, and what it is in the struct. */
typedef enum plr_setting_type {
    PLR_SETTING_TEXT,     /* char *, owned, not empty; the last one given counts */
    PLR_SETTING_TEXTS,    /* plr_texts; may be given more than once */
    PLR_SETTING_SWITCH,   /* bool; on without a value */
    PLR_SETTING_WORD,     /* an enum: the place of the value in `words` */
    PLR_SETTING_INTEGER,  /* int64_t, from `least` to `most` */
    PLR_SETTING_DURATION, /* int64_t, nanoseconds: "1h30m" */
} plr_setting_type;

typedef struct plr_texts {
    char **items;
    size_t n;
} plr_texts;

typedef struct plr_setting {
    plr_setting_type type;
    size_t offset;            /* in the struct */
    const char *const *words; /* NULL ends them */
    int64_t least, most;
} plr_setting;

/* What is made of a list of rows, X(name, argument, help, members of plr_setting...). */
#define PLR_SETTING_INFO(name, argument, help, ...) { name, argument, help },
#define PLR_SETTING_ROW(name, argument, help, ...) { __VA_ARGS__ },
#define PLR_SETTING_COUNT(name, argument, help, ...) +1

typedef struct plr_setting_table {
    const char *backend; /* for what is said */
    const plr_option_info *infos;
    const plr_setting *rows;
    size_t n;
} plr_setting_table;

/* Into `settings`, which holds what counts where nothing is said. PLR_ERR_USAGE for an option that
 * is none or a value that it does not take; what was read until then stays, for
 * plr_settings_clear. */
int plr_settings_read(const plr_setting_table *table, void *settings, const plr_option *options,
        size_t n_options, plr_error *err);

/* Frees what the table's texts hold; they are NULL then. */
void plr_settings_clear(const plr_setting_table *table, void *settings);

#endif
