/* Load over a socket: a client that costs far less than the member it talks to. It speaks just as
 * much HTTP/2 as the three calls need, and dies of everything else.
 *
 *   bench_load puts HOST:PORT COUNT KEYS VALUE-BYTES COMPACT-EVERY
 *       puts of the keys in turn, 256 in flight; after every so many (0: never) a compaction at the
 *       newest revision, physical, so that it is answered when the member has done the work
 *   bench_load gets HOST:PORT PID
 *       one linearizable get a millisecond until standard input ends; then the worst of them, and
 *       the most CPU time that the loop's thread of the process used within one
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT   256
#define SLOTS       1024 /* of streams, by their number; more than IN_FLIGHT */
#define FRAME_MAX   16384
#define OUT_ENOUGH  65536
#define GET_PAUSE   1000000 /* ns */
#define FRAME_BYTES 9

enum frame_type {
    DATA = 0,
    HEADERS = 1,
    RESET = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW = 8
};
enum {
    END_STREAM = 1,
    ACK = 1,
    END_HEADERS = 4
};

struct link {
    int fd;
    char authority[64];
    uint32_t stream; /* of the next call */
    int64_t window;  /* what the member takes of DATA */
    uint32_t eaten;  /* of DATA that came, not yet told */
    size_t open;
    bool answered[SLOTS]; /* a message came on the stream */
    uint64_t revision;    /* of the last answer */
    uint8_t out[OUT_ENOUGH + 2 * FRAME_MAX];
    size_t out_len;
    uint8_t in[4 * FRAME_MAX];
    size_t in_len;
};

static struct link the_link;

static _Noreturn void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench_load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void add(struct link *l, const void *bytes, size_t len)
{
    memcpy(l->out + l->out_len, bytes, len);
    l->out_len += len;
}

static void add_u32(struct link *l, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    add(l, bytes, sizeof(bytes));
}

static void add_frame(struct link *l, enum frame_type type, uint8_t flags, uint32_t stream,
                      size_t len)
{
    const uint8_t head[] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)type,
                            flags};
    add(l, head, sizeof(head));
    add_u32(l, stream);
}

static void flush_out(struct link *l)
{
    for (size_t sent = 0; sent < l->out_len;) {
        ssize_t n = send(l->fd, l->out + sent, l->out_len - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            fail("the connection is gone");
        }
        sent += (size_t)n;
    }
    l->out_len = 0;
}

/* Protobuf, as much as is needed -----------------------------------------------------------------
 */

static size_t varint(uint8_t *at, uint64_t value)
{
    size_t len = 0;
    for (; value >= 128; value >>= 7) {
        at[len++] = (uint8_t)(value | 128);
    }
    at[len++] = (uint8_t)value;
    return len;
}

static size_t bytes_field(uint8_t *at, uint8_t field, const void *bytes, size_t len)
{
    size_t head = 1 + varint(at + 1, len);
    at[0] = (uint8_t)(field << 3 | 2);
    memcpy(at + head, bytes, len);
    return head + len;
}

static size_t number_field(uint8_t *at, uint8_t field, uint64_t value)
{
    at[0] = (uint8_t)(field << 3);
    return 1 + varint(at + 1, value);
}

/* The revision in an answer's header: field 3 of field 1. A header fits in 127 bytes. */
static uint64_t revision_of(const uint8_t *message, size_t len)
{
    if (len < 2 || message[0] != 0x0a || (size_t)message[1] + 2 > len) {
        return 0;
    }
    for (size_t at = 2, end = 2 + (size_t)message[1]; at < end;) {
        uint8_t tag = message[at++];
        uint64_t value = 0;
        for (int shift = 0; at < end && shift < 64; shift += 7) {
            value |= (uint64_t)(message[at] & 127) << shift;
            if ((message[at++] & 128) == 0) {
                break;
            }
        }
        if (tag == 3 << 3) {
            return value;
        }
    }
    return 0;
}

/* HTTP/2 -----------------------------------------------------------------------------------------
 */

