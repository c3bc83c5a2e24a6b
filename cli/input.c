/* SPDX-License-Identifier: MIT */
/* Reads a document from a file or stdin and tells what is wrong with it, in the reader's eyes or in
 * those of a backend. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/diagnostic.h"

#define MOST ((size_t)64 * 1024 * 1024 + 1)

static int read_all(int fd, const char *path, plr_text *text, plr_error *err)
{
    char chunk[65536];
    while (text->size < MOST) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return plr_error_set(err, PLR_ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        plr_text_put(text, chunk, (size_t)n);
        if (text->failed)
            return plr_cli_no_memory(err);
    }
    return 0;
}

int plr_input_read(const char *path, char **ret_data, size_t *ret_size, plr_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_USAGE, "cannot open %s: %s", path, strerror(errno));
    plr_text text = { 0 };
    plr_text_puts(&text, ""); /* an empty file is an empty string */
    int r = read_all(fd, standard ? "standard input" : path, &text, err);
    if (!standard)
        close(fd);
    if (r < 0) {
        plr_text_clear(&text);
        return r;
    }
    *ret_data = text.data;
    *ret_size = text.size;
    return 0;
}

static const char *shown_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

static plr_diagnostics on_stderr(const char *data, size_t size)
{
    return (plr_diagnostics){
        .source = data,
        .size = size,
        .carets = isatty(STDERR_FILENO),
        .style = plr_style_new(plr_style_wanted(STDERR_FILENO)),
    };
}

int plr_input_spec(
        const char *path, const plr_spec_options *options, plr_spec **ret_spec, plr_text *ret_text)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    plr_error err = { 0 };
    int r = plr_input_read(path, &data, &size, &err);
    if (r < 0)
        return plr_cli_fail(&err);
    plr_diagnostics all = on_stderr(data, size);
    r = plr_spec_read(
            ret_spec, shown_name(path), data, size, options, plr_diagnostics_take, &all, &err);
    if (all.out.size > 0)
        fwrite(all.out.data, 1, all.out.size, stderr);
    plr_text_clear(&all.out);
    if (r < 0 && (err.code != PLR_ERR_DOCUMENT || all.n_errors == 0))
        return plr_cli_fail(&err);
    if (r < 0) {
        plr_cli_complain("%s: %zu error%s", path, all.n_errors, all.n_errors == 1 ? "" : "s");
        return PLR_EXIT_USAGE;
    }
    if (ret_text != NULL) {
        *ret_text = (plr_text){ .data = data, .size = size };
        data = NULL;
    }
    return 0;
}

typedef struct findings {
    plr_diagnostics all;
    const char *name;
    const char **pointers;
    plr_position *positions;
    size_t n, at;
} findings;

static void count(const plr_diagnostic *diagnostic, void *userdata)
{
    (void)diagnostic;
    ((findings *)userdata)->n++;
}

static void note_pointer(const plr_diagnostic *diagnostic, void *userdata)
{
    findings *f = userdata;
    f->pointers[f->at++] = diagnostic->pointer;
}

static void take(const plr_diagnostic *diagnostic, void *userdata)
{
    findings *f = userdata;
    plr_diagnostic own = *diagnostic;
    own.source = f->name;
    if (f->positions != NULL && f->positions[f->at].line > 0) {
        own.line = f->positions[f->at].line;
        own.column = f->positions[f->at].column;
    }
    f->at++;
    plr_diagnostics_take(&own, &f->all);
}

void plr_input_findings(const char *path, const plr_text *text, const plr_run *run, plr_text *out)
{
    findings f = { .all = on_stderr(text->data, text->size), .name = shown_name(path) };
    plr_run_diagnostics(run, count, &f);
    f.pointers = calloc(f.n + 1, sizeof *f.pointers);
    f.positions = calloc(f.n + 1, sizeof *f.positions);
    if (f.pointers != NULL && f.positions != NULL) {
        plr_run_diagnostics(run, note_pointer, &f);
        if (plr_spec_locate(text->data, text->size, f.pointers, f.n, f.positions, NULL) < 0)
            memset(f.positions, 0, f.n * sizeof *f.positions);
    }
    f.at = 0;
    plr_run_diagnostics(run, take, &f);
    plr_text_put(out, f.all.out.data, f.all.out.size);
    plr_text_clear(&f.all.out);
    free(f.pointers);
    free(f.positions);
}
