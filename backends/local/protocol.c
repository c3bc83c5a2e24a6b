/* SPDX-License-Identifier: MIT */
/*
 * Fields and datagrams of protocol.h. A field lies at a multiple of eight bytes: tag, size of its
 * value, value, zeros up to the next multiple.
 */
#include "backends/local/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"

#define ALIGN 8u

typedef struct plr_field_head {
    uint32_t tag;
    uint32_t size;
} plr_field_head;

static plr_sandbox_kind kind_of(uint32_t tag)
{
    static const unsigned char kinds[] = {
#define X(number, name, kind) [number] = PLR_SANDBOX_KIND_##kind,
        PLR_SANDBOX_FIELDS(X)
#undef X
    };
    return tag < sizeof kinds ? (plr_sandbox_kind)kinds[tag] : 0;
}

static size_t padding(size_t size)
{
    return (ALIGN - size % ALIGN) % ALIGN;
}

void plr_sandbox_put_bytes(plr_buf *buf, plr_sandbox_tag tag, const void *data, size_t size)
{
    static const char zeros[ALIGN];
    if (size > PLR_SANDBOX_FIELDS_MAX) {
        buf->failed = true;
        return;
    }
    plr_field_head head = { (uint32_t)tag, (uint32_t)size };
    plr_buf_put(buf, &head, sizeof head);
    plr_buf_put(buf, data, size);
    plr_buf_put(buf, zeros, padding(size));
}

void plr_sandbox_put_number(plr_buf *buf, plr_sandbox_tag tag, uint64_t number)
{
    plr_sandbox_put_bytes(buf, tag, &number, sizeof number);
}

void plr_sandbox_put_text(plr_buf *buf, plr_sandbox_tag tag, const char *text)
{
    plr_sandbox_put_bytes(buf, tag, text, strlen(text) + 1);
}

void plr_sandbox_put_flag(plr_buf *buf, plr_sandbox_tag tag)
{
    plr_sandbox_put_bytes(buf, tag, "", 0);
}

size_t plr_sandbox_begin(plr_buf *buf, plr_sandbox_tag tag)
{
    size_t begin = buf->size;
    plr_sandbox_put_bytes(buf, tag, "", 0);
    return begin;
}

void plr_sandbox_end_group(plr_buf *buf, size_t begin)
{
    plr_field_head head;
    if (buf->failed)
        return;
    memcpy(&head, buf->data + begin, sizeof head);
    head.size = (uint32_t)(buf->size - begin - sizeof head);
    memcpy(buf->data + begin, &head, sizeof head);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int plr_sandbox_seal(const plr_buf *buf, int *ret_fd, plr_error *err)
{
    int r = plr_buf_check(buf, err);
    if (r < 0)
        return r;
    if (buf->size > PLR_SANDBOX_FIELDS_MAX)
        return plr_error_set(err, PLR_ERR_REFUSED, "more than %u MiB for one step",
                PLR_SANDBOX_FIELDS_MAX >> 20);
    _cleanup_close_ int fd = memfd_create("plr-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write_all(fd, buf->data, buf->size) < 0 ||
            fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "memfd: %s", strerror(errno));
    *ret_fd = steal_fd(&fd);
    return 0;
}

int plr_sandbox_fields_map(int fd, plr_sandbox_fields *ret_fields, plr_error *err)
{
    struct stat stat;
    int seals = fcntl(fd, F_GET_SEALS);
    /* Without them its writer could change it while we read. */
    if (seals < 0 || (seals & SEALS) != SEALS)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "the fields are not in a sealed memfd");
    if (fstat(fd, &stat) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fstat: %s", strerror(errno));
    size_t size = (size_t)stat.st_size;
    if (size > PLR_SANDBOX_FIELDS_MAX)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%zu bytes of fields", size);
    const char *data = "";
    if (size > 0)
        data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return plr_error_set(err, PLR_ERR_SYSTEM, "mmap: %s", strerror(errno));
    *ret_fields = (plr_sandbox_fields){ data, data + size };
    return 0;
}

static int malformed(plr_error *err, const char *what, uint32_t tag)
{
    return plr_error_set(err, PLR_ERR_PROTOCOL, "%s in field %u", what, tag);
}

int plr_sandbox_next(plr_sandbox_fields *fields, plr_sandbox_field *ret_field, plr_error *err)
{
    plr_field_head head;
    size_t left = (size_t)(fields->end - fields->at);
    if (left == 0)
        return 0;
    if (left < sizeof head)
        return malformed(err, "half a head", 0);
    memcpy(&head, fields->at, sizeof head);
    left -= sizeof head;
    const char *data = fields->at + sizeof head;
    if (head.size > left || padding(head.size) > left - head.size)
        return malformed(err, "a size beyond the end", head.tag);

    plr_sandbox_field field = { .tag = (plr_sandbox_tag)head.tag };
    switch (kind_of(head.tag)) {
    case PLR_SANDBOX_KIND_NUMBER:
        if (head.size != sizeof field.number)
            return malformed(err, "a number's wrong size", head.tag);
        memcpy(&field.number, data, sizeof field.number);
        break;
    case PLR_SANDBOX_KIND_TEXT:
        if (head.size == 0 || memchr(data, '\0', head.size) != data + head.size - 1)
            return malformed(err, "a NUL at the wrong place", head.tag);
        field.data = data;
        field.size = head.size - 1;
        break;
    case PLR_SANDBOX_KIND_BYTES:
        field.data = data;
        field.size = head.size;
        break;
    case PLR_SANDBOX_KIND_FLAG:
        if (head.size != 0)
            return malformed(err, "a flag with a value", head.tag);
        field.number = 1;
        break;
    case PLR_SANDBOX_KIND_GROUP:
        if (head.size % ALIGN != 0)
            return malformed(err, "a group's wrong size", head.tag);
        field.group = (plr_sandbox_fields){ data, data + head.size };
        break;
    default:
        return malformed(err, "an unknown tag", head.tag);
    }
    fields->at = data + head.size + padding(head.size);
    *ret_field = field;
    return 1;
}

const char *plr_sandbox_word_name(unsigned word)
{
    static const char *const names[] = {
#define X(number, name, text) [number] = text,
        PLR_SANDBOX_WORDS(X)
#undef X
    };
    return word < sizeof names / sizeof *names && names[word] ? names[word] : "unknown";
}

void plr_sandbox_message_clear(plr_sandbox_message *message)
{
    for (size_t i = 0; i < message->n_fds; i++)
        if (message->fds[i] >= 0)
            close(message->fds[i]);
    message->n_fds = 0;
}

int plr_sandbox_send(int fd, const plr_sandbox_header *header, const void *payload, size_t size,
        const int *fds, size_t n_fds, plr_error *err)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * PLR_SANDBOX_FDS_MAX)];
    } control = { 0 };
    plr_sandbox_header sent = *header;
    sent.version = PLR_SANDBOX_VERSION;
    if (size > PLR_SANDBOX_PAYLOAD_MAX)
        size = PLR_SANDBOX_PAYLOAD_MAX;
    struct iovec parts[] = {
        { &sent, sizeof sent },
        { (void *)(uintptr_t)payload, size },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * n_fds);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 0;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
        return plr_error_set(err, PLR_ERR_TIMEOUT, "the sandbox's peer takes in nothing");
    if (errno == EPIPE || errno == ECONNRESET)
        return plr_error_set(err, PLR_ERR_LOST, "the sandbox's peer is gone");
    return plr_error_set(err, PLR_ERR_SYSTEM, "sendmsg: %s", strerror(errno));
}

