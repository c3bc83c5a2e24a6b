/* SPDX-License-Identifier: MIT */
/*
 * Small things about files: a text in one go, paths inside another root without leaving it, and the
 * removal of a tree.
 */
#ifndef PLR_SANDBOX_FILES_H
#define PLR_SANDBOX_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <pipeline/error.h>

/* One write to a file that exists, as /proc and cgroups want it. -1 and errno on failure. */
int plr_file_write_text(const char *path, const char *text);
int plr_file_write_text_at(int folder, const char *path, const char *text);

/* The beginning of a file as a string; its length, or -1 and errno. */
ssize_t plr_file_read_text(int folder, const char *path, char *ret_text, size_t size);

/*
 * Inside `root`, as if it were /: no link, and no "..", leads out of it. Flags are those of open;
 * O_CLOEXEC is added. -1 and errno on failure.
 */
int plr_inside_open(int root, const char *path, int flags, mode_t mode);

/* Like mkdir -p; new folders get mode and owner. Returns an O_PATH descriptor. */
int plr_inside_folder(int root, const char *path, mode_t mode, uid_t uid, gid_t gid);

/* The folder that `path` is in, made if it is not there, and its last part. -1: not to be had, or
 * the path ends in no name. */
int plr_inside_parent(int root, const char *path, const char **ret_name);

/* Something to mount on: a folder, or an empty file in one. Links are followed inside. */
int plr_inside_target(int root, const char *path, bool folder);

/* Takes the descriptor. Removes all that is in a folder, without following links; what it cannot
 * open it gives rights to first. -1 and errno: something is left. */
int plr_tree_empty(int folder);

/* The same, and the tree itself. What is not there is removed already. */
int plr_tree_remove(int parent, const char *name);

#endif
