/* Every crash and every failure of a life that rolls, overwrites, takes snapshots and purges. */
#include "segmented.h"

/* A life that rolls, overwrites, takes snapshots and purges. */
struct ledger {
    index_t last; /* vouched for, and not replaced since */
    term_t terms[512];
    uint64_t boot;
    index_t snapshot;
};

static bool put_until(struct ledger *ledger, index_t index, uint64_t at)
{
    if (ledger->last >= index) {
        ledger->last = index - 1;
    }
    ask(index);
    if (!run_until(at)) {
        return false;
    }
    assert_int_equal(m.persisted, m.token);
    for (index_t i = ledger->last + 1; i <= index; i++) {
        ledger->terms[i] = m.terms[i];
    }
    ledger->last = index;
    return true;
}

static bool grow_until(struct ledger *ledger, uint64_t at)
{
    for (int i = 0; i < 12; i++) {
        if (!put_until(ledger, m.last + 1, at)) {
            return false;
        }
    }
    m.term++;
    if (!put_until(ledger, m.last - 2, at)) {
        return false;
    }
    index_t index = m.last - 5;
    begin_snapshot(index);
    ask(m.last + 1); /* while the snapshot is written */
    if (!run_until(at) || m.sink_status != 0) {
        return false;
    }
    ledger->last = m.last;
    ledger->terms[m.last] = m.term;
    storage_snapshot_taken(m.storage, index, m.terms[index], index - 3);
    storage_flush(m.storage);
    if (!run_until(at)) {
        return false;
    }
    ledger->snapshot = index;
    return true;
}

static bool live(struct ledger *ledger, uint64_t at)
{
    const struct storage_meta meta = {7, 8};
    start();
    if (!run_until(at) || m.status != ERR_NOT_FOUND) {
        return false;
    }
    storage_create(m.storage, &meta);
    if (!run_until(at) || m.status != 0) {
        return false;
    }
    m.term = 1;
    m.last = 0;
    ledger->boot = 1;
    for (int i = 0; i < 2; i++) {
        if (!grow_until(ledger, at)) {
            return false;
        }
    }
    flat_kill(&m.disk);
    start();
    if (!run_until(at) || m.status != 0) {
        return false;
    }
    ledger->boot = m.boot;
    m.term++;
    return grow_until(ledger, at) && grow_until(ledger, at);
}

static void check_survival(const struct ledger *ledger)
{
    if (m.status == ERR_NOT_FOUND) {
        assert_int_equal(ledger->boot, 0);
        return;
    }
    assert_string_equal(m.words, "");
    assert_int_equal(m.status, 0);
    assert_int_equal(m.recover_to, 0);
    assert_true(m.boot > ledger->boot);
    assert_true(m.last >= ledger->last);
    assert_true(m.snapshot >= ledger->snapshot);
    for (index_t i = m.first; i <= ledger->last; i++) {
        assert_int_equal(m.terms[i], ledger->terms[i]);
    }
}

static void test_no_acknowledged_entry_is_lost_by_a_crash_at_any_operation(void **state)
{
    (void)state;
    uint64_t crashes = 0;
    for (int variant = 0; variant < 10; variant++) {
        enum flat_loss loss = variant < 2 ? FLAT_KEEP : variant < 4 ? FLAT_DROP : FLAT_TEAR;
        bool whole = false;
        for (uint64_t at = 0; !whole; at++) {
            struct ledger ledger = {0};
            again((uint64_t)variant * 100000 + at);
            whole = live(&ledger, at);
            flat_power_off(&m.disk, loss, variant % 2 == 0);
            boot_again();
            check_survival(&ledger);
            if (m.status == 0) {
                /* And it goes on, rolls, and survives once more. */
                ledger.boot = m.boot;
                m.term = m.hard.term + 1;
                for (int i = 0; i < 9; i++) {
                    assert_true(put_until(&ledger, m.last + 1, UINT64_MAX));
                }
                flat_power_off(&m.disk, loss, false);
                boot_again();
                check_survival(&ledger);
            }
            crashes++;
        }
    }
    assert_true(crashes > 10 * 250);
}

static void test_a_failure_of_any_operation_stops_or_loses_nothing(void **state)
{
    (void)state;
    const int errors[] = {ERR_IO, ERR_NO_SPACE};
    for (int e = 0; e < 2; e++) {
        bool failed = true;
        for (uint64_t at = 1; failed; at++) {
            struct ledger ledger = {0};
            again(at);
            m.disk.fail_at = at;
            m.disk.fail_err = errors[e];
            (void)live(&ledger, UINT64_MAX);
            failed = m.disk.failed;
            flat_settle(&m.disk);
            uint64_t persisted = m.persisted;
            if (m.failed != 0) {
                /* It is over: nothing is vouched for any more. */
                ask(m.last + 1);
                flat_run(&m.disk);
                assert_int_equal(m.persisted, persisted);
                assert_true(storage_words(m.storage)[0] != '\0');
            }
            stop_cleanly();
            flat_power_off(&m.disk, FLAT_DROP, false);
            boot_again();
            check_survival(&ledger);
            stop_cleanly();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_no_acknowledged_entry_is_lost_by_a_crash_at_any_operation),
        unit(test_a_failure_of_any_operation_stops_or_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
