/* SPDX-License-Identifier: MIT */
/* The grammar of image names: [host[:port]/]path[:tag][@digest], and Docker Hub's short forms. */
#include "net/image_name.h"

#include <string.h>

#include "engine/base/error.h"

/* Of registry and repository together, as registries have it. */
#define LONGEST_NAME 255u
#define LONGEST_TAG 128u

/* A part of the text that is being taken apart. */
typedef struct span {
    const char *at;
    size_t size;
} span;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || is_upper(c);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool all(span s, bool (*is)(char c))
{
    for (size_t i = 0; i < s.size; i++)
        if (!is(s.at[i]))
            return false;
    return s.size > 0;
}

static bool equal(span s, const char *text)
{
    return strlen(text) == s.size && memcmp(s.at, text, s.size) == 0;
}

/* Cuts the text at the first `c`: returns what is before it, leaves what is behind it. */
static span cut(span *rest, char c)
{
    const char *found = rest->size > 0 ? memchr(rest->at, c, rest->size) : NULL;
    span before = { rest->at, found != NULL ? (size_t)(found - rest->at) : rest->size };
    size_t used = before.size + (found != NULL);
    *rest = (span){ rest->at + used, rest->size - used };
    return before;
}

/* Labels of letters, digits and inner hyphens between dots; or an IPv6 address in brackets. */
static bool is_host(span host)
{
    if (host.size > 2 && host.at[0] == '[') {
        for (size_t i = 1; i < host.size - 1; i++)
            if (!is_hex(host.at[i]) && !(host.at[i] >= 'A' && host.at[i] <= 'F') &&
                    host.at[i] != ':')
                return false;
        return host.at[host.size - 1] == ']';
    }
    while (host.size > 0) {
        bool last = memchr(host.at, '.', host.size) == NULL;
        span label = cut(&host, '.');
        if (label.size == 0 || !is_alnum(label.at[0]) || !is_alnum(label.at[label.size - 1]))
            return false;
        for (size_t i = 0; i < label.size; i++)
            if (!is_alnum(label.at[i]) && label.at[i] != '-')
                return false;
        if (last)
            return true;
    }
    return false; /* empty, or a dot at its end */
}

static bool is_registry(span text)
{
    span host = text, port = { text.at + text.size, 0 };
    for (size_t i = text.size; i > 0 && text.at[i - 1] != ']'; i--)
        if (text.at[i - 1] == ':') {
            host.size = i - 1;
            port = (span){ text.at + i, text.size - i };
            return is_host(host) && port.size <= 5 && all(port, is_digit);
        }
    return is_host(host);
}

/* Lower-case words joined by one dot, one or two underscores, or any number of hyphens. */
static bool is_component(span part)
{
    size_t i = 0;
    while (i < part.size) {
        size_t word = i;
        while (i < part.size && (is_lower(part.at[i]) || is_digit(part.at[i])))
            i++;
        if (i == word)
            return false;
        if (i == part.size)
            return true;
        char joint = part.at[i];
        size_t start = i;
        while (i < part.size && part.at[i] == joint)
            i++;
        size_t n = i - start;
        if (!(joint == '-' || (joint == '.' && n == 1) || (joint == '_' && n <= 2)))
            return false;
    }
    return false; /* empty, or a joint at its end */
}

static bool is_tag(span tag)
{
    if (tag.size == 0 || tag.size > LONGEST_TAG || tag.at[0] == '.' || tag.at[0] == '-')
        return false;
    for (size_t i = 0; i < tag.size; i++)
        if (!is_alnum(tag.at[i]) && strchr("_.-", tag.at[i]) == NULL)
            return false;
    return true;
}

static bool is_digest(span digest)
{
    static const struct {
        const char *name;
        size_t digits;
    } algorithms[] = { { "sha256", 64 }, { "sha384", 96 }, { "sha512", 128 } };
    span hex = digest;
    span algorithm = cut(&hex, ':');
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (equal(algorithm, algorithms[i].name))
            return hex.size == algorithms[i].digits && all(hex, is_hex);
    return false;
}

static bool is_repository(span text)
{
    while (text.size > 0) {
        bool last = memchr(text.at, '/', text.size) == NULL;
        if (!is_component(cut(&text, '/')))
            return false;
        if (last)
            return true;
    }
    return false;
}

/* The first component is a registry if it could not be a folder of Docker Hub's. */
static bool names_registry(span first)
{
    for (size_t i = 0; i < first.size; i++)
        if (first.at[i] == '.' || first.at[i] == ':' || is_upper(first.at[i]))
            return true;
    return equal(first, "localhost");
}

