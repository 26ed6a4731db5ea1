/* What the tests of this folder share: a pool, a list, and short ways to write changes. */
#ifndef TESTS_MEMBERSHIP_SUPPORT_H
#define TESTS_MEMBERSHIP_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "membership/membership.h"

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct membership m;
    struct buf why;
};

static inline int setup(void **state)
{
    static struct world world;
    world.pool = mem_pool_new(UINT64_MAX, 0xA5);
    world.mem = mem_pool_mem(world.pool);
    membership_init(&world.m, world.mem);
    buf_init(&world.why, world.mem);
    *state = &world;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    membership_check(&w->m);
    membership_fini(&w->m);
    buf_fini(&w->why);
    assert_int_equal(w->mem->count, 0);
    mem_pool_free(w->pool);
    return 0;
}

static inline struct member_urls urls_of(const char *text)
{
    struct member_urls urls;
    assert_int_equal(membership_split_urls(slice_str(text), &urls, NULL), 0);
    return urls;
}

static inline int parse(struct world *w, const char *text, const char *token)
{
    membership_fini(&w->m);
    buf_clear(&w->why);
    return membership_parse(&w->m, slice_str(text), slice_str(token), &w->why);
}

/* Applies; names only matter at bootstrap. */
static inline int change(struct world *w, enum membership_change_type type, member_id_t id,
                         const char *name, const char *urls)
{
    struct membership_change c = {.type = type, .id = id, .name = slice_str(name)};
    if (urls[0] != '\0') {
        c.peer_urls = urls_of(urls);
    }
    uint64_t before = membership_hash(&w->m);
    int rv = membership_apply(&w->m, &c);
    assert_int_equal(rv != 0, membership_hash(&w->m) == before);
    return rv;
}

static inline int publish_as(struct world *w, member_id_t id, const char *name, const char *urls,
                             uint32_t instance)
{
    struct membership_publish p = {.id = id, .name = slice_str(name), .instance = instance};
    if (urls[0] != '\0') {
        p.client_urls = urls_of(urls);
    }
    return membership_publish_apply(&w->m, &p);
}

static inline int publish(struct world *w, member_id_t id, const char *name, const char *urls)
{
    return publish_as(w, id, name, urls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
