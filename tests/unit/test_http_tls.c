/* SPDX-License-Identifier: MIT */
/* The HTTP client and TLS: whom it trusts, under which name, and how it shows who it is. The
 * server's certificates are made here, each its own authority. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/harness.h"
#include "tests/unit/http_peer.h"

static char folder[] = "/tmp/test_http_tls-XXXXXX";
/* PEM: the server's certificate, and the client's, with their keys. */
static char server_cert[64], server_key[64], client_cert[64], client_key[64];

static void must(bool done, const char *what)
{
    if (!done) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

static void make_pair(const char *name, const char *alt_name, const char *cert, const char *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    must(pair != NULL && x509 != NULL, "a key");
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, pair);
    X509_NAME *subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt_name);
    must(extension != NULL && X509_add_ext(x509, extension, -1) == 1, "a name");
    must(X509_sign(x509, pair, EVP_sha256()) > 0, "a signature");
    FILE *file = fopen(cert, "w");
    must(file != NULL && PEM_write_X509(file, x509) == 1 && fclose(file) == 0, cert);
    file = fopen(key, "w");
    must(file != NULL && PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1 &&
                    fclose(file) == 0,
            key);
    X509_EXTENSION_free(extension);
    X509_free(x509);
    EVP_PKEY_free(pair);
}

/* Answers with the name in the client's certificate. */
static void answer(SSL *ssl)
{
    char request[4096] = "", reply[300], name[100] = "nobody";
    size_t size = 0;
    int n;
    while (strstr(request, "\r\n\r\n") == NULL && size < sizeof request - 1 &&
            (n = SSL_read(ssl, request + size, (int)(sizeof request - 1 - size))) > 0)
        size += (size_t)n;
    X509 *peer = SSL_get1_peer_certificate(ssl);
    if (peer != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
    X509_free(peer);
    snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(name),
            name);
    SSL_write(ssl, reply, (int)strlen(reply));
    SSL_shutdown(ssl);
}

static void serve(int listener, bool asks)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    must(SSL_CTX_use_certificate_file(context, server_cert, SSL_FILETYPE_PEM) == 1 &&
                    SSL_CTX_use_PrivateKey_file(context, server_key, SSL_FILETYPE_PEM) == 1,
            "the server's certificate");
    if (asks) {
        must(SSL_CTX_load_verify_file(context, client_cert) == 1, "the client's authority");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1)
            answer(ssl);
        SSL_free(ssl);
        close(fd);
    }
}

/* One GET of a server as `host` names it; it asks for a certificate if `asks`. */
static void get(const char *format, bool asks, plr_http_options options, http_probe *probe)
{
    http_bench bench = { 0 };
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0 &&
                    listen(listener, 8) == 0 &&
                    getsockname(listener, (struct sockaddr *)&address, &size) == 0,
            "a port");
    bench.peer = fork();
    if (bench.peer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        serve(listener, asks);
    }
    close(listener);
    snprintf(bench.base, sizeof bench.base, "%s:%u", format, ntohs(address.sin_port));
    options.base = bench.base;
    /* The handshake, too, and under valgrind. */
    options.connect_timeout_ns = UINT64_C(60000000000);
    *probe = (http_probe){ 0 };
    CU_ASSERT_EQUAL(plr_loop_new(&bench.loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(
            plr_http_client_new(&bench.client, &plr_host_table, bench.loop, &options, NULL), 0);
    bench_get(&bench, probe);
    CU_ASSERT(bench_run(&bench, probe));
    bench_close(&bench);
}

static void trusted(void)
{
    http_probe probe;
    plr_http_options options = { .ca_file = server_cert };
    static const char *const names[] = { "tcp://127.0.0.1", "https://127.0.0.1" };
    for (size_t i = 0; i < 2; i++) {
        get(names[i], false, options, &probe);
        CU_ASSERT_EQUAL(probe.err.code, 0);
        CU_ASSERT(probe.body.data != NULL && strcmp(probe.body.data, "nobody") == 0);
        probe_clear(&probe);
    }
}

static void check_distrust(const char *host, bool asks, plr_http_options options, const char *word)
{
    http_probe probe;
    get(host, asks, options, &probe);
    CU_ASSERT_EQUAL(probe.err.code, PLR_ERR_CONFIGURATION);
    CU_ASSERT(probe.unsent);
    CU_ASSERT(probe_says(&probe, word));
    probe_clear(&probe);
}

static void not_trusted(void)
{
    /* By nobody, by another, under another name. */
    check_distrust("https://127.0.0.1", false, (plr_http_options){ 0 }, "certificate");
    check_distrust("https://127.0.0.1", false, (plr_http_options){ .ca_file = client_cert },
            "certificate");
    check_distrust(
            "https://localhost", false, (plr_http_options){ .ca_file = server_cert }, "localhost");
}

static void client_shown(void)
{
    http_probe probe;
    plr_http_options options = {
        .ca_file = server_cert, .cert_file = client_cert, .key_file = client_key
    };
    get("tcp://127.0.0.1", true, options, &probe);
    CU_ASSERT_EQUAL(probe.err.code, 0);
    CU_ASSERT(probe.body.data != NULL && strcmp(probe.body.data, "the client") == 0);
    probe_clear(&probe);

    get("tcp://127.0.0.1", true, (plr_http_options){ .ca_file = server_cert }, &probe);
    CU_ASSERT_EQUAL(probe.err.code, PLR_ERR_INFRASTRUCTURE); /* it hangs up */
    probe_clear(&probe);
}

static void no_files(void)
{
    check_distrust("tcp://127.0.0.1", false, (plr_http_options){ .ca_file = "/nonexistent/ca.pem" },
            "/nonexistent/ca.pem");
    check_distrust("tcp://127.0.0.1", false,
            (plr_http_options){ .ca_file = server_cert,
                    .cert_file = "/nonexistent/cert.pem",
                    .key_file = client_key },
            "/nonexistent/cert.pem");
}

static const plr_test tests[] = {
    { "the authority that was given is trusted", trusted },
    { "nobody else is, and nobody under another name", not_trusted },
    { "the client shows its certificate", client_shown },
    { "files that are not there are named", no_files },
    { NULL, NULL },
};

int main(void)
{
    must(mkdtemp(folder) != NULL, "a folder");
    char *const paths[] = { server_cert, server_key, client_cert, client_key };
    for (size_t i = 0; i < 4; i++)
        snprintf(paths[i], sizeof server_cert, "%s/%zu.pem", folder, i);
    make_pair("the server", "IP:127.0.0.1", server_cert, server_key);
    make_pair("the client", "DNS:client", client_cert, client_key);
    int r = plr_test_main("http_tls", tests);
    for (size_t i = 0; i < 4; i++)
        unlink(paths[i]);
    rmdir(folder);
    return r;
}
