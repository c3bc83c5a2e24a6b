/* SPDX-License-Identifier: MIT */
/*
 * No secret leaves the engine: by known bugs of others, by comparison with the reference on random
 * text in random chunks, and by what the search may cost at worst.
 */
#include "engine/mask.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "tests/unit/harness.h"
#include "tests/unit/mask_reference.h"

/* A mask of the secrets, up to a NULL. */
static plr_mask *mask_of(const char *const *secrets)
{
    plr_mask *mask = NULL;
    CU_ASSERT_EQUAL_FATAL(plr_mask_new(&mask, NULL), 0);
    for (; *secrets != NULL; secrets++)
        CU_ASSERT_EQUAL(plr_mask_add(mask, *secrets, strlen(*secrets), NULL, NULL), 0);
    return mask;
}

#define MASK(...) mask_of((const char *const[]){ __VA_ARGS__, NULL })

/* How the text comes out, fed in chunks of `size`. */
static void feed_in_chunks(plr_mask *mask, const char *text, size_t size, plr_buf *out)
{
    plr_mask_stream stream;
    plr_mask_stream_init(&stream, mask);
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += size) {
        size_t n = length - at < size ? length - at : size;
        CU_ASSERT_EQUAL(plr_mask_feed(&stream, text + at, n, false, out, NULL), 0);
    }
    CU_ASSERT_EQUAL(plr_mask_feed(&stream, NULL, 0, true, out, NULL), 0);
    CU_ASSERT_EQUAL(stream.given, length);
    plr_mask_stream_clear(&stream);
}

/* However the text is cut, it comes out as expected. */
static void becomes(plr_mask *mask, const char *text, const char *expected)
{
    for (size_t size = 1; size <= strlen(text); size++) {
        plr_buf out;
        plr_buf_init(&out);
        feed_in_chunks(mask, text, size, &out);
        CU_ASSERT_STRING_EQUAL(out.data, expected);
        plr_buf_clear(&out);
    }
}

/* The same for a mask that is not needed any more. */
static void becomes_with(plr_mask *mask, const char *text, const char *expected)
{
    becomes(mask, text, expected);
    plr_mask_unref(mask);
}

static void secret_across_chunks(void)
{
    becomes_with(MASK("s3cret-token"), "a s3cret-token b\ns3cret-tokes3cret-token",
            "a ****** b\ns3cret-toke******");
}

static void prefix_of_another(void)
{
    becomes_with(MASK("abc", "abcdef"), "abc abcde abcdef abcdabcdef",
            "****** ******de ****** ******d******");
    becomes_with(MASK("abcdef", "bcd"), "abcdex xbcdx abcdef", "a******ex x******x ******");
}

static void overlaps_are_united(void)
{
    becomes_with(MASK("aba"), "xababax", "x******x");
    becomes_with(MASK("aaa"), "baaaab aa", "b******b aa");
    becomes_with(MASK("abcd", "cdef"), "xabcdefx", "x******x");
    becomes_with(MASK("abc", "xyz"), "abcxyzabc.", "******.");
    becomes_with(MASK("abcabd", "abc"), "abcabcabdabcab.", "******ab.");
}

static void many_lines(void)
{
    static const char key[] = "-----BEGIN KEY-----\nabcdef\n  indented\n}\n-----END KEY-----\n";
    becomes_with(MASK(key), key, "******\n");
    becomes_with(MASK(key), "1 -----BEGIN KEY-----\r\n2 abcdef\r\n3 indented\r\n4 }\r\n",
            "1 ******\r\n2 ******\r\n3 ******\r\n4 }\r\n");
    /* A file's last newline is not secret, and its lines stay apart. */
    becomes_with(MASK("hunter22\n"), "x=hunter22\nhunter22\n", "x=******\n******\n");
}

static void too_short(void)
{
    static const struct {
        const char *secret;
        bool too_short;
    } cases[] = { { "", false }, { "a", true }, { "ab", true }, { "ab\n", true },
        { "\n\n\n", false } };
    plr_mask *mask = MASK("abc");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool answer = !cases[i].too_short;
        CU_ASSERT_EQUAL(
                plr_mask_add(mask, cases[i].secret, strlen(cases[i].secret), &answer, NULL), 0);
        CU_ASSERT_EQUAL(answer, cases[i].too_short);
    }
    becomes_with(mask, "a ab\nabc\n\n\n", "a ab\n******\n\n\n");
}

