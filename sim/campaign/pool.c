#define _GNU_SOURCE /* signalfd, prctl, mallopt */
#include "pool.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

#define ANSWER_BYTES_MAX (UINT32_C(64) << 20)
#define WORK_BYTES_MAX   (UINT64_C(1) << 30)
#define SHIFT_BYTES_MAX  4000000
#define FILL             0xA7

struct worker {
    pid_t pid; /* 0: no process */
    int fd;
    bool alone;
    bool busy;
    struct pool_job job;
    struct buf in; /* four bytes of length, and the answer as far as it has come */
};

struct pool {
    struct mem *mem;
    pool_work *work;
    void *ctx;
    int signals;
    sigset_t mask_before;
    size_t count;
    struct worker *workers;
    struct pollfd *polls;
};

/* In the worker ------------------------------------------------------------------------------- */

static bool read_all(int fd, void *into, size_t len)
{
    char *at = into;
    while (len > 0) {
        ssize_t got = read(fd, at, len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t len)
{
    const char *at = from;
    while (len > 0) {
        ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        at += put;
        len -= (size_t)put;
    }
    return true;
}

/* A block of every size, so that whatever an allocator makes of sizes the next one of each lies
 * elsewhere. Never given back: the process is short. */
static void shift_heap(void)
{
    for (size_t size = 16; size < SHIFT_BYTES_MAX; size += size / 8 / 16 * 16 + 16) {
        volatile char *block = malloc(size);
        if (block != NULL) {
            block[0] = FILL;
        }
    }
    mallopt(M_PERTURB, FILL);
}

static _Noreturn void serve(struct pool *pool, const struct worker *me)
{
    struct pool_job job;
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    sigprocmask(SIG_SETMASK, &pool->mask_before, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(pool->signals);
    for (size_t i = 0; i < pool->count; i++) {
        if (&pool->workers[i] != me && pool->workers[i].pid != 0) {
            close(pool->workers[i].fd);
        }
    }
    if (me->alone) {
        shift_heap();
    }
    while (read_all(me->fd, &job, sizeof(job))) {
        struct mem_pool *scratch = mem_pool_new(WORK_BYTES_MAX, -1);
        struct buf out;
        buf_init(&out, mem_pool_mem(scratch));
        buf_add_u32(&out, 0);
        pool->work(pool->ctx, &job, &out);
        store_u32(out.ptr, (uint32_t)(out.len - 4));
        if (!write_all(me->fd, out.ptr, out.len)) {
            break;
        }
        mem_pool_free(scratch);
    }
    _exit(0);
}

/* In the caller ------------------------------------------------------------------------------- */

static int start(struct pool *pool, struct worker *w, bool alone)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return ERR_LIMIT;
    }
    w->alone = alone;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        w->fd = ends[1];
        serve(pool, w);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return ERR_LIMIT;
    }
    w->pid = pid;
    w->fd = ends[0];
    buf_clear(&w->in);
    return 0;
}

/* Reaps the process; what waitpid says of it. */
static int stop(struct worker *w, bool kill_it)
{
    int status = 0;
    if (w->pid == 0) {
        return 0;
    }
    close(w->fd);
    if (kill_it) {
        kill(w->pid, SIGKILL);
    }
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    w->pid = 0;
    w->busy = false;
    return status;
}

int pool_new(struct mem *mem, size_t workers, pool_work *work, void *ctx, struct pool **out)
{
    ASSERT(workers > 0);
    struct pool *pool = mem_zalloc(mem, 1, sizeof(*pool));
    sigset_t mask;
    *out = NULL;
    pool->mem = mem;
    pool->work = work;
    pool->ctx = ctx;
    pool->count = workers;
    pool->workers = mem_zalloc(mem, workers, sizeof(pool->workers[0]));
    pool->polls = mem_zalloc(mem, workers + 1, sizeof(pool->polls[0]));
    for (size_t i = 0; i < workers; i++) {
        buf_init(&pool->workers[i].in, mem);
    }
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, &pool->mask_before);
    pool->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (pool->signals < 0) {
        pool_free(pool);
        return ERR_LIMIT;
    }
    *out = pool;
    return 0;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->count; i++) {
        stop(&pool->workers[i], true);
        buf_fini(&pool->workers[i].in);
    }
    if (pool->signals >= 0) {
        close(pool->signals);
    }
    sigprocmask(SIG_SETMASK, &pool->mask_before, NULL);
    mem_free(pool->mem, pool->polls);
    mem_free(pool->mem, pool->workers);
    mem_free(pool->mem, pool);
}

size_t pool_busy(const struct pool *pool)
{
    size_t busy = 0;
    for (size_t i = 0; i < pool->count; i++) {
        busy += pool->workers[i].busy;
    }
    return busy;
}

bool pool_has_room(const struct pool *pool)
{
    return pool_busy(pool) < pool->count;
}

int pool_give(struct pool *pool, const struct pool_job *job)
{
    struct worker *w = NULL;
    for (size_t i = 0; i < pool->count && w == NULL; i++) {
        w = pool->workers[i].busy ? NULL : &pool->workers[i];
    }
    ASSERT(w != NULL);
    /* Alone is alone: nothing was done in that process before, and nothing is afterwards. */
    if (w->pid != 0 && (job->alone || w->alone)) {
        stop(w, true);
    }
    int err = w->pid == 0 ? start(pool, w, job->alone) : 0;
    if (err != 0) {
        return err;
    }
    w->job = *job;
    w->busy = true;
    buf_clear(&w->in);
    /* A worker that died in between is found out when its answer is read. */
    struct pool_job clean;
    memset(&clean, 0, sizeof(clean));
    clean.tag = job->tag;
    clean.what = job->what;
    clean.alone = job->alone;
    (void)write_all(w->fd, &clean, sizeof(clean));
    return 0;
}

/* True once the answer is there or will never be. */
static bool take_bytes(struct worker *w, struct pool_result *result)
{
    ssize_t got = read(w->fd, buf_reserve(&w->in, 65536), 65536);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return false;
    }
    if (got > 0) {
        w->in.len += (size_t)got;
        if (w->in.len < 4) {
            return false;
        }
        uint32_t len = load_u32(w->in.ptr);
        if (len <= ANSWER_BYTES_MAX && w->in.len < 4 + (size_t)len) {
            return false;
        }
        if (w->in.len == 4 + (size_t)len) {
            result->job = w->job;
            result->answer = slice_from(buf_slice(&w->in), 4);
            w->busy = false;
            return true;
        }
    }
    /* Its end, or more bytes than it announced. */
    result->job = w->job;
    result->status = stop(w, got > 0);
    result->crashed = true;
    return true;
}

enum pool_event pool_wait(struct pool *pool, int timeout_ms, struct pool_result *result)
{
    size_t count = 0;
    memset(result, 0, sizeof(*result));
    pool->polls[count++] = (struct pollfd){pool->signals, POLLIN, 0};
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->workers[i].busy) {
            pool->polls[count++] = (struct pollfd){pool->workers[i].fd, POLLIN, 0};
        }
    }
    if (poll(pool->polls, count, timeout_ms) <= 0) {
        return POOL_TIMEOUT;
    }
    if ((pool->polls[0].revents & POLLIN) != 0) {
        struct signalfd_siginfo info;
        if (read(pool->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            return POOL_SIGNAL;
        }
    }
    for (size_t i = 0, at = 1; i < pool->count; i++) {
        struct worker *w = &pool->workers[i];
        if (w->busy && pool->polls[at++].revents != 0 && take_bytes(w, result)) {
            return POOL_RESULT;
        }
    }
    return POOL_TIMEOUT;
}
