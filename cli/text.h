/* SPDX-License-Identifier: MIT */
/* Durations, likeness of names, and bytes that grow: what a command line needs of text.
 * (The library has its own; the CLI is a host and sees the public headers only.) */
#ifndef PLR_CLI_TEXT_H
#define PLR_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

/* "1h30m", "90s", "250ms", "0". */
bool plr_cli_duration(const char *text, int64_t *ret_ns);

/* "4096", "64k", "10M", "1G": by 1024. */
bool plr_cli_size(const char *text, uint64_t *ret_bytes);

/* "850ms", "12.3s", "4m05s", "1h30m00s". */
void plr_cli_duration_text(uint64_t ns, char *buffer, size_t size);

/* How many letters must be changed, added or left out; a name is near if it is at most a third. */
size_t plr_cli_distance(const char *a, const char *b);
bool plr_cli_near(const char *text, const char *candidate);

/* The error of it, as plr_error_set gives it back. */
int plr_cli_no_memory(plr_error *err);

/* Bytes that grow. A failed append is remembered and nothing more is added. */
typedef struct plr_text {
    char *data;
    size_t size, capacity;
    bool failed;
} plr_text;

void plr_text_put(plr_text *text, const void *data, size_t size);
void plr_text_puts(plr_text *text, const char *string);
void plr_text_printf(plr_text *text, const char *format, ...) PLR_PRINTF(2, 3);
void plr_text_clear(plr_text *text);

#endif
