/* SPDX-License-Identifier: MIT */
/* Folders that are bound into containers. They lie in one folder of this backend object, under
 * names that nobody else can guess: whoever connects first is taken for the container. */
#include "backends/docker/channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "init/embed.h"

/* Longer paths do not fit into the address of a socket, with the names below them. */
#define BASE_LONGEST 40

bool plr_docker_share_init(const char *arch, const unsigned char **ret_data, size_t *ret_size)
{
    if (strcmp(arch, "amd64") == 0) {
        *ret_data = plr_init_amd64;
        *ret_size = plr_init_amd64_size;
    } else if (strcmp(arch, "arm64") == 0) {
        *ret_data = plr_init_arm64;
        *ret_size = plr_init_arm64_size;
    } else {
        return false;
    }
    return true;
}

/* Whether programs can be kept there. A mount's noexec holds for what is bound from it, too. */
static bool is_usable(const char *folder)
{
    struct statvfs fs;
    return folder != NULL && folder[0] == '/' && strlen(folder) <= BASE_LONGEST &&
           statvfs(folder, &fs) == 0 && (fs.f_flag & (ST_NOEXEC | ST_RDONLY)) == 0 &&
           access(folder, W_OK | X_OK) == 0;
}

/* "plr-NAMESPACE-PID-": whose folder it is, so that a sweep knows those of the dead. */
static void own_prefix(char *prefix, size_t size, bool with_pid)
{
    char space[64] = "";
    ssize_t length = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);
    const char *inode = length < 0 ? NULL : strchr(space, '[');
    int digits = inode == NULL ? 0 : (int)strspn(inode + 1, "0123456789");
    snprintf(prefix, size, "plr-%.*s-", digits, inode == NULL ? "" : inode + 1);
    size_t used = strlen(prefix);
    if (with_pid)
        snprintf(prefix + used, size - used, "%ld-", (long)getpid());
}

#define N_CANDIDATES 5

static void list_candidates(const plr_docker *docker, const char *candidates[N_CANDIDATES])
{
    candidates[0] = docker->settings.folder;
    candidates[1] = getenv("XDG_RUNTIME_DIR");
    candidates[2] = getenv("TMPDIR");
    candidates[3] = "/tmp";
    candidates[4] = "/var/tmp";
}

static int open_base(plr_docker *docker, plr_error *err)
{
    if (docker->folder != NULL)
        return 0;
    const char *candidates[N_CANDIDATES];
    const char *given = docker->settings.folder;
    char prefix[96];
    own_prefix(prefix, sizeof(prefix), true);
    list_candidates(docker, candidates);
    if (given != NULL && !is_usable(given))
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "docker-folder: %s cannot be used (an absolute path of up to %d bytes, writable, "
                "not mounted noexec)",
                given, BASE_LONGEST);
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        if (!is_usable(candidates[i]))
            continue;
        _cleanup_free_ char *folder = NULL;
        if (asprintf(&folder, "%s/%sXXXXXX", candidates[i], prefix) < 0) {
            folder = NULL;
            return plr_error_nomem(err);
        }
        /* Others pass through, but cannot list it. */
        if (mkdtemp(folder) != NULL && chmod(folder, 0711) == 0) {
            docker->folder = steal(folder);
            return 0;
        }
    }
    return plr_error_set(
            err, PLR_ERR_UNSUPPORTED, "there is no folder for programs (docker-folder names one)");
}

static int write_file(const char *path, const unsigned char *data, size_t size, plr_error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0 && errno == EEXIST)
        return 0;
    ssize_t written = fd < 0 ? -1 : write(fd, data, size);
    if (written == (ssize_t)size && fchmod(fd, 0755) == 0)
        return 0;
    int error = written >= 0 ? ENOSPC : errno;
    if (fd >= 0)
        unlink(path);
    return plr_error_set(err, PLR_ERR_SYSTEM, "write %s: %s", path, strerror(error));
}

int plr_docker_share_folder(char **ret_folder, plr_docker *docker, const char *arch, plr_error *err)
{
    const unsigned char *data;
    size_t size;
    unsigned char random[12];
    char name[2 * sizeof(random) + 1];
    if (!plr_docker_share_init(arch, &data, &size))
        return plr_error_set(err, PLR_ERR_UNSUPPORTED, "there is no plr-init for %s", arch);
    int r = open_base(docker, err);
    if (r < 0)
        return r;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return plr_error_set(err, PLR_ERR_SYSTEM, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(name + 2 * i, 3, "%02x", random[i]);

    _cleanup_free_ char *program = NULL, *folder = NULL, *link_path = NULL;
    if (asprintf(&program, "%s/%s", docker->folder, arch) < 0 ||
            asprintf(&folder, "%s/%s", docker->folder, name) < 0 ||
            asprintf(&link_path, "%s/init", folder) < 0)
        return plr_error_nomem(err);
    r = write_file(program, data, size, err);
    if (r < 0)
        return r;
    if (mkdir(folder, 0755) < 0 || chmod(folder, 0755) < 0 || link(program, link_path) < 0) {
        r = plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", folder, strerror(errno));
        rmdir(folder);
        return r;
    }
    *ret_folder = steal(folder);
    return 0;
}

void plr_docker_share_remove(const char *folder)
{
    static const char *const names[] = { "init", "socket" };
    char path[600];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* A folder as open_base makes it, with what is in it. */
static void remove_base(const char *base)
{
    static const char *const names[] = { "amd64", "arm64" };
    char path[512];
    DIR *dir = opendir(base);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
        if (entry->d_name[0] != '.')
            plr_docker_share_remove(path);
    }
    if (dir != NULL)
        closedir(dir);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", base, names[i]);
        unlink(path);
    }
    rmdir(base);
}

void plr_docker_share_clear(plr_docker *docker)
{
    if (docker->folder != NULL)
        remove_base(docker->folder);
    free(steal(docker->folder));
}

/* Whether it is a folder of ours whose process is gone. */
static bool is_orphan(const char *path, const char *name, const char *prefix)
{
    struct stat st;
    char *end;
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0 || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) ||
            st.st_uid != geteuid())
        return false;
    long pid = strtol(name + length, &end, 10);
    return *end == '-' && pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void plr_docker_share_sweep(const plr_docker *docker)
{
    const char *candidates[N_CANDIDATES];
    char prefix[96], path[512];
    own_prefix(prefix, sizeof(prefix), false);
    list_candidates(docker, candidates);
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        DIR *dir = is_usable(candidates[i]) ? opendir(candidates[i]) : NULL;
        for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
            snprintf(path, sizeof(path), "%s/%s", candidates[i], entry->d_name);
            if (is_orphan(path, entry->d_name, prefix))
                remove_base(path);
        }
        if (dir != NULL)
            closedir(dir);
    }
}
