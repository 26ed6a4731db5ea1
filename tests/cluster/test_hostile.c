/* Whatever bytes come to a member's ports, it lives, keeps serving, and holds no more than what it
 * was sent allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/rng.h"
#include "ctl/ctl.h"
#include "peer/peers.h"
#include "raft/message.h"
#include "state/entry.h"
#include "support/seeds.h"
#include "support/sim_cluster.h"
#include "wire.h"

#define STRANGERS  24
#define PIECES     12
#define PIECE_MAX  700
#define BYTES_BASE (64 * 1024)

/* A stranger: one connection to a port of m0, some pieces of bytes, then silence until it is
 * stopped. One that speaks to the peer port asks m1 first which log it has, to pass for m1. */
struct stranger {
    struct env *env;
    struct env_stream stream;
    struct env_link spy; /* to m1 */
    struct env_link link;
    struct env_timer timer;
    struct rng rng;
    unsigned kind;
    unsigned pieces;
    bool accepted; /* for m1 */
    bool gone;
};

static uint64_t cluster_id;
static uint64_t bytes_sent;
static uint64_t bytes_sent_all;
static member_id_t ids[2]; /* m0, who is attacked, and m1, whom the stranger claims to be */
static struct peer_start passes_for; /* m1's, once a stranger has heard it */
static term_t term;                  /* of the cluster */
static uint64_t records_taken;       /* sent on links whose hello was accepted */

enum {
    STRANGER_NOISE,
    STRANGER_HTTP2,
    STRANGER_HTTP1,
    STRANGER_LINK,
    STRANGER_KINDS
};

static void put_noise(struct stranger *s, struct buf *out, size_t max)
{
    size_t len = (size_t)rng_below(&s->rng, max) + 1;
    for (size_t i = 0; i < len; i++) {
        buf_add_u8(out, (uint8_t)rng_u64(&s->rng));
    }
}

/* A frame with a plausible head and any body. */
static void put_frame(struct stranger *s, struct buf *out)
{
    size_t len = (size_t)rng_below(&s->rng, 64);
    uint8_t type = (uint8_t)rng_below(&s->rng, 11);
    uint8_t flags = (uint8_t)rng_u64(&s->rng);
    uint32_t id = (uint32_t)rng_below(&s->rng, 8);
    buf_add_u8(out, 0);
    buf_add_u8(out, 0);
    buf_add_u8(out, (uint8_t)len);
    buf_add_u8(out, type);
    buf_add_u8(out, flags);
    for (int shift = 24; shift >= 0; shift -= 8) {
        buf_add_u8(out, (uint8_t)(id >> shift));
    }
    for (size_t i = 0; i < len; i++) {
        buf_add_u8(out, (uint8_t)rng_u64(&s->rng));
    }
}

static void put_message(struct stranger *s, struct buf *out)
{
    struct raft_message message = {0};
    message.type = (enum raft_message_type)(1 + rng_below(&s->rng, 12));
    message.pre = rng_chance(&s->rng, 500000);
    message.force = rng_chance(&s->rng, 500000);
    /* Never an honest answer: a lie that is well formed may break a promise, but no process. */
    message.reject = true;
    message.from = ids[1];
    message.to = ids[0];
    /* Nobody but m1 can have a later start than it has: that lie would outlive the liar. */
    message.boot = rng_below(&s->rng, 2);
    message.to_boot = rng_below(&s->rng, 3);
    message.term = rng_below(&s->rng, 4);
    message.index = rng_below(&s->rng, 20);
    message.log_term = rng_below(&s->rng, 4);
    message.hint_index = rng_u64(&s->rng) >> rng_below(&s->rng, 64);
    message.hint_term = rng_below(&s->rng, 4);
    message.context = rng_u64(&s->rng);
    struct raft_conf conf = {.voter_count = 1, .voters = {ids[1]}};
    message.conf = &conf;
    if (message.type == RAFT_APPEND || message.type == RAFT_SNAPSHOT ||
        message.type == RAFT_HEARTBEAT || message.type == RAFT_TIMEOUT_NOW) {
        message.term = 1; /* of a leader that is over */
    }
    buf_add_u8(out, PEER_KIND_USER);
    raft_message_encode(&message, out);
}

