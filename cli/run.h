/* SPDX-License-Identifier: MIT */
/* What the run command was asked for, and the same as the library wants it. */
#ifndef PLR_CLI_RUN_H
#define PLR_CLI_RUN_H

#include <pipeline/pipeline.h>

#include "cli/backend.h"
#include "cli/options.h"

typedef enum plr_output {
    PLR_OUTPUT_BY_TERMINAL, /* not said: pretty on a terminal, else plain */
    PLR_OUTPUT_PLAIN,
    PLR_OUTPUT_PRETTY,
    PLR_OUTPUT_JSON,
} plr_output;

typedef struct plr_run_arguments {
    plr_backend_choice backend;
    plr_cli_pairs backend_options;
    plr_cli_list environment, secrets, volumes, only, forbid, host_paths, images;
    const char *workspace, *from, *log_dir;
    int network, output, on_loss;
    unsigned max_parallel;
    uint64_t log_head, log_tail;
    int64_t grace_ns, timeout_ns, keep_ns;
    bool allow_privileged;
    bool dry_run, lenient, keep_on_failure, verbose, quiet, timestamps;
} plr_run_arguments;

/* A duration that was not given. */
#define PLR_NOT_GIVEN INT64_MIN

extern const plr_cli_option plr_run_table[];
extern const size_t plr_run_table_size;

/* What the arguments name, read and checked: the environment, secrets' files, folders. */
typedef struct plr_run_inputs {
    plr_pair *environment, *volumes;
    plr_host_secret *secrets;
    const char **secret_names;
    char *workspace;
    plr_policy policy;
    size_t n_environment, n_volumes, n_secrets;
} plr_run_inputs;

int plr_run_inputs_read(plr_run_inputs *inputs, const plr_run_arguments *arguments, plr_error *err);
void plr_run_inputs_clear(plr_run_inputs *inputs);

/* Fills the library's options; everything is borrowed from the two. */
void plr_run_options_fill(plr_run_options *options, const plr_run_arguments *arguments,
        const plr_run_inputs *inputs, const plr_document *document);

#endif
