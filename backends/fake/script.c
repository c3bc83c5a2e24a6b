/* SPDX-License-Identifier: MIT */
/* Reads the script of a fake step: see script.h for its words. */
#include "backends/fake/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

const char *const fake_script_words[FAKE_N_WORDS] = {
#define X(name, word) word,
    FAKE_WORDS(X)
#undef X
};

static char *skip_blanks(char *text)
{
    return text + strspn(text, " \t\n");
}

static int read_number(fake_action *action, plr_error *err)
{
    char *end = NULL;
    errno = 0;
    action->number = strtoll(action->text, &end, 10);
    if (end == action->text || *skip_blanks(end) != '\0' || errno != 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: \"%s\" is not a number",
                fake_script_words[action->word], action->text);
    return 0;
}

/* "image no such image": the code's name in lower case, then the message. */
static int read_failure(fake_action *action, plr_error *err)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {
        { "image", PLR_ERR_IMAGE },
        { "infrastructure", PLR_ERR_INFRASTRUCTURE },
        { "configuration", PLR_ERR_CONFIGURATION },
        { "lost", PLR_ERR_LOST },
        { "refused", PLR_ERR_REFUSED },
    };
    size_t length = strcspn(action->text, " ");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strlen(codes[i].name) == length && strncmp(codes[i].name, action->text, length) == 0) {
            action->number = codes[i].code;
            action->text += length + (action->text[length] == ' ');
            return 0;
        }
    return plr_error_set(
            err, PLR_ERR_CONFIGURATION, "\"%s\" does not begin with an error's name", action->text);
}

static int read_argument(fake_action *action, plr_error *err)
{
    switch (action->word) {
    case FAKE_PREPARE:
    case FAKE_START:
    case FAKE_READY:
    case FAKE_TOLD:
    case FAKE_PROBE:
    case FAKE_SLEEP:
        return plr_duration_parse(action->text, &action->number, err);
    case FAKE_FLOOD:
    case FAKE_FILL:
    case FAKE_EXIT:
    case FAKE_TRUTH:
    case FAKE_SIGNAL:
        return read_number(action, err);
    case FAKE_FAIL:
    case FAKE_FAIL_PREPARE:
    case FAKE_FAIL_START:
        return read_failure(action, err);
    default:
        return 0;
    }
}

static int read_action(fake_action *action, char *text, plr_error *err)
{
    text = skip_blanks(text);
    if (*text == '@') {
        action->attempt = (unsigned)strtoul(text + 1, &text, 10);
        text = skip_blanks(text);
    }
    size_t length = strcspn(text, " \t");
    for (size_t i = 0; i < FAKE_N_WORDS; i++)
        if (strlen(fake_script_words[i]) == length &&
                strncmp(fake_script_words[i], text, length) == 0) {
            action->word = (fake_word)i;
            action->text = skip_blanks(text + length);
            return read_argument(action, err);
        }
    return plr_error_set(
            err, PLR_ERR_CONFIGURATION, "\"%s\" is not a word of a fake step's script", text);
}

int fake_script_read(fake_script *ret_script, const char *source, plr_error *err)
{
    *ret_script = (fake_script){ 0 };
    if (source == NULL)
        return 0;
    size_t most = 1;
    for (const char *c = source; *c != '\0'; c++)
        most += *c == ';';
    _cleanup_free_ char *copy = strdup(source);
    _cleanup_free_ fake_action *actions = calloc(most, sizeof *actions);
    if (copy == NULL || actions == NULL)
        return plr_error_nomem(err);
    size_t n = 0;
    char *rest = copy;
    for (char *part; (part = strsep(&rest, ";")) != NULL;) {
        if (*skip_blanks(part) == '\0')
            continue;
        int r = read_action(&actions[n++], part, err);
        if (r < 0)
            return r;
    }
    *ret_script = (fake_script){ .copy = steal(copy), .actions = steal(actions), .n = n };
    return 0;
}

void fake_script_clear(fake_script *script)
{
    free(script->copy);
    free(script->actions);
    *script = (fake_script){ 0 };
}

const fake_action *fake_script_find(const fake_script *script, fake_word word, unsigned attempt)
{
    for (size_t i = 0; i < script->n; i++)
        if (script->actions[i].word == word &&
                (script->actions[i].attempt == 0 || script->actions[i].attempt == attempt))
            return &script->actions[i];
    return NULL;
}