/* A follower may propose anything: what nobody can read must change nothing, on nobody. */
static void put_proposal(struct stranger *s, struct buf *out)
{
    struct buf payload;
    buf_init(&payload, s->env->mem);
    if (rng_chance(&s->rng, 800000)) {
        const struct entry_head head = {
            .kind = (enum entry_kind)(ENTRY_PUT + rng_below(&s->rng, ENTRY_COMPACT)),
            .origin = ids[1],
            .boot = 1,
            .seq = rng_u64(&s->rng)};
        entry_put_head(&payload, &head);
    }
    put_noise(s, &payload, 40);
    bool conf = rng_chance(&s->rng, 300000);
    if (conf) {
        const struct raft_conf_change change = {(enum raft_conf_type)(1 + rng_below(&s->rng, 5)),
                                                ids[1], buf_slice(&payload)};
        struct buf whole;
        buf_init(&whole, s->env->mem);
        raft_conf_change_encode(&change, &whole);
        buf_fini(&payload);
        payload = whole;
    }
    const struct raft_entry entry = {.payload = buf_slice(&payload),
                                     .type = conf ? RAFT_ENTRY_CONF : RAFT_ENTRY_NORMAL};
    const struct raft_message message = {.type = RAFT_PROPOSE,
                                         .from = ids[1],
                                         .to = ids[0],
                                         .boot = 1,
                                         .term = term,
                                         .context = rng_u64(&s->rng) >> 32,
                                         .entries = &entry,
                                         .entry_count = 1};
    buf_add_u8(out, PEER_KIND_USER);
    raft_message_encode(&message, out);
    buf_fini(&payload);
}

/* A record of the other kinds, and of one that does not exist: any body. */
static void put_other_kind(struct stranger *s, struct buf *out)
{
    buf_add_u8(out, (uint8_t)(PEER_KIND_USER + 1 + rng_below(&s->rng, 6)));
    put_noise(s, out, 60);
}

/* Flips, cuts and doubles bytes of what was put since `from`. */
static void damage(struct stranger *s, struct buf *out, size_t from)
{
    uint64_t edits = rng_below(&s->rng, 4);
    for (uint64_t i = 0; i < edits && out->len > from + 1; i++) {
        size_t at = from + (size_t)rng_below(&s->rng, out->len - from);
        uint64_t how = rng_below(&s->rng, 3);
        if (how == 0) {
            out->ptr[at] ^= (uint8_t)(1u << rng_below(&s->rng, 8));
        } else if (how == 1) {
            out->len = at;
        } else {
            buf_add(out, "\xff\xff\xff\xff", 4);
        }
    }
}

