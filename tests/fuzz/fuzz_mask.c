/* SPDX-License-Identifier: MIT */
/*
 * The mask against its reference. The input is a program: the secrets, one of them added in the
 * middle, the sizes of the chunks, and the text, in which an escape stands for a piece of a
 * pattern, so that the fuzzer need not find base64 by itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mask.h"
#include "tests/unit/mask_reference.h"

#define TEXT_MAX 300u
#define SECRET_MAX 40u
#define ESCAPE 0xfeu

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static uint8_t next(input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A size, then as many bytes. */
static void add_secret(
        input *in, plr_mask *mask, plr_reference *reference, size_t begins_from, size_t masks_from)
{
    size_t size = next(in) % (SECRET_MAX + 1);
    size = size < in->size ? size : in->size;
    bool too_short = false;
    check(plr_mask_add(mask, in->data, size, &too_short, NULL) == 0);
    check(!too_short || size > 0);
    plr_reference_add(reference, in->data, size, begins_from, masks_from);
    in->data += size;
    in->size -= size;
}

static size_t read_text(input *in, const plr_reference *reference, unsigned char *text)
{
    size_t size = 0;
    while (in->size > 0 && size < TEXT_MAX) {
        unsigned char c = next(in);
        if (c != ESCAPE || reference->n == 0) {
            text[size++] = c;
            continue;
        }
        const plr_reference_pattern *p = &reference->patterns[next(in) % reference->n];
        size_t from = next(in) % p->size, n = next(in) % (p->size - from) + 1;
        n = n < TEXT_MAX - size ? n : TEXT_MAX - size;
        memcpy(text + size, p->bytes + from, n);
        size += n;
    }
    return size;
}

/* All that is decided has come out as the reference says, and nothing else. */
static void compare(const plr_reference *reference, const unsigned char *text, size_t fed,
        bool final, const plr_mask_stream *stream, const plr_buf *out)
{
    bool covered[TEXT_MAX];
    plr_buf expected;
    plr_buf_init(&expected);
    plr_reference_cover(reference, text, fed, covered);
    size_t given = final ? fed : fed - plr_reference_open(reference, text, fed);
    while (given < fed && covered[given])
        given++;
    plr_reference_render(text, covered, given, &expected);
    check(stream->given == given && stream->seen == fed);
    check(plr_mask_held(stream) == fed - given);
    check(out->size == expected.size);
    check(out->size == 0 || memcmp(out->data, expected.data, out->size) == 0);
    plr_buf_clear(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = { data, size };
    plr_reference reference = { 0 };
    plr_mask *mask;
    plr_mask_stream stream;
    plr_buf out;
    unsigned char text[TEXT_MAX];
    plr_buf_init(&out);
    check(plr_mask_new(&mask, NULL) == 0);
    plr_mask_stream_init(&stream, mask);

    uint8_t n_secrets = next(&in) % 5, chunk_size = next(&in) % 64 + 1, added_at = next(&in);
    for (uint8_t i = 0; i < n_secrets; i++)
        add_secret(&in, mask, &reference, 0, 0);
    input later = in;
    bool added = added_at % 2 == 0;
    size_t text_size = read_text(&in, &reference, text);
    for (size_t fed = 0, n; fed < text_size; fed += n) {
        if (!added && fed >= added_at) {
            added = true;
            add_secret(&later, mask, &reference, fed - plr_reference_open(&reference, text, fed),
                    (size_t)stream.given);
        }
        n = text_size - fed < chunk_size ? text_size - fed : chunk_size;
        bool final = fed + n == text_size;
        check(plr_mask_feed(&stream, text + fed, n, final, &out, NULL) == 0);
        compare(&reference, text, fed + n, final, &stream, &out);
    }
    check(stream.work <= 6 * (text_size + SECRET_MAX * 8));
    plr_mask_stream_clear(&stream);
    plr_mask_unref(mask);
    plr_reference_clear(&reference);
    plr_buf_clear(&out);
    return 0;
}
