/* SPDX-License-Identifier: MIT */
/*
 * What the module and plr-sandbox say to each other: datagrams on a SOCK_SEQPACKET socket pair,
 * whose other end is plr-sandbox's stdin. One plr-sandbox serves one run, which here is a "room".
 *
 * A datagram is a header and a small payload, with descriptors where the word has some. What is
 * large (mounts, files, environment) is a list of fields in a sealed memfd that travels as a
 * descriptor, so the process that becomes the task reads it itself, and a bad one hurts nobody
 * else. Numbers are of this machine: both ends are on it.
 *
 *   The room:   engine: ROOM                        sandbox: WARNING*, then READY or FAILED (0)
 *   A task:     engine: TASK n, after the room's READY
 *                                                   sandbox: WARNING*, then READY n or FAILED n
 *               (from here on plr-init speaks on its own channel: HELD, GO, RUNNING, EXITED)
 *               engine: PROBE n, KILL n             sandbox: PROBED n, ENDED n
 *               engine: REMOVE n                    sandbox: REMOVED n
 *   The end:    the engine closes the socket        sandbox: all die, it removes the run and ends
 *
 * Exactly one of READY and FAILED answers ROOM and each TASK; after READY n exactly one ENDED n
 * follows; after FAILED n nothing does, and only REMOVE is to be said. Each PROBE is answered by
 * one PROBED, each REMOVE by one REMOVED. FAILED 0 is the end of the room, also after its READY
 * (what connected it with the world broke): plr-sandbox kills all that is in it and exits.
 * Whoever breaks the rules is hung up on. Neither side blocks in a send: the sandbox keeps what the
 * engine does not take, the engine treats a full socket (it takes hundreds) as a lost sandbox.
 */
#ifndef PLR_LOCAL_PROTOCOL_H
#define PLR_LOCAL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"

/* Module and plr-sandbox are installed together; a header with another version is refused. */
#define PLR_SANDBOX_VERSION 1

/* The most that a datagram holds behind its header, and the most descriptors with it. */
#define PLR_SANDBOX_PAYLOAD_MAX 2048
#define PLR_SANDBOX_FDS_MAX 4

/* The most that a memfd of fields may hold. */
#define PLR_SANDBOX_FIELDS_MAX (256u << 20)

/*
 * Word, its name, payload and descriptors.
 *   ROOM     engine: the first word, once. {fields of a room}
 *   TASK     engine: build task n and start plr-init in it, held. n is any number from 1 that is
 *            not in use. {fields of a task, its stdout, its stderr, a connected stream socket:
 *            plr-init's channel (init/words.h)}. stdin is /dev/null.
 *   PROBE    engine: one question to task n, which has started. `id` comes back in the answer.
 *            {fields of a probe}
 *   KILL     engine: signal `id` to PID 1 of task n; SIGKILL ends all of it. (Where that is
 *            plr-init, other signals go through its channel.) A SIGTERM that PID 1 does not care
 *            for becomes a SIGKILL. Without effect on a task that has ended.
 *   REMOVE   engine: task n is not needed any more: its files and cgroup go. If it lives, it is
 *            killed first, and ENDED comes before REMOVED. n may then be used again.
 *   READY    sandbox: the room is there (payload: plr_sandbox_room_ready); or plr-init of task n
 *            was exec'd.
 *   FAILED   sandbox: the room or task n is not there and will not be. Payload: plr_sandbox_failure
 *            and text.
 *   WARNING  sandbox: something of what was asked for is not to be had, of the room or of task n.
 *            Payload: text, one sentence for people.
 *   ENDED    sandbox: no process of task n is left. Payload: plr_sandbox_end.
 *   PROBED   sandbox: the answer to probe `id`. Payload: plr_sandbox_answer.
 *   REMOVED  sandbox: of task n nothing is left.
 */
