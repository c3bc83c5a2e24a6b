/* SPDX-License-Identifier: MIT */
/* Backends are found by name or by file, and what is none is refused with the reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipeline/backend.h>
#include <pipeline/pipeline.h>

#include "tests/unit/harness.h"

static int open_in(const char *path, const char *name, plr_error *err)
{
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_engine_options options = { .size = sizeof options, .backend_path = path };
    CU_ASSERT_EQUAL(plr_engine_new(&engine, &options, NULL), 0);
    int r = plr_backend_open(&backend, engine, name, NULL, 0, err);
    if (r == 0) {
        CU_ASSERT_STRING_EQUAL(plr_backend_name(backend), "fake");
        CU_ASSERT_EQUAL(plr_backend_close(backend, NULL), 0);
    }
    plr_engine_free(engine);
    return r;
}

static void expect(const char *path, const char *name, int code, const char *text)
{
    plr_error err = { 0 };
    int r = open_in(path, name, &err);
    CU_ASSERT_EQUAL(r, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, text));
    if (r != code || strstr(err.message, text) == NULL)
        fprintf(stderr, "\n%s: %d %s\n", name, r, err.message);
}

static void names_are_names(void)
{
    expect(NULL, "", PLR_ERR_USAGE, "\"\" is not a backend's name");
    expect(NULL, "..", PLR_ERR_USAGE, "is not a backend's name");
    expect(NULL, "fake.so", PLR_ERR_USAGE, "is not a backend's name");
    expect(NULL, "fake\n", PLR_ERR_USAGE, "is not a backend's name");
    expect("/nowhere::/tmp/nowhere:", "fakest", PLR_ERR_NOTFOUND,
            "no backend \"fakest\" in /nowhere::/tmp/nowhere:");
}

static void by_name_or_by_file(void)
{
    const char *path = getenv("PLR_BACKEND_PATH");
    char list[600], file[600];
    plr_error err = { 0 };
    CU_ASSERT_PTR_NOT_NULL(path);
    if (path == NULL)
        return;
    snprintf(list, sizeof list, "/nowhere:%s", path);
    CU_ASSERT_EQUAL(open_in(list, "fake", &err), 0);
    CU_ASSERT_EQUAL(open_in(NULL, "fake", &err), 0); /* the environment's */
    snprintf(file, sizeof file, "%s/fake.so", path);
    if (access(file, F_OK) == 0) /* else the backends are built in */
        CU_ASSERT_EQUAL(open_in("/nowhere", file, &err), 0);
}

static void what_is_none_is_refused(void)
{
    const char *top = getenv("top_builddir");
    char file[600], folder[] = "/tmp/plr-test-module-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/text.so", folder);
    FILE *text = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL(text);
    if (text != NULL) {
        fputs("this is not an ELF file\n", text);
        fclose(text);
    }
    expect(folder, "text", PLR_ERR_CONFIGURATION, "cannot load backend text");
    expect(NULL, file, PLR_ERR_CONFIGURATION, "cannot load");
    unlink(file);
    rmdir(folder);
    expect(NULL, "./nothing.so", PLR_ERR_CONFIGURATION, "cannot load ./nothing.so");
    snprintf(file, sizeof file, "%s/tests/unit/modules/.libs", top != NULL ? top : ".");
    expect(file, "no_entry", PLR_ERR_CONFIGURATION, "no plr_backend_entry");
    char versions[128];
    snprintf(versions, sizeof versions,
            "made for version %u of the backend interface, this library has version %u",
            PLR_BACKEND_VERSION + 1, PLR_BACKEND_VERSION);
    expect(file, "wrong_version", PLR_ERR_CONFIGURATION, versions);
    expect(file, "not_whole", PLR_ERR_CONFIGURATION, "its module has no \"create\"");
}

static void options_are_the_backends(void)
{
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_error err = { 0 };
    plr_option option = { "colour", "red" };
    CU_ASSERT_EQUAL(plr_engine_new(&engine, NULL, NULL), 0);
    CU_ASSERT_EQUAL(plr_backend_open(&backend, engine, "fake", &option, 1, &err), PLR_ERR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no option \"colour\""));
    plr_engine_free(engine);
}

static const plr_test tests[] = {
    { "names are names", names_are_names },
    { "by name or by file", by_name_or_by_file },
    { "what is none is refused", what_is_none_is_refused },
    { "options are the backend's", options_are_the_backends },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("module", tests);
}
