/* Members are added, as voters and as learners, promoted and removed, with one command after the
 * other, while everything fails: the configurations stay one change apart, and no other rule is
 * broken either. */
#include "churn.h"

enum slot {
    SLOT_OUT,
    SLOT_ADDING,
    SLOT_IN,
    SLOT_REMOVING
};

struct admin {
    struct churn churn; /* first */
    enum slot slots[PLACES];
    char ids[PLACES][24];
    bool learner[PLACES];
    bool busy;
    int target;   /* the place that the command is about */
    bool listing; /* the command is `member list` */
    int64_t next_ns;
    uint64_t added;
    uint64_t promoted;
    uint64_t removed;
};

static void parse_members(struct admin *a, const char *out)
{
    char cluster[512] = "";
    size_t at = 0;
    char url[40];
    bool found = false;
    snprintf(url, sizeof(url), "http://10.0.0.%d:2380", a->target + 1);
    while (*out != '\0') {
        char id[24] = "";
        char status[24] = "";
        char name[24] = "";
        char peer[64] = "";
        const char *end = strchr(out, '\n');
        if (sscanf(out, "%23[^,], %23[^,], %23[^,], %63[^,],", id, status, name, peer) != 4) {
            name[0] = '\0'; /* not started yet: an empty name is two blanks */
            assert_int_equal(sscanf(out, "%23[^,], %23[^,], , %63[^,],", id, status, peer), 3);
        }
        if (strcmp(peer, url) == 0) {
            found = true;
            snprintf(a->ids[a->target], sizeof(a->ids[0]), "%s", id);
            snprintf(name, sizeof(name), "n%d", a->target);
        }
        at += (size_t)snprintf(cluster + at, sizeof(cluster) - at, "%s%s=%s", at == 0 ? "" : ",",
                               name, peer);
        out = end == NULL ? out + strlen(out) : end + 1;
    }
    if (found && a->slots[a->target] == SLOT_ADDING) {
        struct place *place = &a->churn.places[a->target];
        memcpy(place->cluster, cluster, sizeof(cluster));
        place->state = "existing";
        a->slots[a->target] = SLOT_IN;
        a->added++;
        churn_member_start(&a->churn, a->target);
    }
}

static void text_of(struct node *node, enum env_output from, char *out, size_t size)
{
    struct slice printed = node_output(node, from);
    size_t len = printed.len < size - 1 ? printed.len : size - 1;
    if (len > 0) {
        memcpy(out, printed.ptr, len);
    }
    out[len] = '\0';
}

static void command_ended(struct node *node, void *data)
{
    struct admin *a = data;
    char out[4096];
    char err[4096];
    bool ok = node_exit_code(node) == 0;
    text_of(node, ENV_STDOUT, out, sizeof(out));
    text_of(node, ENV_STDERR, err, sizeof(err));
    a->busy = false;
    a->next_ns = churn_now(&a->churn) + 200 * MS_NS;
    switch (a->slots[a->target]) {
    case SLOT_OUT: break;
    case SLOT_ADDING:
        if (a->listing) {
            if (ok) {
                parse_members(a, out);
            }
        } else {
            a->listing = ok || strstr(err, "already exists") != NULL;
        }
        break;
    case SLOT_IN:
        if (ok || strstr(err, "can only promote a learner member\n") != NULL) {
            a->learner[a->target] = false;
            a->promoted++;
        }
        break;
    case SLOT_REMOVING:
        if (ok || strstr(err, "member not found") != NULL) {
            a->slots[a->target] = SLOT_OUT;
            a->removed++;
            churn_member_wipe(&a->churn, a->target);
        }
        break;
    }
}

static void command(struct admin *a, const char *verb, const char *what, const char *more)
{
    const char *args[7] = {"quoratectl", a->churn.endpoints, "member", verb};
    size_t count = 4;
    if (what != NULL) {
        args[count++] = what;
    }
    if (more != NULL) {
        args[count++] = more;
    }
    const struct node_start how = {.program = &ctl_program,
                                   .args = args,
                                   .arg_count = count,
                                   .log_level = LOG_ERROR,
                                   .ended = command_ended,
                                   .data = a};
    a->busy = true;
    assert_int_equal(node_start(a->churn.admin, &how), 0);
}

