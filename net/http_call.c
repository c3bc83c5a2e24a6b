/* SPDX-License-Identifier: MIT */
/* One HTTP call as libcurl knows it: its options, its callbacks, its time limits, and what a
 * failure means for people. libcurl's callbacks only note what happened or pass bytes on. */
#include "net/http_call.h"

#include <errno.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

/* No reply of a daemon or a cluster comes near; a proxy's might, a bomb does. */
#define HEADERS_BYTES ((size_t)64 << 10)
#define HEADERS_LINES 100u
#define HEADERS_NS (UINT64_C(10) * 1000000000)
/* For streams of a socket of this machine: a daemon writes frames of up to 32 KiB. By TLS no piece
 * is larger than libcurl's own buffer. */
#define STREAM_BUFFER (64L << 10)

void plr_http_call_fail(plr_http_call *call, int code, const char *format, ...)
{
    if (call->over)
        return;
    plr_error cause = { 0 };
    va_list arguments;
    va_start(arguments, format);
    plr_error_set_v(&cause, code, format, arguments);
    va_end(arguments);
    /* The query may be long and says nothing to people. */
    plr_error_set(&call->error, code, "%s %.*s: %s", call->method, (int)strcspn(call->path, "?"),
            call->path, cause.message);
    plr_http_call_over(call);
}

/* The next deadline of a call and what runs out then; 0: none. */
static uint64_t next_deadline(const plr_http_call *call, const char **ret_what)
{
    uint64_t at = call->total_ns > 0 ? call->started_at + call->total_ns : 0;
    uint64_t other = 0;
    const char *what = "did not end in time";
    const char *other_what = NULL;
    if (call->sent && !call->answered && call->first_byte_ns > 0) {
        other = call->sent_at + call->first_byte_ns;
        other_what = "did not answer in time";
    } else if (call->answered && !call->paused && call->idle_ns > 0) {
        other = call->received_at + call->idle_ns;
        other_what = "went silent in the middle of its answer";
    }
    if (other > 0 && (at == 0 || other < at)) {
        at = other;
        what = other_what;
    }
    /* Nobody who is well takes long between the first line of an answer and the last of its
     * headers. */
    if (call->heard_at > 0 && !call->answered && (at == 0 || call->heard_at + HEADERS_NS < at)) {
        at = call->heard_at + HEADERS_NS;
        what = "did not end its headers in time";
    }
    *ret_what = what;
    return at;
}

/* A piece of the body moves only `received_at`: the timer finds out when it fires. */
void plr_http_call_check_time(plr_http_call *call)
{
    plr_http_client *client = call->client;
    const char *what;
    if (call->timer == NULL || call->over)
        return;
    uint64_t at = next_deadline(call, &what);
    if (at > 0 && client->host->now(client->loop) >= at)
        plr_http_call_fail(call, PLR_ERR_TIMEOUT, "%s %s", client->base.name, what);
    else
        client->host->timer_set(call->timer, at);
}

static bool idempotent(const char *method)
{
    static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

/* Connected, about to send. libcurl sends again by itself if a reused connection turns out to be
 * dead; that is not for requests which may have been carried out already. */
static int on_send(void *userdata, char *ip, char *local_ip, int port, int local_port)
{
    plr_http_call *call = userdata;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    if (call->sent && !idempotent(call->method))
        plr_http_call_fail(call, PLR_ERR_INFRASTRUCTURE,
                "%s closed the connection without an answer", call->client->base.name);
    if (call->over)
        return CURL_PREREQFUNC_ABORT;
    call->sent = true;
    call->sent_at = call->client->host->now(call->client->loop);
    plr_http_call_check_time(call);
    return CURL_PREREQFUNC_OK;
}

static void on_answer(plr_http_call *call, int status)
{
    call->answered = true;
    call->reply.status = status;
    char *content_type = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &content_type);
    call->reply.content_type = content_type;
    call->streams = call->on_data != NULL && status / 100 == 2;
    call->received_at = call->client->host->now(call->client->loop);
    plr_http_call_check_time(call);
    if (status / 100 == 3 && status != 304 && !call->redirects) {
        const char *location = plr_http_header(call, "Location");
        plr_http_call_fail(call, PLR_ERR_PROTOCOL,
                "%s redirects to %s (status %d), which is refused", call->client->base.name,
                location != NULL ? location : "nowhere", status);
    } else if (call->on_headers != NULL) {
        call->on_headers(call, &call->reply, call->userdata);
    }
}

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
    plr_http_call *call = userdata;
    size *= n;
    if (call->over || call->client->doomed)
        return 0;
    if (call->heard_at == 0) {
        call->heard_at = call->client->host->now(call->client->loop);
        plr_http_call_check_time(call);
    }
    call->headers_bytes += size;
    call->headers_lines++;
    if (call->headers_bytes > HEADERS_BYTES || call->headers_lines > HEADERS_LINES)
        plr_http_call_fail(
                call, PLR_ERR_PROTOCOL, "%s sends too many headers", call->client->base.name);
    bool empty = size <= 2 && (line[0] == '\r' || line[0] == '\n');
    if (empty && !call->over && !call->answered) {
        long status = 0;
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status == 101)
            plr_http_call_fail(call, PLR_ERR_PROTOCOL, "%s changes the protocol, unasked",
                    call->client->base.name);
        else if (status >= 200)
            on_answer(call, (int)status);
        else
            call->heard_at = 0; /* a word on the way; the answer comes in its time */
    }
    return call->over || call->client->doomed ? 0 : size;
}

