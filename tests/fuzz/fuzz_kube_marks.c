/* SPDX-License-Identifier: MIT */
/* What a step says, with plr-init's marks and counts in it, on its way through a log that is cut,
 * opened again and has a hole: where nothing is missing all comes out and no gap is told, and where
 * something is, there is one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/log.h"
#include "engine/base/buf.h"
#include "engine/host.h"
#include "init/words.h"
#include "tests/unit/kube_script.h"

#define NONCE "n"
#define BEGIN PLR_INIT_LINE_PREFIX NONCE " "

/* The first bytes of an input; the others are what the step says. */
typedef struct setting {
    uint8_t piece, every;    /* how the stream comes; after how many bytes there is a count */
    uint8_t cut[2], hole[2]; /* where the first stream ends, and where it begins to miss some */
    uint8_t hole_size;
    uint8_t is_lost; /* odd: the file has the hole, too */
} setting;

typedef struct told {
    plr_buf text; /* without carriage returns: of them runtimes drop some, and none is counted */
    bool any, gap, ended;
    unsigned n_records;
} told;

static void put_without_returns(plr_buf *to, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != '\r')
            plr_buf_put(to, data + i, 1);
}

static void on_output(const void *data, size_t size, void *userdata)
{
    told *t = userdata;
    t->any = true;
    t->gap |= size == 0;
    put_without_returns(&t->text, data, size);
}

static void on_word(unsigned word, const void *payload, void *userdata)
{
    told *t = userdata;
    t->any = true;
    if (word == PLR_INIT_EXITED && payload != NULL)
        t->n_records++;
}

static void on_warning(const char *text, void *userdata)
{
    (void)text;
    (void)userdata;
}

static void on_end(void *userdata)
{
    ((told *)userdata)->ended = true;
}

static const plr_kube_log_calls calls = { on_output, on_word, on_warning, on_end };

static void put_count(plr_buf *to, const plr_init_count *count)
{
    plr_buf_printf(to, BEGIN "count %llu %u %u\n", (unsigned long long)count->bytes, count->sum,
            count->sums);
}

static size_t line_size(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    return end == NULL ? size : (size_t)(end - data) + 1;
}

/* As plr-init hands it on. */
static void relay(plr_buf *to, const uint8_t *said, size_t size, size_t every)
{
    plr_init_count count = { .bytes = 0 };
    uint64_t counted = 0;
    plr_buf_puts(to, BEGIN "running\n");
    for (size_t at = 0, n; at < size; at += n) {
        n = line_size(said + at, size - at);
        plr_buf_put(to, said + at, n);
        plr_init_count_add(&count, said + at, n);
        if (said[at + n - 1] != '\n' || count.bytes - counted < every)
            continue;
        counted = count.bytes;
        put_count(to, &count);
    }
    plr_buf_puts(to, BEGIN "exited 0 1 2 3 4 5 6\n");
    put_count(to, &count);
}

/* As a kubelet shows it: three lines in a row have the same time. */
static void show(plr_buf *to, const plr_buf *stream)
{
    const uint8_t *data = (const uint8_t *)stream->data;
    unsigned line = 0;
    for (size_t at = 0, n; at < stream->size; at += n) {
        n = line_size(data + at, stream->size - at);
        plr_buf_printf(to, "2026-11-21T15:12:01.%09uZ ", line++ / 3);
        plr_buf_put(to, data + at, n);
    }
}

static void send(kube_script *script, const char *data, size_t size, size_t piece)
{
    for (size_t at = 0; at < size && !script_is_quiet(script); at += piece)
        script_send_bytes(script, data + at, size - at < piece ? size - at : piece);
    if (!script_is_quiet(script))
        script_end(script, 0, NULL);
}

static size_t place(const uint8_t bytes[2], size_t size)
{
    return (size_t)(bytes[0] << 8 | bytes[1]) % (size + 1);
}

static void play(const setting *set, const plr_buf *whole, const plr_buf *holed, told *t)
{
    kube_script script;
    plr_kube_log *log = NULL;
    plr_kube_log_options options = { "p", "s0", NONCE, true };
    const plr_buf *file = set->is_lost % 2 == 1 ? holed : whole;
    size_t piece = set->piece > 0 ? set->piece : 1;
    script_open(&script);
    if (plr_kube_log_new(
                &log, &plr_host_table, script.loop, script.client, &options, &calls, t, NULL) < 0)
        abort();
    script_wait(&script, 1);
    send(&script, holed->data, place(set->cut, holed->size), piece);
    plr_kube_log_finish(log);
    for (unsigned n = 0; !t->ended && n < 20; n++) {
        script_wait(&script, 60);
        send(&script, file->data, file->size, piece);
    }
    plr_kube_log_free(log);
    script_close(&script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setting set;
    told t = { .gap = false };
    plr_buf stream = { 0 }, whole = { 0 }, holed = { 0 }, said = { 0 };
    /* A step that knows the nonce can say what it likes; it harms itself. */
    if (size < sizeof(set) || memmem(data, size, BEGIN, strlen(BEGIN)) != NULL)
        return 0;
    memcpy(&set, data, sizeof(set));
    data += sizeof(set), size -= sizeof(set);
    put_without_returns(&said, data, size);
    relay(&stream, data, size, set.every);
    show(&whole, &stream);
    size_t hole = place(set.hole, whole.size);
    size_t behind = hole + set.hole_size < whole.size ? hole + set.hole_size : whole.size;
    plr_buf_put(&holed, whole.data, hole);
    plr_buf_put(&holed, whole.data + behind, whole.size - behind);

    play(&set, &whole, &holed, &t);
    bool same = t.text.size == said.size &&
                (said.size == 0 || memcmp(t.text.data, said.data, said.size) == 0);
    /* Of what not one line was to be had, the container's status tells. */
    if (!t.ended || (!t.gap && (t.n_records > 1 || (!same && t.any))))
        abort();
    if (behind == hole && (!same || t.gap || t.n_records == 0))
        abort();
    plr_buf_clear(&stream);
    plr_buf_clear(&whole);
    plr_buf_clear(&holed);
    plr_buf_clear(&said);
    plr_buf_clear(&t.text);
    return 0;
}
