/* SPDX-License-Identifier: MIT */
/* A host that runs one document many times in one engine, some at once, and prints how many
 * descriptors and how much memory it has after each round:
 *
 *     many_runs BACKEND OPTION VALUE ROUNDS RUNS-OF-A-ROUND AT-ONCE <DOCUMENT */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <pipeline/pipeline.h>

static unsigned at_once, n_running, n_failed;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    (void)userdata;
    if (event->type == PLR_EVENT_RUN_ENDED) {
        n_running--;
        n_failed += event->u.run_ended.result->outcome != PLR_OUTCOME_PASSED;
    }
    return PLR_ANSWER_GO_ON;
}

static int descriptors(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL)
        n++;
    if (folder != NULL)
        closedir(folder);
    return n;
}

/* KiB of what is this process's own. */
static long memory(void)
{
    long pages = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*s %ld %ld", &pages, &shared) != 2)
            pages = 0;
        fclose(file);
    }
    return (pages - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

static int fail(const plr_error *err)
{
    fprintf(stderr, "many_runs: %s\n", err->message);
    return 3;
}

/* Runs the next ones up to `until`, and waits for all. */
static int run_until(plr_backend *backend, plr_engine *engine, plr_spec *spec, plr_run **runs,
        unsigned *next, unsigned until, plr_error *err)
{
    while (*next < until || n_running > 0) {
        while (*next < until && n_running < at_once) {
            if (plr_run_start(&runs[*next], backend, spec, NULL, on_event, NULL, err) < 0)
                return err->code;
            n_running++;
            (*next)++;
        }
        if (plr_engine_dispatch(engine, -1, err) < 0)
            return err->code;
    }
    for (unsigned i = 0; i < *next; i++) {
        plr_run_free(runs[i]);
        runs[i] = NULL;
    }
    printf("%u runs, %u failed, %d descriptors, %ld KiB\n", *next, n_failed, descriptors(),
            memory());
    return 0;
}

int main(int argc, char **argv)
{
    static char document[1 << 16];
    plr_error err = { 0 };
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_spec *spec = NULL;
    if (argc != 7)
        return 2;
    unsigned rounds = (unsigned)atoi(argv[4]), n = (unsigned)atoi(argv[5]), next = 0;
    at_once = (unsigned)atoi(argv[6]);
    plr_run **runs = calloc((size_t)rounds * n, sizeof(plr_run *));
    size_t size = fread(document, 1, sizeof document, stdin);
    plr_option option = { argv[2], argv[3] };
    if (runs == NULL || plr_spec_read(&spec, "stdin", document, size, NULL, NULL, NULL, &err) < 0 ||
            plr_engine_new(&engine, NULL, &err) < 0 ||
            plr_backend_open(&backend, engine, argv[1], &option, 1, &err) < 0 ||
            plr_backend_wait(backend, &err) < 0)
        return fail(&err);
    for (unsigned round = 1; round <= rounds; round++)
        if (run_until(backend, engine, spec, runs, &next, n * round, &err) < 0)
            return fail(&err);
    plr_spec_unref(spec);
    plr_engine_free(engine);
    free(runs);
    return 0;
}
