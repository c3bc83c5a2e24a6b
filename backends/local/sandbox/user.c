/* SPDX-License-Identifier: MIT */
/*
 * Who a task runs as: "name", "uid", either with ":group" or ":gid", as the root's own passwd and
 * group say. And what its environment is completed with.
 */
#include "backends/local/sandbox/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "engine/base/error.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ID_MAX 4294967294u

static bool is_id(const char *text, uint32_t *ret_id)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (*end != '\0' || errno != 0 || number > ID_MAX)
        return false;
    *ret_id = (uint32_t)number;
    return true;
}

/* A file of the root as lines; NULL if it is not there (or is a device, or a pipe). */
static FILE *open_lines(const plr_setup *setup, const char *path)
{
    struct stat stat;
    int fd = plr_inside_open(setup->root, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return NULL;
    FILE *lines = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? fdopen(fd, "r") : NULL;
    if (!lines)
        close(fd);
    return lines;
}

/* Splits "a:b:c" in place; fields that are missing are "". */
static void split(char *line, char **ret_fields, size_t n)
{
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < n; i++) {
        ret_fields[i] = line;
        line += strcspn(line, ":");
        if (*line == ':')
            *line++ = '\0';
    }
}

typedef struct plr_passwd {
    bool found;
    char *name, *home;
    uint32_t uid, gid;
} plr_passwd;

/* By name or by number; a name is looked at first, even if it is made of digits. */
static int find_user(const plr_setup *setup, const char *wanted, plr_passwd *ret_user)
{
    char *line = NULL;
    size_t capacity = 0;
    uint32_t id = 0;
    bool by_id = is_id(wanted, &id);
    FILE *lines = open_lines(setup, "/etc/passwd");
    *ret_user = (plr_passwd){ 0 };
    while (lines && getline(&line, &capacity, lines) >= 0) {
        char *fields[7];
        plr_passwd user;
        split(line, fields, 7);
        if (!is_id(fields[2], &user.uid) || !is_id(fields[3], &user.gid))
            continue;
        bool same_name = strcmp(fields[0], wanted) == 0;
        if (!same_name && !(by_id && !ret_user->found && user.uid == id))
            continue;
        user.found = true;
        user.name = strdup(fields[0]);
        user.home = strdup(fields[5]);
        if (!user.name || !user.home)
            return -1;
        *ret_user = user;
        if (same_name)
            break;
    }
    if (lines)
        fclose(lines);
    free(line);
    return 0;
}

static int add_group(plr_user *user, uint32_t gid)
{
    gid_t *groups = realloc(user->groups, (user->n_groups + 1) * sizeof *groups);
    if (!groups)
        return -1;
    user->groups = groups;
    groups[user->n_groups++] = gid;
    return 0;
}

static bool is_member(char *members, const char *name)
{
    char *rest;
    for (char *at = strtok_r(members, ",", &rest); at; at = strtok_r(NULL, ",", &rest))
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

/* The id of a group, or (`wanted` NULL) all groups that list the user `name`. */
static int find_groups(
        const plr_setup *setup, const char *wanted, const char *name, plr_user *user, bool *found)
{
    char *line = NULL;
    size_t capacity = 0;
    FILE *lines = open_lines(setup, "/etc/group");
    int r = 0;
    while (r == 0 && lines && getline(&line, &capacity, lines) >= 0) {
        char *fields[4];
        uint32_t gid;
        split(line, fields, 4);
        if (!is_id(fields[2], &gid))
            continue;
        if (wanted && strcmp(fields[0], wanted) == 0) {
            user->gid = gid;
            *found = true;
            break;
        }
        if (!wanted && is_member(fields[3], name))
            r = add_group(user, gid);
    }
    if (lines)
        fclose(lines);
    free(line);
    return r;
}

int plr_setup_user(plr_setup *setup, plr_error *err)
{
    const char *asked = setup->request.user && *setup->request.user ? setup->request.user : "0";
    plr_user *user = &setup->user;
    plr_passwd entry;
    char *name = strdup(asked);
    if (!name)
        return plr_error_nomem(err);
    char *group = strchr(name, ':');
    if (group)
        *group++ = '\0';
    if (find_user(setup, *name ? name : "0", &entry) < 0)
        return plr_error_nomem(err);
    *user = (plr_user){ .uid = entry.uid, .gid = entry.gid, .home = "/" };
    if (!entry.found && !is_id(*name ? name : "0", &user->uid))
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "there is no user %s in the step's /etc/passwd", name);
    if (entry.found && *entry.home)
        user->home = entry.home;
    bool found = false;
    int r = 0;
    if (group && *group) {
        r = find_groups(setup, group, NULL, user, &found);
        if (r == 0 && !found && !is_id(group, &user->gid))
            return plr_error_set(err, PLR_ERR_CONFIGURATION,
                    "there is no group %s in the step's /etc/group", group);
    } else if (entry.found) {
        r = find_groups(setup, NULL, entry.name, user, &found);
    }
    return r < 0 ? plr_error_nomem(err) : 0;
}

static bool has_name(const plr_strings *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < environment->n; i++)
        if (strncmp(environment->items[i], name, length) == 0 &&
                environment->items[i][length] == '=')
            return true;
    return false;
}

static int complete(plr_strings *environment, const char *name, const char *value, plr_error *err)
{
    char *entry;
    if (has_name(environment, name))
        return 0;
    if (asprintf(&entry, "%s=%s", name, value) < 0)
        return plr_error_nomem(err);
    return plr_strings_add(environment, entry, err);
}

int plr_setup_environment(plr_setup *setup, plr_error *err)
{
    plr_strings *environment = &setup->request.environment;
    char hostname[256] = "";
    gethostname(hostname, sizeof hostname - 1);
    int r = complete(environment, "PATH", DEFAULT_PATH, err);
    if (r == 0)
        r = complete(environment, "HOSTNAME", hostname, err);
    return r == 0 ? complete(environment, "HOME", setup->user.home, err) : r;
}
