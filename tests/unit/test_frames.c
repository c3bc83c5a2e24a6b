/* SPDX-License-Identifier: MIT */
/* Docker's stream framing: whatever way the input is cut, the same bytes come out of each stream.
 */
#include "net/frames.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "tests/unit/harness.h"

typedef struct sink {
    plr_buf streams[3];
    size_t calls;
    const char *low, *high; /* payload must lie in here: it is not copied */
} sink;

static void on_data(plr_stream stream, const void *data, size_t size, void *userdata)
{
    sink *to = userdata;
    const char *at = data;
    CU_ASSERT(size > 0);
    CU_ASSERT(at >= to->low && at + size <= to->high);
    plr_buf_put(&to->streams[stream], data, size);
    to->calls++;
}

static void sink_clear(sink *to)
{
    for (size_t i = 0; i < 3; i++)
        plr_buf_clear(&to->streams[i]);
}

static int feed(plr_frames *frames, sink *to, const char *data, size_t size, plr_error *err)
{
    to->low = data;
    to->high = data + size;
    return plr_frames_feed(frames, data, size, on_data, to, err);
}

static void put_frame(plr_buf *out, unsigned stream, const char *data, size_t size)
{
    char header[8] = { (char)stream, 0, 0, 0, (char)(size >> 24), (char)(size >> 16),
        (char)(size >> 8), (char)size };
    plr_buf_put(out, header, sizeof header);
    plr_buf_put(out, data, size);
}

static bool holds(const plr_buf *buf, const char *text)
{
    return buf->size == strlen(text) && (buf->size == 0 || memcmp(buf->data, text, buf->size) == 0);
}

static void every_split(void)
{
    plr_buf input = { 0 };
    put_frame(&input, 1, "one", 3);
    put_frame(&input, 2, "", 0);
    put_frame(&input, 2, "two\n", 4);
    put_frame(&input, 0, "!", 1);
    for (size_t i = 0; i <= input.size; i++)
        for (size_t j = i; j <= input.size; j++) {
            plr_frames frames = { 0 };
            sink to = { 0 };
            plr_error err = { 0 };
            CU_ASSERT_EQUAL(feed(&frames, &to, input.data, i, &err), 0);
            CU_ASSERT_EQUAL(feed(&frames, &to, input.data + i, j - i, &err), 0);
            CU_ASSERT_EQUAL(feed(&frames, &to, input.data + j, input.size - j, &err), 0);
            CU_ASSERT_EQUAL(plr_frames_end(&frames, &err), 0);
            CU_ASSERT(holds(&to.streams[PLR_STREAM_STDOUT], "one!"));
            CU_ASSERT(holds(&to.streams[PLR_STREAM_STDERR], "two\n"));
            sink_clear(&to);
        }
    plr_buf_clear(&input);
}

static void byte_by_byte(void)
{
    plr_buf input = { 0 };
    char payload[300];
    plr_frames frames = { 0 };
    sink to = { 0 };
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i % 251); /* NUL and what looks like headers */
    put_frame(&input, 1, payload, sizeof payload);
    put_frame(&input, 2, payload, sizeof payload);
    for (size_t i = 0; i < input.size; i++)
        CU_ASSERT_EQUAL(feed(&frames, &to, input.data + i, 1, NULL), 0);
    for (size_t i = 1; i <= 2; i++) {
        CU_ASSERT_EQUAL(to.streams[i].size, sizeof payload);
        CU_ASSERT(to.streams[i].size == sizeof payload &&
                  memcmp(to.streams[i].data, payload, sizeof payload) == 0);
    }
    sink_clear(&to);
    plr_buf_clear(&input);
}

/* A frame that is fed whole comes out whole. */
static void one_call_each(void)
{
    plr_buf input = { 0 };
    plr_frames frames = { 0 };
    sink to = { 0 };
    for (size_t i = 0; i < 10; i++)
        put_frame(&input, 1, "0123456789", 10);
    CU_ASSERT_EQUAL(feed(&frames, &to, input.data, input.size, NULL), 0);
    CU_ASSERT_EQUAL(to.calls, 10);
    sink_clear(&to);
    plr_buf_clear(&input);
}

static void check_refused(const char *header, const char *word)
{
    char input[16] = "";
    plr_frames frames = { 0 };
    sink to = { 0 };
    plr_error err = { 0 };
    memcpy(input, header, 8);
    CU_ASSERT_EQUAL(feed(&frames, &to, input, sizeof input, &err), PLR_ERR_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, word));
    CU_ASSERT_EQUAL(to.calls, 0);
    sink_clear(&to);
}

static void refused(void)
{
    check_refused("\x09\0\0\0\0\0\0\1", "stream 9");
    check_refused("\x03\0\0\0\0\0\0\1", "stream 3");
    check_refused("\1\0\0\0\xff\xff\xff\xff", "4294967295");
    check_refused("\1\0\0\0\1\0\0\1", "16777217");
    check_refused("\1\0\1\0\0\0\0\1", "malformed");
    check_refused("HTTP/1.1", "stream 72");
}

static void longest(void)
{
    plr_frames frames = { 0 };
    sink to = { 0 };
    CU_ASSERT_EQUAL(feed(&frames, &to, "\1\0\0\0\1\0\0\0", 8, NULL), 0);
    CU_ASSERT_EQUAL(frames.left, PLR_FRAMES_LONGEST);
    sink_clear(&to);
}

static void torn(void)
{
    plr_frames frames = { 0 };
    sink to = { 0 };
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(feed(&frames, &to, "\1\0\0\0\0", 5, NULL), 0);
    CU_ASSERT_EQUAL(plr_frames_end(&frames, &err), PLR_ERR_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "header"));
    CU_ASSERT_EQUAL(feed(&frames, &to, "\0\0\5abc", 6, NULL), 0);
    err = (plr_error){ 0 };
    CU_ASSERT_EQUAL(plr_frames_end(&frames, &err), PLR_ERR_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "2 bytes are missing"));
    CU_ASSERT(holds(&to.streams[PLR_STREAM_STDOUT], "abc"));
    sink_clear(&to);
}

static const plr_test tests[] = {
    { "every way to cut a stream in three gives the same bytes", every_split },
    { "fault 20: headers split byte by byte", byte_by_byte },
    { "a whole frame is one call", one_call_each },
    { "fault 20: stream 9, length 0xFFFFFFFF and other nonsense are refused", refused },
    { "the longest frame is believed", longest },
    { "an end inside a frame is told", torn },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("frames", tests);
}