static void too_long(void)
{
    plr_mask *mask = MASK("abc");
    char *secret = calloc(1, PLR_MASK_LONGEST + 1);
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_mask_add(mask, secret, PLR_MASK_LONGEST + 1, NULL, &err), PLR_ERR_USAGE);
    CU_ASSERT_STRING_EQUAL(err.message, "a secret of 131073 bytes: at most 131072 can be masked");
    free(secret);
    becomes_with(mask, "abc", "******");
}

static void no_secrets(void)
{
    becomes_with(MASK(""), "nothing to hide", "nothing to hide");
}

static void binary(void)
{
    static const char secret[] = "\0\xff\n\x80"; /* its NUL at the end included */
    static const char text[] = "a\0\0\xff\n\x80\0b\0";
    plr_mask *mask = MASK("unrelated");
    CU_ASSERT_EQUAL(plr_mask_add(mask, secret, sizeof secret, NULL, NULL), 0);
    plr_mask_stream stream;
    plr_mask_stream_init(&stream, mask);
    plr_buf out;
    plr_buf_init(&out);
    CU_ASSERT_EQUAL(plr_mask_feed(&stream, text, sizeof text, true, &out, NULL), 0);
    CU_ASSERT_EQUAL(out.size, 11);
    CU_ASSERT_EQUAL(memcmp(out.data, "a\0******b\0", 11), 0);
    plr_buf_clear(&out);
    plr_mask_stream_clear(&stream);
    plr_mask_unref(mask);
}

static void base64_known(void)
{
    /* printf %s x-secret-valu | base64, with 0, 1 and 2 bytes before it and some or none after. */
    plr_mask *mask = MASK("x-secret-valu");
    becomes(mask, "eC1zZWNyZXQtdmFsdQ==", "******");
    becomes(mask, "eC1zZWNyZXQtdmFsdQ", "******");
    becomes(mask, "eC1zZWNyZXQtdmFsdSAgIA==", "******SAgIA==");
    becomes(mask, "IHgtc2VjcmV0LXZhbHU=", "IH******");
    becomes(mask, "ICB4LXNlY3JldC12YWx1", "ICB******");
    plr_mask_unref(mask);
    /* 62 and 63 in both alphabets. */
    mask = MASK("\xfb\xff\xbf\xfb\xff\xbf");
    becomes(mask, "+/+/+/+/ -_-_-_-_ +/+/-_-_", "****** ****** +/+/-_-_");
    plr_mask_unref(mask);
}

static void base64_everywhere(void)
{
    char text[80];
    for (size_t size = 8; size < 40; size++)
        for (size_t before = 0; before < 7; before++)
            for (unsigned way = 0; way < 4; way++) {
                char secret[41] = "";
                for (size_t i = 0; i < size; i++)
                    secret[i] = (char)(33 + (i * 37 + size) % 94);
                size_t all = (size_t)snprintf(text, sizeof text, "%.*s%s%s", (int)before, "<<<<<<<",
                        secret, way & 1 ? ">>" : "");
                plr_mask *mask = MASK(secret);
                plr_buf encoded, out;
                plr_buf_init(&encoded);
                plr_buf_init(&out);
                plr_base64_encode(text, all, way & 2, &encoded, NULL);
                CU_ASSERT_EQUAL(plr_mask_text(mask, encoded.data, &out, NULL), 0);
                /* Only what other bytes have part in is left, and the stars. */
                size_t first = (8 * before + 5) / 6, last = 8 * (before + size) / 6;
                size_t left = encoded.size - (last - first) + 6;
                CU_ASSERT(out.size <= left);
                CU_ASSERT_EQUAL(memcmp(out.data, encoded.data, first), 0);
                CU_ASSERT_EQUAL(memcmp(out.data + first, "******", 6), 0);
                if (!(way & 1))
                    CU_ASSERT_EQUAL(out.size, first + 6);
                plr_buf_clear(&encoded);
                plr_buf_clear(&out);
                plr_mask_unref(mask);
            }
}

