/* More connections than a member has room for: who is there goes on, who comes is turned away at
 * once, and when the crowd has gone all is as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "client/client.h"
#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

#define MEMBERS     3
#define CONNECTIONS 16384 /* of one port */
#define LINKS       256   /* four for each member that a cluster may have */
#define BEYOND      100

/* A program: `crowd` opens connections to m0 that never say a word, and stays. */
struct crowd {
    struct env *env;
    struct env_stream *streams;
    struct env_link *links;
};

static size_t crowd_streams; /* to open */
static size_t crowd_links;
static size_t turned_away;

static void stream_opened(struct env_stream *stream, int status)
{
    (void)stream;
    ASSERT(status == 0);
}
static void stream_data(struct env_stream *stream, struct slice bytes)
{
    (void)stream;
    (void)bytes;
}
static void stream_event(struct env_stream *stream)
{
    (void)stream;
}
static void stream_failed(struct env_stream *stream, int err)
{
    (void)stream;
    (void)err;
    turned_away++;
}
static const struct env_stream_events stream_events = {stream_opened, stream_data,   stream_event,
                                                       stream_event,  stream_failed, stream_event};

static void link_opened(struct env_link *link, int status)
{
    (void)link;
    ASSERT(status == 0);
}
static void link_record(struct env_link *link, struct slice record)
{
    (void)link;
    (void)record;
}
static void link_failed(struct env_link *link, int err)
{
    (void)link;
    (void)err;
    turned_away++;
}
static void link_closed(struct env_link *link)
{
    (void)link;
}
static const struct env_link_events link_events = {link_opened, link_record, link_failed,
                                                   link_closed};

static void start_crowd(struct env *env)
{
    struct crowd *crowd = mem_zalloc(env->mem, 1, sizeof(*crowd));
    crowd->env = env;
    crowd->streams = mem_zalloc(env->mem, crowd_streams + 1, sizeof(*crowd->streams));
    crowd->links = mem_zalloc(env->mem, crowd_links + 1, sizeof(*crowd->links));
    for (size_t i = 0; i < crowd_streams; i++) {
        crowd->streams[i] = (struct env_stream){.events = &stream_events, .data = crowd};
        env_stream_connect(env, &crowd->streams[i], "10.0.0.1", 2379);
    }
    for (size_t i = 0; i < crowd_links; i++) {
        crowd->links[i] = (struct env_link){.events = &link_events, .data = crowd};
        env_link_connect(env, &crowd->links[i], "10.0.0.1", 2380);
    }
}

static const struct env_program crowd_program = {"crowd", start_crowd};

/* A program: `regular` puts ten times a second over one connection to m0, and counts. */
struct regular {
    struct env *env;
    struct client *client;
    struct client_call call;
    struct env_timer timer;
};

static unsigned puts_ok;
static unsigned puts_failed;

static void put_again(struct env_timer *timer)
{
    struct regular *regular = timer->data;
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    request.key = pb_bytes(slice_str("k"));
    client_start(regular->client, &regular->call, &client_put, &request.base,
                 env_now_ns(regular->env) + SEC_NS);
}

static void put_done(struct client_call *call)
{
    struct regular *regular = call->data;
    puts_ok += call->status == GRPC_OK;
    puts_failed += call->status != GRPC_OK;
    client_call_fini(call);
    env_timer_set(regular->env, &regular->timer, env_now_ns(regular->env) + 100 * MS_NS);
}

static void start_regular(struct env *env)
{
    struct regular *regular = mem_zalloc(env->mem, 1, sizeof(*regular));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    regular->env = env;
    regular->call.done = put_done;
    regular->call.data = regular;
    regular->timer.fire = put_again;
    regular->timer.data = regular;
    int rv = client_new(env, &config, &regular->client);
    ASSERT(rv == 0);
    put_again(&regular->timer);
}

static const struct env_program regular_program = {"regular", start_regular};

static void start(struct sim_cluster *cluster, size_t members)
{
    static const char *const args[] = {"regular", NULL};
    const struct world_options options = world_options_default(1);
    turned_away = puts_ok = puts_failed = 0;
    sim_cluster_init(cluster, &options, members, true);
    for (size_t i = 0; i < members; i++) {
        sim_member_start(cluster, i);
    }
    sim_run_until_served(cluster);
    sim_run_until(cluster, sim_now_ns(cluster) + 2 * SEC_NS);
    sim_client_start(sim_client_new(cluster, "regular"), &regular_program, args);
    sim_run_until(cluster, sim_now_ns(cluster) + SEC_NS);
}

static struct node *let_in(struct sim_cluster *cluster, size_t streams, size_t links)
{
    static const char *const args[] = {"crowd", NULL};
    struct node *crowd = sim_client_new(cluster, "crowd");
    crowd_streams = streams;
    crowd_links = links;
    sim_client_start(crowd, &crowd_program, args);
    return crowd;
}

static int put_anew(struct sim_cluster *cluster, const char *name)
{
    static const char *const args[] = {
        "quoratectl", "--endpoints=10.0.0.1:2379", "--command-timeout=3s", "put", "a", "b", NULL};
    struct node *ctl = sim_client_new(cluster, name);
    sim_client_start(ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(cluster, ctl, 10 * SEC_NS));
    return node_exit_code(ctl);
}

/* The one that puts regularly, and the crowd, are as many as there is room for. */
static void test_a_port_full_of_clients_turns_further_ones_away(void **state)
{
    struct sim_cluster cluster;
    struct passed passed;
    (void)state;
    start(&cluster, 1);
    passed_begin(&passed, cluster.world, "stream.too_many_connections");
    struct node *crowd = let_in(&cluster, CONNECTIONS - 1 + BEYOND, 0);
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS);
    assert_int_equal(turned_away, BEYOND);
    assert_int_equal(passed.count, BEYOND);
    assert_int_not_equal(put_anew(&cluster, "during"), 0);
    assert_true(passed.count > BEYOND);
    node_crash(crowd);
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS);
    assert_int_equal(put_anew(&cluster, "after"), 0);
    assert_true(puts_ok > 30);
    assert_int_equal(puts_failed, 0);
    assert_string_equal(sim_trouble(&cluster), "");
    sim_cluster_fini(&cluster);
}

/* Members keep their links; one that starts in the crowd is let in when the silent ones have had
 * their time. */
static void test_strangers_on_the_peer_port_cut_no_member_off(void **state)
{
    struct sim_cluster cluster;
    struct passed passed;
    (void)state;
    start(&cluster, MEMBERS);
    term_t term = cluster.leader_term;
    passed_begin(&passed, cluster.world, "peer.too_many_links");
    size_t room = LINKS - (MEMBERS - 1);
    (void)let_in(&cluster, 0, room + BEYOND);
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS / 2);
    assert_int_equal(turned_away, BEYOND);
    assert_int_equal(passed.count, BEYOND);
    size_t away = cluster.leader == 2 ? 1 : 2;
    node_crash(cluster.members[away].node);
    sim_member_start(&cluster, away);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 5 * SEC_NS);
    assert_int_equal(turned_away, room + BEYOND);
    assert_int_equal(cluster.leader_term, term);
    assert_true(cluster.members[away].published);
    assert_int_equal(put_anew(&cluster, "after"), 0);
    assert_true(puts_ok > 50);
    assert_int_equal(puts_failed, 0);
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS / 20);
    assert_string_equal(sim_trouble(&cluster), "");
    sim_cluster_fini(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_port_full_of_clients_turns_further_ones_away),
        cmocka_unit_test(test_strangers_on_the_peer_port_cut_no_member_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