static void on_data(struct link *l, uint32_t stream, const uint8_t *bytes, size_t len)
{
    l->eaten += (uint32_t)len;
    if (len > 5) {
        uint64_t revision = revision_of(bytes + 5, len - 5);
        l->answered[stream / 2 % SLOTS] = true;
        l->revision = revision > l->revision ? revision : l->revision;
    }
    if (l->eaten > FRAME_MAX) {
        add_frame(l, WINDOW, 0, 0, 4);
        add_u32(l, l->eaten);
        l->eaten = 0;
    }
}

static uint32_t read_u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void on_frame(struct link *l, uint8_t type, uint8_t flags, uint32_t stream,
                     const uint8_t *bytes, size_t len)
{
    switch (type) {
    case DATA: on_data(l, stream, bytes, len); break;
    case HEADERS:
        if ((flags & END_STREAM) != 0) {
            if (!l->answered[stream / 2 % SLOTS]) {
                fail("call %u was answered with an error", stream / 2);
            }
            l->open--;
        }
        break;
    case SETTINGS:
        if ((flags & ACK) == 0) {
            add_frame(l, SETTINGS, ACK, 0, 0);
        }
        break;
    case PING:
        if ((flags & ACK) == 0) {
            add_frame(l, PING, ACK, 0, len);
            add(l, bytes, len);
        }
        break;
    case WINDOW: l->window += stream == 0 && len == 4 ? read_u32_at(bytes) & 0x7fffffff : 0; break;
    case RESET:
    case GOAWAY: fail("the member ended the call or the connection");
    default: break;
    }
}

/* Sends what is to be sent, and waits for something to come. */
static void pump(struct link *l)
{
    flush_out(l);
    ssize_t n = recv(l->fd, l->in + l->in_len, sizeof(l->in) - l->in_len, 0);
    if (n <= 0) {
        fail("the connection is gone");
    }
    l->in_len += (size_t)n;
    size_t at = 0;
    while (l->in_len - at >= FRAME_BYTES) {
        const uint8_t *head = l->in + at;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (len > FRAME_MAX) {
            fail("a frame of %zu bytes", len);
        }
        if (l->in_len - at < FRAME_BYTES + len) {
            break;
        }
        on_frame(l, head[3], head[4], read_u32_at(head + 5) & 0x7fffffff, head + FRAME_BYTES, len);
        at += FRAME_BYTES + len;
    }
    memmove(l->in, l->in + at, l->in_len - at);
    l->in_len -= at;
}

/* A header that no table learns. */
static size_t header(uint8_t *at, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);
    at[0] = 0;
    at[1] = (uint8_t)name_len;
    memcpy(at + 2, name, name_len);
    at[2 + name_len] = (uint8_t)value_len;
    memcpy(at + 3 + name_len, value, value_len);
    return 3 + name_len + value_len;
}

static void call(struct link *l, const char *path, const uint8_t *message, size_t len)
{
    uint8_t block[256];
    size_t block_len = header(block, ":method", "POST");
    block_len += header(block + block_len, ":scheme", "http");
    block_len += header(block + block_len, ":path", path);
    block_len += header(block + block_len, ":authority", l->authority);
    block_len += header(block + block_len, "content-type", "application/grpc");
    block_len += header(block + block_len, "te", "trailers");
    l->answered[l->stream / 2 % SLOTS] = false;
    l->open++;
    add_frame(l, HEADERS, END_HEADERS, l->stream, block_len);
    add(l, block, block_len);
    const uint8_t head[] = {0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                            (uint8_t)len};
    while (l->window < (int64_t)(len + sizeof(head))) {
        pump(l);
    }
    l->window -= (int64_t)(len + sizeof(head));
    if (len + sizeof(head) > FRAME_MAX) {
        fail("a message of %zu bytes does not fit in a frame", len);
    }
    add_frame(l, DATA, END_STREAM, l->stream, len + sizeof(head));
    add(l, head, sizeof(head));
    add(l, message, len);
    l->stream += 2;
    if (l->out_len > OUT_ENOUGH) {
        flush_out(l);
    }
}

static void wait_until_open(struct link *l, size_t most)
{
    while (l->open > most) {
        pump(l);
    }
}

