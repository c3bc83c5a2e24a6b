/* SPDX-License-Identifier: MIT */
/* What the engine itself costs: runs of many steps and many runs of one step on the fake backend,
 * in virtual time. Each line says what was measured; times are of the processor. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <pipeline/pipeline.h>

#include "engine/base/buf.h"

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL)
        n++;
    if (folder != NULL)
        closedir(folder);
    return n;
}

static void check(int r, const plr_error *err)
{
    if (r >= 0)
        return;
    fprintf(stderr, "bench/engine: %s\n", err->message);
    exit(1);
}

/* A chain, or a graph ten wide in which each step waits for two of the row above. */
static void make_document(plr_buf *out, size_t n, bool graph)
{
    plr_buf_puts(out, "{\"steps\":[");
    for (size_t i = 0; i < n; i++) {
        plr_buf_printf(out,
                "%s{\"metadata\":{\"name\":\"s%zu\"},\"docker\":{\"image\":\"i:1\"},"
                "\"environment\":{\"FAKE\":\"out hello\"}",
                i > 0 ? "," : "", i);
        if (graph && i >= 10)
            plr_buf_printf(
                    out, ",\"depends_on\":[\"s%zu\",\"s%zu\"]", i - 10, i - 10 + (i % 10 < 9));
        plr_buf_putc(out, '}');
    }
    plr_buf_puts(out, "]}");
}

static size_t n_events;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    (void)event;
    (void)userdata;
    n_events++;
    return PLR_ANSWER_GO_ON;
}

typedef struct host {
    plr_engine *engine;
    plr_backend *backend;
} host;

static void open_host(host *h)
{
    plr_error err = { 0 };
    plr_engine_options options = { .size = sizeof options, .clock = PLR_CLOCK_VIRTUAL };
    check(plr_engine_new(&h->engine, &options, &err), &err);
    check(plr_backend_open(&h->backend, h->engine, "fake", NULL, 0, &err), &err);
}

static void play(const host *h, plr_spec *spec)
{
    plr_error err = { 0 };
    plr_run *run = NULL;
    plr_result result;
    check(plr_run_start(&run, h->backend, spec, NULL, on_event, NULL, &err), &err);
    check(plr_run_wait(run, &result, &err), &err);
    if (result.outcome != PLR_OUTCOME_PASSED)
        exit(1);
    plr_run_free(run);
}

static void measure_steps(size_t n, bool graph)
{
    host h;
    plr_error err = { 0 };
    plr_spec *spec = NULL;
    _cleanup_buf_ plr_buf json = { 0 };
    long before = peak_kib();
    make_document(&json, n, graph);
    double begin = cpu_ms();
    check(plr_spec_read(&spec, "bench", json.data, json.size, NULL, NULL, NULL, &err), &err);
    double read = cpu_ms() - begin, best = 1e9;
    open_host(&h);
    for (int round = 0; round < 5; round++) {
        n_events = 0;
        begin = cpu_ms();
        play(&h, spec);
        double ms = cpu_ms() - begin;
        best = ms < best ? ms : best;
    }
    printf("%6zu steps, %-6s  run %8.2f ms (%zu events), read %8.2f ms, peak memory +%ld KiB\n", n,
            graph ? "graph" : "serial", best, n_events, read, peak_kib() - before);
    plr_spec_unref(spec);
    plr_engine_free(h.engine);
}

static void measure_runs(size_t n)
{
    host h;
    plr_error err = { 0 };
    plr_spec *spec = NULL;
    _cleanup_buf_ plr_buf json = { 0 };
    make_document(&json, 1, false);
    check(plr_spec_read(&spec, "bench", json.data, json.size, NULL, NULL, NULL, &err), &err);
    open_host(&h);
    play(&h, spec);
    long memory = peak_kib();
    size_t fds = count_fds();
    double begin = cpu_ms();
    for (size_t i = 0; i < n; i++)
        play(&h, spec);
    printf("%6zu runs of one step  %8.2f us each, peak memory +%ld KiB, descriptors %+ld\n", n,
            (cpu_ms() - begin) * 1e3 / (double)n, peak_kib() - memory,
            (long)count_fds() - (long)fds);
    plr_spec_unref(spec);
    plr_engine_free(h.engine);
}

int main(void)
{
    measure_runs(1000); /* first: the peak only grows */
    for (size_t n = 1000; n <= 100000; n *= 10)
        for (int graph = 0; graph < 2; graph++)
            measure_steps(n, graph != 0);
    return 0;
}