static int copy(char **ret_text, const char *prefix, span s, plr_error *err)
{
    _cleanup_buf_ plr_buf buf = { 0 };
    plr_buf_puts(&buf, prefix);
    plr_buf_put(&buf, s.at, s.size);
    return plr_buf_steal(&buf, ret_text, err);
}

static int refuse(const char *text, const char *why, plr_error *err)
{
    return plr_error_set(err, PLR_ERR_CONFIGURATION, "\"%s\" names no image: %s", text, why);
}

/* Why a repository is none; the common slips first. */
static const char *repository_fault(span repository)
{
    for (size_t i = 0; i < repository.size; i++) {
        if (is_upper(repository.at[i]))
            return "a repository's name is in lower case";
        if (repository.at[i] == ' ' || repository.at[i] == '\t' || repository.at[i] == '\n')
            return "there is white space in it";
    }
    return "a repository's name is words of a-z and 0-9, joined by . _ __ or -, between slashes";
}

int plr_image_name_parse(plr_image_name *ret_name, const char *text, plr_error *err)
{
    _cleanup_image_name_ plr_image_name name = { 0 };
    span digest = { text, strlen(text) };
    span rest = cut(&digest, '@');
    bool has_digest = rest.size < strlen(text);
    span registry = { PLR_IMAGE_HUB, strlen(PLR_IMAGE_HUB) };

    if (*text == '\0')
        return refuse(text, "it is empty", err);
    if (strstr(text, "://") != NULL)
        return refuse(text, "it is written without http:// or https://", err);
    if (has_digest && !is_digest(digest))
        return refuse(text, "behind the @ belongs a digest like sha256: and 64 hex digits", err);

    /* The tag's colon is behind the last slash; one before it is a port's. */
    span repository = rest;
    if (memchr(rest.at, '/', rest.size) != NULL) {
        span behind = rest;
        span first = cut(&behind, '/');
        if (names_registry(first)) {
            registry = first;
            repository = behind;
        }
    }
    if (!is_registry(registry))
        return refuse(text, "its first part is no registry like example.com:5000", err);
    span tag = repository;
    repository = cut(&tag, ':');
    bool has_tag = repository.at + repository.size < rest.at + rest.size;
    if (has_tag && !is_tag(tag))
        return refuse(text,
                "a tag is 1 to 128 letters, digits, _ . or -, and begins with none of the last two",
                err);
    if (!is_repository(repository))
        return refuse(text, repository_fault(repository), err);
    if ((repository.size == 64 && all(repository, is_hex)) ||
            (equal(repository, "sha256") && tag.size == 64 && all(tag, is_hex)))
        return refuse(text, "it is an image's id, which no registry knows", err);

    if (equal(registry, "index." PLR_IMAGE_HUB))
        registry = (span){ PLR_IMAGE_HUB, strlen(PLR_IMAGE_HUB) };
    bool official =
            equal(registry, PLR_IMAGE_HUB) && memchr(repository.at, '/', repository.size) == NULL;
    const char *folder = official ? "library/" : "";
    if (registry.size + 1 + strlen(folder) + repository.size > LONGEST_NAME)
        return refuse(text, "its whole name is longer than 255 bytes", err);
    int r = copy(&name.registry, "", registry, err);
    if (r == 0)
        r = copy(&name.repository, folder, repository, err);
    if (r == 0 && has_tag)
        r = copy(&name.tag, "", tag, err);
    if (r == 0 && has_digest)
        r = copy(&name.digest, "", digest, err);
    if (r < 0)
        return r;
    *ret_name = name;
    name = (plr_image_name){ 0 };
    return 0;
}

void plr_image_name_clear(plr_image_name *name)
{
    free(name->registry);
    free(name->repository);
    free(name->tag);
    free(name->digest);
    *name = (plr_image_name){ 0 };
}

void plr_image_name_put_repository(const plr_image_name *name, plr_buf *out)
{
    plr_buf_printf(out, "%s/%s", name->registry, name->repository);
}

void plr_image_name_put(const plr_image_name *name, plr_buf *out)
{
    plr_image_name_put_repository(name, out);
    if (name->tag != NULL)
        plr_buf_printf(out, ":%s", name->tag);
    else if (name->digest == NULL)
        plr_buf_puts(out, ":latest");
    if (name->digest != NULL)
        plr_buf_printf(out, "@%s", name->digest);
}

bool plr_image_name_is_latest(const plr_image_name *name)
{
    return name->digest == NULL && (name->tag == NULL || strcmp(name->tag, "latest") == 0);
}

const char *plr_image_registry_key(const char *registry)
{
    return strcmp(registry, PLR_IMAGE_HUB) == 0 ? PLR_IMAGE_HUB_KEY : registry;
}
