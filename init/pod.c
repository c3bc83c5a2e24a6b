/* SPDX-License-Identifier: MIT */
/*
 * Files and inotify. What others have written can be anything: their records are read up to the
 * length of a record, never followed as links, never waited for.
 */
#include "init/pod.h"
#include "init/file.h"
#include "init/syscall.h"
#include "init/text.h"
#include "init/words.h"

/* A look at everything costs little, and nobody promises that a change is seen: a pod in a virtual
 * machine gets the host's words through a file system that tells nothing. */
#define LOOK_EVERY_MS 1000
#define LOOK_BLINDLY_EVERY_MS 50

#define RECORD_MAX 64

/* A kubelet pulls all images of a pod before it brings the next text. */
#define PULLS_MS (15 * 60 * 1000)

/* The next record, until it takes the place of the last one. */
#define NEW_RECORD "next"
#define RECORD "result"

/* Left by the first of two starts. */
#define FIRST "first"

/* Puts `path` in the folder of the pod under watch. A folder that is not there yet is told by the
 * one that it will be in. There are few inotify instances for all containers of a user on a node.
 * It stays open to the end: the kernel takes its time to close one, and what was waited for has
 * happened. */
static void watch(plr_pod *pod, const plr_init_options *options, const char *path)
{
    enum { IN_MOVED_TO = 0x80, IN_CREATE = 0x100 };
    plr_line name = { 0 };
    plr_line_put(&name, options->pod);
    plr_line_put(&name, "/");
    plr_line_put(&name, path);
    if (pod->changes < 0 || name.size == sizeof name.text) {
        pod->blind = true;
        return;
    }
    name.text[name.size] = '\0';
    long result = PLR_SYSCALL(inotify_add_watch, pod->changes, name.text, IN_MOVED_TO | IN_CREATE);
    if (result < 0 && result != -PLR_ENOENT)
        pod->blind = true;
}

static int read_plan(plr_pod *pod)
{
    plr_knowledge *k = &pod->knowledge;
    long size = plr_file_read(pod->folder, PLR_INIT_POD_PLAN, 0, pod->text, sizeof pod->text);
    if (size < 0)
        return (int)size;
    int error = plr_init_plan_read(&k->plan, pod->text, (size_t)size, pod->room, sizeof pod->room);
    if (error < 0)
        return error;
    if (k->self >= k->plan.graph.n || k->attempt == 0 ||
            k->attempt > k->plan.steps[k->self].attempts)
        return -PLR_EINVAL;
    plr_knowledge_init(k);
    return 0;
}

int plr_pod_open(plr_pod *pod, const plr_init_options *options)
{
    char before[1];
    pod->knowledge.self = (size_t)options->step;
    pod->knowledge.attempt = (uint32_t)options->attempt;
    pod->folder = plr_file_open(AT_FDCWD, options->pod, O_PATH);
    if (pod->folder < 0)
        return pod->folder;
    pod->own = plr_file_open(pod->folder, PLR_INIT_POD_OWN, O_PATH);
    if (pod->own < 0)
        return pod->own;
    if (plr_file_read(pod->own, RECORD, PLR_NOFOLLOW, before, sizeof before) != -PLR_ENOENT)
        return -PLR_EEXIST;
    int error = read_plan(pod);
    if (error < 0)
        return error;
    pod->changes = (int)PLR_SYSCALL(inotify_init1, PLR_NONBLOCK | PLR_CLOEXEC);
    watch(pod, options, "words");
    watch(pod, options, PLR_INIT_POD_RESULTS);
    pod->heard_ms = clock_ms();
    return 0;
}

int plr_pod_is_first_start(const plr_pod *pod)
{
    int fd = plr_file_open(pod->own, FIRST, O_WRONLY | O_CREAT | O_EXCL | PLR_NOFOLLOW);
    if (fd >= 0)
        PLR_SYSCALL(close, fd);
    return fd >= 0 ? 1 : fd == -PLR_EEXIST ? 0 : fd;
}

