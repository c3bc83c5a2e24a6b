/* SPDX-License-Identifier: MIT */
/* The archive of a step's files, read back by the system's own tar: what it names, the bytes, the
 * modes and owners, and that it ends as a tar must. */
#include "net/archive.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "tests/unit/harness.h"

/* What `tar <arguments>` prints about the archive. */
static void tar(const plr_buf *archive, const char *arguments, plr_buf *out)
{
    char path[] = "/tmp/test_archive-XXXXXX", command[200], piece[4096];
    int fd = mkstemp(path);
    CU_ASSERT(fd >= 0 && write(fd, archive->data, archive->size) == (ssize_t)archive->size);
    close(fd);
    snprintf(command, sizeof command, "TZ=UTC LC_ALL=C tar %s -f %s 2>&1", arguments, path);
    FILE *pipe = popen(command, "r");
    size_t n;
    while (pipe != NULL && (n = fread(piece, 1, sizeof piece, pipe)) > 0)
        plr_buf_put(out, piece, n);
    CU_ASSERT(pipe != NULL && pclose(pipe) == 0);
    unlink(path);
}

static void check_tar(const plr_buf *archive, const char *arguments, const char *wanted)
{
    plr_buf out = { 0 };
    tar(archive, arguments, &out);
    const char *text = out.data != NULL ? out.data : "";
    if (strcmp(text, wanted) != 0)
        fprintf(stderr, "%s", text);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    plr_buf_clear(&out);
}

static void two_files(void)
{
    static const char binary[] = "\0\1\377 bytes";
    const plr_archive_file files[] = {
        { .path = "/etc/app/config", .data = "hello\n", .size = 6, .mode = 0644 },
        { .path = "/run.sh",
                .data = binary,
                .size = sizeof binary - 1,
                .mode = 04750,
                .uid = 1000,
                .gid = 12 },
    };
    plr_buf out = { 0 };
    CU_ASSERT_EQUAL(plr_archive_write(files, 2, &out, NULL), 0);
    check_tar(&out, "-tv --numeric-owner",
            "-rw-r--r-- 0/0               6 1970-01-01 00:00 etc/app/config\n"
            "-rwsr-x--- 1000/12           9 1970-01-01 00:00 run.sh\n");
    check_tar(&out, "-xO etc/app/config", "hello\n");
    plr_buf bytes = { 0 };
    tar(&out, "-xO run.sh", &bytes);
    CU_ASSERT(bytes.size == sizeof binary - 1 && memcmp(bytes.data, binary, bytes.size) == 0);
    plr_buf_clear(&bytes);
    plr_buf_clear(&out);
}

/* Two blocks of zeros: without them a reader cannot tell a whole archive from a torn one. */
static void trailer(void)
{
    const plr_archive_file file = { .path = "/a", .data = "x", .size = 1, .mode = 0644 };
    plr_buf out = { 0 };
    CU_ASSERT_EQUAL(plr_archive_write(&file, 1, &out, NULL), 0);
    CU_ASSERT_EQUAL(out.size % 512, 0);
    CU_ASSERT(out.size >= 4 * 512);
    size_t zeros = 0;
    while (zeros < out.size && out.data[out.size - 1 - zeros] == '\0')
        zeros++;
    CU_ASSERT(zeros >= 1024);
    CU_ASSERT_EQUAL(memcmp(out.data + 257, "ustar", 5), 0);
    plr_buf_clear(&out);
}

static void repeatable(void)
{
    const plr_archive_file file = { .path = "/a", .data = "x", .size = 1, .mode = 0600 };
    plr_buf one = { 0 }, two = { 0 };
    CU_ASSERT_EQUAL(plr_archive_write(&file, 1, &one, NULL), 0);
    CU_ASSERT_EQUAL(plr_archive_write(&file, 1, &two, NULL), 0);
    CU_ASSERT(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    plr_buf_clear(&one);
    plr_buf_clear(&two);
}

/* What ustar has no room for: long paths, other alphabets, large owners. */
static void beyond_ustar(void)
{
    char path[400] = "/";
    memset(path + 1, 'd', 300);
    const plr_archive_file file = { .path = path, .data = "", .mode = 0644, .uid = 4000000000u };
    plr_buf out = { 0 }, list = { 0 };
    CU_ASSERT_EQUAL(plr_archive_write(&file, 1, &out, NULL), 0);
    tar(&out, "-tv --numeric-owner --quoting-style=literal", &list);
    CU_ASSERT(list.data != NULL && strstr(list.data, path + 1) != NULL);
    CU_ASSERT(list.data != NULL && strstr(list.data, " 4000000000/0 ") != NULL);

    memcpy(path + 301, "/ü", 4);
    plr_buf_reset(&out);
    plr_buf_reset(&list);
    CU_ASSERT_EQUAL(plr_archive_write(&file, 1, &out, NULL), 0);
    tar(&out, "-tv --quoting-style=literal --warning=no-unknown-keyword", &list);
    CU_ASSERT(list.data != NULL && strstr(list.data, path + 1) != NULL);
    plr_buf_clear(&list);
    plr_buf_clear(&out);
}

static void appended(void)
{
    const plr_archive_file none = { .path = "/" };
    plr_error err = { 0 };
    plr_buf out = { 0 };
    plr_buf_puts(&out, "before");
    CU_ASSERT_EQUAL(plr_archive_write(&none, 1, &out, &err), PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "\"/\""));
    CU_ASSERT_EQUAL(out.size, 6);
    CU_ASSERT_EQUAL(plr_archive_write(NULL, 0, &out, NULL), 0);
    CU_ASSERT_EQUAL(out.size, 6 + 1024);
    CU_ASSERT_EQUAL(memcmp(out.data, "before", 6), 0);
    plr_buf_clear(&out);
}

static const plr_test tests[] = {
    { "tar reads back names, bytes, modes and owners", two_files },
    { "the archive ends with its trailer", trailer },
    { "equal files give equal bytes", repeatable },
    { "long paths, other alphabets and large owners", beyond_ustar },
    { "it is appended, and a failure leaves nothing", appended },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("archive", tests);
}
