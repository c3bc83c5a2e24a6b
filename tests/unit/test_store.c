/* SPDX-License-Identifier: MIT */
/* The store of images as the local backend's module reads it. */
#include "backends/local/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/harness.h"

#define LAYER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME "docker.io/library/a:1"

static char store[] = "/tmp/plr-test-store-XXXXXX";

static void put(const char *text)
{
    char *path = NULL;
    CU_ASSERT_EQUAL(plr_store_record_path(&path, store, NAME, NULL), 0);
    FILE *file = fopen(path, "w");
    CU_ASSERT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    free(path);
}

static int read_back(plr_store_image **image, const plr_platform *platform)
{
    plr_store_image_free(*image);
    *image = NULL;
    return plr_store_image_read(image, store, NAME, platform, NULL);
}

static void records(void)
{
    static const char whole[] =
            "{\"name\":\"" NAME "\",\"digest\":\"d\",\"platform\":{\"os\":\"linux\",\"arch\":"
            "\"riscv64\"},\"config\":{\"env\":[\"A=b\"],\"cmd\":[\"x\",\"\"]},\"layers\":[\"" LAYER
            "\"],\"later\":1}";
    const plr_platform riscv = { .arch = "riscv64" }, mips = { .arch = "mips" };
    plr_store_image *image = NULL;
    char layer[200];
    int lock = -1;
    CU_ASSERT_EQUAL(plr_store_lock(&lock, store, false, NULL), 0);
    close(lock);
    CU_ASSERT_EQUAL(read_back(&image, &riscv), PLR_ERR_NOTFOUND);
    put(whole);
    CU_ASSERT_EQUAL(read_back(&image, &riscv), PLR_ERR_NOTFOUND); /* its layer is missing */
    snprintf(layer, sizeof layer, "%s/layers/" LAYER, store);
    CU_ASSERT_EQUAL(mkdir(layer, 0755), 0);
    CU_ASSERT_EQUAL(read_back(&image, &riscv), 0);
    if (image != NULL) {
        CU_ASSERT(image->n_layers == 1 && strcmp(image->layers[0], layer) == 0);
        CU_ASSERT(image->n_cmd == 2 && image->n_entrypoint == 0 && image->n_environment == 1);
        CU_ASSERT_STRING_EQUAL(image->user, "");
    }
    CU_ASSERT_EQUAL(read_back(&image, &mips), PLR_ERR_NOTFOUND);
    put("{\"name\":\"other\",\"digest\":\"d\",\"platform\":{\"os\":\"linux\",\"arch\":\"riscv64\"}"
        ",\"config\":{}}");
    CU_ASSERT_EQUAL(read_back(&image, &riscv), PLR_ERR_CONFIGURATION);
    put("{\"name\":\"" NAME "\",\"digest\":\"d\",\"platform\":{\"os\":\"linux\",\"arch\":"
        "\"riscv64\"},\"config\":{\"user\":\"u\"},\"layers\":[\"../../etc\"]}");
    CU_ASSERT_EQUAL(read_back(&image, &riscv), PLR_ERR_CONFIGURATION);
    put("{\"name\":");
    CU_ASSERT_EQUAL(read_back(&image, &riscv), PLR_ERR_CONFIGURATION);
}

static void locks(void)
{
    int shared = -1, more = -1, alone = -1;
    CU_ASSERT_EQUAL(plr_store_lock(&shared, store, false, NULL), 0);
    CU_ASSERT_EQUAL(plr_store_lock(&more, store, false, NULL), 0);
    CU_ASSERT_EQUAL(plr_store_lock(&alone, store, true, NULL), PLR_ERR_STATE);
    close(shared);
    close(more);
    CU_ASSERT_EQUAL(plr_store_lock(&alone, store, true, NULL), 0);
    CU_ASSERT_EQUAL(plr_store_lock(&more, store, false, NULL), PLR_ERR_STATE);
    close(alone);
}

static void paths(void)
{
    char long_name[300];
    char *path = NULL;
    CU_ASSERT_EQUAL(plr_store_record_path(&path, "/s", "h:1/a_b@c", NULL), 0);
    CU_ASSERT_STRING_EQUAL(path, "/s/images/h%3A1%2Fa_b%40c.json");
    free(path);
    path = NULL;
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    CU_ASSERT_EQUAL(plr_store_record_path(&path, "/s", long_name, NULL), PLR_ERR_UNSUPPORTED);
    CU_ASSERT_EQUAL(plr_store_path(&path, "relative", NULL), PLR_ERR_CONFIGURATION);
    CU_ASSERT_EQUAL(plr_store_path(&path, "/given", NULL), 0);
    CU_ASSERT_STRING_EQUAL(path, "/given");
    free(path);
}

static const plr_test tests[] = {
    { "an image is there if its record and layers are", records },
    { "many hold the store, or one that removes", locks },
    { "names become file names", paths },
    { NULL, NULL },
};

int main(void)
{
    char command[64];
    if (mkdtemp(store) == NULL)
        return 1;
    int r = plr_test_main("store", tests);
    snprintf(command, sizeof command, "rm -rf %s", store);
    return system(command) != 0 ? 1 : r;
}
