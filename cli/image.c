/* SPDX-License-Identifier: MIT */
/* The image command: pulls, imports, lists and removes the images of the local backend. The work is
 * plr-image's, a program beside the backends; here its lines of JSON become text for people. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "cli/view/terminal.h"

extern char **environ;

typedef struct arguments {
    const char *store, *config;
    plr_cli_list insecure;
} arguments;

#define ROW(kind, field, ...) PLR_CLI_ROW(kind, arguments, field, __VA_ARGS__)
static const plr_cli_option table[] = {
    ROW(TEXT, store, 0, "store", "DIR", "where images are kept"),
    ROW(TEXT, config, 0, "config", "FILE",
            "registry credentials, in the format of ~/.docker/config.json"),
    ROW(LIST, insecure, 0, "insecure-registry", "HOST", "a registry without TLS"),
    PLR_CLI_HELP_ROW,
};
static const size_t table_size = sizeof table / sizeof *table;

static void put_json(plr_text *out, const char *value)
{
    plr_text_puts(out, "\"");
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        if (*c < 0x20)
            plr_text_printf(out, "\\u%04x", *c);
        else
            plr_text_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    plr_text_puts(out, "\"");
}

static void put_member(plr_text *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    plr_text_printf(out, ",\"%s\":", name);
    put_json(out, value);
}

/* Relative paths are ours: plr-image wants whole ones. */
static void put_path(plr_text *out, const char *name, const char *path)
{
    _cleanup_free_ char *whole = NULL;
    _cleanup_free_ char *here = path == NULL || *path == '/' ? NULL : getcwd(NULL, 0);
    if (here != NULL && asprintf(&whole, "%s/%s", here, path) < 0) {
        whole = NULL;
        out->failed = true;
    }
    put_member(out, name, whole != NULL ? whole : path);
}

static void put_request(
        plr_text *out, const arguments *given, const plr_cli_list *operands, bool import)
{
    plr_text_puts(out, "{\"command\":");
    put_json(out, operands->items[0]);
    if (import) {
        put_path(out, "path", operands->items[1]);
        put_member(out, "image", operands->n > 2 ? operands->items[2] : NULL);
    } else if (operands->n > 1) {
        put_member(out, "image", operands->items[1]);
    }
    if (strcmp(operands->items[0], "pull") == 0)
        put_member(out, "policy", "always");
    put_path(out, "store", given->store);
    put_path(out, "config", given->config);
    for (size_t i = 0; i < given->insecure.n; i++) {
        plr_text_puts(out, i == 0 ? ",\"insecure\":[" : ",");
        put_json(out, given->insecure.items[i]);
    }
    plr_text_puts(out, given->insecure.n > 0 ? "]}\n" : "}\n");
}

/* The text of a member, as far as there is room. plr-image writes each line as one flat object in
 * an object, and a quote inside a text has a backslash before it: what looks like a key is one. */
static bool get_text(const char *line, const char *name, char *text, size_t size)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(line, key);
    size_t n = 0;
    if (at == NULL)
        return false;
    for (at += strlen(key); *at != '\0' && *at != '"' && n + 1 < size; at++) {
        if (*at == '\\' && *++at == 'u') { /* a control character */
            text[n++] = '?';
            at += strnlen(at, 5) - 1;
        } else {
            text[n++] = *at;
        }
    }
    text[n] = '\0';
    return true;
}