#define PLR_SANDBOX_WORDS(WORD)                                                                    \
    WORD(1, ROOM, "room")                                                                          \
    WORD(2, TASK, "task")                                                                          \
    WORD(3, PROBE, "probe")                                                                        \
    WORD(4, KILL, "kill")                                                                          \
    WORD(5, REMOVE, "remove")                                                                      \
    WORD(6, READY, "ready")                                                                        \
    WORD(7, FAILED, "failed")                                                                      \
    WORD(8, WARNING, "warning")                                                                    \
    WORD(9, ENDED, "ended")                                                                        \
    WORD(10, PROBED, "probed")                                                                     \
    WORD(11, REMOVED, "removed")

typedef enum plr_sandbox_word {
#define PLR_SANDBOX_WORD_ENUM(number, name, text) PLR_SANDBOX_##name = number,
    PLR_SANDBOX_WORDS(PLR_SANDBOX_WORD_ENUM)
#undef PLR_SANDBOX_WORD_ENUM
} plr_sandbox_word;

typedef struct plr_sandbox_header {
    uint16_t version;
    uint16_t word;
    uint32_t task; /* 0: the room */
    uint32_t id;   /* of a probe; KILL: the signal; else 0 */
} plr_sandbox_header;

/* Which network the processes of a room or of a task are in. */
typedef enum plr_sandbox_network {
    PLR_SANDBOX_NETWORK_HOST = 1, /* that of plr-sandbox itself, the machine's */
    PLR_SANDBOX_NETWORK_ROOM = 2, /* the room's own namespace, with a loopback of its own */
    PLR_SANDBOX_NETWORK_OWN = 3,  /* tasks: one of its own, with an address on the room's bridge */
    PLR_SANDBOX_NETWORK_NONE = 4, /* tasks: one of its own with nothing but a loopback */
} plr_sandbox_network;

typedef struct plr_sandbox_room_ready {
    uint32_t network;  /* plr_sandbox_network: HOST or ROOM, what the room has got */
    uint32_t outbound; /* 1: its own namespace reaches the world */
} plr_sandbox_room_ready;

/* Text follows: what was done and why it went wrong, one sentence, no NUL. */
typedef struct plr_sandbox_failure {
    int32_t code;   /* plr_error_code: CONFIGURATION where the document or its user can help it
                       (a path that does not exist, an unknown user), UNSUPPORTED where this machine
                       forbids something (the text says which setting), else SYSTEM or NOMEM */
    uint32_t error; /* errno, 0 if none */
} plr_sandbox_failure;

typedef struct plr_sandbox_end {
    uint32_t status;  /* of plr-init, as wait(2) gives it: it ends as its command did, 128 + n
                         for signal n (init/words.h). The record on its channel says more. */
    uint32_t oom;     /* 1: the kernel killed something of it for memory */
    uint64_t user_us; /* processor time */
    uint64_t system_us;
    uint64_t memory_peak; /* bytes; 0: not known */
    uint64_t read_bytes;  /* from and to storage; 0: not known */
    uint64_t written_bytes;
} plr_sandbox_end;

typedef struct plr_sandbox_answer {
    uint32_t status; /* of the probe's program, as wait(2) gives it; 0 is yes. SIGKILL: out of time,
                        or the task ended */
    uint32_t error;  /* errno: it could not be asked; `status` says nothing then */
} plr_sandbox_answer;

