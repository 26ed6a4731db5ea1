/* A step's `ctl` goes through the client's own bytes: the connection breaks in the middle of them,
 * at each byte in turn, and what quoratectl says and what the member holds agree. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/duration.h"
#include "ctl/ctl.h"
#include "host/host.h"
#include "server/server.h"

struct fixture {
    struct world *world;
    struct node *member;
    struct node *ctl;
    char out[1024];
    char err[1024];
};

static struct node *add(struct world *world, const char *name, const char *address)
{
    struct host *host;
    assert_int_equal(host_new(world, name, address, &host), 0);
    return node_new(host, name);
}

static void start(struct node *node, const struct env_program *program, const char *const *args,
                  size_t count)
{
    const struct node_start how = {
        .program = program, .args = args, .arg_count = count, .log_level = LOG_ERROR};
    assert_int_equal(node_start(node, &how), 0);
}

static void setup(struct fixture *f, uint64_t seed)
{
    const char *const args[] = {"quorated",
                                "--name=n1",
                                "--initial-cluster=n1=http://10.0.0.1:2380",
                                "--listen-peer-urls=http://10.0.0.1:2380",
                                "--initial-advertise-peer-urls=http://10.0.0.1:2380",
                                "--listen-client-urls=http://10.0.0.1:2379",
                                "--advertise-client-urls=http://10.0.0.1:2379"};
    const struct world_options options = world_options_default(seed);
    f->world = world_new(&options);
    f->member = add(f->world, "n1", "10.0.0.1");
    f->ctl = add(f->world, "ctl", "10.0.0.2");
    start(f->member, &server_program, args, sizeof(args) / sizeof(args[0]));
    world_run(f->world, 3 * SEC_NS, UINT64_MAX);
}

static void take(struct slice text, char *out, size_t size)
{
    assert_true(text.len < size);
    if (text.len > 0) {
        memcpy(out, text.ptr, text.len);
    }
    out[text.len] = '\0';
}

/* The exit status of a ctl command; its outputs are in out and err. */
static int ctl(struct fixture *f, const char *const *words, size_t count)
{
    const char *args[8] = {"quoratectl", "--endpoints=10.0.0.1:2379"};
    for (size_t i = 0; i < count; i++) {
        args[2 + i] = words[i];
    }
    start(f->ctl, &ctl_program, args, count + 2);
    for (int i = 0; i < 200 && node_state(f->ctl) == NODE_RUNNING; i++) {
        world_run(f->world, world_engine(f->world)->now_ns + 100 * MS_NS, UINT64_MAX);
    }
    assert_int_equal(node_state(f->ctl), NODE_EXITED);
    take(node_output(f->ctl, ENV_STDOUT), f->out, sizeof(f->out));
    take(node_output(f->ctl, ENV_STDERR), f->err, sizeof(f->err));
    return node_exit_code(f->ctl);
}

static const char *const put[] = {"put", "color", "blue"};
static const char *const get[] = {"get", "color"};

struct tally {
    unsigned ok;
    unsigned refused; /* an error, and the key is not there */
    unsigned unknown; /* an error, and the key is there */
};

/* Breaks the stream behind byte `at` of the direction; false when so many do not pass. */
static bool cut(uint64_t at, bool answer, struct tally *tally)
{
    struct fixture f;
    const struct net_fault fault = {.reset_after = at};
    setup(&f, at);
    uint32_t server = host_machine(node_host(f.member));
    uint32_t client = host_machine(node_host(f.ctl));
    net_fault_add(world_net(f.world), "cut", answer ? server : client, answer ? client : server,
                  &fault);
    uint64_t resets = net_counts(world_net(f.world))->resets;
    int code = ctl(&f, put, 3);
    bool was_cut = net_counts(world_net(f.world))->resets > resets;
    char err[sizeof(f.err)];
    memcpy(err, f.err, sizeof(err));
    assert_int_equal(code == 0, strcmp(f.out, "OK\n") == 0);
    assert_int_equal(code == 0, err[0] == '\0');
    net_heal(world_net(f.world), NULL);
    assert_int_equal(ctl(&f, get, 2), 0);
    bool there = strcmp(f.out, "color\nblue\n") == 0;
    assert_true(there || f.out[0] == '\0');
    if (code == 0) {
        assert_true(there);
        tally->ok++;
    } else {
        assert_int_equal(code, 1);
        assert_non_null(strstr(err, "Error: rpc error: code = Unavailable desc = "));
        tally->refused += !there;
        tally->unknown += there;
    }
    node_stop(f.member, 15);
    world_run(f.world, world_engine(f.world)->now_ns + 5 * SEC_NS, UINT64_MAX);
    assert_int_equal(node_state(f.member), NODE_EXITED);
    assert_null(world_first_fault(f.world));
    world_free(f.world);
    return was_cut;
}

static struct tally cut_everywhere(bool answer)
{
    struct tally tally = {0, 0, 0};
    uint64_t at = 1;
    while (cut(at, answer, &tally)) {
        at++;
    }
    print_message("%llu bytes: %u ok, %u refused, %u unknown\n", (unsigned long long)at - 1,
                  tally.ok, tally.refused, tally.unknown);
    assert_in_range(at, 50, 2000);
    return tally;
}

static void test_request_is_cut_at_each_byte(void **state)
{
    (void)state;
    struct tally tally = cut_everywhere(false);
    assert_true(tally.refused > 0); /* in the middle of the put's own frames */
}

static void test_answer_is_cut_at_each_byte(void **state)
{
    (void)state;
    struct tally tally = cut_everywhere(true);
    assert_true(tally.unknown > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_is_cut_at_each_byte),
        cmocka_unit_test(test_answer_is_cut_at_each_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
