/* SPDX-License-Identifier: MIT */
/* The runs of this machine, as files of "key value" lines in a folder that only their user can
 * write. */
#include "cli/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/text.h"

#define NAMESPACE_SIZE 64

static char *folder_path(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path = NULL;
    int n;
    if (runtime != NULL && runtime[0] == '/')
        n = asprintf(&path, "%s/pipeline-runtime", runtime);
    else if (geteuid() == 0)
        n = asprintf(&path, "/run/pipeline-runtime");
    else
        n = asprintf(&path, "/tmp/pipeline-runtime-%u", (unsigned)geteuid());
    return n < 0 ? NULL : path;
}

/* Anyone can make a folder in /tmp: it must be ours and nobody else's to write. */
static int open_folder(const char *path, plr_error *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", path, strerror(errno));
    if (fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 022) == 0)
        return fd;
    close(fd);
    return plr_error_set(
            err, PLR_ERR_SYSTEM, "%s belongs to somebody else, or others may write it", path);
}

/* The start of a process in clock ticks since boot; 0 if there is no such process. */
static uint64_t process_ticks(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* The name in parentheses may hold anything; field 22 is the 20th after it. */
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

/* Where pids mean what they mean here: this boot and this PID namespace. */
static void pid_namespace(char text[NAMESPACE_SIZE])
{
    char link[32] = "", boot[40] = "";
    ssize_t n = readlink("/proc/self/ns/pid", link, sizeof link - 1);
    link[n > 0 ? n : 0] = '\0';
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, boot, 36);
        boot[n > 0 ? n : 0] = '\0';
        close(fd);
    }
    snprintf(text, NAMESPACE_SIZE, "%s %.22s", boot, link);
}

static void put_value(plr_text *text, const char *key, const char *value)
{
    plr_text_printf(text, "%s ", key);
    for (; *value != '\0'; value++) /* a file's name may hold a newline */
        plr_text_put(text, *value == '\n' ? "?" : value, 1);
    plr_text_puts(text, "\n");
}

static int write_file(const char *path, const plr_text *text, plr_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", path, strerror(errno));
    ssize_t n = write(fd, text->data, text->size);
    if (close(fd) == 0 && n == (ssize_t)text->size)
        return 0;
    unlink(path);
    return plr_error_set(err, PLR_ERR_SYSTEM, "cannot write %s", path);
}

int plr_registry_add(
        const char *id, const char *backend, const char *document, char **ret_path, plr_error *err)
{
    _cleanup_free_ char *folder = folder_path();
    _cleanup_free_ char *temporary = NULL;
    char *path = NULL, space[NAMESPACE_SIZE];
    if (folder == NULL || asprintf(&path, "%s/%s", folder, id) < 0)
        return plr_cli_no_memory(err);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
        int r = plr_error_set(err, PLR_ERR_SYSTEM, "mkdir %s: %s", folder, strerror(errno));
        free(path);
        return r;
    }
    int fd = open_folder(folder, err);
    int r = fd;
    if (fd >= 0) {
        plr_text text = { 0 };
        pid_namespace(space);
        put_value(&text, "space", space);
        plr_text_printf(&text, "pid %d\nticks %" PRIu64 "\nbegan %" PRId64 "\n", (int)getpid(),
                process_ticks(getpid()), (int64_t)time(NULL));
        put_value(&text, "backend", backend);
        put_value(&text, "document", document);
        /* Whole or not at all: others read while we write. */
        r = asprintf(&temporary, "%s/.%s", folder, id) < 0 || text.failed
                    ? plr_cli_no_memory(err)
                    : write_file(temporary, &text, err);
        if (r == 0 && rename(temporary, path) < 0)
            r = plr_error_set(err, PLR_ERR_SYSTEM, "rename %s: %s", path, strerror(errno));
        plr_text_clear(&text);
        close(fd);
    }
    if (r < 0)
        free(path);
    else
        *ret_path = path;
    return r < 0 ? r : 0;
}

