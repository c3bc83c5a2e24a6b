/* SPDX-License-Identifier: MIT */
/*
 * The main of a fuzz program where there is no libFuzzer: gives each file of the named folders to
 * the target once. Its options are libFuzzer's and mean nothing here, so both are called alike.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    /* The exact size, so that the sanitizers see a read beyond the end. */
    uint8_t *data = malloc(size ? size : 1);
    int result = -1;
    if (data && fread(data, 1, size, file) == size) {
        LLVMFuzzerTestOneInput(data, size);
        result = 0;
    } else {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(data);
    fclose(file);
    return result;
}

static int replay_folder(const char *folder, size_t *replayed)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    if (n < 0) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return -1;
    }
    int result = 0;
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            printf("%s\n", path);
            fflush(stdout);
            if (replay_file(path, (size_t)st.st_size) < 0)
                result = -1;
            else
                (*replayed)++;
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

int main(int argc, char **argv)
{
    size_t replayed = 0;
    int result = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && replay_folder(argv[i], &replayed) < 0)
            result = -1;
    }
    printf("%zu inputs\n", replayed);
    return result == 0 && replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