static uint64_t get_number(const char *line, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

static void say(const char *before, const char *message)
{
    plr_text text = { 0 };
    plr_text_puts(&text, before);
    plr_terminal_message(&text, message);
    if (!text.failed)
        fprintf(stderr, "%s\n", text.data);
    plr_text_clear(&text);
}

static int code_of(const char *name)
{
#define X(code, value, text)                                                                       \
    if (strcasecmp(name, #code) == 0)                                                              \
        return PLR_ERR_##code;
    PLR_ERROR_CODES(X)
#undef X
    return PLR_ERR_INFRASTRUCTURE;
}

/* Each layer once, and when it is done: a line for every piece would be no use to anybody. */
static void take_progress(const char *line)
{
    char layer[80] = "", status[64] = "";
    uint64_t current = get_number(line, "current"), total = get_number(line, "total");
    get_text(line, "layer", layer, sizeof layer);
    get_text(line, "status", status, sizeof status);
    if (current == 0 || current == total)
        fprintf(stderr, "%.19s %s\n", layer, status);
}

static void take_line(const char *line, plr_error *err, bool *done)
{
    char text[PLR_ERROR_MESSAGE_SIZE], digest[128] = "", code[32] = "";
    if (strncmp(line, "{\"progress\":", 12) == 0) {
        take_progress(line);
    } else if (strncmp(line, "{\"image\":", 9) == 0) {
        get_text(line, "name", text, sizeof text);
        get_text(line, "digest", digest, sizeof digest);
        printf("%s %.19s\n", text, digest);
    } else if (get_text(line, "removed", text, sizeof text)) {
        printf("removed %s\n", text);
    } else if (get_text(line, "warning", text, sizeof text)) {
        say("warning: ", text);
    } else if (get_text(line, "notice", text, sizeof text)) {
        say("", text);
    } else if (strncmp(line, "{\"error\":", 9) == 0) {
        get_text(line, "code", code, sizeof code);
        get_text(line, "message", text, sizeof text);
        plr_error_set(err, code_of(code), "%s", text);
    } else if (strncmp(line, "{\"done\":", 8) == 0) {
        *done = true;
    }
}

static int spawn(const char *program, int in, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    char *argv[] = { "plr-image", NULL };
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return r;
    r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn(ret_pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* Its stdin stays open for as long as somebody waits here. */
static int ask(const plr_text *request, plr_error *err)
{
    const char *folder = getenv("PLR_LIBEXEC_PATH");
    _cleanup_free_ char *program = NULL, *line = NULL;
    int in[2], out[2];
    pid_t pid = 0;
    size_t room = 0;
    bool done = false;
    if (request->failed ||
            asprintf(&program, "%s/plr-image",
                    folder != NULL && *folder != '\0' ? folder : PLR_PKGLIBEXECDIR) < 0)
        return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    int r = spawn(program, in[0], out[1], &pid);
    close(in[0]);
    close(out[1]);
    FILE *lines = r == 0 ? fdopen(out[0], "r") : NULL;
    if (r != 0)
        plr_error_set(err, PLR_ERR_CONFIGURATION, "cannot start %s: %s", program, strerror(r));
    else if (write(in[1], request->data, request->size) != (ssize_t)request->size)
        plr_error_set(err, PLR_ERR_SYSTEM, "cannot ask %s", program);
    while (lines != NULL && err->code == 0 && !done && getline(&line, &room, lines) > 0)
        take_line(line, err, &done);
    if (lines != NULL)
        fclose(lines);
    else
        close(out[0]);
    close(in[1]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (err->code == 0 && !done)
        plr_error_set(err, PLR_ERR_INFRASTRUCTURE, "%s ended without an answer", program);
    return err->code;
}

/* What each wants besides its name. */
static int check(const plr_cli_list *operands, plr_error *err)
{
    static const struct {
        const char *name;
        size_t least, most;
    } commands[] = { { "pull", 2, 2 }, { "import", 2, 3 }, { "list", 1, 1 }, { "remove", 2, 2 },
        { "prune", 1, 1 } };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(operands->items[0], commands[i].name) != 0)
            continue;
        if (operands->n < commands[i].least || operands->n > commands[i].most)
            return plr_error_set(err, PLR_ERR_USAGE, "image %s takes %zu operand%s more, not %zu",
                    commands[i].name, commands[i].least - 1, commands[i].least == 2 ? "" : "s",
                    operands->n - 1);
        return 0;
    }
    return plr_error_set(err, PLR_ERR_USAGE,
            "image %s: there are pull, import, list, remove and prune", operands->items[0]);
}

static int image_command(const plr_cli_command *self, int argc, char **argv)
{
    arguments given = { 0 };
    plr_cli_list operands = { 0 };
    plr_text request = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, &given, &operands, NULL, 1, 3);
    if (code == PLR_CLI_GO_ON) {
        if (check(&operands, &err) == 0) {
            put_request(&request, &given, &operands, strcmp(operands.items[0], "import") == 0);
            ask(&request, &err);
        }
        code = err.code != 0 ? plr_cli_fail(&err) : plr_cli_print("", PLR_EXIT_OK);
    }
    plr_text_clear(&request);
    plr_cli_list_clear(&operands);
    plr_cli_list_clear(&given.insecure);
    return code;
}

const plr_cli_command plr_command_image = {
    .name = "image",
    .usage = "[options] ACTION",
    .summary = "the images of the local backend",
    .details = "\nActions:\n"
               "  pull IMAGE           fetch it from its registry (a run does this by itself)\n"
               "  import PATH [IMAGE]  take it from a folder in the OCI layout or an archive of\n"
               "                       docker save\n"
               "  list                 show what is there\n"
               "  remove IMAGE         forget it\n"
               "  prune                remove layers that no image has any more\n",
    .example = "  pipeline-runtime image pull alpine:3.6\n",
    .options = table,
    .n_options = &table_size,
    .run = image_command,
};
