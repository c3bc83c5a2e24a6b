/* SPDX-License-Identifier: MIT */
/*
 * Runs while the project is built: prints the options and commands of one backend as the data file
 * that is installed beside it, so that help, parsing and completion need not load it. A line is the
 * option's name, its argument (empty: a switch) and its help, with tabs between; of a command the
 * word "command" stands before its name.
 */
#include <pipeline/backend.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef PLR_BUILTIN_BACKENDS
#include "backends/builtin.h"

#define X(name) plr_backend_entry_fn plr_backend_entry_##name;
PLR_BUILTIN_BACKEND_LIST(X)
#undef X

static const plr_backend_module *find(const char *wanted)
{
#define X(name)                                                                                    \
    if (strcmp(wanted, #name) == 0)                                                                \
        return plr_backend_entry_##name();
    PLR_BUILTIN_BACKEND_LIST(X)
#undef X
    fprintf(stderr, "%s: no such backend is built in\n", wanted);
    return NULL;
}
#else
static const plr_backend_module *find(const char *file)
{
    /* All at once: a symbol that nobody defines is found here and not by a user. */
    void *module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, "plr_backend_entry") : NULL;
    if (!symbol) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    plr_backend_entry_fn *entry;
    memcpy(&entry, &symbol, sizeof(entry));
    return entry();
}
#endif

int main(int argc, char **argv)
{
    const plr_backend_module *module = argc == 2 ? find(argv[1]) : NULL;
    if (!module)
        return EXIT_FAILURE;
    for (size_t i = 0; i < module->n_options; i++) {
        const plr_option_info *option = &module->options[i];
        printf("%s\t%s\t%s\n", option->name, option->argument ? option->argument : "",
                option->help);
    }
    for (size_t i = 0; i < module->n_commands; i++) {
        const plr_command_info *command = &module->commands[i];
        printf("command %s\t%s\t%s\n", command->name, command->arguments ? command->arguments : "",
                command->help);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
