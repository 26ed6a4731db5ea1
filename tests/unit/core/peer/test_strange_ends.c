/* A member's links to an end that is none of ours: one that answers a hello with anything, and one
 * that takes nothing. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/assert.h"
#include "base/duration.h"
#include "host/host.h"
#include "peer/peers.h"
#include "stream/port.h"
#include "support/passed.h"
#include "wire.h"

#define KIND     PEER_KIND_USER
#define CLUSTER  77
#define INSTANCE 5
#define ELECTION SEC_NS
#define BIG      (1024 * 1024)

/* Member 1, at 10.0.0.1. */
static struct member {
    struct env *env;
    struct peers peers;
    struct port port;
    struct env_timer timer;
    unsigned ups;
    unsigned downs;
    unsigned refusals;
    unsigned records;
    unsigned refused_sends; /* of ours, by a queue that is full */
    bool floods;
} member;

/* The end at 10.0.0.2, which passes for member 2. */
static struct strange {
    struct env *env;
    struct env_listener listener;
    struct env_link accepted[64];
    size_t count;
    size_t bad; /* how many links are answered with what is no welcome */
    struct env_link own;
    bool dials; /* says hello, too */
    unsigned heard;
    struct env_timer timer;
} strange;

static enum peer_refusal judge(struct peers *peers, const struct peer_hello *hello)
{
    (void)peers;
    (void)hello;
    return PEER_ACCEPTED;
}

static bool trusts(struct peers *peers, member_id_t id, const struct peer_start *start,
                   uint64_t epoch)
{
    (void)peers;
    (void)id;
    (void)epoch;
    return start->instance == INSTANCE;
}

static void record(struct peers *peers, member_id_t from, struct slice bytes)
{
    (void)peers;
    (void)bytes;
    assert_int_equal(from, 2);
    member.records++;
}

static void up(struct peers *peers, member_id_t id)
{
    (void)peers;
    (void)id;
    member.ups++;
}

static void down(struct peers *peers, member_id_t id)
{
    (void)peers;
    (void)id;
    member.downs++;
}

static void refused(struct peers *peers, member_id_t by, enum peer_refusal why, uint64_t other,
                    uint64_t epoch)
{
    (void)peers;
    (void)by;
    (void)why;
    (void)other;
    (void)epoch;
    member.refusals++;
}

static const struct peer_events events = {
    .judge = judge, .trusts = trusts, .record = record, .up = up, .down = down, .refused = refused};

static void incoming(struct port *port, struct env_incoming *in)
{
    (void)port;
    peers_accept(&member.peers, in);
}

static const struct port_events port_events = {.link = incoming};

/* A record all the time; or as many bytes as the link takes, to the last one. */
static void say(struct env_timer *timer)
{
    static uint8_t bytes[BIG] = {KIND};
    size_t len = member.floods ? sizeof(bytes) : 1;
    int rv = 0;
    while (len > 0 && rv != ERR_CONN_CLOSED) {
        rv = peers_send(&member.peers, 2, slice_of(bytes, len));
        assert_true(rv == 0 || rv == ERR_LIMIT || rv == ERR_CONN_CLOSED);
        len = !member.floods ? 0 : rv == ERR_LIMIT ? len / 2 : len;
    }
    member.refused_sends += rv == ERR_LIMIT;
    env_timer_set(member.env, timer, env_now_ns(member.env) + 10 * MS_NS);
}

static void start_member(struct env *env)
{
    static const struct peer_address other = {"10.0.0.2", 2380};
    member.env = env;
    peers_init(&member.peers, env, &events, NULL, ELECTION);
    const struct peer_start self = {INSTANCE, 1, 1};
    peers_identify(&member.peers, CLUSTER, 1, &self);
    port_init(&member.port, env, &port_events, NULL, NULL, 0);
    int rv = port_listen(&member.port, "10.0.0.1", 2380);
    ASSERT(rv == 0);
    port_serve(&member.port);
    peers_set(&member.peers, 2, &other, 1);
    member.timer.fire = say;
    say(&member.timer);
}

