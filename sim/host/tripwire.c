/* The tripwire: what libraries might ask the system for behind the env's back.
 *
 * These definitions stand before the C library's in every program that links the simulator, for its
 * shared libraries too. While a node's turn runs, clock reads get that node's clock (nghttp2 reads
 * one for each RST_STREAM) and everything else ends the node (TURN_FORBIDDEN). Outside of a turn
 * the calls pass: by raw system calls, so that nothing here needs the dynamic linker at run time.
 *
 * The C library's own inner calls (stdio's writes, say) do not come by here; the symbol gate keeps
 * them out of the node's code. In sanitizer builds the sanitizer's own interceptors stand in front
 * of files and sockets, and only the clocks and random numbers are armed.
 */
#define _GNU_SOURCE /* syscall, RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "impl.h"

void tripwire_link(void)
{
}

/* Returns if no turn of a simulated node is running. */
static void forbid(const char *what)
{
    struct process *process = process_current();
    if (process != NULL) {
        process->turn.fail(&process->turn, TURN_FORBIDDEN, what, __FILE__, __LINE__, NULL);
    }
}

/* Clocks. */

static struct timespec split(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    const struct process *process = process_current();
    if (process == NULL) {
        return (int)syscall(SYS_clock_gettime, clock, ts);
    }
    bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    *ts = split(process->now_ns + (wall ? process->host->wall_offset_ns : 0));
    return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *out)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (out != NULL) {
        *out = ts.tv_sec;
    }
    return ts.tv_sec;
}

/* Random numbers. */

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    forbid("getrandom");
    return (ssize_t)syscall(SYS_getrandom, out, len, flags);
}

int getentropy(void *out, size_t len)
{
    forbid("getentropy");
    return syscall(SYS_getrandom, out, len, 0) == (long)len ? 0 : -1;
}

static long next_random(const char *name)
{
    long (*next)(void);
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(&next, &symbol, sizeof(next)); /* ISO C has no cast between the two */
    return next();
}

long random(void)
{
    forbid("random");
    return next_random("random");
}

int rand(void)
{
    forbid("rand");
    return (int)next_random("random"); /* as in the C library: rand is random */
}

/* Processes and their end: a node ends by env_exit. */

pid_t getpid(void)
{
    forbid("getpid");
    return (pid_t)syscall(SYS_getpid);
}

int nanosleep(const struct timespec *wanted, struct timespec *rest)
{
    forbid("nanosleep");
    return (int)syscall(SYS_nanosleep, wanted, rest);
}

unsigned sleep(unsigned seconds)
{
    struct timespec ts = {.tv_sec = seconds};
    forbid("sleep");
    return nanosleep(&ts, &ts) == 0 ? 0 : (unsigned)ts.tv_sec;
}

int usleep(useconds_t us)
{
    struct timespec ts = split((int64_t)us * 1000);
    forbid("usleep");
    return nanosleep(&ts, NULL);
}

char *getenv(const char *name)
{
    size_t len = strlen(name);
    forbid("getenv");
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') {
            return *at + len + 1;
        }
    }
    return NULL;
}

#ifndef QUORATE_SANITIZE

/* Files and sockets. */

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    forbid("open");
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    forbid("open64");
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

ssize_t read(int fd, void *into, size_t len)
{
    forbid("read");
    return (ssize_t)syscall(SYS_read, fd, into, len);
}

ssize_t write(int fd, const void *from, size_t len)
{
    forbid("write");
    return (ssize_t)syscall(SYS_write, fd, from, len);
}

ssize_t pread64(int fd, void *into, size_t len, off64_t at)
{
    forbid("pread64");
    return (ssize_t)syscall(SYS_pread64, fd, into, len, at);
}

ssize_t pwrite64(int fd, const void *from, size_t len, off64_t at)
{
    forbid("pwrite64");
    return (ssize_t)syscall(SYS_pwrite64, fd, from, len, at);
}

int fsync(int fd)
{
    forbid("fsync");
    return (int)syscall(SYS_fsync, fd);
}

int unlink(const char *path)
{
    forbid("unlink");
    return (int)syscall(SYS_unlink, path);
}

int socket(int domain, int type, int protocol)
{
    forbid("socket");
    return (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    forbid("connect");
    return (int)syscall(SYS_connect, fd, address, len);
}

ssize_t send(int fd, const void *from, size_t len, int flags)
{
    forbid("send");
    return (ssize_t)syscall(SYS_sendto, fd, from, len, flags, NULL, 0);
}

ssize_t recv(int fd, void *into, size_t len, int flags)
{
    forbid("recv");
    return (ssize_t)syscall(SYS_recvfrom, fd, into, len, flags, NULL, NULL);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    forbid("poll");
    struct timespec ts = split((int64_t)timeout_ms * 1000000);
    return (int)syscall(SYS_ppoll, fds, count, timeout_ms < 0 ? NULL : &ts, NULL, 0);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
{
    forbid("epoll_wait");
    return (int)syscall(SYS_epoll_pwait, fd, events, count, timeout_ms, NULL, 0);
}

#endif
