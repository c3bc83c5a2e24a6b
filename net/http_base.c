/* SPDX-License-Identifier: MIT */
/* Where a server is, and how text is written into the path of a URL. */
#include "net/http_base.h"

#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/http.h"

void plr_http_base_clear(plr_http_base *base)
{
    free(base->socket);
    free(base->url);
    free(base->name);
    free(base->connect_to);
    free(base->host_header);
    *base = (plr_http_base){ 0 };
}

/* What follows the scheme, or NULL. */
static const char *after(const char *text, const char *scheme)
{
    size_t length = strlen(scheme);
    return strncmp(text, scheme, length) == 0 ? text + length : NULL;
}

/* Everything of a URL must be visible ASCII: the rest is a slip, or an attempt at a second line. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

static int parse_socket(plr_http_base *base, const char *path, plr_error *err)
{
    if (path[0] != '/' || path[1] == '\0')
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "unix://%s: a socket's path must be absolute, as in unix:///run/a.sock", path);
    int r = plr_text_copy(&base->socket, path, err);
    if (r == 0)
        r = plr_text_copy(&base->url, "http://localhost", err);
    return r;
}

static int parse_address(
        plr_http_base *base, const char *scheme, const char *address, plr_error *err)
{
    size_t host = strcspn(address, "/");
    size_t length = strlen(address);
    while (length > host && address[length - 1] == '/')
        length--;
    if (host == 0 || address[0] == ':' || !is_plain(address) || strpbrk(address, "?#\\") != NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s://%s: this is no address of a server, as in %s://example.com:2376", scheme,
                address, scheme);
    /* A password here would be shown by every message and by ps. */
    if (memchr(address, '@', host) != NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s://…@%s: an address with a user name is not supported", scheme,
                strrchr(address, '@') + 1);
    _cleanup_buf_ plr_buf url = { 0 };
    plr_buf_printf(&url, "%s://%.*s", scheme, (int)length, address);
    return plr_buf_steal(&url, &base->url, err);
}

int plr_http_base_parse(plr_http_base *ret_base, const char *text, bool tls, plr_error *err)
{
    _cleanup_http_base_ plr_http_base base = { 0 };
    const char *rest;
    int r;

    if ((rest = after(text, "unix://")) != NULL)
        r = parse_socket(&base, rest, err);
    else if ((rest = after(text, "tcp://")) != NULL)
        r = parse_address(&base, tls ? "https" : "http", rest, err);
    else if ((rest = after(text, "https://")) != NULL)
        r = parse_address(&base, "https", rest, err);
    else if ((rest = after(text, "http://")) != NULL)
        r = parse_address(&base, "http", rest, err);
    else
        r = plr_error_set(err, PLR_ERR_CONFIGURATION,
                "\"%s\" is no address of a server: it begins with unix://, tcp://, http:// or "
                "https://",
                text);
    if (r == 0)
        r = plr_text_copy(&base.name, text, err);
    if (r < 0)
        return r;
    *ret_base = base;
    base = (plr_http_base){ 0 };
    return 0;
}

int plr_http_base_rename(plr_http_base *base, const char *name, plr_error *err)
{
    _cleanup_buf_ plr_buf url = { 0 };
    _cleanup_buf_ plr_buf connect_to = { 0 };
    _cleanup_buf_ plr_buf header = { 0 };
    const char *address = after(base->url, "https://");
    if (address == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s: a server name for TLS, but the address does not begin with https://",
                base->name);
    if (name[0] == '\0' || !is_plain(name) || strpbrk(name, "/?#@:\\[]") != NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "\"%s\" is no name that a server's certificate can have", name);
    int authority = (int)strcspn(address, "/");
    const char *host_end = address[0] == '[' ? memchr(address, ']', (size_t)authority) : address;
    const char *port = host_end == NULL
                               ? NULL
                               : memchr(host_end, ':', (size_t)(address + authority - host_end));
    int host = port == NULL ? authority : (int)(port - address);
    const char *rest = address + host; /* port and path */
    plr_buf_printf(&url, "https://%s%s", name, rest);
    plr_buf_printf(&connect_to, "::%.*s:", host, address);
    plr_buf_printf(&header, "Host: %.*s", authority, address);
    int r = plr_buf_steal(&connect_to, &base->connect_to, err);
    if (r == 0)
        r = plr_buf_steal(&header, &base->host_header, err);
    if (r < 0)
        return r;
    free(base->url);
    base->url = NULL;
    return plr_buf_steal(&url, &base->url, err);
}

void plr_http_escape(plr_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        if (unreserved)
            plr_buf_putc(out, (char)c);
        else
            plr_buf_printf(out, "%%%02X", c);
    }
}
