/* SPDX-License-Identifier: MIT */
/* Addresses of servers as environments give them, and text in URLs. */
#include "net/http_base.h"

#include <stdio.h>
#include <string.h>

#include "net/http.h"
#include "tests/unit/harness.h"

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void understood(void)
{
    static const struct {
        const char *text;
        bool tls;
        const char *socket, *url;
    } rows[] = {
        { "unix:///run/docker.sock", false, "/run/docker.sock", "http://localhost" },
        { "unix:///run/with space", true, "/run/with space", "http://localhost" },
        { "tcp://h:2375", false, NULL, "http://h:2375" },
        { "tcp://h:2376", true, NULL, "https://h:2376" },
        { "tcp://h:2375/", false, NULL, "http://h:2375" },
        { "https://h/a/b//", false, NULL, "https://h/a/b" },
        { "http://[::1]:80", true, NULL, "http://[::1]:80" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plr_http_base base = { 0 };
        CU_ASSERT_EQUAL(plr_http_base_parse(&base, rows[i].text, rows[i].tls, NULL), 0);
        CU_ASSERT(same(base.socket, rows[i].socket));
        CU_ASSERT(same(base.url, rows[i].url));
        CU_ASSERT(same(base.name, rows[i].text));
        plr_http_base_clear(&base);
    }
}

static void refused(void)
{
    static const char *const rows[] = { "", "/run/docker.sock", "unix://docker.sock", "unix://",
        "unix:///", "tcp://", "tcp://:2375", "tcp://h h", "tcp://h?x", "tcp://h#x",
        "tcp://h\r\nX: y", "tcp://user:s3cret@h:2375", "ssh://h", "npipe:////./pipe/x",
        "HTTP://h" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plr_http_base base = { 0 };
        plr_error err = { 0 };
        CU_ASSERT_EQUAL(plr_http_base_parse(&base, rows[i], false, &err), PLR_ERR_CONFIGURATION);
        CU_ASSERT(err.message[0] != '\0');
        CU_ASSERT_PTR_NULL(strstr(err.message, "s3cret"));
        CU_ASSERT_PTR_NULL(base.url);
    }
}

static void escaped(void)
{
    plr_buf out = { 0 };
    plr_http_escape(&out, "aZ09-._~ /?{\"ü\"}%");
    CU_ASSERT_STRING_EQUAL(out.data, "aZ09-._~%20%2F%3F%7B%22%C3%BC%22%7D%25");
    plr_buf_clear(&out);
}

static const plr_test tests[] = {
    { "addresses are understood", understood },
    { "what is no address is refused, and a password in it not shown", refused },
    { "all but unreserved characters are escaped", escaped },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("http_base", tests);
}