/* Goes on with what was begun, or begins something: never two things at once. */
static void choose_target(struct admin *a, bool quiet)
{
    int in = 0;
    for (int i = 0; i < PLACES; i++) {
        in += a->slots[i] == SLOT_IN;
        if (a->slots[i] == SLOT_ADDING || a->slots[i] == SLOT_REMOVING || a->learner[i]) {
            a->target = i;
            return;
        }
    }
    a->target = (int)rng_below(&a->churn.rng, PLACES);
    bool grow = rng_chance(&a->churn.rng, 500000);
    if (quiet) {
        a->target = -1;
    } else if (a->slots[a->target] == SLOT_OUT && grow) {
        a->slots[a->target] = SLOT_ADDING;
        a->learner[a->target] = rng_chance(&a->churn.rng, 500000);
        a->listing = false;
    } else if (a->slots[a->target] == SLOT_IN && in > 2 && !grow) {
        a->slots[a->target] = SLOT_REMOVING;
    } else {
        a->target = -1;
    }
}

static void administer(struct admin *a, bool quiet)
{
    char name[16];
    char url[64];
    if (a->busy || churn_now(&a->churn) < a->next_ns) {
        return;
    }
    choose_target(a, quiet);
    if (a->target < 0) {
        return;
    }
    snprintf(name, sizeof(name), "n%d", a->target);
    snprintf(url, sizeof(url), "--peer-urls=http://10.0.0.%d:2380", a->target + 1);
    switch (a->slots[a->target]) {
    case SLOT_OUT: break;
    case SLOT_ADDING:
        if (a->listing) {
            command(a, "list", NULL, NULL);
        } else if (a->learner[a->target]) {
            const char *args[] = {"quoratectl", a->churn.endpoints, "member", "add", name,
                                  url,          "--learner"};
            const struct node_start how = {.program = &ctl_program,
                                           .args = args,
                                           .arg_count = 7,
                                           .log_level = LOG_ERROR,
                                           .ended = command_ended,
                                           .data = a};
            a->busy = true;
            assert_int_equal(node_start(a->churn.admin, &how), 0);
        } else {
            command(a, "add", name, url);
        }
        break;
    case SLOT_IN: command(a, "promote", a->ids[a->target], NULL); break;
    case SLOT_REMOVING: command(a, "remove", a->ids[a->target], NULL); break;
    }
}

/* The ids of the first members are asked for once. */
static void learn_ids(struct admin *a)
{
    for (int i = 0; i < PLACES; i++) {
        a->target = i;
        if (a->slots[i] != SLOT_IN) {
            continue;
        }
        command(a, "list", NULL, NULL);
        while (a->busy) {
            churn_round(&a->churn, false);
        }
        char out[4096];
        text_of(a->churn.admin, ENV_STDOUT, out, sizeof(out));
        parse_members(a, out);
        assert_true(strlen(a->ids[i]) > 0);
    }
    a->promoted = 0;
}

static void run_seed(uint64_t seed, uint64_t *changes)
{
    static struct admin a;
    memset(&a, 0, sizeof(a));
    churn_build(&a.churn, seed, 3);
    for (int i = 0; i < 3; i++) {
        a.slots[i] = SLOT_IN;
    }
    for (int round = 0; round < 100; round++) {
        churn_round(&a.churn, false);
    }
    learn_ids(&a);
    churn_noise(&a.churn, true);
    for (int round = 0; round < 3000; round++) {
        /* Calm from time to time, or there would be few changes to look at. */
        churn_round(&a.churn, round / 250 % 2 == 0);
        administer(&a, false);
        churn_expect_no_fault(&a.churn);
    }
    uint64_t stormy = a.churn.puts_ok;
    churn_noise(&a.churn, false);
    for (int round = 0; round < 1000; round++) {
        churn_round(&a.churn, false);
        administer(&a, true);
    }
    churn_expect_no_fault(&a.churn);
    churn_expect_history(&a.churn);
    if (a.churn.puts_ok <= stormy + 50) {
        struct buf text;
        buf_init(&text, world_mem(a.churn.world));
        check_write_state(a.churn.check, &text);
        print_error("seed %d: %d puts, then only %d\n%s", (int)seed, (int)stormy,
                    (int)(a.churn.puts_ok - stormy), buf_cstr(&text));
        buf_fini(&text);
    }
    assert_true(a.churn.puts_ok > stormy + 50);
    changes[0] += a.added;
    changes[1] += a.promoted;
    changes[2] += a.removed;
    churn_free(&a.churn);
}

static void test_members_that_come_and_go_break_no_rule(void **state)
{
    (void)state;
    uint64_t changes[3] = {0};
    uint64_t last = churn_seeds(4);
    for (uint64_t seed = 1; seed <= last; seed++) {
        run_seed(seed, changes);
    }
    print_message("%d added, %d promoted, %d removed\n", (int)changes[0], (int)changes[1],
                  (int)changes[2]);
    assert_true(changes[0] > last && changes[1] > 0 && changes[2] > last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_that_come_and_go_break_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