/*
 * Fields: tag, kind of value. A list of them is all that a memfd or a group holds; those marked *
 * may come more than once, and their order counts. A field that does not belong is refused.
 * All paths are absolute. Flags are there or not, without a value.
 *
 * Room:
 *   RUN_ID        names its cgroups
 *   FOLDER        the run's folder, on disk, made by the module, 0700. The sandbox makes tasks/ and
 *                 volumes/ in it, and removes FOLDER as a whole at the end (with LINGER_MS: when
 *                 the tasks have ended by themselves)
 *   NETWORK       HOST or ROOM
 *   SUBNET        with ROOM: its range, text, "10.213.0.0/16". The first 256 addresses are the
 *                 room's own: +1 itself, +2 the gateway, +3 a name server (with OUTBOUND)
 *   BRIDGE        flag: with ROOM: there will be tasks with OWN
 *   OUTBOUND      flag: with ROOM: connect it with the world. Where that is not to be had, there is
 *                 a WARNING that names what is missing, and the room stays cut off, or
 *   ELSE_HOST     flag: its network is HOST instead; READY says so, before the first TASK
 *   PUBLISH*      group: HOST_PORT, PORT (both 1 to 65535), PROTOCOL ("tcp", "udp"), ADDRESS (of
 *                 the task in the SUBNET; none: the room itself), NAME (the step's, for messages).
 *                 A port in use fails the room.
 *   VOLUME*       group: VOLUME_NUMBER (its name: the same in MOUNT), MEMORY_VOLUME (flag: a tmpfs,
 *                 1777; without it a folder on disk, 0755 of root), SIZE (bytes; 0 or none: no
 *                 limit; on disk it is not looked at)
 *   HOST_ROOT     flag: tasks will have HOST_ROOT: what they share of it is made ahead
 *   LINGER_MS     how long after the engine's end tasks may still go on; none: not at all. Ended
 *                 earlier when no task is left.
 *
 * Task:
 *   HOST_ROOT     flag: the root is a view of this machine; otherwise
 *   LAYER*        the folders of the image, bottom first
 *   LOOK          flag: somebody may look at what the step has left: no change of its root is kept
 *                 in memory
 *   ARGUMENT*     entrypoint and command, at least one
 *   ENVIRONMENT*  NAME=VALUE, all of it (image, host, document; late environment comes with GO).
 *                 PATH, HOME (as passwd says) and HOSTNAME are added where they are missing
 *   WORKING_DIR   made if it is not there (0755, the user's); none: /
 *   USER          "name", "uid", either with ":group" or ":gid"; looked up in the root's passwd and
 *                 group; none or "": root
 *   HOSTNAME      none: as the machine
 *   NAME          the step's, for messages
 *   HOSTS         bytes of /etc/hosts; none: the root's own stays
 *   RESOLV        bytes of /etc/resolv.conf; likewise
 *   NETWORK       HOST, ROOM, OWN or NONE (in a room that is HOST: HOST or NONE)
 *   ADDRESS       with OWN: "10.213.1.7/16"
 *   ADDRESS6      with OWN: one more, "fd70:6c72::ad5:107/64"; none: no IPv6 but on the loopback
 *   MOUNT*        group: TARGET, and either SOURCE (a path of this machine, folder or file, that
 *                 exists) or VOLUME_NUMBER (a VOLUME of the room)
 *   FILE*         group: TARGET, MODE (permission bits; set-id bits are kept, and without effect),
 *                 UID, GID (none: 0), DATA. Written after the mounts; below a memory volume or
 *                 another tmpfs it is refused (fault 13), links in the root are followed inside it
 *                 only (fault 12)
 *   DEVICE*       group: SOURCE (a device node of this machine), TARGET
 *   SHM_SIZE      bytes of /dev/shm; none: 64 MiB
 *   MEMORY        limits: bytes,
 *   CPU           thousandths of a core,
 *   PIDS          processes and threads
 *   PRIVILEGED    flag: all capabilities and devices, nothing filtered or masked. As an ordinary
 *                 user that is all of the user's own namespace, which is less
 *   DETACH        flag: the command is exec'd in place, as PID 1 (plr-init --detach)
 *   KEEP          flag: goes on without the engine (plr-init --keep; LINGER_MS ends it)
 *   GRACE_MS      when the engine is gone, from SIGTERM to SIGKILL (plr-init --grace-ms)
 *
 * Probe:
 *   PORT          does it answer in the task's network (plr-init --probe)? Else
 *   HTTP          with PORT: the path of a request to it
 *   ARGUMENT*     a program in the task, as its user, with its environment and working directory
 *   TIMEOUT_MS    it is killed then; none: 10 s
 */
