/* SPDX-License-Identifier: MIT */
/*
 * Reads the command line. Its writer is an engine, not a person, so there is one spelling of each
 * option and one message: which argument is wrong.
 */
#include "init/options.h"
#include "init/text.h"
#include "init/words.h"

/* A century: deadlines in milliseconds stay far from the end of int64_t. */
#define SECONDS_MAX 3155760000u

static bool read_number(const char *text, uint64_t unit, int64_t *ret_ms)
{
    uint64_t number;
    if (!plr_text_number(text, SECONDS_MAX, &number))
        return false;
    *ret_ms = (int64_t)(number * unit);
    return true;
}

static bool valid_nonce(const char *nonce)
{
    size_t length = plr_text_length(nonce);
    if (length == 0 || length > PLR_INIT_NONCE_MAX)
        return false;
    for (; *nonce; nonce++)
        if (*nonce <= ' ' || *nonce > '~')
            return false;
    return true;
}

/* An option with a value. */
static bool read_value(plr_init_options *options, const char *name, const char *value)
{
    if (plr_text_equal(name, "--socket")) {
        options->socket = value;
        return true;
    }
    if (plr_text_equal(name, "--fd"))
        return read_number(value, 1, &options->fd) && options->fd <= INT32_MAX;
    if (plr_text_equal(name, "--signal-word")) {
        options->signal_word = value;
        return valid_nonce(value);
    }
    if (plr_text_equal(name, "--pod")) {
        options->pod = value;
        return value[0] == '/';
    }
    if (plr_text_equal(name, "--step"))
        return read_number(value, 1, &options->step);
    if (plr_text_equal(name, "--attempt"))
        return read_number(value, 1, &options->attempt);
    if (plr_text_equal(name, "--containers"))
        return read_number(value, 1, &options->containers);
    if (plr_text_equal(name, "--nonce")) {
        options->nonce = value;
        return valid_nonce(value);
    }
    if (plr_text_equal(name, "--begun")) {
        options->begun = value;
        return true;
    }
    if (plr_text_equal(name, "--late")) {
        options->late = value;
        return true;
    }
    if (plr_text_equal(name, "--lease"))
        return read_number(value, 1000, &options->lease_ms);
    if (plr_text_equal(name, "--grace-ms"))
        return read_number(value, 1, &options->grace_ms);
    if (plr_text_equal(name, "--probe"))
        return read_number(value, 1, &options->probe_port) && options->probe_port > 0 &&
               options->probe_port <= 65535;
    if (plr_text_equal(name, "--http")) {
        options->probe_http = value;
        return value[0] == '/';
    }
    return false;
}

const char *plr_init_options_read(plr_init_options *ret_options, char **argv)
{
    plr_init_options options = { .fd = -1, .attempt = 1, .grace_ms = 10000 };
    char **next = argv[0] ? argv + 1 : argv;
    for (; *next && !plr_text_equal(*next, "--"); next++) {
        if (plr_text_equal(*next, "--detach")) {
            options.detach = true;
        } else if (plr_text_equal(*next, "--keep")) {
            options.keep = true;
        } else if (plr_text_equal(*next, "--leased")) {
            options.leased = true;
        } else if (plr_text_equal(*next, "--image-later")) {
            options.image_later = true;
        } else if (plr_text_equal(*next, "--copy")) {
            options.copy = true;
        } else {
            if (!next[1] || !read_value(&options, next[0], next[1]))
                return *next;
            next++;
        }
    }
    if ((options.socket != NULL) + (options.fd >= 0) + (options.signal_word != NULL) +
                    (options.pod != NULL) >
            1)
        return "a second channel";
    if (*next && next[1])
        options.command = next + 1;
    if (options.leased ? !options.pod : options.pod && (!options.nonce || !options.command))
        return "--pod";
    if (options.begun && !options.probe_port && !options.command)
        return "--begun";
    *ret_options = options;
    return NULL;
}
