/* SPDX-License-Identifier: MIT */
/* Objects one after another: cut anywhere, within limits of size and depth. */
#include "net/json_stream.h"

#include <json-c/json.h>
#include <string.h>

#include "engine/base/buf.h"
#include "tests/unit/harness.h"

static void on_object(json_object *object, void *userdata)
{
    plr_buf_puts(userdata, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    plr_buf_puts(userdata, "|");
}

/* Feeds the text in pieces of `piece` bytes; returns the first failure, of the end too. */
static int run_without(const char *text, size_t size, size_t piece, size_t max,
        const char *const *names, plr_buf *out)
{
    plr_json_stream *stream = NULL;
    plr_error err = { 0 };
    int r = plr_json_stream_new(&stream, max, on_object, out, &err);
    if (r == 0)
        plr_json_stream_skip(stream, names);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = plr_json_stream_feed(stream, text + at, size - at < piece ? size - at : piece, &err);
    if (r == 0)
        r = plr_json_stream_end(stream, &err);
    CU_ASSERT_EQUAL(r, err.code);
    CU_ASSERT((r == 0) == (err.message[0] == '\0'));
    plr_json_stream_free(stream);
    return r;
}

static int run(const char *text, size_t size, size_t piece, size_t max, plr_buf *out)
{
    return run_without(text, size, piece, max, NULL, out);
}

static void all_pieces(void)
{
    static const char text[] =
            " {\"a\":\"ü€ \\u00e9\"}\r\n{\"b\":[1,{\"c\":null}]}{}\n\t{\"d\":-1.5e3} ";
    static const char wanted[] = "{\"a\":\"ü€ é\"}|{\"b\":[1,{\"c\":null}]}|{}|{\"d\":-1.5e3}|";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        plr_buf out = { 0 };
        CU_ASSERT_EQUAL(run(text, strlen(text), piece, 1000, &out), 0);
        CU_ASSERT(out.data != NULL && strcmp(out.data, wanted) == 0);
        plr_buf_clear(&out);
    }
}

static void check_skipped(const char *text, const char *wanted)
{
    static const char *const names[] = { "spec", "managed", NULL };
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        plr_buf out = { 0 };
        CU_ASSERT_EQUAL(run_without(text, strlen(text), piece, 100, names, &out), 0);
        CU_ASSERT_STRING_EQUAL(out.data != NULL ? out.data : "", wanted);
        plr_buf_clear(&out);
    }
}

static void skipped(void)
{
    check_skipped("{\"spec\" : {\"a\":[{}],\"b\":\"}]\\\"}\",\"c\":1}, \"d\":2} "
                  "{\"e\":{\"managed\":[[1],2]}}",
            "{\"spec\":null,\"d\":2}|{\"e\":{\"managed\":null}}|");
    check_skipped("{\"a\":\"spec\",\"b\":{\"c\":1}}", "{\"a\":\"spec\",\"b\":{\"c\":1}}|");
    check_skipped("{\"spec\":\"x\",\"managed\":3,\"b\":[1]}",
            "{\"spec\":\"x\",\"managed\":3,\"b\":[1]}|");
    check_skipped("{\"respec\":[1],\"specs\":[2],\"\\\"spec\":[3],\"spec\":[],\"x\":[4]}",
            "{\"respec\":[1],\"specs\":[2],\"\\\"spec\":[3],\"spec\":null,\"x\":[4]}|");
    check_skipped("{\"a name that is longer than any of those\":[1],\"spec\":{\"spec\":{\"b\":1}}}",
            "{\"a name that is longer than any of those\":[1],\"spec\":null}|");
    /* What is left out is longer than an object may be. */
    check_skipped("{\"spec\":[1111111111,2222222222,3333333333,4444444444,5555555555,6666666666,"
                  "7777777777,8888888888,9999999999,1111111111]}",
            "{\"spec\":null}|");
}

static void check_refused(const char *text, size_t size, const char *before)
{
    for (size_t piece = 1; piece <= size; piece++) {
        plr_buf out = { 0 };
        CU_ASSERT_EQUAL(run(text, size, piece, 1000, &out), PLR_ERR_PROTOCOL);
        CU_ASSERT_STRING_EQUAL(out.data != NULL ? out.data : "", before);
        plr_buf_clear(&out);
    }
}

#define CHECK_REFUSED(text, before) check_refused(text, sizeof text - 1, before)

static void refused(void)
{
    CHECK_REFUSED("{}{\"a\":1", "{}|");
    CHECK_REFUSED("{\"a\":1}]", "{\"a\":1}|");
    CHECK_REFUSED("[1]", "");
    CHECK_REFUSED("17 ", "");
    CHECK_REFUSED("{} <html>", "{}|");
    CHECK_REFUSED("{\"a\":}", "");
    CHECK_REFUSED("{\"a\":1,}", "");
    CHECK_REFUSED("{\"a\":\"\0\"}", "");
    CHECK_REFUSED("{\"a\":1\0}", "");
    CHECK_REFUSED("{}\0{}", "{}|");
    CHECK_REFUSED("\0", "");
}

static void nothing(void)
{
    plr_buf out = { 0 };
    CU_ASSERT_EQUAL(run("", 0, 1, 10, &out), 0);
    CU_ASSERT_EQUAL(run(" \n\n", 3, 1, 10, &out), 0);
    CU_ASSERT_EQUAL(out.size, 0);
    plr_buf_clear(&out);
}

/* The limit is for one object, not for the stream. */
static void size_limit(void)
{
    static const char fits[] = "{\"a\":\"23456789\"} {\"a\":\"23456789\"}";
    static const char large[] = "{\"a\":\"234567890\"}";
    for (size_t piece = 1; piece < sizeof fits; piece++) {
        plr_buf out = { 0 };
        CU_ASSERT_EQUAL(run(fits, strlen(fits), piece, 16, &out), 0);
        CU_ASSERT_EQUAL(run(large, strlen(large), piece, 16, &out), PLR_ERR_PROTOCOL);
        plr_buf_clear(&out);
    }
}

static void depth_limit(void)
{
    plr_buf text = { 0 }, out = { 0 };
    for (unsigned depth = 60; depth < 70; depth++) {
        plr_buf_reset(&text);
        plr_buf_puts(&text, "{\"a\":");
        for (unsigned i = 1; i < depth; i++)
            plr_buf_putc(&text, '[');
        for (unsigned i = 1; i < depth; i++)
            plr_buf_putc(&text, ']');
        plr_buf_putc(&text, '}');
        CU_ASSERT_EQUAL(
                run(text.data, text.size, 7, 1000, &out), depth <= 64 ? 0 : PLR_ERR_PROTOCOL);
    }
    plr_buf_clear(&text);
    plr_buf_clear(&out);
}

static const plr_test tests[] = {
    { "pieces of any length give the same objects", all_pieces },
    { "members that nobody asks for come out empty", skipped },
    { "what is no object is refused, and those before it were told", refused },
    { "an empty stream is whole", nothing },
    { "an object above its limit is refused", size_limit },
    { "an object nested too deeply is refused", depth_limit },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("json_stream", tests);
}
