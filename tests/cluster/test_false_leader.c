/* A member that passes for the leader. Whatever snapshots it offers which are none, and whatever it
 * answers, the one that hears it keeps its log and its state, goes on, and can be served by an
 * honest leader afterwards. A snapshot that is sound it has to believe.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "mvcc/mvcc.h"
#include "peer/peers.h"
#include "raft/message.h"
#include "snapshot_wire.h"
#include "state/state.h"
#include "storage/snap_format.h"
#include "support/passed.h"
#include "support/sim_cluster.h"
#include "wire.h"

#define INDEX 1000 /* of the snapshot that is offered */

/* Of core/server: the kinds of its records. */
enum {
    KIND_RAFT = PEER_KIND_USER,
    KIND_PROMOTE = PEER_KIND_USER + 1,
    KIND_PROMOTED = PEER_KIND_USER + 2,
    KIND_ASK = PEER_KIND_USER + 3,
    KIND_PIECE = PEER_KIND_USER + 4,
    KIND_END = PEER_KIND_USER + 5
};

enum lie {
    LIE_NOISE,          /* no snapshot at all */
    LIE_FOREIGN,        /* of another cluster */
    LIE_STATE,          /* whole, but the members cannot be read */
    LIE_OTHER_STATE,    /* whole, but the state is that of another index */
    LIE_NO_KEYS,        /* whole, without a key space */
    LIE_KINDS,          /* whole, with a chunk of an unknown kind */
    LIE_OTHER_INDEX,    /* not the one that was offered */
    LIE_OTHER_CONF,     /* another configuration than was offered */
    LIE_CHANGES_FILE,   /* another file in the middle */
    LIE_OFFERS_ANOTHER, /* a later one in the middle, and then noise */
    LIE_GONE,           /* gone, offered again, gone for good */
    LIE_SILENT,         /* says nothing after the offer */
    LIE_MALFORMED,      /* pieces, ends and asks that are none */
    LIES,
    /* Tests of their own. */
    LIE_REMOVED,   /* whole, and m0 was removed */
    LIE_OTHER_LOG, /* whole, and m0 has published itself with another log */
    LIE_LATE,      /* comes when m0 is about to end */
    LIE_ANSWER     /* no snapshot: an answer to a question */
};

static enum lie lie;
static struct sim_cluster *cluster;
static member_id_t ids[3]; /* m0, who is lied to, m1, whom the liar passes for, and m2 */
static term_t term;        /* of which the liar says that it leads */
static unsigned asked;     /* times */
static unsigned refused;   /* times that m0 has said so */
static uint32_t answer_code;

struct liar {
    struct env *env;
    struct env_link spy; /* to m1 while it lives: which log has it? */
    struct env_link link;
    struct env_timer timer;
    struct peer_start start; /* m1's */
    index_t offered;
    unsigned offers;
    struct buf file;
};

static void send(struct liar *liar, struct buf *record)
{
    int rv = env_link_send(liar->env, &liar->link, buf_slice(record));
    (void)rv; /* m0 may have dropped the link: then it does not believe us, which is fine */
    buf_fini(record);
}

static void make_conf(struct raft_conf *conf, bool right)
{
    size_t first = lie == LIE_REMOVED ? 1 : 0;
    *conf = (struct raft_conf){.voter_count = right ? 3 - first : 1};
    for (size_t i = 0; i < conf->voter_count; i++) {
        member_id_t id = ids[first + i];
        size_t at = i;
        for (; at > 0 && conf->voters[at - 1] > id; at--) {
            conf->voters[at] = conf->voters[at - 1];
        }
        conf->voters[at] = id;
    }
}

static void offer(struct liar *liar, index_t index)
{
    struct raft_conf conf;
    struct buf record;
    make_conf(&conf, true);
    const struct raft_message message = {.type = RAFT_SNAPSHOT,
                                         .from = ids[1],
                                         .to = ids[0],
                                         .boot = 1,
                                         .term = term,
                                         .index = index,
                                         .log_term = term,
                                         .conf = &conf};
    liar->offered = index;
    liar->offers++;
    buf_init(&record, liar->env->mem);
    buf_add_u8(&record, KIND_RAFT);
    raft_message_encode(&message, &record);
    send(liar, &record);
}