static void send(struct env_link *link, struct buf *bytes)
{
    int rv = env_link_send(strange.env, link, buf_slice(bytes));
    (void)rv; /* the member may have dropped the link */
    buf_fini(bytes);
}

/* The n-th thing that is no welcome. */
static void answer(struct env_link *link, size_t n)
{
    const struct wire_welcome welcome = {PEER_ACCEPTED, CLUSTER, {INSTANCE, 1, 1}, 0};
    struct buf bytes;
    buf_init(&bytes, strange.env->mem);
    wire_put_welcome(&bytes, &welcome);
    if (n < strange.bad) {
        switch (n % 5) {
        case 0: bytes.len = 1; break;
        case 1: bytes.len--; break;
        case 2: buf_add_u8(&bytes, 0); break;
        case 3: bytes.ptr[1] = WIRE_VERSION + 1; break;
        default: bytes.ptr[2] = PEER_WENT_BACK + 1; break;
        }
    }
    send(link, &bytes);
    if (n < strange.bad) {
        /* Nobody has to listen to that. */
        buf_init(&bytes, strange.env->mem);
        buf_add_u8(&bytes, KIND);
        send(link, &bytes);
    }
}

static void link_opened(struct env_link *link, int status)
{
    const struct peer_hello hello = {
        .cluster = CLUSTER, .from = 2, .to = 1, .start.instance = INSTANCE};
    struct buf bytes;
    ASSERT(status == 0);
    /* Without an introduction nobody listens. */
    buf_init(&bytes, strange.env->mem);
    buf_add_u8(&bytes, KIND);
    send(link, &bytes);
    buf_init(&bytes, strange.env->mem);
    wire_put_hello(&bytes, &hello);
    send(link, &bytes);
}

static void link_record(struct env_link *link, struct slice bytes)
{
    if (bytes.ptr[0] == WIRE_HELLO) {
        answer(link, (size_t)(link - strange.accepted));
    } else if (bytes.ptr[0] == WIRE_PING) {
        static const uint8_t pong[] = {WIRE_PONG};
        int rv = env_link_send(strange.env, link, slice_of(pong, sizeof(pong)));
        (void)rv;
    } else if (bytes.ptr[0] == KIND) {
        strange.heard++;
    }
}

static void link_failed(struct env_link *link, int err)
{
    (void)err;
    env_link_close(strange.env, link);
}

static void link_closed(struct env_link *link)
{
    (void)link;
}

static const struct env_link_events link_events = {link_opened, link_record, link_failed,
                                                   link_closed};

static void accept_link(struct env_listener *listener, struct env_incoming *in)
{
    (void)listener;
    ASSERT(strange.count < sizeof(strange.accepted) / sizeof(strange.accepted[0]));
    struct env_link *link = &strange.accepted[strange.count++];
    *link = (struct env_link){.events = &link_events};
    env_link_accept(strange.env, in, link);
}

static void listener_closed(struct env_listener *listener)
{
    (void)listener;
}

static void ping(struct env_timer *timer)
{
    static const uint8_t bytes[] = {WIRE_PING};
    int rv = env_link_send(strange.env, &strange.own, slice_of(bytes, sizeof(bytes)));
    (void)rv;
    env_timer_set(strange.env, timer, env_now_ns(strange.env) + ELECTION / 3);
}

static void start_strange(struct env *env)
{
    strange.env = env;
    strange.listener =
        (struct env_listener){.incoming = accept_link, .closed = listener_closed, .links = true};
    if (!strange.dials) {
        int rv = env_listen(env, &strange.listener, "10.0.0.2", 2380);
        ASSERT(rv == 0);
        return;
    }
    strange.own = (struct env_link){.events = &link_events};
    strange.timer.fire = ping;
    env_link_connect(env, &strange.own, "10.0.0.1", 2380);
    env_timer_set(env, &strange.timer, env_now_ns(env) + ELECTION / 3);
}