/* What each word carries behind its header. */
static bool is_as_said(const plr_sandbox_message *message)
{
    static const struct {
        unsigned char n_fds;
        bool text; /* behind `size` bytes */
        unsigned char size;
    } shapes[] = {
        [PLR_SANDBOX_ROOM] = { .n_fds = 1 },
        [PLR_SANDBOX_TASK] = { .n_fds = 4 },
        [PLR_SANDBOX_PROBE] = { .n_fds = 1 },
        [PLR_SANDBOX_KILL] = { 0 },
        [PLR_SANDBOX_REMOVE] = { 0 },
        [PLR_SANDBOX_READY] = { .size = sizeof(plr_sandbox_room_ready) }, /* the room's; tasks: 0 */
        [PLR_SANDBOX_FAILED] = { .size = sizeof(plr_sandbox_failure), .text = true },
        [PLR_SANDBOX_WARNING] = { .text = true },
        [PLR_SANDBOX_ENDED] = { .size = sizeof(plr_sandbox_end) },
        [PLR_SANDBOX_PROBED] = { .size = sizeof(plr_sandbox_answer) },
        [PLR_SANDBOX_REMOVED] = { 0 },
    };
    unsigned word = message->header.word;
    if (message->header.version != PLR_SANDBOX_VERSION || word < PLR_SANDBOX_ROOM ||
            word >= sizeof shapes / sizeof *shapes || message->n_fds != shapes[word].n_fds)
        return false;
    size_t size = shapes[word].size;
    if (word == PLR_SANDBOX_READY && message->header.task != 0)
        size = 0;
    return shapes[word].text ? message->size >= size : message->size == size;
}

static void take_fds(plr_sandbox_message *message, struct msghdr *received)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(received); head; head = CMSG_NXTHDR(received, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        /* The space was made for so many and no more. */
        message->n_fds = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(message->fds, CMSG_DATA(head), sizeof(int) * message->n_fds);
    }
}

int plr_sandbox_receive(int fd, plr_sandbox_message *ret_message, plr_error *err)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * PLR_SANDBOX_FDS_MAX)];
    } control;
    plr_sandbox_message *message = ret_message;
    struct iovec parts[] = {
        { &message->header, sizeof message->header },
        { message->payload, PLR_SANDBOX_PAYLOAD_MAX },
    };
    struct msghdr received = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control
    };
    message->n_fds = 0;
    ssize_t n;
    do
        n = recvmsg(fd, &received, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return plr_error_set(err, PLR_ERR_LOST, "the sandbox's peer is gone");
    if (n < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "recvmsg: %s", strerror(errno));
    take_fds(message, &received);
    if ((size_t)n >= sizeof message->header && !(received.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        message->size = (size_t)n - sizeof message->header;
        message->payload[message->size] = '\0';
        if (is_as_said(message))
            return 1;
    }
    plr_sandbox_message_clear(message);
    return plr_error_set(err, PLR_ERR_PROTOCOL, "a datagram that is none of the sandbox's");
}
