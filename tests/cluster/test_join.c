/* A member joins a cluster one of whose addresses is not what it was: somebody else answers there,
 * or nobody can be dialled. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

#define MEMBERS 3 /* m3 joins them */

/* A program: `other` answers whatever it is asked at port 2380 with the same bytes. */
struct other {
    struct env *env;
    struct env_listener listener;
    struct env_stream streams[16];
    size_t count;
};

static const char *other_says;
static unsigned asked;

static void opened(struct env_stream *stream, int status)
{
    (void)stream;
    (void)status;
}
static void came(struct env_stream *stream, struct slice bytes)
{
    struct other *other = stream->data;
    (void)bytes;
    asked++;
    env_stream_write(other->env, stream, slice_str(other_says));
    env_stream_end(other->env, stream);
}
static void nothing(struct env_stream *stream)
{
    (void)stream;
}
static void failed(struct env_stream *stream, int err)
{
    (void)stream;
    (void)err;
}
static const struct env_stream_events stream_events = {opened,  came,   nothing,
                                                       nothing, failed, nothing};

static void incoming(struct env_listener *listener, struct env_incoming *in)
{
    struct other *other = listener->data;
    ASSERT(!in->is_link && other->count < sizeof(other->streams) / sizeof(other->streams[0]));
    struct env_stream *stream = &other->streams[other->count++];
    *stream = (struct env_stream){.events = &stream_events, .data = other};
    env_stream_accept(other->env, in, stream);
}
static void listener_closed(struct env_listener *listener)
{
    (void)listener;
}

static void start_other(struct env *env)
{
    struct other *other = mem_zalloc(env->mem, 1, sizeof(*other));
    other->env = env;
    other->listener =
        (struct env_listener){.incoming = incoming, .closed = listener_closed, .data = other};
    int rv = env_listen(env, &other->listener, "", 2380);
    ASSERT(rv == 0);
}

static const struct env_program other_program = {"other", start_other};

struct fixture {
    struct sim_cluster cluster;
    struct node *ctl;
    char all[512]; /* the initial cluster of four */
    char out[1024];
};

static void setup(struct fixture *f, uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    sim_cluster_init(&f->cluster, &options, MEMBERS + 1, true);
    f->ctl = sim_client_new(&f->cluster, "ctl");
    fmt(f->all, sizeof(f->all), "%s", f->cluster.initial);
    *strstr(f->cluster.initial, ",m3") = '\0';
    asked = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f->cluster, i);
    }
    /* Links have to be up for five seconds before members may be added. */
    sim_run_until(&f->cluster, 9 * SEC_NS);
}

static void teardown(struct fixture *f)
{
    assert_string_equal(sim_trouble(&f->cluster), "");
    sim_cluster_fini(&f->cluster);
}