static void make_state(struct buf *out, index_t index)
{
    const struct alarms none = {0};
    struct membership members;
    membership_init(&members, out->mem);
    int rv =
        membership_parse(&members, slice_str(cluster->initial), slice_str("etcd-cluster"), NULL);
    assert_int_equal(rv, 0);
    if (lie == LIE_REMOVED) {
        struct membership_change change;
        membership_plan_remove(ids[0], &change);
        rv = membership_apply(&members, &change);
    } else if (lie == LIE_OTHER_LOG) {
        const struct membership_publish publish = {
            .id = ids[0], .name = slice_str("m0"), .instance = 99};
        rv = membership_publish_apply(&members, &publish);
    }
    assert_int_equal(rv, 0);
    state_encode(index, term, "3.4.0", &none, &members, out);
    membership_fini(&members);
}

/* A key space without keys. */
static void add_keys(struct liar *liar, struct snap_tail *tail)
{
    struct mvcc *mvcc = mvcc_new(liar->env->mem);
    struct mvcc_walk *walk = mvcc_walk_new(mvcc);
    struct buf chunk;
    buf_init(&chunk, liar->env->mem);
    while (mvcc_walk_next(walk, 1000, &chunk)) {
        snap_write_chunk(&liar->file, tail, STATE_CHUNK_KEYS, buf_slice(&chunk));
        buf_clear(&chunk);
    }
    buf_fini(&chunk);
    mvcc_walk_free(walk);
    mvcc_free(mvcc);
}

/* The bytes that this lie hands out. */
static void make_file(struct liar *liar)
{
    struct snapshot_head head = {.cluster_id = cluster->cluster_id + (lie == LIE_FOREIGN),
                                 .member_id = ids[1],
                                 .instance = liar->start.instance,
                                 .index = INDEX + (lie == LIE_OTHER_INDEX),
                                 .term = term};
    struct snap_tail tail;
    struct buf state;
    make_conf(&head.conf, lie != LIE_OTHER_CONF);
    buf_clear(&liar->file);
    if (lie == LIE_NOISE || lie == LIE_OFFERS_ANOTHER) {
        for (int i = 0; i < 20000; i++) {
            buf_add_u8(&liar->file, (uint8_t)(i * 7));
        }
        return;
    }
    buf_init(&state, liar->env->mem);
    if (lie == LIE_STATE) {
        buf_add_str(&state, "no state");
    } else {
        make_state(&state, head.index + (lie == LIE_OTHER_STATE));
    }
    snap_write_header(&liar->file, &head, 1, &tail);
    snap_write_chunk(&liar->file, &tail, STATE_CHUNK_MEMBER, buf_slice(&state));
    if (lie == LIE_KINDS) {
        snap_write_chunk(&liar->file, &tail, 9, buf_slice(&state));
    }
    if (lie > LIES) {
        add_keys(liar, &tail);
    }
    snap_write_end(&liar->file, &tail);
    buf_fini(&state);
}

static void send_piece(struct liar *liar, const struct snapshot_ask *ask)
{
    uint64_t file = lie == LIE_CHANGES_FILE && asked % 3 == 2 ? 6 : 5;
    uint64_t offset = ask->file == file ? ask->offset : 0;
    size_t len = liar->file.len - (size_t)offset;
    len = len < ask->want ? len : ask->want;
    len = lie == LIE_CHANGES_FILE && len > 50 ? 50 : len;
    if (len == 0 || offset > liar->file.len) {
        return;
    }
    const struct snapshot_piece piece = {.index = ask->index,
                                         .term = ask->term,
                                         .file = file,
                                         .size = liar->file.len,
                                         .offset = offset,
                                         .bytes = slice_of(liar->file.ptr + offset, len)};
    struct buf record;
    buf_init(&record, liar->env->mem);
    buf_add_u8(&record, KIND_PIECE);
    snapshot_put_piece(&record, &piece);
    send(liar, &record);
}

static void send_end(struct liar *liar, const struct snapshot_ask *ask)
{
    const struct snapshot_end end = {ask->index, ask->term, SNAPSHOT_GONE};
    struct buf record;
    buf_init(&record, liar->env->mem);
    buf_add_u8(&record, KIND_END);
    snapshot_put_end(&record, &end);
    send(liar, &record);
}

static void send_malformed(struct liar *liar)
{
    static const uint8_t kinds[] = {KIND_ASK, KIND_PIECE, KIND_END};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        struct buf record;
        buf_init(&record, liar->env->mem);
        buf_add_u8(&record, kinds[i]);
        buf_add_str(&record, "nothing that anybody could read");
        send(liar, &record);
    }
}