#define PLR_SANDBOX_FIELDS(FIELD)                                                                  \
    FIELD(1, RUN_ID, TEXT)                                                                         \
    FIELD(2, FOLDER, TEXT)                                                                         \
    FIELD(3, NETWORK, NUMBER)                                                                      \
    FIELD(4, SUBNET, TEXT)                                                                         \
    FIELD(5, OUTBOUND, FLAG)                                                                       \
    FIELD(6, ELSE_HOST, FLAG)                                                                      \
    FIELD(7, PUBLISH, GROUP)                                                                       \
    FIELD(8, HOST_PORT, NUMBER)                                                                    \
    FIELD(9, PORT, NUMBER)                                                                         \
    FIELD(10, PROTOCOL, TEXT)                                                                      \
    FIELD(11, ADDRESS, TEXT)                                                                       \
    FIELD(12, VOLUME, GROUP)                                                                       \
    FIELD(13, VOLUME_NUMBER, NUMBER)                                                               \
    FIELD(14, MEMORY_VOLUME, FLAG)                                                                 \
    FIELD(15, SIZE, NUMBER)                                                                        \
    FIELD(16, LINGER_MS, NUMBER)                                                                   \
    FIELD(17, HOST_ROOT, FLAG)                                                                     \
    FIELD(18, LAYER, TEXT)                                                                         \
    FIELD(19, ARGUMENT, TEXT)                                                                      \
    FIELD(20, ENVIRONMENT, TEXT)                                                                   \
    FIELD(21, WORKING_DIR, TEXT)                                                                   \
    FIELD(22, USER, TEXT)                                                                          \
    FIELD(23, HOSTNAME, TEXT)                                                                      \
    FIELD(24, HOSTS, BYTES)                                                                        \
    FIELD(25, RESOLV, BYTES)                                                                       \
    FIELD(26, MOUNT, GROUP)                                                                        \
    FIELD(27, TARGET, TEXT)                                                                        \
    FIELD(28, SOURCE, TEXT)                                                                        \
    FIELD(29, FILE, GROUP)                                                                         \
    FIELD(30, MODE, NUMBER)                                                                        \
    FIELD(31, UID, NUMBER)                                                                         \
    FIELD(32, GID, NUMBER)                                                                         \
    FIELD(33, DATA, BYTES)                                                                         \
    FIELD(34, DEVICE, GROUP)                                                                       \
    FIELD(35, SHM_SIZE, NUMBER)                                                                    \
    FIELD(36, MEMORY, NUMBER)                                                                      \
    FIELD(37, CPU, NUMBER)                                                                         \
    FIELD(38, PIDS, NUMBER)                                                                        \
    FIELD(39, PRIVILEGED, FLAG)                                                                    \
    FIELD(40, DETACH, FLAG)                                                                        \
    FIELD(41, KEEP, FLAG)                                                                          \
    FIELD(42, GRACE_MS, NUMBER)                                                                    \
    FIELD(43, HTTP, TEXT)                                                                          \
    FIELD(44, TIMEOUT_MS, NUMBER)                                                                  \
    FIELD(45, BRIDGE, FLAG)                                                                        \
    FIELD(46, NAME, TEXT)                                                                          \
    FIELD(47, ADDRESS6, TEXT)                                                                      \
    FIELD(48, LOOK, FLAG)

typedef enum plr_sandbox_tag {
#define PLR_SANDBOX_FIELD_ENUM(number, name, kind) PLR_SANDBOX_FIELD_##name = number,
    PLR_SANDBOX_FIELDS(PLR_SANDBOX_FIELD_ENUM)
#undef PLR_SANDBOX_FIELD_ENUM
} plr_sandbox_tag;