static void connect_to(struct link *l, const char *address)
{
    const char *colon = strrchr(address, ':');
    char host[48] = "";
    struct sockaddr_in to = {.sin_family = AF_INET};
    int on = 1;
    if (colon == NULL || strlen(address) >= sizeof(host)) {
        fail("'%s' is not HOST:PORT", address);
    }
    memcpy(host, address, (size_t)(colon - address));
    strcpy(l->authority, address);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
        connect(l->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        fail("cannot connect to %s", address);
    }
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    l->stream = 1;
    l->window = 65535;
    add(l, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    add_frame(l, SETTINGS, 0, 0, 0);
}

/* What is run ------------------------------------------------------------------------------------
 */

static void compact(struct link *l)
{
    uint8_t message[32];
    wait_until_open(l, 0);
    size_t len = number_field(message, 1, l->revision);
    len += number_field(message + len, 2, 1);
    call(l, "/etcdserverpb.KV/Compact", message, len);
    wait_until_open(l, 0);
}

static void puts_of(struct link *l, uint64_t count, uint64_t keys, size_t value_len, uint64_t every)
{
    uint8_t *value = calloc(1, value_len + 1);
    uint8_t *message = calloc(1, value_len + 64);
    if (value == NULL || message == NULL || keys == 0) {
        fail("no memory, or no keys");
    }
    memset(value, 'v', value_len);
    for (uint64_t i = 0; i < count; i++) {
        char key[32];
        int key_len = snprintf(key, sizeof(key), "/bench/%016llx",
                               (unsigned long long)(i % keys * UINT64_C(0x9E3779B97F4A7C15)));
        size_t len = bytes_field(message, 1, key, (size_t)key_len);
        len += bytes_field(message + len, 2, value, value_len);
        call(l, "/etcdserverpb.KV/Put", message, len);
        if (l->open >= IN_FLIGHT) {
            wait_until_open(l, IN_FLIGHT - IN_FLIGHT / 4);
        }
        if (every > 0 && (i + 1) % every == 0) {
            compact(l);
        }
    }
    wait_until_open(l, 0);
    printf("%llu\n", (unsigned long long)l->revision);
    free(message);
    free(value);
}

/* CPU time of the loop's thread, which is the process's first. */
static int64_t cpu_ns_of(const char *pid)
{
    char path[64];
    long long ns = 0;
    snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%lld", &ns) != 1) {
        fail("cannot read %s", path);
    }
    fclose(file);
    return ns;
}

static bool input_ended(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

static void gets_until_told(struct link *l, const char *pid)
{
    uint8_t message[32];
    size_t len = bytes_field(message, 1, "/bench", 6);
    int64_t worst_ns = 0;
    int64_t worst_cpu_ns = 0;
    uint64_t count = 0;
    do {
        const struct timespec pause = {.tv_nsec = GET_PAUSE};
        int64_t cpu = cpu_ns_of(pid);
        int64_t begin = now_ns();
        call(l, "/etcdserverpb.KV/Range", message, len);
        wait_until_open(l, 0);
        int64_t took = now_ns() - begin;
        cpu = cpu_ns_of(pid) - cpu;
        worst_ns = took > worst_ns ? took : worst_ns;
        worst_cpu_ns = cpu > worst_cpu_ns ? cpu : worst_cpu_ns;
        count++;
        nanosleep(&pause, NULL);
    } while (!input_ended());
    printf("%llu %.3f %.3f\n", (unsigned long long)count, (double)worst_ns / 1e6,
           (double)worst_cpu_ns / 1e6);
}

int main(int argc, char **argv)
{
    bool puts_wanted = argc == 7 && strcmp(argv[1], "puts") == 0;
    bool gets_wanted = argc == 4 && strcmp(argv[1], "gets") == 0;
    if (!puts_wanted && !gets_wanted) {
        fail("see the head of bench_load.c");
    }
    connect_to(&the_link, argv[2]);
    if (puts_wanted) {
        puts_of(&the_link, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                strtoul(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
    } else {
        gets_until_told(&the_link, argv[3]);
    }
    close(the_link.fd);
    return 0;
}
