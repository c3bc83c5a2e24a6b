/* SPDX-License-Identifier: MIT */
/* What names of entries in layers mean. */
#include "backends/local/image/layer_path.h"

#include <string.h>

#include "tests/unit/harness.h"

static plr_layer_path path;

static void meanings(void)
{
    static const struct {
        const char *name, *path;
        plr_layer_path_kind kind;
    } cases[] = {
        { "./", "", PLR_LAYER_ROOT },
        { "/", "", PLR_LAYER_ROOT },
        { "a/b", "a/b", PLR_LAYER_PLAIN },
        { "/a//./b/", "a/b", PLR_LAYER_PLAIN },
        { "...", "...", PLR_LAYER_PLAIN },
        { "a/.wh.b", "a/b", PLR_LAYER_WHITEOUT },
        { ".wh.b", "b", PLR_LAYER_WHITEOUT },
        { ".wh....", "...", PLR_LAYER_WHITEOUT },
        { "a/b/.wh..wh..opq", "a/b", PLR_LAYER_OPAQUE },
        { ".wh..wh..opq", "", PLR_LAYER_OPAQUE },
        { ".wh..wh.plnk", ".wh..wh.plnk", PLR_LAYER_IGNORED },
        { "a.wh.b", "a.wh.b", PLR_LAYER_PLAIN },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_EQUAL(plr_layer_path_read(&path, cases[i].name, NULL), 0);
        CU_ASSERT_EQUAL(path.kind, cases[i].kind);
        CU_ASSERT_STRING_EQUAL(path.path, cases[i].path);
        CU_ASSERT_EQUAL(path.size, strlen(cases[i].path));
    }
}

static void refusals(void)
{
    static const char *const names[] = { "..", "../a", "a/..", "a/../b", "/..", ".wh.", ".wh..",
        ".wh...", "a/.wh...", ".wh.a/b", ".wh..wh.plnk/b", ".wh..wh..opq/b" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CU_ASSERT_EQUAL(plr_layer_path_read(&path, names[i], NULL), PLR_ERR_IMAGE);
}

static void lengths(void)
{
    char name[3 * PATH_MAX] = "";
    memset(name, 'x', NAME_MAX);
    CU_ASSERT_EQUAL(plr_layer_path_read(&path, name, NULL), 0);
    name[NAME_MAX] = 'x';
    CU_ASSERT_EQUAL(plr_layer_path_read(&path, name, NULL), PLR_ERR_IMAGE);
    memset(name, 0, sizeof name);
    for (unsigned i = 0; i < PLR_LAYER_DEEPEST; i++)
        memcpy(name + 2 * i, "d/", 2);
    CU_ASSERT_EQUAL(plr_layer_path_read(&path, name, NULL), 0);
    strcat(name, "d");
    CU_ASSERT_EQUAL(plr_layer_path_read(&path, name, NULL), PLR_ERR_IMAGE);
    memset(name, 0, sizeof name);
    for (unsigned i = 0; i < 41; i++)
        memcpy(memset(name + 100 * i, 'x', 100) + 99, "/", 1);
    CU_ASSERT_EQUAL(plr_layer_path_read(&path, name, NULL), PLR_ERR_IMAGE);
}

static const plr_test tests[] = {
    { "a name is a place below the root, or a word about the layers below", meanings },
    { "what leads out or hides nothing is refused", refusals },
    { "what is too long or too deep is refused", lengths },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("layer_path", tests);
}