static void base64_in_lines(void)
{
    char secret[201] = "";
    for (size_t i = 0; i < 200; i++)
        secret[i] = (char)(33 + (i * 37) % 94);
    plr_mask *mask = MASK(secret);
    for (size_t width = 64; width <= 76; width += 12) {
        plr_buf encoded, lines, out;
        plr_buf_init(&encoded);
        plr_buf_init(&lines);
        plr_buf_init(&out);
        plr_base64_encode(secret, 200, false, &encoded, NULL);
        for (size_t at = 0; at < encoded.size; at += width)
            plr_buf_printf(&lines, "%.*s\n", (int)width, encoded.data + at);
        plr_mask_text(mask, lines.data, &out, NULL);
        CU_ASSERT_STRING_EQUAL(out.data, width == 64 ? "******\n******\n******\n******\n******\n"
                                                     : "******\n******\n******\n******\n");
        plr_buf_clear(&encoded);
        plr_buf_clear(&lines);
        plr_buf_clear(&out);
    }
    plr_mask_unref(mask);
}

static void percent_encoded(void)
{
    plr_mask *mask = MASK("p@ss w/rd~1!*;?%\xc3\xa9");
    static const char *const forms[] = {
        "p%40ss%20w%2Frd~1%21%2A%3B%3F%25%C3%A9",   /* curl, jq, Go's queries */
        "p%40ss%20w/rd~1%21%2A%3B%3F%25%C3%A9",     /* Python's quote */
        "p%40ss%20w%2Frd~1!*%3B%3F%25%C3%A9",       /* encodeURIComponent */
        "p@ss%20w/rd~1!*;?%25%C3%A9",               /* encodeURI */
        "p%40ss%20w%2Frd%7E1%21*%3B%3F%25%C3%A9",   /* Java */
        "p%40ss%20w%2Frd%7E1%21%2A%3B%3F%25%C3%A9", /* PHP */
        "p@ss%20w%2Frd~1%21%2A%3B%3F%25%C3%A9",     /* Go's paths */
        "p%40ss%20w%2Frd~1%21%2A;%3F%25%C3%A9",     /* Go's user and password */
        "p@ss%20w/rd~1!*;%3F%25%C3%A9",             /* RFC 3986's paths */
        "p%40ss%20w%2Frd~1!*%3B%3F%%C3%A9",         /* browsers' user and password */
        "p%40ss+w%2Frd~1%21%2A%3B%3F%25%C3%A9",     /* Go's queries */
        "p%40ss+w%2Frd%7E1%21*%3B%3F%25%C3%A9",     /* HTML forms */
        "p%40ss+w%2frd%7e1%21%2a%3b%3f%25%c3%a9",   /* .NET */
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char text[80];
        snprintf(text, sizeof text, "https://u:%s@h/", forms[i]);
        becomes(mask, text, "https://u:******@h/");
    }
    plr_mask_unref(mask);
}

static void json_escaped(void)
{
    plr_mask *mask = MASK("a\"b\\c/d<e>&\n\t\x01\x1b\xc3\xa9\xf0\x9f\x98\x80'=+");
    static const char *const forms[] = {
        "a\\\"b\\\\c/d<e>&\\n\\t\\u0001\\u001b\xc3\xa9\xf0\x9f\x98\x80'=+",
        "a\\\"b\\\\c/d<e>&\\n\\t\\u0001\\u001B\xc3\xa9\xf0\x9f\x98\x80'=+",
        "a\\\"b\\\\c\\/d<e>&\\n\\t\\u0001\\u001b\xc3\xa9\xf0\x9f\x98\x80'=+", /* json-c */
        "a\\\"b\\\\c/d<e>&\\n\\t\\u0001\\u001b\\u00e9\\ud83d\\ude00'=+",      /* Python */
        "a\\\"b\\\\c/d<e>&\\n\\t\\u0001\\u001B\\u00E9\\uD83D\\uDE00'=+",      /* Java */
        "a\\\"b\\\\c\\/d<e>&\\n\\t\\u0001\\u001b\\u00e9\\ud83d\\ude00'=+",    /* PHP */
        "a\\\"b\\\\c/d\\u003ce\\u003e\\u0026\\n\\t\\u0001\\u001b\xc3\xa9\xf0\x9f\x98\x80'=+", /* Go
                                                                                               */
        "a\\\"b\\\\c/d\\u003ce\\u003e\\u0026\\n\\t\\u0001\\u001b\xc3\xa9\xf0\x9f\x98\x80"
        "\\u0027\\u003d+", /* Gson */
        "a\\u0022b\\\\c/d\\u003Ce\\u003E\\u0026\\n\\t\\u0001\\u001B\\u00E9\\uD83D\\uDE00"
        "\\u0027=\\u002B", /* .NET */
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char text[160];
        snprintf(text, sizeof text, "{\"k\":\"%s\"}", forms[i]);
        becomes(mask, text, "{\"k\":\"******\"}");
    }
    plr_mask_unref(mask);
    becomes_with(MASK("ab\b\fcd\xe2\x80\xa8"), "ab\\b\\fcd\\u2028 ab\\u0008\\u000ccd\\u2028",
            "****** ******");
}

