/* SPDX-License-Identifier: MIT */
/* A run that is left for a look (--keep-on-failure): what is written down of its steps, so that
 * their roots can be mounted again, and what people are told of them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/local/compose.h"
#include "backends/local/local.h"

/* More is not ours. */
#define LOOK_MAX (1 << 20)

/* Of what fails here there is less to look at, and nothing else. */
static void write_look(const plr_local_attempt *attempt)
{
    _cleanup_buf_ plr_buf fields = { 0 };
    _cleanup_free_ char *path = NULL;
    if (plr_local_compose_look(&fields, attempt->task, attempt->image, NULL) < 0)
        return;
    if (asprintf(&path, "%s/tasks/%u/look", attempt->run->folder, attempt->number) < 0) {
        path = NULL;
        return;
    }
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, fields.data, fields.size) != (ssize_t)fields.size)
        unlink(path);
}

void plr_local_forget(plr_local_run *run)
{
    /* First, for it removes the folder when it sees us go. */
    run->local->host->child_free(steal(run->child));
    for (const plr_local_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next)
        if (attempt->state == PLR_LOCAL_ENDED && attempt->number != 0)
            write_look(attempt);
    plr_local_run_free(run);
}

/* A word of a command line, as a shell reads it. */
static void put_word(plr_buf *out, const char *word)
{
    static const char plain[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,/:=@%+";
    if (word[strspn(word, plain)] == '\0' && word[0] != '\0') {
        plr_buf_puts(out, word);
        return;
    }
    plr_buf_putc(out, '\'');
    for (; *word != '\0'; word++)
        if (*word == '\'')
            plr_buf_puts(out, "'\\''");
        else
            plr_buf_putc(out, *word);
    plr_buf_putc(out, '\'');
}

/* The name of the step; false: there is nothing to look at. */
static bool read_name(int tasks, const char *task, plr_buf *ret_name)
{
    _cleanup_free_ char *data = NULL;
    struct stat info;
    plr_sandbox_field field;
    _cleanup_close_ int place = openat(tasks, task, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_close_ int fd =
            place < 0 ? -1 : openat(place, "look", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0 || info.st_size <= 0 || info.st_size > LOOK_MAX)
        return false;
    size_t size = (size_t)info.st_size;
    data = malloc(size);
    if (data == NULL || read(fd, data, size) != (ssize_t)size)
        return false;
    plr_sandbox_fields fields = { data, data + size };
    plr_buf_reset(ret_name);
    while (plr_sandbox_next(&fields, &field, NULL) == 1)
        if (field.tag == PLR_SANDBOX_FIELD_NAME)
            plr_buf_puts(ret_name, field.data);
    return true;
}

static void put_tasks(plr_buf *out, const plr_local *local, const char *folder)
{
    _cleanup_buf_ plr_buf path = { 0 }, name = { 0 };
    plr_buf_printf(&path, "%s/tasks", folder);
    DIR *tasks = path.failed ? NULL : opendir(path.data);
    struct dirent *item;
    while (tasks != NULL && (item = readdir(tasks)) != NULL) {
        if (item->d_name[0] == '.' || !read_name(dirfd(tasks), item->d_name, &name))
            continue;
        plr_buf_reset(&path);
        plr_buf_printf(&path, "%s/tasks/%s", folder, item->d_name);
        if (path.failed || name.failed)
            break;
        put_word(out, local->sandbox);
        plr_buf_puts(out, " --look ");
        put_word(out, path.data);
        plr_buf_printf(out, "  # a shell in step \"%s\"\n", name.data);
    }
    if (tasks != NULL)
        closedir(tasks);
}

void plr_local_kept(plr_buf *out, const plr_local *local, const char *folder, const char *id)
{
    put_tasks(out, local, folder);
    plr_buf_puts(out, "pipeline-runtime sweep --backend local --store ");
    put_word(out, local->settings.store);
    plr_buf_puts(out, " --run ");
    put_word(out, id);
}