static struct world *begin(void)
{
    static const struct env_program programs[] = {{"member", start_member},
                                                  {"strange", start_strange}};
    static const char *const args[] = {"end"};
    static const char *const addresses[] = {"10.0.0.1", "10.0.0.2"};
    const struct world_options options = world_options_default(1);
    struct world *world = world_new(&options);
    for (size_t i = 0; i < 2; i++) {
        struct host *host;
        const struct node_start how = {
            .program = &programs[i], .args = args, .arg_count = 1, .log_level = LOG_ERROR};
        assert_int_equal(host_new(world, programs[i].name, addresses[i], &host), 0);
        assert_int_equal(node_start(node_new(host, programs[i].name), &how), 0);
    }
    return world;
}

static void run(struct world *world, int64_t until_ns)
{
    world_run(world, until_ns, UINT64_MAX);
    struct node *broken = world_first_fault(world);
    if (broken != NULL) {
        fail_msg("%s: %s", node_name(broken), node_fault_text(broken));
    }
}

/* From now on the member's words stay on the way, or arrive again. */
static void hang(struct world *world, bool on)
{
    static const struct net_fault stuck = {.hang = true};
    if (on) {
        net_fault_add(world_net(world), "stuck", 1, 2, &stuck);
    } else {
        net_heal(world_net(world), "stuck");
    }
}

/* It is dialled again and again, and believed when it is a member after all. */
static void test_who_answers_with_no_welcome_is_not_heard(void **state)
{
    struct passed passed;
    (void)state;
    member = (struct member){0};
    strange = (struct strange){.bad = 10};
    struct world *world = begin();
    passed_begin(&passed, world, "peer.bad_welcome");
    run(world, 10 * SEC_NS);
    assert_int_equal(passed.count, 10);
    assert_int_equal(strange.count, 11);
    assert_int_equal(member.ups, 1);
    assert_int_equal(member.downs, 0);
    assert_int_equal(member.refusals, 0);
    assert_int_equal(member.records, 0);
    assert_in_range(strange.heard, 800, 1000);
    world_free(world);
}

/* What a link holds is bounded; its ping finds no room either, and nobody minds: the link is given
 * up as silent, and the next one is empty. */
static void test_a_link_that_takes_nothing_is_filled_and_given_up(void **state)
{
    struct passed passed;
    (void)state;
    member = (struct member){0};
    strange = (struct strange){.bad = 0};
    struct world *world = begin();
    passed_begin(&passed, world, "peer.send_refused");
    run(world, SEC_NS);
    assert_int_equal(member.ups, 1);
    hang(world, true);
    member.floods = true;
    run(world, SEC_NS + 50 * MS_NS);
    assert_true(member.refused_sends > 0);
    run(world, 4 * SEC_NS);
    assert_true(passed.count > 0);
    assert_int_equal(member.downs, 1);
    member.floods = false;
    hang(world, false);
    unsigned heard = strange.heard;
    run(world, 10 * SEC_NS);
    assert_int_equal(member.ups, 2);
    assert_int_equal(member.downs, 1);
    assert_true(strange.heard > heard + 300);
    world_free(world);
}

/* The member has no link of its own, so its words go where it was dialled, until that is full: its
 * answers to pings find no room. */
static void test_who_dials_and_takes_nothing_gets_no_answer(void **state)
{
    struct passed passed;
    (void)state;
    member = (struct member){0};
    strange = (struct strange){.dials = true};
    struct world *world = begin();
    passed_begin(&passed, world, "peer.reply_refused");
    run(world, SEC_NS);
    assert_in_range(strange.heard, 80, 100);
    assert_int_equal(member.records, 0);
    hang(world, true);
    member.floods = true;
    run(world, 3 * SEC_NS);
    assert_true(member.refused_sends > 0);
    assert_in_range(passed.count, 5, 7);
    member.floods = false;
    hang(world, false);
    unsigned heard = strange.heard;
    run(world, 6 * SEC_NS);
    assert_true(strange.heard > heard + 250);
    assert_int_equal(member.ups, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_answers_with_no_welcome_is_not_heard),
        cmocka_unit_test(test_a_link_that_takes_nothing_is_filled_and_given_up),
        cmocka_unit_test(test_who_dials_and_takes_nothing_gets_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
