/* The log against the disk's own rate: a bare loop of append and fdatasync on the same file system,
 * before and after.
 *
 *   bench_storage [DIR [SECONDS]]      the working directory and 2 seconds for each part unless
 * told
 *
 * One client: a put of 128 bytes, and the next when that is durable; the loop appends as many bytes
 * as the log did for each sync. Many clients: 256 puts of 1 KiB under way at any time; the loop
 * appends batches of the size that group commit made of them. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "storage/storage.h"
#include "uv_world/uv_world.h"

#define CLIENTS_MAX 256

struct bench {
    struct env *env;
    struct storage *storage;
    size_t clients;
    size_t value_bytes;
    double seconds;
    double begun_s;
    double took_s;
    uint64_t syncs_before;
    uint64_t bytes_before;
    uint64_t token;
    uint64_t puts;
    uint64_t syncs;
    uint64_t bytes;
    bool ending;
};

static struct bench bench;
static char path[1024];

static void fail(const char *what)
{
    fprintf(stderr, "bench_storage: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Syncs per second of the bare loop. */
static double bare(size_t bytes, double seconds)
{
    char name[1100];
    snprintf(name, sizeof(name), "%s/bare", path);
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    char *block = malloc(bytes);
    if (fd < 0 || block == NULL) {
        fail("cannot open the file of the bare loop");
    }
    memset(block, 'b', bytes);
    double begun = now_s();
    double until = begun + seconds;
    uint64_t syncs = 0;
    while (now_s() < until) {
        if (write(fd, block, bytes) != (ssize_t)bytes || fdatasync(fd) != 0) {
            fail("the bare loop cannot write");
        }
        syncs++;
    }
    double rate = (double)syncs / (now_s() - begun);
    free(block);
    close(fd);
    unlink(name);
    return rate;
}

static void put(struct bench *b)
{
    static uint8_t value[4096];
    const struct raft_entry entry = {1, b->token + 1, slice_of(value, b->value_bytes), 0};
    const struct raft_persist persist = {.token = b->token + 1,
                                         .sync = true,
                                         .hard = {.term = 1, .vote = 8, .commit = b->token},
                                         .entries = &entry,
                                         .entry_count = 1,
                                         .last_index = b->token + 1,
                                         .last_term = 1};
    b->token++;
    storage_persist(b->storage, &persist);
}

static void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct bench *b = data;
    (void)boot;
    if (status == ERR_NOT_FOUND) {
        const struct storage_meta meta = {7, 8};
        storage_create(b->storage, &meta);
        return;
    }
    if (status != 0) {
        fail(storage_words(b->storage));
    }
    b->begun_s = now_s();
    b->syncs_before = storage_syncs(b->storage);
    b->bytes_before = storage_bytes(b->storage);
    for (size_t i = 0; i < b->clients; i++) {
        put(b);
    }
}

static void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    struct bench *b = data;
    (void)index;
    (void)term;
    b->puts = token;
    if (b->ending) {
        return;
    }
    b->took_s = now_s() - b->begun_s;
    if (b->took_s < b->seconds) {
        put(b);
        return;
    }
    b->ending = true;
    b->syncs = storage_syncs(b->storage) - b->syncs_before;
    b->bytes = storage_bytes(b->storage) - b->bytes_before;
    storage_close(b->storage);
}

static void on_failed(void *data, int err)
{
    (void)data;
    fail(err_text(err));
}

static void on_closed(void *data)
{
    struct bench *b = data;
    storage_free(b->storage);
    b->storage = NULL;
    env_at_turn_end(b->env, NULL, NULL);
    env_exit(b->env, 0, true);
}

static void turn_end(void *data)
{
    struct bench *b = data;
    if (b->storage != NULL) {
        storage_flush(b->storage);
    }
}

static void start(struct env *env)
{
    static const struct storage_events events = {
        .opened = on_opened, .persisted = on_persisted, .failed = on_failed, .closed = on_closed};
    bench.env = env;
    bench.storage = storage_new(env, path, NULL, &events, &bench);
    env_at_turn_end(env, turn_end, &bench);
    storage_open(bench.storage);
}

/* The log alone, in a fresh directory. */
static void run(size_t clients, size_t value_bytes, double seconds)
{
    static const struct env_program program = {"bench_storage", start};
    char name[] = "bench_storage";
    char *args[] = {name, NULL};
    char command[4096];
    snprintf(command, sizeof(command), "rm -rf '%s/wal' '%s/snap' '%s/lock'", path, path, path);
    if (system(command) != 0) {
        fail("cannot empty the directory");
    }
    bench = (struct bench){.clients = clients, .value_bytes = value_bytes, .seconds = seconds};
    if (uv_world_main(&program, 1, args) != 0 || bench.syncs == 0) {
        fail("the log did not run");
    }
}

static void compare(const char *what, size_t clients, size_t value_bytes, double seconds)
{
    run(clients, value_bytes, seconds / 4); /* for the size of a batch */
    size_t batch = (size_t)(bench.bytes / bench.syncs);
    double before = bare(batch, seconds / 2);
    run(clients, value_bytes, seconds);
    double after = bare(batch, seconds / 2);
    double loop = (before + after) / 2;
    double syncs = (double)bench.syncs / bench.took_s;
    double puts = (double)bench.puts / bench.took_s;
    double mib = (double)bench.bytes / bench.took_s / 1048576;
    printf("%-12s %8.0f puts/s  %6.1f puts/sync  %7.0f syncs/s  %7.1f MiB/s   bare loop of %zu B: "
           "%7.0f syncs/s  %7.1f MiB/s   ratio %.2f syncs, %.2f bytes\n",
           what, puts, puts / syncs, syncs, mib, batch, loop, loop * (double)batch / 1048576,
           syncs / loop, mib / (loop * (double)batch / 1048576));
}

int main(int argc, char **argv)
{
    char made[1200];
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    snprintf(path, sizeof(path), "%s/bench-storage-XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(path) == NULL || seconds <= 0) {
        fail("cannot make a directory there");
    }
    compare("one client", 1, 128, seconds);
    compare("256 clients", CLIENTS_MAX, 1024, seconds);
    snprintf(made, sizeof(made), "rm -rf '%s'", path);
    return system(made) == 0 ? 0 : 1;
}
