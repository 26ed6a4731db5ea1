/* Three members that tell whatever a test lets them tell. Member i (1, 2, 3) has the id 10 + i and
 * runs at the place "n<i>".
 */
#ifndef TEST_CHECK_TRIO_H
#define TEST_CHECK_TRIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check/check.h"

struct trio {
    struct mem_pool *pool;
    struct check *check;
    struct check_place *places[5];
    bool lies[5]; /* the disk would lose what was just persisted */
    uint64_t events;
};

#define ID(n) ((member_id_t)(10 + (n)))

int trio_setup(void **state);
int trio_teardown(void **state);

void tell(struct trio *t, int n, struct obs_event obs);
/* The log as read follows with tell_log. */
void tell_boot(struct trio *t, int n, uint64_t boot, term_t term, int vote, index_t last,
               index_t commit);
void tell_role(struct trio *t, int n, enum obs_role role, term_t term, int leader);
void tell_vote(struct trio *t, int n, term_t term, int candidate);
void tell_persisted(struct trio *t, int n, index_t index, term_t term, term_t hard_term, int vote);
/* One entry; its payload's hash is its value. */
void tell_append(struct trio *t, int n, index_t index, term_t term, uint64_t value);
void tell_propose(struct trio *t, int n, index_t index, term_t term, uint64_t value);
/* Entries 1..count with the terms, each with its index for a value. */
void tell_log(struct trio *t, int n, const term_t *terms, size_t count);
void tell_truncate(struct trio *t, int n, index_t from);
void tell_commit(struct trio *t, int n, index_t index);
void tell_apply(struct trio *t, int n, index_t index, term_t term, uint64_t hash);
/* voters and learners: digits, as in "123". */
void tell_config(struct trio *t, int n, index_t index, const char *voters, const char *learners);

/* Members 1..3 boot as a new cluster: entries 1..3 of term 1 are bootstrap. */
void trio_bootstrap(struct trio *t);
/* Votes of the members (digits) for `leader` become durable, and it takes over. */
void trio_elect(struct trio *t, int leader, term_t term, const char *voters, index_t last,
                term_t last_term);
/* Bootstrap, and member 1 leads in term 2 with entry 4 committed and applied everywhere. */
void trio_ready(struct trio *t);
/* The leader appends, the members (digits) make it durable. */
void trio_replicate(struct trio *t, int leader, const char *members, index_t index, term_t term);

/* Nothing was violated, or exactly this rule, by the last event. */
void expect_none(struct trio *t);
void expect_rule(struct trio *t, enum check_rule rule);

#define unit(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)

#endif
