/* SPDX-License-Identifier: MIT */
/* An owner is a process of this machine, known by its boot, PID namespace, pid and start time; of
 * one of elsewhere nothing can be said. */
#include "engine/base/owner.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_first_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(line, (int)size, file) != NULL;
    if (file != NULL)
        fclose(file);
    if (good)
        line[strcspn(line, "\n")] = '\0';
    return good;
}

/* Field 22 of /proc/PID/stat, counted from the last ')': names may hold anything. */
static bool is_running(const char *proc, long pid, const char *start)
{
    char path[300], stat[1024];
    snprintf(path, sizeof(path), "%s/%ld/stat", proc, pid);
    if (!read_first_line(path, stat, sizeof(stat)))
        return false;
    char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return false;
    at[1 + strcspn(at + 1, " ")] = '\0';
    return strcmp(at + 1, start) == 0;
}

plr_owner_state plr_owner_look(const char *owner, const char *proc)
{
    char boot[80], name_space[80] = "", path[300], owner_boot[80], owner_space[80], start[40];
    long pid;
    if (sscanf(owner, "%79[^/]/%79[^/]/%ld/%39s", owner_boot, owner_space, &pid, start) != 4)
        return PLR_OWNER_UNKNOWN;
    snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", proc);
    if (!read_first_line(path, boot, sizeof(boot)) || strcmp(boot, owner_boot) != 0)
        return PLR_OWNER_UNKNOWN;
    snprintf(path, sizeof(path), "%s/self/ns/pid", proc);
    ssize_t length = readlink(path, name_space, sizeof(name_space) - 1);
    const char *inode = length < 0 ? NULL : strchr(name_space, '[');
    if (inode == NULL || strncmp(inode + 1, owner_space, strlen(owner_space)) != 0 ||
            inode[1 + strlen(owner_space)] != ']')
        return PLR_OWNER_UNKNOWN;
    return is_running(proc, pid, start) ? PLR_OWNER_LIVES : PLR_OWNER_DEAD;
}