static void collect(plr_http_call *call, const char *data, size_t size)
{
    if (size > call->max_body - call->reply.body.size)
        plr_http_call_fail(call, PLR_ERR_PROTOCOL, "%s answers with more than %zu bytes",
                call->client->base.name, call->max_body);
    else if (plr_buf_append(&call->reply.body, data, size, NULL) < 0)
        plr_http_call_fail(call, PLR_ERR_NOMEM, "out of memory");
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
    plr_http_call *call = userdata;
    size *= n;
    if (call->over || call->client->doomed)
        return 0;
    if (call->paused) {
        call->curl_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    call->received_at = call->client->host->now(call->client->loop);
    if (call->streams)
        call->on_data(call, data, size, call->userdata);
    else
        collect(call, data, size);
    return call->over || call->client->doomed ? 0 : size;
}

/* What a result of libcurl means for people. */
void plr_http_call_fail_by_result(plr_http_call *call, CURLcode code)
{
    const char *name = call->client->base.name;
    const char *text =
            call->curl_message[0] != '\0' ? call->curl_message : curl_easy_strerror(code);
    long number = 0;
    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
    int os_error = (int)number;

    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        /* libcurl says this of a line above 100 KiB, too. */
        if (call->sent && !call->answered)
            plr_http_call_fail(call, PLR_ERR_PROTOCOL, "%s sends too long a header", name);
        else
            plr_http_call_fail(call, PLR_ERR_NOMEM, "out of memory");
        break;
    case CURLE_COULDNT_CONNECT:
        call->reply.os_error = os_error;
        plr_http_call_fail(call, PLR_ERR_INFRASTRUCTURE, "cannot connect to %s: %s", name,
                os_error != 0 ? strerror(os_error) : text);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
        plr_http_call_fail(call, PLR_ERR_INFRASTRUCTURE, "cannot connect to %s: %s", name, text);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        plr_http_call_fail(call, PLR_ERR_TIMEOUT, "%s does not take a connection in time", name);
        break;
    case CURLE_GOT_NOTHING:
        plr_http_call_fail(
                call, PLR_ERR_INFRASTRUCTURE, "%s closed the connection without an answer", name);
        break;
    case CURLE_PARTIAL_FILE:
        plr_http_call_fail(
                call, PLR_ERR_INFRASTRUCTURE, "%s broke off in the middle of its answer", name);
        break;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
        plr_http_call_fail(
                call, PLR_ERR_CONFIGURATION, "no trust between us and %s: %s", name, text);
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        plr_http_call_fail(
                call, PLR_ERR_PROTOCOL, "%s does not speak HTTP as it should: %s", name, text);
        break;
    case CURLE_RECV_ERROR:
        /* A malformed chunk has this code too; only its text tells it from a broken connection. */
        if (strstr(text, "chunk") != NULL) {
            plr_http_call_fail(
                    call, PLR_ERR_PROTOCOL, "%s does not speak HTTP as it should: %s", name, text);
            break;
        }
        /* fall through */
    default:
        plr_http_call_fail(
                call, PLR_ERR_INFRASTRUCTURE, "the connection to %s broke: %s", name, text);
    }
}

static bool has_header(const char *const *headers, const char *name)
{
    size_t length = strlen(name);
    for (; headers != NULL && *headers != NULL; headers++)
        if (strncasecmp(*headers, name, length) == 0 && (*headers)[length] == ':')
            return true;
    return false;
}

static bool add_header(plr_http_call *call, const char *line)
{
    struct curl_slist *list = curl_slist_append(call->headers, line);
    if (list != NULL)
        call->headers = list;
    return list != NULL;
}

