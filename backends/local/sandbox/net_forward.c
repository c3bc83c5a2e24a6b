/* SPDX-License-Identifier: MIT */
/*
 * Published ports: one epoll for all of them. TCP goes through a pipe for each direction by splice,
 * so the bytes never come here; UDP has a socket for each client, so that answers find back.
 */
#include "backends/local/sandbox/net_forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/cleanup.h"

/* Connections, and clients of UDP, at a time. Beyond that new ones wait in the kernel's queue, and
 * the client of UDP that was silent for longest is forgotten. */
#define CONNECTIONS_MAX 1000
#define CLIENTS_MAX 256
#define DATAGRAM_MAX 65536
#define CHUNK (1u << 16)

typedef struct item item;
typedef void item_fn(plr_forwarder *forwarder, item *self, unsigned events);

/* What stands behind a descriptor in the epoll. */
struct item {
    item_fn *on_event;
    int fd;
};

typedef struct listener {
    item item; /* of the machine's network */
    struct sockaddr_in to;
    bool paused;
} listener;

typedef struct direction {
    int from, to;
    int pipe[2];
    size_t held; /* in the pipe */
    bool ended;  /* and said so to the other side */
} direction;

typedef struct connection {
    item client, server;
    direction up, down;
    bool dead;
    struct connection *next; /* of the dead: freed when no event can name it any more */
} connection;

typedef struct client {
    item item; /* its socket in the room; fd -1: free */
    listener *listener;
    struct sockaddr_in6 address;
    socklen_t address_size;
    time_t heard;
} client;

struct plr_forwarder {
    int epoll;
    listener *listeners;
    size_t n_listeners, n_connections;
    connection *dead;
    client *clients; /* CLIENTS_MAX, if there is a port of UDP */
    char *datagram;
};

int plr_forward_listen(const plr_net_port *port, int *ret_fd, plr_error *err)
{
    int type = (port->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port->host_port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port->host_port) };
    _cleanup_close_ int fd = socket(AF_INET6, type, 0);
    bool both = fd >= 0;
    int on = 1, off = 0, r;
    if (!both)
        fd = socket(AF_INET, type, 0); /* a machine without IPv6 */
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open a socket: %s", strerror(errno));
    if (both)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (!port->udp) /* of UDP it would let two listen */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    r = both ? bind(fd, (struct sockaddr *)&six, sizeof(six))
             : bind(fd, (struct sockaddr *)&four, sizeof(four));
    if (r == 0 && !port->udp)
        r = listen(fd, SOMAXCONN);
    if (r != 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "port %u/%s of this machine cannot be published for \"%s\": %s%s", port->host_port,
                port->udp ? "udp" : "tcp", port->name != NULL ? port->name : "", strerror(errno),
                errno == EACCES ? " (see /proc/sys/net/ipv4/ip_unprivileged_port_start)" : "");
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int watch(const plr_forwarder *forwarder, item *self, unsigned events)
{
    struct epoll_event event = { .events = events, .data.ptr = self };
    return epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, self->fd, &event);
}

