/* Record links: whole records, each with a fate of its own. */
#include "net_fixture.h"

#define COUNT 1000

static uint32_t number_at(const struct ear *ear, size_t i)
{
    return load_u32(ear->got.ptr + 4 * i);
}

static void send_all(struct fixture *f)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        net_send_number(f, &f->client, i);
        net_run_for(f, 100 * US_NS);
    }
    net_run_for(f, SEC_NS);
}

static void test_records_arrive_in_order_without_faults(void **state)
{
    struct net_options options = net_options_default; /* a latency that varies */
    struct fixture *f = fixture_new(&options);
    (void)state;
    net_pair(f, true);
    send_all(f);
    assert_int_equal(f->server.chunks, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(number_at(&f->server, i), i);
    }
    fixture_free(f);
}

static void test_records_are_lost_one_by_one(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.loss_ppm = 300000};
    net_pair(f, true);
    net_break(f, &fault);
    send_all(f);
    assert_in_range(f->server.chunks, 650, 750);
    assert_int_equal(net_counts(f->net)->records_lost, COUNT - f->server.chunks);
}

static void test_records_are_duplicated(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.duplicate_ppm = 300000};
    net_pair(f, true);
    net_break(f, &fault);
    send_all(f);
    assert_in_range(f->server.chunks, 1250, 1350);
}

static void test_records_are_reordered(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.reorder_ppm = 300000};
    unsigned turned = 0;
    net_pair(f, true);
    net_break(f, &fault);
    send_all(f);
    assert_int_equal(f->server.chunks, COUNT);
    for (size_t i = 1; i < COUNT; i++) {
        turned += number_at(&f->server, i) < number_at(&f->server, i - 1);
    }
    assert_in_range(turned, 50, 500);
}

static void test_one_fault_does_not_move_another(void **state)
{
    const struct net_fault loss = {.loss_ppm = 300000};
    const struct net_fault delay = {.delay_max_ns = 10 * US_NS};
    struct fixture *f = *state;
    net_pair(f, true);
    net_break(f, &loss);
    send_all(f);
    struct fixture *g = fixture_new(NULL);
    net_pair(g, true);
    net_fault_add(g->net, "other", g->machine[0], g->machine[1], &delay);
    net_break(g, &loss);
    send_all(g);
    assert_true(slice_eq(buf_slice(&f->server.got), buf_slice(&g->server.got)));
    fixture_free(g);
}

static void test_partition_loses_records_and_hang_keeps_them(void **state)
{
    struct fixture *f = *state;
    const struct net_fault blocked = {.blocked = true};
    const struct net_fault hang = {.hang = true};
    net_pair(f, true);
    net_break(f, &blocked);
    net_send_number(f, &f->client, 1);
    net_run_for(f, SEC_NS);
    (void)net_heal(f->net, "fault");
    net_run_for(f, SEC_NS);
    assert_int_equal(f->server.chunks, 0);
    net_send_number(f, &f->client, 2); /* on its way when the link hangs */
    net_break(f, &hang);
    net_send_number(f, &f->client, 3);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->server.chunks, 0);
    assert_int_equal(net_queued(f->client.end), 8);
    (void)net_heal(f->net, "fault");
    net_run_for(f, SEC_NS);
    assert_int_equal(f->server.chunks, 2);
}

static void test_link_to_a_dead_process_fails_on_the_next_record(void **state)
{
    struct fixture *f = *state;
    const struct net_fault blocked = {.blocked = true};
    net_pair(f, true);
    net_fault_add(f->net, "back", f->machine[1], f->machine[0], &blocked);
    net_close(f->server.end); /* the news of it is lost */
    net_run_for(f, SEC_NS);
    (void)net_heal(f->net, NULL);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->client.failed, 0);
    net_send_number(f, &f->client, 1);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
}

static void test_link_resets_by_chance(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.reset_ppm = 1000000};
    net_pair(f, true);
    net_break(f, &fault);
    net_send_number(f, &f->client, 1);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
    assert_int_equal(f->server.failed, ERR_CONN_RESET);
    assert_int_equal(f->server.chunks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_arrive_in_order_without_faults),
        NET_CASE(test_records_are_lost_one_by_one),
        NET_CASE(test_records_are_duplicated),
        NET_CASE(test_records_are_reordered),
        NET_CASE(test_one_fault_does_not_move_another),
        NET_CASE(test_partition_loses_records_and_hang_keeps_them),
        NET_CASE(test_link_to_a_dead_process_fails_on_the_next_record),
        NET_CASE(test_link_resets_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