static void put_piece(struct stranger *s, struct buf *out)
{
    switch (s->kind) {
    case STRANGER_HTTP2:
        if (s->pieces == 0) {
            buf_add_str(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
            buf_add(out, "\0\0\0\4\0\0\0\0\0", 9);
        }
        put_frame(s, out);
        break;
    case STRANGER_HTTP1:
        buf_add_str(out, rng_chance(&s->rng, 500000)
                             ? "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
                             : "POST /version HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
        damage(s, out, 0);
        break;
    default: put_noise(s, out, PIECE_MAX); break;
    }
}

static void put_record(struct stranger *s, struct buf *out)
{
    if (s->pieces == 0) {
        /* A true hello, so that what follows is taken for a member's; mostly. */
        const struct peer_hello hello = {
            .cluster = cluster_id, .from = ids[1], .to = ids[0], .start = passes_for};
        wire_put_hello(out, &hello);
        if (rng_chance(&s->rng, 100000)) {
            out->len -= 1 + rng_below(&s->rng, out->len - 2);
        }
        return;
    }
    switch (rng_below(&s->rng, 5)) {
    case 0: put_noise(s, out, PIECE_MAX); return;
    case 1: put_other_kind(s, out); return;
    case 2: put_proposal(s, out); return;
    default: put_message(s, out); break;
    }
    if (rng_chance(&s->rng, 600000)) {
        damage(s, out, 0);
    }
}

static void send_piece(struct env_timer *timer)
{
    struct stranger *s = timer->data;
    struct buf out;
    if (s->gone || s->pieces == PIECES) {
        return;
    }
    buf_init(&out, s->env->mem);
    if (s->kind == STRANGER_LINK) {
        put_record(s, &out);
        int rv = env_link_send(s->env, &s->link, buf_slice(&out));
        s->gone = rv == ERR_CONN_CLOSED;
        records_taken += s->accepted;
    } else {
        put_piece(s, &out);
        env_stream_write(s->env, &s->stream, buf_slice(&out));
    }
    bytes_sent += out.len;
    s->pieces++;
    buf_fini(&out);
    env_timer_set(s->env, timer, env_now_ns(s->env) + rng_range(&s->rng, 0, 20 * MS_NS));
}

static void stream_opened(struct env_stream *stream, int status)
{
    struct stranger *s = stream->data;
    s->gone = status != 0;
    send_piece(&s->timer);
}
static void stream_data(struct env_stream *stream, struct slice bytes)
{
    (void)stream;
    (void)bytes;
}
static void stream_eof(struct env_stream *stream)
{
    (void)stream;
}
static void stream_failed(struct env_stream *stream, int err)
{
    struct stranger *s = stream->data;
    (void)err;
    s->gone = true;
}
static void stream_closed(struct env_stream *stream)
{
    (void)stream;
}
static const struct env_stream_events stream_events = {stream_opened, stream_data,   stream_eof,
                                                       stream_eof,    stream_failed, stream_closed};

static void link_opened(struct env_link *link, int status)
{
    struct stranger *s = link->data;
    s->gone = status != 0;
    if (link == &s->spy && status == 0) {
        const struct peer_hello hello = {.cluster = cluster_id, .from = 77, .to = ids[1]};
        struct buf out;
        buf_init(&out, s->env->mem);
        wire_put_hello(&out, &hello);
        int rv = env_link_send(s->env, link, buf_slice(&out));
        s->gone = rv != 0;
        buf_fini(&out);
        return;
    }
    send_piece(&s->timer);
}
static void link_record(struct env_link *link, struct slice record)
{
    struct stranger *s = link->data;
    struct wire_welcome welcome;
    if (record.len == 0 || record.ptr[0] != WIRE_WELCOME ||
        wire_get_welcome(slice_from(record, 1), &welcome) != 0) {
        return;
    }
    if (link == &s->spy) {
        passes_for = welcome.start;
        env_link_close(s->env, link);
        env_link_connect(s->env, &s->link, "10.0.0.1", 2380);
    } else if (welcome.refusal == PEER_ACCEPTED) {
        s->accepted = true;
    }
}
static void link_failed(struct env_link *link, int err)
{
    struct stranger *s = link->data;
    (void)err;
    s->gone = true;
}
static void link_closed(struct env_link *link)
{
    (void)link;
}
static const struct env_link_events link_events = {link_opened, link_record, link_failed,
                                                   link_closed};

static void start(struct env *env)
{
    struct stranger *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->rng = env_random(env, "test.stranger");
    s->kind = (unsigned)rng_below(&s->rng, STRANGER_KINDS);
    uint16_t port = rng_chance(&s->rng, 700000) ? 2379 : 2380;
    s->timer.fire = send_piece;
    s->timer.data = s;
    if (s->kind == STRANGER_LINK) {
        s->link = (struct env_link){.events = &link_events, .data = s};
        s->spy = (struct env_link){.events = &link_events, .data = s};
        env_link_connect(env, &s->spy, "10.0.0.2", 2380);
    } else {
        s->stream = (struct env_stream){.events = &stream_events, .data = s};
        env_stream_connect(env, &s->stream, "10.0.0.1", port);
    }
}

static const struct env_program stranger_program = {"stranger", start};

static void must_put(struct sim_cluster *cluster, const char *name, uint64_t seed)
{
    struct node *client = sim_client_new(cluster, name);
    const char *const args[] = {"quoratectl", "--endpoints=10.0.0.1:2379", "put", "k", "v", NULL};
    sim_client_start(client, &ctl_program, args);
    sim_run_until_ended(cluster, client, 10 * SEC_NS);
    if (node_exit_code(client) != 0) {
        struct slice err = node_output(client, ENV_STDERR);
        fail_msg("seed %llu: it no longer serves: %.*s", (unsigned long long)seed, (int)err.len,
                 (const char *)err.ptr);
    }
}

static void attack(uint64_t seed)
{
    struct world_options options = world_options_default(seed);
    struct sim_cluster cluster;
    char name[16];
    sim_cluster_init(&cluster, &options, 3, true);
    cluster.flags[0] = "--snapshot-count=10";
    cluster.flag_count = 1;
    sim_member_start(&cluster, 0);
    sim_member_start(&cluster, 1);
    sim_run_until_served(&cluster);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 2 * SEC_NS);
    ids[0] = cluster.members[0].id;
    ids[1] = cluster.members[1].id;
    cluster_id = cluster.cluster_id;
    term = cluster.leader_term;
    bytes_sent = 0;
    uint64_t before = node_memory_peak(cluster.members[0].node);
    for (int i = 0; i < STRANGERS; i++) {
        static const char *const args[] = {"stranger", NULL};
        snprintf(name, sizeof(name), "stranger%d", i);
        sim_client_start(sim_client_new(&cluster, name), &stranger_program, args);
        sim_run_until(&cluster, sim_now_ns(&cluster) + 15 * MS_NS);
    }
    sim_run_until(&cluster, sim_now_ns(&cluster) + 3 * SEC_NS);
    uint64_t grown = node_memory_peak(cluster.members[0].node) - before;
    struct node *broken = world_first_fault(cluster.world);
    if (broken != NULL) {
        fail_msg("seed %llu: %s: %s", (unsigned long long)seed, node_name(broken),
                 node_fault_text(broken));
    }
    must_put(&cluster, "before", seed);
    /* Each connection has its base; the rest is paid for by bytes. */
    if (grown > STRANGERS * BYTES_BASE + 8 * bytes_sent) {
        fail_msg("seed %llu: %llu bytes of memory for %llu bytes from strangers",
                 (unsigned long long)seed, (unsigned long long)grown,
                 (unsigned long long)bytes_sent);
    }
    /* What came of it in the log and in snapshots can be read again. */
    host_power_off(cluster.members[0].host);
    sim_member_start(&cluster, 0);
    must_put(&cluster, "after", seed);
    assert_string_equal(sim_trouble(&cluster), "");
    for (size_t i = 0; i < 2; i++) {
        node_stop(cluster.members[i].node, 15);
        assert_true(sim_run_until_ended(&cluster, cluster.members[i].node, 10 * SEC_NS));
    }
    assert_null(world_first_fault(cluster.world));
    sim_cluster_fini(&cluster);
    bytes_sent_all += bytes_sent;
}

static void test_strangers_cost_little_and_kill_nobody(void **state)
{
    (void)state;
    uint64_t seeds = seeds_to_run(60, 2000);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        attack(seed);
    }
    printf("%llu bytes from strangers\n", (unsigned long long)bytes_sent_all);
    printf("%llu records from a stranger that was taken for a member\n",
           (unsigned long long)records_taken);
    assert_true(bytes_sent_all > seeds * STRANGERS * PIECES * 10);
    assert_true(records_taken > seeds * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers_cost_little_and_kill_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