static void on_ask(struct liar *liar, struct slice body)
{
    struct snapshot_ask ask;
    assert_int_equal(snapshot_get_ask(body, &ask), 0);
    asked++;
    if (ask.want == 0 || lie == LIE_SILENT) {
        return;
    }
    if (lie == LIE_GONE) {
        send_end(liar, &ask);
    } else if (lie == LIE_MALFORMED) {
        send_malformed(liar);
    } else if (lie == LIE_OFFERS_ANOTHER && liar->offers == 1) {
        offer(liar, 2 * INDEX);
    } else {
        send_piece(liar, &ask);
    }
}

/* So that it is asked what only a leader can tell. */
static void send_heartbeat(struct liar *liar)
{
    const struct raft_message message = {
        .type = RAFT_HEARTBEAT, .from = ids[1], .to = ids[0], .boot = 1, .term = term};
    struct buf record;
    buf_init(&record, liar->env->mem);
    buf_add_u8(&record, KIND_RAFT);
    raft_message_encode(&message, &record);
    send(liar, &record);
}

/* "It is done, and these are the members now". */
static void send_answer(struct liar *liar, struct slice question)
{
    struct reader r = reader_of(question);
    uint64_t token = read_u64(&r);
    struct buf record;
    asked++;
    buf_init(&record, liar->env->mem);
    buf_add_u8(&record, KIND_PROMOTED);
    buf_add_u64(&record, token);
    buf_add_u32(&record, answer_code);
    buf_add_str(&record, "no members");
    send(liar, &record);
}

/* An offer that is repeated, as a leader would when it has lost patience. */
static void again(struct env_timer *timer)
{
    struct liar *liar = timer->data;
    if (lie == LIE_GONE && liar->offers < 3) {
        offer(liar, INDEX);
        env_timer_set(liar->env, timer, env_now_ns(liar->env) + SEC_NS);
    }
}

static void say_hello(struct liar *liar, struct env_link *link, member_id_t from, member_id_t to)
{
    const struct peer_hello hello = {
        .cluster = cluster->cluster_id, .from = from, .to = to, .start = liar->start};
    struct buf record;
    buf_init(&record, liar->env->mem);
    wire_put_hello(&record, &hello);
    int rv = env_link_send(liar->env, link, buf_slice(&record));
    assert_int_equal(rv, 0);
    buf_fini(&record);
}

static void link_opened(struct env_link *link, int status)
{
    struct liar *liar = link->data;
    assert_int_equal(status, 0);
    if (link == &liar->spy) {
        say_hello(liar, link, 77, ids[1]);
    } else {
        say_hello(liar, link, ids[1], ids[0]);
    }
}

static void on_welcome(struct liar *liar, const struct env_link *link,
                       const struct wire_welcome *welcome)
{
    if (link == &liar->spy) {
        liar->start = welcome->start;
        return;
    }
    assert_int_equal(welcome->refusal, PEER_ACCEPTED);
    if (lie == LIE_ANSWER) {
        send_heartbeat(liar);
        return;
    }
    make_file(liar);
    offer(liar, INDEX);
    env_timer_set(liar->env, &liar->timer, env_now_ns(liar->env) + SEC_NS);
}

static void link_record(struct env_link *link, struct slice record)
{
    struct liar *liar = link->data;
    struct wire_welcome welcome;
    struct snapshot_end end;
    switch (record.ptr[0]) {
    case WIRE_WELCOME:
        assert_int_equal(wire_get_welcome(slice_from(record, 1), &welcome), 0);
        on_welcome(liar, link, &welcome);
        break;
    case KIND_PROMOTE: send_answer(liar, slice_from(record, 1)); break;
    case KIND_ASK: on_ask(liar, slice_from(record, 1)); break;
    case KIND_END:
        assert_int_equal(snapshot_get_end(slice_from(record, 1), &end), 0);
        refused += end.what == SNAPSHOT_REFUSED;
        break;
    default: break;
    }
}

static void link_failed(struct env_link *link, int err)
{
    (void)link;
    (void)err;
}

static void link_closed(struct env_link *link)
{
    (void)link;
}

static const struct env_link_events link_events = {link_opened, link_record, link_failed,
                                                   link_closed};