static void short_forms_stay(void)
{
    /* base64 of abc is YWJj; a%20b and a\"b have five and four bytes. */
    becomes_with(MASK("abc", "a b", "a\"b"), "YWJj a%20b a\\\"b abc a b a\"b",
            "YWJj a%20b a\\\"b ****** ****** ******");
}

static void held_back_while_open(void)
{
    static const struct {
        const char *chunk, *out;
        size_t held;
    } feeds[] = {
        { "Password: ", "Password: ", 0 },
        { "s", "", 1 },
        { "3c", "", 3 },
        { "x", "s3cx", 0 },
        { "s3s3cre", "s3", 5 },
        { "t", "******", 0 }, /* known to be one, so it need not wait to see if it goes on */
        { "-tok", "", 4 },    /* "s3cret" may become "s3cret-token" */
        { "en", "", 0 },      /* and the stars are out */
        { "s3cret", "", 0 },  /* the same run */
        { ".", ".", 0 },
        { "s3cret-to", "******", 3 },
        { "x", "-tox", 0 },
    };
    plr_mask *mask = MASK("s3cret", "s3cret-token");
    plr_mask_stream stream;
    plr_mask_stream_init(&stream, mask);
    for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++) {
        plr_buf out;
        plr_buf_init(&out);
        plr_mask_feed(&stream, feeds[i].chunk, strlen(feeds[i].chunk), false, &out, NULL);
        plr_buf_putc(&out, '|');
        CU_ASSERT_EQUAL(out.size, strlen(feeds[i].out) + 1);
        CU_ASSERT_EQUAL(memcmp(out.data, feeds[i].out, strlen(feeds[i].out)), 0);
        CU_ASSERT_EQUAL(plr_mask_held(&stream), feeds[i].held);
        CU_ASSERT_EQUAL(stream.given + feeds[i].held, stream.seen);
        plr_buf_clear(&out);
    }
    plr_mask_stream_clear(&stream);
    plr_mask_unref(mask);
}

static void anew_after_final(void)
{
    plr_mask *mask = MASK("abc");
    plr_mask_stream stream;
    plr_buf out;
    plr_buf_init(&out);
    plr_mask_stream_init(&stream, mask);
    plr_mask_unref(mask); /* the stream has its own reference */
    CU_ASSERT_EQUAL(plr_mask_feed(&stream, "abcab", 5, true, &out, NULL), 0);
    CU_ASSERT_EQUAL(plr_mask_feed(&stream, "c", 1, true, &out, NULL), 0);
    CU_ASSERT_EQUAL(plr_mask_feed(&stream, "abc", 3, true, &out, NULL), 0);
    CU_ASSERT_EQUAL(plr_mask_feed(&stream, "abc", 3, true, &out, NULL), 0);
    CU_ASSERT_STRING_EQUAL(out.data, "******abc************");
    CU_ASSERT_EQUAL(stream.given, 12);
    plr_mask_stream_clear(&stream);
    plr_buf_clear(&out);
}