/* All that is there goes on, until one side has nothing or takes nothing. -1: broken. */
static int pump(direction *way)
{
    for (bool moved = true; moved;) {
        moved = false;
        ssize_t n = 0;
        if (!way->ended && way->held < CHUNK) {
            n = splice(way->from, NULL, way->pipe[1], NULL, CHUNK - way->held,
                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0 && errno != EAGAIN)
                return -1;
            if (n > 0)
                way->held += (size_t)n, moved = true;
        } else {
            n = -1;
        }
        if (way->held > 0) {
            ssize_t out = splice(way->pipe[0], NULL, way->to, NULL, way->held,
                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (out < 0 && errno != EAGAIN)
                return -1;
            if (out > 0)
                way->held -= (size_t)out, moved = true;
        }
        if (n == 0 && way->held == 0) {
            way->ended = true;
            (void)shutdown(way->to, SHUT_WR);
        }
    }
    return 0;
}

static void resume(plr_forwarder *forwarder)
{
    for (size_t i = 0; i < forwarder->n_listeners; i++) {
        listener *self = &forwarder->listeners[i];
        if (self->paused && watch(forwarder, &self->item, EPOLLIN) == 0)
            self->paused = false;
    }
}

static void close_way(direction *way)
{
    cleanup_close(&way->pipe[0]);
    cleanup_close(&way->pipe[1]);
}

static void bury(plr_forwarder *forwarder, connection *self)
{
    cleanup_close(&self->client.fd);
    cleanup_close(&self->server.fd);
    close_way(&self->up);
    close_way(&self->down);
    self->dead = true;
    self->next = forwarder->dead;
    forwarder->dead = self;
    forwarder->n_connections--;
    resume(forwarder);
}

static void serve(plr_forwarder *forwarder, connection *self)
{
    if (self->dead)
        return;
    bool broken = pump(&self->up) != 0 || pump(&self->down) != 0;
    if (broken || (self->up.ended && self->down.ended))
        bury(forwarder, self);
}

static void on_client(plr_forwarder *forwarder, item *self, unsigned events)
{
    (void)events;
    serve(forwarder, (connection *)(void *)((char *)self - offsetof(connection, client)));
}

static void on_server(plr_forwarder *forwarder, item *self, unsigned events)
{
    connection *owner = (connection *)(void *)((char *)self - offsetof(connection, server));
    /* Not connected yet, or it never will be: reading says which only afterwards. */
    if ((events & EPOLLERR) != 0 && !owner->dead)
        bury(forwarder, owner);
    else
        serve(forwarder, owner);
}

static int join(plr_forwarder *forwarder, connection *self, const struct sockaddr_in *to)
{
    int on = 1;
    unsigned events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    self->server.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->server.fd < 0 || pipe2(self->up.pipe, O_CLOEXEC | O_NONBLOCK) != 0 ||
            pipe2(self->down.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    (void)setsockopt(self->client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(self->server.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    self->up.from = self->down.to = self->client.fd;
    self->down.from = self->up.to = self->server.fd;
    if (connect(self->server.fd, (const struct sockaddr *)to, sizeof(*to)) != 0 &&
            errno != EINPROGRESS)
        return -1;
    if (watch(forwarder, &self->server, events) != 0)
        return -1;
    return watch(forwarder, &self->client, events);
}

static void pause_listener(plr_forwarder *forwarder, listener *self)
{
    (void)epoll_ctl(forwarder->epoll, EPOLL_CTL_DEL, self->item.fd, NULL);
    self->paused = true;
}

static void on_connect(plr_forwarder *forwarder, item *item_of, unsigned events)
{
    listener *self = (listener *)(void *)item_of;
    (void)events;
    if (forwarder->n_connections >= CONNECTIONS_MAX) {
        pause_listener(forwarder, self);
        return;
    }
    int fd = accept4(self->item.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        /* Of descriptors there are more when a connection has ended. */
        if ((errno == EMFILE || errno == ENFILE) && forwarder->n_connections > 0)
            pause_listener(forwarder, self);
        return;
    }
    connection *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        close(fd);
        return;
    }
    made->client = (item){ .on_event = on_client, .fd = fd };
    made->server = (item){ .on_event = on_server, .fd = -1 };
    made->up = made->down = (direction){ .from = -1, .to = -1, .pipe = { -1, -1 } };
    forwarder->n_connections++;
    if (join(forwarder, made, &self->to) != 0)
        bury(forwarder, made);
}

static time_t seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void on_answer(plr_forwarder *forwarder, item *item_of, unsigned events)
{
    client *self = (client *)(void *)item_of;
    (void)events;
    ssize_t n = recv(self->item.fd, forwarder->datagram, DATAGRAM_MAX, 0);
    if (n < 0)
        return; /* nobody listens there (yet): the client will ask again */
    self->heard = seconds();
    (void)sendto(self->listener->item.fd, forwarder->datagram, (size_t)n, 0,
            (struct sockaddr *)&self->address, self->address_size);
}

/* The client that has this address, or a place for it: a free one, or of who was silent longest. */
static client *client_of(plr_forwarder *forwarder, listener *from,
        const struct sockaddr_in6 *address, socklen_t size)
{
    client *place = &forwarder->clients[0];
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        client *other = &forwarder->clients[i];
        if (other->item.fd >= 0 && other->listener == from && other->address_size == size &&
                memcmp(&other->address, address, size) == 0)
            return other;
        if (place->item.fd >= 0 && (other->item.fd < 0 || other->heard < place->heard))
            place = other;
    }
    cleanup_close(&place->item.fd);
    *place = (client){ .item = { on_answer, -1 }, .listener = from, .address_size = size };
    memcpy(&place->address, address, size);
    place->item.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (place->item.fd >= 0 &&
            (connect(place->item.fd, (const struct sockaddr *)&from->to, sizeof(from->to)) != 0 ||
                    watch(forwarder, &place->item, EPOLLIN) != 0)) {
        close(place->item.fd);
        place->item.fd = -1;
    }
    return place->item.fd >= 0 ? place : NULL;
}

static void on_datagram(plr_forwarder *forwarder, item *item_of, unsigned events)
{
    listener *self = (listener *)(void *)item_of;
    struct sockaddr_in6 address = { 0 };
    socklen_t size = sizeof(address);
    (void)events;
    ssize_t n = recvfrom(self->item.fd, forwarder->datagram, DATAGRAM_MAX, 0,
            (struct sockaddr *)&address, &size);
    if (n < 0)
        return;
    client *from = client_of(forwarder, self, &address, size);
    if (from == NULL)
        return;
    from->heard = seconds();
    (void)send(from->item.fd, forwarder->datagram, (size_t)n, 0);
}

static int listener_init(
        plr_forwarder *forwarder, listener *self, const plr_net_port *port, int fd, plr_error *err)
{
    self->item = (item){ .on_event = port->udp ? on_datagram : on_connect, .fd = fd };
    self->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port->port) };
    const char *address = port->address != NULL ? port->address : "127.0.0.1";
    if (inet_pton(AF_INET, address, &self->to.sin_addr) != 1)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "not an address: %s", address);
    if (watch(forwarder, &self->item, EPOLLIN) != 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "watch a port: %s", strerror(errno));
    if (!port->udp || forwarder->clients != NULL)
        return 0;
    forwarder->clients = calloc(CLIENTS_MAX, sizeof(client));
    forwarder->datagram = malloc(DATAGRAM_MAX);
    if (forwarder->clients == NULL || forwarder->datagram == NULL)
        return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        forwarder->clients[i].item.fd = -1;
    return 0;
}