bool plr_pod_has_begun(const char *record)
{
    char text[RECORD_MAX];
    long size = plr_file_read(AT_FDCWD, record, PLR_NOFOLLOW, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    return plr_text_equal(text, "running\n");
}

static void drain(const plr_pod *pod)
{
    char events[4096];
    if (pod->changes >= 0)
        while (PLR_SYSCALL(read, pod->changes, events, sizeof events) > 0)
            ;
}

/* The folder of a container in that of the pod. */
static void name_folder(plr_line *name, size_t step, uint32_t attempt)
{
    plr_line_put(name, PLR_INIT_POD_RESULTS "/s");
    plr_line_put_number(name, step);
    if (attempt > 1) {
        plr_line_put(name, "-");
        plr_line_put_number(name, attempt);
    }
}

/* Watched first, so that no record comes unseen between the two. */
static bool see(plr_pod *pod, const plr_init_options *options, size_t step, uint32_t attempt)
{
    char record[RECORD_MAX];
    plr_line name = { 0 };
    name_folder(&name, step, attempt);
    name.text[name.size] = '\0';
    watch(pod, options, name.text);
    plr_line_put(&name, "/" RECORD);
    name.text[name.size] = '\0';
    long size = plr_file_read(pod->folder, name.text, PLR_NOFOLLOW, record, sizeof record);
    return size > 0 && plr_knowledge_see(&pod->knowledge, step, attempt, record, (size_t)size);
}

static void see_others(plr_pod *pod, const plr_init_options *options)
{
    plr_knowledge *k = &pod->knowledge;
    bool learned;
    do {
        learned = false;
        plr_knowledge_update(k);
        for (size_t i = 0; i < k->plan.graph.n; i++)
            for (uint32_t attempt = 1; attempt <= k->plan.steps[i].attempts; attempt++) {
                if (!plr_knowledge_wants(k, i, attempt))
                    break;
                learned |= see(pod, options, i, attempt);
            }
    } while (learned);
}

/* When the text came, by the node's clock; 0: there is none. */
static int64_t stamp_of(int folder)
{
    plr_stat stat;
    long error = PLR_SYSCALL(newfstatat, folder, PLR_INIT_POD_WORDS, &stat, 0);
    return error < 0 ? 0 : timespec_ms(stat.changed);
}

void plr_pod_hear(plr_pod *pod)
{
    drain(pod);
    int64_t stamp = stamp_of(pod->folder);
    if (stamp != pod->stamp_ms) {
        pod->stamp_ms = stamp;
        pod->heard_ms = clock_ms();
    }
    long size = plr_file_read(pod->folder, PLR_INIT_POD_WORDS, 0, pod->text, sizeof pod->text);
    pod->text_size = size > 0 ? (size_t)size : 0;
    plr_knowledge_hear(&pod->knowledge, pod->text, pod->text_size);
}

plr_turn plr_pod_look(plr_pod *pod, const plr_init_options *options, plr_rule_answer *ret_why)
{
    plr_pod_hear(pod);
    see_others(pod, options);
    return plr_knowledge_turn(&pod->knowledge, ret_why);
}

/* How many containers of the pod were made: each has a folder of its own among the results. */
static int64_t count_containers(int pod_folder)
{
    struct entry {
        uint64_t inode, next;
        uint16_t size;
        uint8_t type;
        char name[];
    };
    _Alignas(struct entry) char entries[4096];
    int64_t n = 0;
    long size;
    int folder = plr_file_open(pod_folder, PLR_INIT_POD_RESULTS, 0);
    if (folder < 0)
        return 0;
    while ((size = PLR_SYSCALL(getdents64, folder, entries, sizeof entries)) > 0)
        for (long at = 0; at < size; at += ((const struct entry *)(entries + at))->size)
            n += ((const struct entry *)(entries + at))->name[0] != '.';
    PLR_SYSCALL(close, folder);
    return n;
}

static bool has_run_out(int pod_folder, const plr_init_options *options, int64_t silent_ms)
{
    if (options->lease_ms == 0 || silent_ms < options->lease_ms)
        return false;
    return silent_ms >= PULLS_MS || count_containers(pod_folder) >= options->containers;
}

bool plr_pod_is_lost(const plr_pod *pod, const plr_init_options *options)
{
    return has_run_out(pod->folder, options, clock_ms() - pod->heard_ms);
}

bool plr_pod_was_lost(const plr_init_options *options)
{
    int folder = plr_file_open(AT_FDCWD, options->pod, O_PATH);
    int64_t stamp = stamp_of(folder);
    return stamp > 0 && has_run_out(folder, options, clock_wall_ms() - stamp);
}

int64_t plr_pod_patience(const plr_pod *pod)
{
    return pod->blind ? LOOK_BLINDLY_EVERY_MS : LOOK_EVERY_MS;
}

bool plr_pod_record(const plr_pod *pod, const char *word, const char *name)
{
    plr_line line = { 0 };
    plr_line_put(&line, word);
    if (name) {
        plr_line_put(&line, " ");
        plr_line_put(&line, name);
    }
    plr_line_put(&line, "\n");
    /* The command may have put anything there. */
    PLR_SYSCALL(unlinkat, pod->own, NEW_RECORD);
    int fd = plr_file_open(pod->own, NEW_RECORD, O_WRONLY | O_CREAT | O_EXCL | PLR_NOFOLLOW);
    if (fd < 0)
        return false;
    /* For steps of other users, whatever the mask of new files is. */
    long error = PLR_SYSCALL(fchmod, fd, 0644);
    long size = PLR_SYSCALL(write, fd, line.text, line.size);
    PLR_SYSCALL(close, fd);
    return error == 0 && size == (long)line.size &&
           PLR_SYSCALL(renameat2, pod->own, NEW_RECORD, pod->own, RECORD) == 0;
}

bool plr_pod_record_status(const plr_pod *pod, const char *word, uint32_t status)
{
    plr_line number = { 0 };
    plr_line_put_number(&number, status);
    number.text[number.size] = '\0';
    return plr_pod_record(pod, word, number.text);
}

const char *plr_pod_why(plr_rule_answer answer)
{
    static const char *const names[] = {
#define WHY_NAME(name, text) [PLR_RULE_SKIP_##name] = text,
        PLR_INIT_WHYS(WHY_NAME)
#undef WHY_NAME
    };
    return names[answer];
}
