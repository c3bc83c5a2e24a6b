/* SPDX-License-Identifier: MIT */
/* The folder of a run in the store, and the file in it that says whose it is. Everything that a run
 * leaves on disk is below it. */
#ifndef PLR_LOCAL_FOLDER_H
#define PLR_LOCAL_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <pipeline/backend.h>

/* What stands in the file "owner", and in the link "sandbox". */
typedef struct plr_local_mark {
    char owner[160];               /* label text, as the engine made it */
    int64_t created_s, deadline_s; /* wall time; 0: not known */
    bool keep;                     /* it may go on without its engine until the deadline */
    pid_t sandbox;                 /* plr-sandbox of the run, 0: none yet */
} plr_local_mark;

/* "<store>/runs/<id>". */
int plr_local_folder_path(char **ret_path, const char *store, const char *id, plr_error *err);

/* Makes it, and all above it. PLR_ERR_STATE: it is there already. */
int plr_local_folder_make(const char *path, const plr_local_mark *mark, plr_error *err);

/* Adds the sandbox, once. */
int plr_local_mark_sandbox(const char *path, pid_t sandbox, plr_error *err);

/* PLR_ERR_NOTFOUND: there is none. A folder whose file says nothing has an empty mark. */
int plr_local_mark_read(plr_local_mark *ret_mark, const char *path, plr_error *err);

/* Removes a folder in which nothing but the mark is; false: there is more in it. */
bool plr_local_folder_drop(const char *path);

/* A mark for a run that begins now. */
void plr_local_mark_new(plr_local_mark *ret_mark, const plr_run_view *view, int64_t now_s);

/* Whether a sweep takes the run: nobody alive owns it. */
bool plr_local_mark_is_over(const plr_local_mark *mark, int64_t now_s, const char *proc);

#endif