/* m1 has been killed: now the liar is m1. */
static void begin(struct env_timer *timer)
{
    struct liar *liar = timer->data;
    liar->timer.fire = again;
    env_link_connect(liar->env, &liar->link, "10.0.0.1", 2380);
}

static void start(struct env *env)
{
    struct liar *liar = mem_zalloc(env->mem, 1, sizeof(*liar));
    liar->env = env;
    buf_init(&liar->file, env->mem);
    liar->spy = (struct env_link){.events = &link_events, .data = liar};
    liar->link = (struct env_link){.events = &link_events, .data = liar};
    liar->timer.fire = begin;
    liar->timer.data = liar;
    env_link_connect(env, &liar->spy, "10.0.0.2", 2380);
    env_timer_set(env, &liar->timer, env_now_ns(env) + 2 * SEC_NS);
}

static const struct env_program liar_program = {"liar", start};

static int put(struct sim_cluster *c, const char *name)
{
    struct node *client = sim_client_new(c, name);
    const char *const args[] = {"quoratectl", "--endpoints", c->endpoints, "put", "k", "v", NULL};
    sim_client_start(client, &ctl_program, args);
    assert_true(sim_run_until_ended(c, client, 20 * SEC_NS));
    return node_exit_code(client);
}

/* Three members with a key, and a liar that will be m1 in two seconds. */
static void begin_lie(struct sim_cluster *c, enum lie which, uint64_t seed)
{
    static const char *const args[] = {"liar", NULL};
    const struct world_options options = world_options_default(seed);
    lie = which;
    cluster = c;
    asked = 0;
    refused = 0;
    sim_cluster_init(c, &options, 3, true);
    for (size_t m = 0; m < 3; m++) {
        sim_member_start(c, m);
    }
    sim_run_until_served(c);
    assert_int_equal(put(c, "before"), 0);
    for (size_t m = 0; m < 3; m++) {
        ids[m] = c->members[m].id;
    }
    term = c->leader_term + 5;
    sim_client_start(sim_client_new(c, "liar"), &liar_program, args);
    sim_run_until(c, sim_now_ns(c) + SEC_NS);
}

static void test_a_false_leader_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < LIES; i++) {
        struct sim_cluster c;
        begin_lie(&c, (enum lie)i, (uint64_t)i + 1);
        node_crash(c.members[1].node);
        node_crash(c.members[2].node);
        uint64_t applied = c.members[0].applied;
        sim_run_until(&c, sim_now_ns(&c) + 20 * SEC_NS);
        assert_string_equal(sim_trouble(&c), "");
        assert_int_equal(node_state(c.members[0].node), NODE_RUNNING);
        assert_true(asked > 0);
        assert_true(c.members[0].applied == applied);
        bool tells = lie <= LIE_OTHER_CONF || lie == LIE_OFFERS_ANOTHER;
        assert_true(!tells || refused > 0);
        /* The others come back, and all is as if nobody had lied; also after a restart. */
        sim_member_start(&c, 1);
        sim_member_start(&c, 2);
        assert_int_equal(put(&c, "after"), 0);
        node_crash(c.members[0].node);
        sim_member_start(&c, 0);
        sim_run_until(&c, sim_now_ns(&c) + 3 * SEC_NS);
        assert_true(c.members[0].applied > applied);
        assert_int_equal(c.members[0].state_hash, c.members[1].state_hash);
        assert_string_equal(sim_trouble(&c), "");
        sim_cluster_fini(&c);
    }
}

/* Whom else should it believe? That it was removed, or that its log is not the one that its cluster
 * knows it by, ends it, with the status that a service manager goes by. An honest leader has
 * dropped the member from its list, or its link, before it has such a snapshot. */
static void test_a_snapshot_may_say_what_became_of_the_member(void **state)
{
    static const struct {
        enum lie lie;
        const char *probe;
        int code;
    } cases[] = {{LIE_REMOVED, "server.removal_came_with_snapshot", 0},
                 {LIE_OTHER_LOG, "server.snapshot_knows_other_log", 1}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sim_cluster c;
        struct passed passed;
        begin_lie(&c, cases[i].lie, i + 1);
        passed_begin(&passed, c.world, cases[i].probe);
        node_crash(c.members[1].node);
        node_crash(c.members[2].node);
        assert_true(sim_run_until_ended(&c, c.members[0].node, 10 * SEC_NS));
        assert_int_equal(passed.count, 1);
        assert_int_equal(node_state(c.members[0].node), NODE_EXITED);
        assert_int_equal(node_exit_code(c.members[0].node), cases[i].code);
        assert_null(world_first_fault(c.world));
        /* The others do without it. */
        sim_member_start(&c, 1);
        sim_member_start(&c, 2);
        sim_run_until_served(&c);
        assert_int_equal(put(&c, "after"), 0);
        assert_null(world_first_fault(c.world));
        sim_cluster_fini(&c);
    }
}