/* Asked of m1, who is there in every test. */
static int ctl(struct fixture *f, const char *a, const char *b, const char *c, const char *d)
{
    const char *const args[] = {"quoratectl", "--endpoints=10.0.0.2:2379", a, b, c, d, NULL};
    sim_client_start(f->ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    struct slice said = node_output(f->ctl, ENV_STDOUT);
    fmt(f->out, sizeof(f->out), "%.*s", (int)said.len, (const char *)said.ptr);
    return node_exit_code(f->ctl);
}

static void replace(struct fixture *f, size_t member)
{
    static const char *const args[] = {"other", NULL};
    char name[16];
    fmt(name, sizeof(name), "other%zu", member);
    node_crash(f->cluster.members[member].node);
    sim_client_start(node_new(f->cluster.members[member].host, name), &other_program, args);
}

static void expect_joined(struct fixture *f)
{
    const char *const args[] = {"quoratectl", "--endpoints=10.0.0.4:2379", "get", "k", NULL};
    sim_run_until(&f->cluster, sim_now_ns(&f->cluster) + 5 * SEC_NS);
    assert_true(f->cluster.members[MEMBERS].published);
    sim_client_start(f->ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    assert_true(slice_eq_str(node_output(f->ctl, ENV_STDOUT), "k\nv\n"));
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

static const char *const answers[] = {
    OK_HEAD "Content-Length: 2\r\n\r\n[]",
    OK_HEAD "X-Etcd-Cluster-Id: zebra\r\nContent-Length: 2\r\n\r\n[]",
    OK_HEAD "X-Etcd-Cluster-Id: 0\r\nContent-Length: 2\r\n\r\n[]",
    OK_HEAD "X-Etcd-Cluster-Id: 1f\r\nContent-Length: 4\r\n\r\nwell",
    OK_HEAD "X-Etcd-Cluster-Id: 1f\r\nContent-Length: 12\r\n\r\n[{\"id\":true}]",
    OK_HEAD "X-Etcd-Cluster-Id: 1f\r\nContent-Length: 10\r\n\r\n{\"a\":\"b\"}\n",
};

/* It asks the next one. */
static void test_a_page_that_is_not_ours_is_passed_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct fixture f;
        struct passed passed;
        setup(&f, i + 1);
        assert_int_equal(ctl(&f, "put", "k", "v", NULL), 0);
        assert_int_equal(ctl(&f, "member", "add", "m3", "--peer-urls=http://10.0.0.4:2380"), 0);
        other_says = answers[i];
        passed_begin(&passed, f.cluster.world, "server.join_bad_answer");
        replace(&f, 0);
        sim_member_start_as(&f.cluster, MEMBERS, f.all, "existing");
        expect_joined(&f);
        assert_int_equal(passed.count, 1);
        assert_int_equal(asked, 1);
        teardown(&f);
    }
}

static void test_who_finds_no_page_of_ours_ends(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    assert_int_equal(ctl(&f, "put", "k", "v", NULL), 0);
    assert_int_equal(ctl(&f, "member", "add", "m3", "--peer-urls=http://10.0.0.4:2380"), 0);
    other_says = answers[0];
    for (size_t i = 0; i < MEMBERS; i++) {
        replace(&f, i);
    }
    sim_member_start_as(&f.cluster, MEMBERS, f.all, "existing");
    struct node *node = f.cluster.members[MEMBERS].node;
    assert_true(sim_run_until_ended(&f.cluster, node, 20 * SEC_NS));
    assert_int_equal(node_state(node), NODE_EXITED);
    assert_int_equal(node_exit_code(node), 1);
    assert_int_equal(asked, MEMBERS);
    /* It has left nothing that would be in the way of another try. */
    for (size_t i = 0; i < MEMBERS; i++) {
        char name[16];
        fmt(name, sizeof(name), "other%zu", i);
        node_crash(node_find(f.cluster.world, name));
        sim_member_start(&f.cluster, i);
    }
    sim_run_until_served(&f.cluster);
    sim_member_start_as(&f.cluster, MEMBERS, f.all, "existing");
    expect_joined(&f);
    teardown(&f);
}

/* "member VERB ID" with the id of m2. */
static int member(struct fixture *f, const char *verb, const char *flag)
{
    char id[24];
    fmt(id, sizeof(id), "%llx", (unsigned long long)f->cluster.members[2].id);
    return ctl(f, "member", verb, id, flag);
}

/* What needs TLS is listed, as every member may be told of by the others, and not dialled. */
static void test_an_address_that_needs_tls_is_not_dialled(void **state)
{
    (void)state;
    struct fixture f;
    struct passed passed;
    setup(&f, 1);
    passed_begin(&passed, f.cluster.world, "server.peer_url_not_dialled");
    assert_int_equal(ctl(&f, "put", "k", "v", NULL), 0);
    assert_int_equal(member(&f, "update", "--peer-urls=https://10.0.0.3:2381,http://10.0.0.3:2380"),
                     0);
    assert_int_equal(ctl(&f, "member", "list", NULL, NULL), 0);
    assert_non_null(strstr(f.out, "https://10.0.0.3:2381,http://10.0.0.3:2380"));
    /* m2 is dialled at its other address, and needed. */
    node_crash(f.cluster.members[2].node);
    node_crash(f.cluster.members[0].node);
    sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + SEC_NS);
    sim_member_start(&f.cluster, 2);
    assert_int_equal(ctl(&f, "put", "k", "w", NULL), 0);
    assert_true(passed.count > 0);
    /* One that can be dialled nowhere is a member that does not answer. */
    sim_member_start(&f.cluster, 0);
    sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 8 * SEC_NS);
    assert_int_equal(ctl(&f, "member", "add", "m3", "--peer-urls=https://10.0.0.4:2380"), 0);
    for (size_t i = 0; i < MEMBERS; i++) {
        host_power_off(f.cluster.members[i].host);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f.cluster, i);
    }
    sim_run_until_served(&f.cluster);
    assert_int_equal(ctl(&f, "put", "k", "x", NULL), 0);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_that_is_not_ours_is_passed_over),
        cmocka_unit_test(test_who_finds_no_page_of_ours_ends),
        cmocka_unit_test(test_an_address_that_needs_tls_is_not_dialled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