static int set_headers(plr_http_call *call, const char *const *headers, plr_error *err)
{
    /* libcurl would wait for a "100 Continue", and call any body a form. */
    bool done = add_header(call, "Expect:");
    if (!has_header(headers, "Content-Type"))
        done = done && add_header(call, "Content-Type:");
    if (call->client->base.host_header != NULL)
        done = done && add_header(call, call->client->base.host_header);
    for (; done && headers != NULL && *headers != NULL; headers++) {
        if (strpbrk(*headers, "\r\n") != NULL)
            return plr_error_set(err, PLR_ERR_USAGE, "a header with a line break");
        done = add_header(call, *headers);
    }
    return done ? 0 : plr_error_nomem(err);
}

/* Certificates given as text are copied, because another may take their place meanwhile. */
static CURLcode set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob = { (void *)(uintptr_t)pem, strlen(pem), CURL_BLOB_COPY };
    return curl_easy_setopt(easy, option, &blob);
}

static CURLcode set_tls(const plr_http_call *call)
{
    const plr_http_client *client = call->client;
    CURL *easy = call->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (code == CURLE_OK && client->tls_insecure)
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    if (code == CURLE_OK && client->tls_insecure)
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    if (code == CURLE_OK && client->ca_pem != NULL)
        code = set_blob(easy, CURLOPT_CAINFO_BLOB, client->ca_pem);
    else if (code == CURLE_OK && client->ca_file != NULL)
        code = curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    if (code == CURLE_OK && (client->ca_pem != NULL || client->ca_file != NULL))
        code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (code == CURLE_OK && client->cert_pem != NULL)
        code = set_blob(easy, CURLOPT_SSLCERT_BLOB, client->cert_pem);
    else if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSLCERT, client->cert_file);
    if (code == CURLE_OK && client->key_pem != NULL)
        code = set_blob(easy, CURLOPT_SSLKEY_BLOB, client->key_pem);
    else if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSLKEY, client->key_file);
    /* Without it OpenSSL would ask at the terminal for the password of a key that has one. */
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
    return code;
}

int plr_http_call_prepare(plr_http_call *call, const char *const *headers, plr_error *err)
{
    const plr_http_client *client = call->client;
    for (const char *c = call->path; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return plr_error_set(err, PLR_ERR_USAGE, "a path that is not escaped");
    bool uploads = call->body.data != NULL || strcmp(call->method, "POST") == 0 ||
                   strcmp(call->method, "PUT") == 0;
    CURLcode code = CURLE_OK;
    _cleanup_buf_ plr_buf url = { 0 };
    plr_buf_puts(&url, client->base.url);
    plr_buf_puts(&url, call->path);
    int r = plr_buf_check(&url, err);
    if (r == 0)
        r = set_headers(call, headers, err);
    if (r < 0)
        return r;
    if (client->base.connect_to != NULL) {
        call->connect_to = curl_slist_append(NULL, client->base.connect_to);
        if (call->connect_to == NULL)
            return plr_error_nomem(err);
    }
    call->easy = curl_easy_init();
    if (call->easy == NULL)
        return plr_error_nomem(err);

#define SET(option, value)                                                                         \
    if (code == CURLE_OK)                                                                          \
    code = curl_easy_setopt(call->easy, option, value)

    SET(CURLOPT_URL, url.data); /* copied */
    SET(CURLOPT_PATH_AS_IS, 1L);
    if (client->base.socket != NULL) {
        SET(CURLOPT_UNIX_SOCKET_PATH, client->base.socket);
        SET(CURLOPT_PROXY, "");
    }
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (client->base.connect_to != NULL)
        SET(CURLOPT_CONNECT_TO, call->connect_to);
    if (client->proxy != NULL)
        SET(CURLOPT_PROXY, client->proxy);
    if (code == CURLE_OK)
        code = set_tls(call);
    SET(CURLOPT_USERAGENT, client->user_agent);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(client->connect_timeout_ns / PLR_NS_PER_MS));

    if (uploads) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, call->body.data != NULL ? call->body.data : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
    }
    if (strcmp(call->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    SET(CURLOPT_CUSTOMREQUEST, call->method);
    SET(CURLOPT_HTTPHEADER, call->headers);
    /* By TLS every request is copied there; it is 64 KiB otherwise. */
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    if (call->on_data != NULL && client->base.socket != NULL)
        SET(CURLOPT_BUFFERSIZE, STREAM_BUFFER);

    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->curl_message);
    SET(CURLOPT_PREREQFUNCTION, on_send);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
#undef SET
    return code == CURLE_OK ? 0 : plr_error_nomem(err);
}

void plr_http_call_free(plr_http_call *call)
{
    if (call->timer != NULL)
        call->client->host->timer_free(call->timer);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    plr_buf_clear(&call->body);
    plr_buf_clear(&call->reply.body);
    free(call->method);
    free(call->path);
    free(call);
}

const char *plr_http_header(const plr_http_call *call, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(call->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}