void plr_registry_remove(char *path)
{
    if (path != NULL)
        unlink(path);
    free(path);
}

static void clear_run(plr_registered *run)
{
    free(run->id);
    free(run->backend);
    free(run->document);
}

static void take_line(plr_registered *run, const char *key, const char *value, char *space)
{
    if (strcmp(key, "pid") == 0)
        run->pid = (pid_t)strtol(value, NULL, 10);
    else if (strcmp(key, "ticks") == 0)
        run->ticks = strtoull(value, NULL, 10);
    else if (strcmp(key, "began") == 0)
        run->began = strtoll(value, NULL, 10);
    else if (strcmp(key, "backend") == 0 && run->backend == NULL)
        run->backend = strdup(value);
    else if (strcmp(key, "document") == 0 && run->document == NULL)
        run->document = strdup(value);
    else if (strcmp(key, "space") == 0)
        snprintf(space, NAMESPACE_SIZE, "%s", value);
}

/* Reads one file; removes it if its process has gone. False: not a run that lives. */
static bool read_run(int folder, const char *id, plr_registered *ret_run)
{
    char text[8192], space[NAMESPACE_SIZE] = "", here[NAMESPACE_SIZE];
    int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return false;
    text[n] = '\0';
    plr_registered run = { .id = strdup(id) };
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, ' ');
        if (value == NULL)
            continue;
        *value = '\0';
        take_line(&run, line, value + 1, space);
    }
    pid_namespace(here);
    bool ours = strcmp(space, here) == 0;
    bool whole = run.id != NULL && run.backend != NULL && run.document != NULL && run.pid > 0;
    /* One of another boot is dead, too, but one of another container may live. */
    bool same_boot = strncmp(space, here, 36) == 0;
    bool dead = !same_boot || (ours && process_ticks(run.pid) != run.ticks);
    if (dead)
        unlinkat(folder, id, 0);
    if (dead || !ours || !whole) {
        clear_run(&run);
        return false;
    }
    *ret_run = run;
    return true;
}

static int by_begin(const void *a, const void *b)
{
    const plr_registered *x = a, *y = b;
    return x->began != y->began ? (x->began > y->began) - (x->began < y->began)
                                : (x->ticks > y->ticks) - (x->ticks < y->ticks);
}

int plr_registry_read(plr_registry *registry, plr_error *err)
{
    _cleanup_free_ char *folder = folder_path();
    struct dirent *item;
    int r = 0;
    if (folder == NULL)
        return plr_cli_no_memory(err);
    if (access(folder, F_OK) < 0)
        return 0; /* nothing ever ran */
    int fd = open_folder(folder, err);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    while (r == 0 && dir != NULL && (item = readdir(dir)) != NULL) {
        plr_registered run;
        if (item->d_name[0] == '.' || !read_run(fd, item->d_name, &run))
            continue;
        plr_registered *items = realloc(registry->items, (registry->n + 1) * sizeof *items);
        if (items == NULL) {
            clear_run(&run);
            r = plr_cli_no_memory(err);
            break;
        }
        registry->items = items;
        registry->items[registry->n++] = run;
    }
    if (dir != NULL)
        closedir(dir);
    else
        close(fd);
    if (registry->n > 0)
        qsort(registry->items, registry->n, sizeof *registry->items, by_begin);
    return r;
}

void plr_registry_clear(plr_registry *registry)
{
    for (size_t i = 0; i < registry->n; i++)
        clear_run(&registry->items[i]);
    free(registry->items);
    *registry = (plr_registry){ 0 };
}

int plr_registry_open(const plr_registered *run)
{
    int fd = (int)syscall(SYS_pidfd_open, run->pid, 0u);
    if (fd < 0)
        return -1;
    /* Looked at once more, now that the pid cannot be given to another. */
    if (process_ticks(run->pid) == run->ticks)
        return fd;
    close(fd);
    errno = ESRCH;
    return -1;
}