/* There is one in the life of a helper, which ends with it: nothing frees it. */
int plr_forwarder_new(plr_forwarder **ret_forwarder, const plr_net_port *ports, const int *fds,
        size_t n, plr_error *err)
{
    plr_forwarder *forwarder = calloc(1, sizeof(*forwarder));
    if (forwarder == NULL || (forwarder->listeners = calloc(n + 1, sizeof(listener))) == NULL)
        return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
    forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (forwarder->epoll < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "make an epoll: %s", strerror(errno));
    for (; forwarder->n_listeners < n; forwarder->n_listeners++) {
        size_t i = forwarder->n_listeners;
        int r = listener_init(forwarder, &forwarder->listeners[i], &ports[i], fds[i], err);
        if (r != 0)
            return r;
    }
    *ret_forwarder = forwarder;
    return 0;
}

int plr_forwarder_fd(const plr_forwarder *forwarder)
{
    return forwarder->epoll;
}

void plr_forwarder_dispatch(plr_forwarder *forwarder)
{
    struct epoll_event events[64];
    int n = epoll_wait(forwarder->epoll, events, 64, 0);
    for (int i = 0; i < n; i++) {
        item *self = events[i].data.ptr;
        self->on_event(forwarder, self, events[i].events);
    }
    while (forwarder->dead != NULL) {
        connection *gone = forwarder->dead;
        forwarder->dead = gone->next;
        free(gone);
    }
}