/* m0 leads, and hands leadership on before it ends; its heir does not answer. What is offered then
 * is not begun. */
static void test_who_is_ending_begins_no_snapshot(void **state)
{
    struct sim_cluster c;
    struct passed passed;
    uint64_t seed = 0;
    (void)state;
    do {
        if (seed > 0) {
            sim_cluster_fini(&c);
        }
        begin_lie(&c, LIE_LATE, ++seed);
    } while (c.leader != 0);
    passed_begin(&passed, c.world, "server.snapshot_offer_not_now");
    node_crash(c.members[1].node);
    sim_run_until(&c, sim_now_ns(&c) + 800 * MS_NS);
    node_pause(c.members[2].node);
    node_stop(c.members[0].node, 15);
    assert_true(sim_run_until_ended(&c, c.members[0].node, 5 * SEC_NS));
    assert_int_equal(node_exit_code(c.members[0].node), -15);
    assert_int_equal(passed.count, 1);
    assert_int_equal(asked, 0);
    node_resume(c.members[2].node);
    sim_member_start(&c, 0);
    sim_member_start(&c, 1);
    assert_int_equal(put(&c, "after"), 0);
    sim_run_until(&c, sim_now_ns(&c) + 3 * SEC_NS);
    for (size_t m = 1; m < 3; m++) {
        assert_int_equal(c.members[m].state_hash, c.members[0].state_hash);
    }
    assert_string_equal(sim_trouble(&c), "");
    sim_cluster_fini(&c);
}

static void expect_promotion(struct sim_cluster *c, const char *name, const char *said)
{
    char id[24];
    char endpoint[] = "--endpoints=10.0.0.1:2379";
    struct node *client = sim_client_new(c, name);
    fmt(id, sizeof(id), "%llx", (unsigned long long)ids[2]);
    const char *const args[] = {"quoratectl", endpoint, "member", "promote", id, NULL};
    sim_client_start(client, &ctl_program, args);
    assert_true(sim_run_until_ended(c, client, 20 * SEC_NS));
    assert_int_equal(node_exit_code(client), 1);
    if (!slice_eq_str(node_output(client, ENV_STDERR), said)) {
        struct slice text = node_output(client, ENV_STDERR);
        fail_msg("it said: %.*s", (int)text.len, (const char *)text.ptr);
    }
}

/* A promotion is asked of the leader: whatever comes back, the client is told something, and m0
 * asks the next leader as ever. */
static void test_answers_of_a_false_leader_are_errors(void **state)
{
    static const struct {
        uint32_t code;
        const char *said;
    } cases[] = {{0, "Error: rpc error: code = Internal desc = malformed message\n"},
                 {999, "Error: rpc error: code = Unknown desc = unknown error\n"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sim_cluster c;
        struct passed passed;
        begin_lie(&c, LIE_ANSWER, i + 1);
        answer_code = cases[i].code;
        passed_begin(&passed, c.world, "server.answer_malformed");
        node_crash(c.members[1].node);
        node_crash(c.members[2].node);
        sim_run_until(&c, sim_now_ns(&c) + 1200 * MS_NS);
        expect_promotion(&c, "asks", cases[i].said);
        assert_int_equal(asked, 1);
        assert_int_equal(passed.count, cases[i].code == 0);
        sim_member_start(&c, 1);
        sim_member_start(&c, 2);
        sim_run_until(&c, sim_now_ns(&c) + 5 * SEC_NS);
        assert_int_equal(put(&c, "after"), 0);
        expect_promotion(&c, "asks again",
                         "Error: etcdserver: can only promote a learner member\n");
        assert_string_equal(sim_trouble(&c), "");
        sim_cluster_fini(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_false_leader_changes_nothing),
        cmocka_unit_test(test_a_snapshot_may_say_what_became_of_the_member),
        cmocka_unit_test(test_who_is_ending_begins_no_snapshot),
        cmocka_unit_test(test_answers_of_a_false_leader_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