static void added_while_held(void)
{
    plr_mask *mask = MASK("abcdef");
    plr_mask_stream stream;
    plr_buf out;
    plr_buf_init(&out);
    plr_mask_stream_init(&stream, mask);
    plr_mask_feed(&stream, "xyz abcde", 9, false, &out, NULL);
    CU_ASSERT_EQUAL(plr_mask_held(&stream), 5);
    plr_mask_add(mask, "bcd", 3, NULL, NULL);
    plr_mask_add(mask, "xyz", 3, NULL, NULL);
    plr_mask_feed(&stream, " xyz", 4, true, &out, NULL);
    CU_ASSERT_STRING_EQUAL(out.data, "xyz a******e ******");
    plr_mask_stream_clear(&stream);
    plr_buf_clear(&out);
    plr_mask_unref(mask);
}

static void text_is_masked(void)
{
    plr_mask *mask = MASK("hunter22");
    plr_buf out;
    plr_buf_init(&out);
    plr_buf_puts(&out, "was here: ");
    CU_ASSERT_EQUAL(plr_mask_text(mask, "401 for u:hunter22@registry, not hunter2", &out, NULL), 0);
    CU_ASSERT_STRING_EQUAL(out.data, "was here: 401 for u:******@registry, not hunter2");
    plr_buf_clear(&out);
    plr_mask_unref(mask);
}

static size_t random_text(unsigned char *text, size_t size, const char *alphabet)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (unsigned char)alphabet[plr_test_random((unsigned)strlen(alphabet))];
    return size;
}

/* A secret, or a piece of one of the patterns, so that text comes near to them. */
static size_t random_piece(
        const plr_reference *reference, unsigned char *text, size_t room, const char *alphabet)
{
    if (reference->n == 0 || plr_test_random(3) == 0)
        return random_text(text, plr_test_random((unsigned)(room < 9 ? room : 9) + 1), alphabet);
    const plr_reference_pattern *p = &reference->patterns[plr_test_random((unsigned)reference->n)];
    size_t n = plr_test_random(2) == 0 ? p->size : 1 + plr_test_random((unsigned)p->size);
    n = n < room ? n : room;
    memcpy(text, p->bytes, n);
    return n;
}

#define RANDOM_TEXT 120u

static void add_random_secrets(plr_mask *mask, plr_reference *reference, const char *alphabet,
        unsigned longest, size_t begins_from, size_t masks_from)
{
    unsigned char secret[64];
    for (unsigned i = 1 + plr_test_random(4); i > 0; i--) {
        size_t size = random_text(secret, plr_test_random(longest + 1), alphabet);
        plr_mask_add(mask, secret, size, NULL, NULL);
        plr_reference_add(reference, secret, size, begins_from, masks_from);
    }
}

/* One random case: after each chunk all that is decided has come out, as the reference says, and
 * nothing else. Returns how many differences there were. */
static unsigned differences(const char *alphabet, unsigned longest, bool added_later)
{
    unsigned char text[RANDOM_TEXT];
    bool covered[RANDOM_TEXT];
    plr_reference reference = { 0 };
    plr_mask *mask = MASK("");
    plr_mask_stream stream;
    plr_buf out, expected;
    plr_buf_init(&out);
    plr_buf_init(&expected);
    plr_mask_stream_init(&stream, mask);
    add_random_secrets(mask, &reference, alphabet, longest, 0, 0);

    unsigned wrong = 0;
    size_t size = 0, fed = 0;
    unsigned chunk_most = plr_test_random(2) == 0 ? 1 : 40;
    while (size < RANDOM_TEXT - 40)
        size += random_piece(&reference, text + size, RANDOM_TEXT - size, alphabet);
    while (fed < size) {
        if (added_later && plr_test_random(20) == 0)
            add_random_secrets(mask, &reference, alphabet, longest,
                    fed - plr_reference_open(&reference, text, fed), (size_t)stream.given);
        size_t n = plr_test_random(chunk_most + 1);
        n = n < size - fed ? n : size - fed;
        bool final = fed + n == size;
        wrong += plr_mask_feed(&stream, text + fed, n, final, &out, NULL) != 0;
        fed += n;

        plr_reference_cover(&reference, text, fed, covered);
        size_t given = final ? fed : fed - plr_reference_open(&reference, text, fed);
        while (given < fed && covered[given])
            given++;
        plr_buf_reset(&expected);
        plr_reference_render(text, covered, given, &expected);
        wrong += stream.given != given || out.size != expected.size ||
                 (out.size > 0 && memcmp(out.data, expected.data, out.size) != 0);
    }
    plr_mask_stream_clear(&stream);
    plr_mask_unref(mask);
    plr_reference_clear(&reference);
    plr_buf_clear(&out);
    plr_buf_clear(&expected);
    return wrong;
}

