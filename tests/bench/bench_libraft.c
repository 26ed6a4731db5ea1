/* The same work as bench_raft on libraft's own fixture: 3 members, entries of 32 bytes, a number of
 * them in flight. A program of its own, because both engines call their functions raft_….
 *
 *   bench_libraft OPERATIONS IN-FLIGHT   prints CPU seconds
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <raft.h>
#include <raft/fixture.h>

#define MEMBERS 3
#define BYTES   32

static unsigned long applied;

static int fsm_apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
    (void)buf;
    *result = NULL;
    if (fsm->data != NULL) {
        applied++;
    }
    return 0;
}

static int fsm_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *count)
{
    (void)fsm;
    *count = 1;
    *bufs = raft_malloc(sizeof(**bufs));
    (*bufs)[0].len = 8;
    (*bufs)[0].base = raft_malloc(8);
    memset((*bufs)[0].base, 0, 8);
    return 0;
}

static int fsm_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    (void)fsm;
    raft_free(buf->base);
    return 0;
}

static void must(int rv, const char *what)
{
    if (rv != 0) {
        fprintf(stderr, "%s: %s\n", what, raft_strerror(rv));
        exit(1);
    }
}

static void applied_cb(struct raft_apply *req, int status, void *result)
{
    (void)result;
    must(status, "apply");
    free(req);
}

static void propose(struct raft *raft)
{
    struct raft_apply *req = calloc(1, sizeof(*req));
    struct raft_buffer buf = {raft_malloc(BYTES), BYTES};
    memcpy(buf.base, "0123456789abcdef0123456789abcdef", BYTES);
    must(raft_apply(raft, req, &buf, 1, applied_cb), "raft_apply");
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static struct raft_fixture fixture;
    static struct raft_fsm fsms[MEMBERS];
    struct raft_configuration conf;
    int leads = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_libraft OPERATIONS IN-FLIGHT\n");
        return 2;
    }
    unsigned long wanted = strtoul(argv[1], NULL, 10);
    unsigned long in_flight = strtoul(argv[2], NULL, 10);
    must(raft_fixture_initialize(&fixture), "initialize");
    for (unsigned i = 0; i < MEMBERS; i++) {
        fsms[i] = (struct raft_fsm){.version = 1,
                                    .data = i == 0 ? &leads : NULL,
                                    .apply = fsm_apply,
                                    .snapshot = fsm_snapshot,
                                    .restore = fsm_restore};
        must(raft_fixture_grow(&fixture, &fsms[i]), "grow");
    }
    must(raft_fixture_configuration(&fixture, MEMBERS, &conf), "configuration");
    must(raft_fixture_bootstrap(&fixture, &conf), "bootstrap");
    raft_configuration_close(&conf);
    must(raft_fixture_start(&fixture), "start");
    raft_fixture_elect(&fixture, 0);
    struct raft *raft = raft_fixture_get(&fixture, 0);
    unsigned long proposed = 0;
    double before = cpu_s();
    while (applied < wanted) {
        while (proposed < wanted && proposed - applied < in_flight) {
            propose(raft);
            proposed++;
        }
        raft_fixture_step(&fixture);
    }
    fprintf(stderr, "%.6f\n", cpu_s() - before);
    raft_fixture_close(&fixture);
    return 0;
}