/* NUMBER: uint64_t. TEXT: bytes without NUL, and one NUL behind. FLAG: nothing. GROUP: fields. */
typedef enum plr_sandbox_kind {
    PLR_SANDBOX_KIND_NUMBER = 1,
    PLR_SANDBOX_KIND_TEXT,
    PLR_SANDBOX_KIND_BYTES,
    PLR_SANDBOX_KIND_FLAG,
    PLR_SANDBOX_KIND_GROUP,
} plr_sandbox_kind;

/*
 * Writing fields: into a buffer that starts out empty (plr_buf_init), a failure is remembered
 * there and told by the seal. A group is what is put between its begin and its end; groups do not
 * nest.
 */
void plr_sandbox_put_number(plr_buf *buf, plr_sandbox_tag tag, uint64_t number);
void plr_sandbox_put_text(plr_buf *buf, plr_sandbox_tag tag, const char *text);
void plr_sandbox_put_bytes(plr_buf *buf, plr_sandbox_tag tag, const void *data, size_t size);
void plr_sandbox_put_flag(plr_buf *buf, plr_sandbox_tag tag);
size_t plr_sandbox_begin(plr_buf *buf, plr_sandbox_tag tag);
void plr_sandbox_end_group(plr_buf *buf, size_t begin);

/* The fields as a sealed memfd (close on exec) that the caller closes. */
int plr_sandbox_seal(const plr_buf *buf, int *ret_fd, plr_error *err);

/* Reading fields. What is pointed to is in the memory of the list. */
typedef struct plr_sandbox_fields {
    const char *at, *end;
} plr_sandbox_fields;

typedef struct plr_sandbox_field {
    plr_sandbox_tag tag;
    uint64_t number;          /* NUMBER; FLAG: 1 */
    const char *data;         /* TEXT: a string; BYTES */
    size_t size;              /* of data; TEXT: without its NUL */
    plr_sandbox_fields group; /* GROUP */
} plr_sandbox_field;

/* Maps a memfd that is sealed against writing and shrinking, read-only, to the end of the process
 * (or munmap from `at` to `end`). */
int plr_sandbox_fields_map(int fd, plr_sandbox_fields *ret_fields, plr_error *err);

/* 1 and the next field; 0 at the end; PLR_ERR_PROTOCOL for what is malformed. */
int plr_sandbox_next(plr_sandbox_fields *fields, plr_sandbox_field *ret_field, plr_error *err);

/* A datagram as it was received. Who takes a descriptor out leaves -1. */
typedef struct plr_sandbox_message {
    plr_sandbox_header header;
    size_t size;                                           /* of the payload */
    _Alignas(8) char payload[PLR_SANDBOX_PAYLOAD_MAX + 1]; /* a NUL behind its size */
    int fds[PLR_SANDBOX_FDS_MAX];
    size_t n_fds;
} plr_sandbox_message;

/* Closes what descriptors are left in it. */
void plr_sandbox_message_clear(plr_sandbox_message *message);

/*
 * One datagram out, without waiting; descriptors are borrowed. PLR_ERR_TIMEOUT: the peer does not
 * take it in; PLR_ERR_LOST: it is gone. A payload that is too long is cut (only texts are long).
 */
int plr_sandbox_send(int fd, const plr_sandbox_header *header, const void *payload, size_t size,
        const int *fds, size_t n_fds, plr_error *err);

/*
 * One datagram in, without waiting: 1; 0 if none is there; PLR_ERR_LOST at the end of file;
 * PLR_ERR_PROTOCOL for one that is not as said above (word, size of the payload, number of
 * descriptors). Descriptors close on exec.
 */
int plr_sandbox_receive(int fd, plr_sandbox_message *ret_message, plr_error *err);

/* "ready" */
const char *plr_sandbox_word_name(unsigned word);

#endif