static const char *const alphabets[] = { "ab", "abc", "a\n", "ab\n\r ", "a%+ ", "a\"\\/", "ab<\n",
    "abcdefghijklmnopqrstuvwxyz0123456789" };

static void like_reference(void)
{
    for (unsigned i = 0; i < plr_test_cases(1600); i++) {
        const char *alphabet = alphabets[i % (sizeof alphabets / sizeof *alphabets)];
        CU_ASSERT_EQUAL(differences(alphabet, i % 3 == 0 ? 40 : 7, false), 0);
    }
}

static void like_reference_when_added(void)
{
    for (unsigned i = 0; i < plr_test_cases(800); i++) {
        const char *alphabet = alphabets[i % (sizeof alphabets / sizeof *alphabets)];
        CU_ASSERT_EQUAL(differences(alphabet, i % 3 == 0 ? 40 : 7, true), 0);
    }
}

/* What is unkind to a search: everything matches, almost matches, or begins to, all the time. */
static void work_is_linear(void)
{
    enum { SIZE = 300000, PIECE = 3000 };
    char *text = malloc(SIZE);
    for (unsigned kind = 0; kind < 6; kind++) {
        char secret[PIECE];
        memset(secret, 'a', PIECE);
        memset(text, 'a', SIZE);
        if (kind == 1)
            secret[PIECE - 1] = 'b'; /* never complete */
        if (kind == 2)
            secret[0] = 'b'; /* every place but the first */
        if (kind == 3 || kind == 4)
            for (size_t i = 0; i < SIZE; i += i % 7 + 3)
                text[i] = 'b';
        if (kind == 4)
            memcpy(secret, text + 1000, PIECE - 1);
        if (kind == 5)
            for (size_t i = 0; i < SIZE; i++)
                text[i] = "aaaaaaaaaaaaaab"[i % 15];
        plr_mask *mask = MASK("aaaaaaaaaaaaaaab", "baaaaaaaaaaaaaaa");
        plr_mask_add(mask, secret, PIECE, NULL, NULL);
        plr_mask_stream stream;
        plr_mask_stream_init(&stream, mask);
        plr_buf out;
        plr_buf_init(&out);
        for (size_t at = 0; at < SIZE; at += 1000)
            plr_mask_feed(&stream, text + at, 1000, at + 1000 == SIZE, &out, NULL);
        CU_ASSERT(stream.work <= 6ul * SIZE);
        CU_ASSERT(stream.tail_capacity <= 2 * 6 * PIECE);
        plr_buf_clear(&out);
        plr_mask_stream_clear(&stream);
        plr_mask_unref(mask);
    }
    free(text);
}

static const plr_test tests[] = {
    { "a secret is masked wherever the chunks end", secret_across_chunks },
    { "of abc and abcdef the longer is masked", prefix_of_another },
    { "overlapping and touching matches are one", overlaps_are_united },
    { "many lines: the whole and each line", many_lines },
    { "empty and short secrets", too_short },
    { "a secret too long to be one", too_long },
    { "without secrets nothing changes", no_secrets },
    { "NUL and bytes beyond ASCII", binary },
    { "base64, known answers", base64_known },
    { "base64 at every offset and length", base64_everywhere },
    { "base64 cut into lines", base64_in_lines },
    { "percent-encoded", percent_encoded },
    { "JSON-escaped", json_escaped },
    { "derived forms under six bytes stay", short_forms_stay },
    { "held back while it may become a secret, no longer", held_back_while_open },
    { "a stream begins anew after its end", anew_after_final },
    { "a secret added while bytes are held back", added_while_held },
    { "a text at once", text_is_masked },
    { "random text comes out as the reference says", like_reference },
    { "and so it does with secrets added in the middle", like_reference_when_added },
    { "the work is linear at worst", work_is_linear },
    { 0 },
};

int main(void)
{
    return plr_test_main("mask", tests);
}
