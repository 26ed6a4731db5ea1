#include "support.h"

static void encode_change(struct world *w, enum membership_change_type type, const char *name,
                          const char *urls, struct membership_change *back)
{
    struct membership_change c = {
        .type = type, .id = UINT64_C(0xd8812d7cd4d463e), .name = slice_str(name)};
    if (urls[0] != '\0') {
        c.peer_urls = urls_of(urls);
    }
    buf_clear(&w->why);
    membership_change_encode(&c, &w->why);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), back), 0);
    assert_int_equal(back->type, type);
    assert_true(back->id == c.id);
    assert_true(slice_eq(back->name, c.name));
    assert_int_equal(back->peer_urls.count, c.peer_urls.count);
    for (size_t i = 0; i < c.peer_urls.count; i++) {
        assert_true(slice_eq(back->peer_urls.at[i], c.peer_urls.at[i]));
    }
}

static void test_changes_come_back(void **state)
{
    struct membership_change c;
    encode_change(*state, MEMBERSHIP_ADD_VOTER, "infra0", "http://a:1,http://b:2", &c);
    encode_change(*state, MEMBERSHIP_ADD_LEARNER, "", "http://a:1", &c);
    encode_change(*state, MEMBERSHIP_UPDATE, "", "http://a:1,http://b:2,http://c:3", &c);
    encode_change(*state, MEMBERSHIP_REMOVE, "", "", &c);
    encode_change(*state, MEMBERSHIP_PROMOTE, "", "", &c);
}

static void test_cut_and_lengthened_bytes_are_refused(void **state)
{
    struct world *w = *state;
    struct membership_change c;
    encode_change(w, MEMBERSHIP_ADD_VOTER, "infra0", "http://a:1,http://b:2", &c);
    for (size_t n = 0; n < w->why.len; n++) {
        assert_int_equal(membership_change_decode(slice_of(w->why.ptr, n), &c), ERR_PROTO);
    }
    buf_add_u8(&w->why, 0);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &c), ERR_PROTO);
}

static void raw_change(struct world *w, uint8_t type, uint64_t id, struct slice name, uint8_t urls,
                       struct slice url)
{
    struct membership_change c;
    buf_clear(&w->why);
    buf_add_u8(&w->why, 'C');
    buf_add_u8(&w->why, type);
    buf_add_u64(&w->why, id);
    buf_add_u32(&w->why, (uint32_t)name.len);
    buf_add_slice(&w->why, name);
    buf_add_u8(&w->why, urls);
    for (uint8_t i = 0; i < urls; i++) {
        buf_add_u32(&w->why, (uint32_t)url.len);
        buf_add_slice(&w->why, url);
    }
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &c), ERR_PROTO);
}

static void test_what_no_change_says_is_refused(void **state)
{
    struct world *w = *state;
    static const char big[URL_BYTES_MAX + 1] = {'x'};
    struct slice url = slice_str("http://a:1");
    struct slice none = slice_str("");
    raw_change(w, 0, 1, none, 1, url);
    raw_change(w, 6, 1, none, 1, url);
    raw_change(w, MEMBERSHIP_ADD_VOTER, 0, none, 1, url);
    raw_change(w, MEMBERSHIP_ADD_VOTER, 1, none, 0, url);
    raw_change(w, MEMBERSHIP_ADD_VOTER, 1, none, 1, none);
    raw_change(w, MEMBERSHIP_ADD_VOTER, 1, none, MEMBER_URLS_MAX + 1, url);
    raw_change(w, MEMBERSHIP_ADD_VOTER, 1, none, 1, slice_of(big, sizeof(big)));
    raw_change(w, MEMBERSHIP_ADD_VOTER, 1, slice_of(big, MEMBER_NAME_MAX + 1), 1, url);
    raw_change(w, MEMBERSHIP_ADD_VOTER, 1, slice_str("\xFF"), 1, url);
    raw_change(w, MEMBERSHIP_UPDATE, 1, slice_str("name"), 1, url);
    raw_change(w, MEMBERSHIP_UPDATE, 1, none, 0, url);
    raw_change(w, MEMBERSHIP_REMOVE, 1, none, 1, url);
}

static void test_publications_come_back(void **state)
{
    struct world *w = *state;
    struct membership_publish p = {.id = 7, .name = slice_str("infra1")};
    struct membership_publish back;
    p.client_urls = urls_of("http://127.0.0.1:2379");
    membership_publish_encode(&p, &w->why);
    assert_int_equal(membership_publish_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.id, 7);
    assert_true(slice_eq_str(back.name, "infra1"));
    assert_true(slice_eq_str(back.client_urls.at[0], "http://127.0.0.1:2379"));
    for (size_t n = 0; n < w->why.len; n++) {
        assert_int_equal(membership_publish_decode(slice_of(w->why.ptr, n), &back), ERR_PROTO);
    }
    buf_clear(&w->why);
    p.name = slice_str("");
    membership_publish_encode(&p, &w->why);
    assert_int_equal(membership_publish_decode(buf_slice(&w->why), &back), ERR_PROTO);
}

static void test_a_change_says_how_many_learners_if_more_than_one(void **state)
{
    struct world *w = *state;
    struct membership_change c = {.type = MEMBERSHIP_ADD_LEARNER, .id = 7};
    struct membership_change back;
    c.peer_urls = urls_of("http://a:1");
    membership_change_encode(&c, &w->why);
    size_t shorter = w->why.len;
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.learners_max, 0);
    buf_add_u8(&w->why, 1);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), ERR_PROTO);
    buf_clear(&w->why);
    c.learners_max = 3;
    membership_change_encode(&c, &w->why);
    assert_int_equal(w->why.len, shorter + 1);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.learners_max, 3);
    buf_add_u8(&w->why, 3);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), ERR_PROTO);
}

static void test_a_change_says_which_epoch_it_begins(void **state)
{
    struct world *w = *state;
    struct membership_change c = {.type = MEMBERSHIP_ADD_LEARNER, .id = 7, .learners_max = 2};
    struct membership_change back;
    c.peer_urls = urls_of("http://a:1");
    c.epoch = membership_epoch_next(0, 0x89ABCDEF);
    membership_change_encode(&c, &w->why);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.epoch, c.epoch);
    assert_int_equal(back.learners_max, 2);
    buf_clear(&w->why);
    c = (struct membership_change){.type = MEMBERSHIP_REMOVE, .id = 7};
    membership_change_encode(&c, &w->why);
    size_t shorter = w->why.len;
    buf_add_u64(&w->why, 0);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), ERR_PROTO);
    w->why.len = shorter;
    buf_add_u64(&w->why, 5);
    assert_int_equal(membership_change_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.epoch, 5);
    for (size_t n = shorter + 1; n < w->why.len; n++) {
        assert_int_equal(membership_change_decode(slice_of(w->why.ptr, n), &back), ERR_PROTO);
    }
}

static void test_a_publication_says_which_log_unless_it_is_older(void **state)
{
    struct world *w = *state;
    struct membership_publish p = {.id = 7, .name = slice_str("infra1")};
    struct membership_publish back;
    membership_publish_encode(&p, &w->why);
    assert_int_equal(membership_publish_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.instance, 0);
    size_t older = w->why.len;
    /* Zero is written by nobody. */
    buf_add_u32(&w->why, 0);
    assert_int_equal(membership_publish_decode(buf_slice(&w->why), &back), ERR_PROTO);
    buf_clear(&w->why);
    p.instance = 0xA1B2C3D4;
    membership_publish_encode(&p, &w->why);
    assert_int_equal(membership_publish_decode(buf_slice(&w->why), &back), 0);
    assert_int_equal(back.instance, 0xA1B2C3D4);
    for (size_t n = older + 1; n < w->why.len; n++) {
        assert_int_equal(membership_publish_decode(slice_of(w->why.ptr, n), &back), ERR_PROTO);
    }
}

#define E32 (UINT64_C(1) << 32)

static void fill(struct world *w)
{
    membership_set_cluster_id(&w->m, 99);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 30, "c", "http://c:1,http://c:2"), 0);
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 10, "", "http://a:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 20, "", "http://b:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 21, "", "http://d:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 21, "", ""), 0);
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 20, "", ""), 0);
    assert_int_equal(publish_as(w, 30, "c", "http://c:3", 5), 0);
}

static void test_a_snapshot_is_the_whole_state(void **state)
{
    struct world *w = *state;
    struct membership back;
    fill(w);
    struct membership_change survivor = {.type = MEMBERSHIP_ADD_VOTER, .id = 50, .epoch = 1 + E32};
    survivor.peer_urls = urls_of("http://e:1");
    assert_int_equal(membership_apply(&w->m, &survivor), 0);
    membership_encode(&w->m, &w->why);
    for (size_t n = 0; n <= w->why.len; n++) {
        membership_init(&back, w->mem);
        int rv = membership_decode(&back, slice_of(w->why.ptr, n));
        assert_int_equal(rv, n < w->why.len ? ERR_PROTO : 0);
        if (n == w->why.len) {
            assert_true(membership_hash(&back) == membership_hash(&w->m));
            assert_int_equal(back.cluster_id, 99);
            assert_int_equal(back.epoch, 1 + E32);
            assert_int_equal(membership_find(&back, 50)->since, 1 + E32);
            assert_int_equal(membership_find(&back, 30)->instance, 5);
            assert_true(membership_is_removed(&back, 20));
            assert_true(membership_find(&back, 10)->is_learner);
            membership_check(&back);
        }
        membership_fini(&back);
    }
}

static void test_members_json_as_captured(void **state)
{
    struct world *w = *state;
    static const char seen[] =
        "[{\"id\":4697996231449590750,\"peerURLs\":[\"http://127.0.0.1:23983\"],\"name\":"
        "\"infra0\",\"clientURLs\":[\"http://127.0.0.1:23982\"]}]\n";
    assert_int_equal(parse(w, "infra0=http://127.0.0.1:23983", "etcd-cluster"), 0);
    assert_int_equal(publish(w, UINT64_C(4697996231449590750), "infra0", "http://127.0.0.1:23982"),
                     0);
    membership_write_json(&w->m, &w->why);
    assert_string_equal(buf_cstr(&w->why), seen);
    assert_int_equal(w->why.len, 123); /* the captured Content-Length */
}

static void test_members_json_comes_back(void **state)
{
    struct world *w = *state;
    struct membership back;
    fill(w);
    membership_write_json(&w->m, &w->why);
    membership_init(&back, w->mem);
    assert_int_equal(membership_read_json(&back, buf_slice(&w->why)), 0);
    assert_int_equal(back.count, w->m.count);
    struct buf again;
    buf_init(&again, w->mem);
    membership_write_json(&back, &again);
    assert_true(slice_eq(buf_slice(&again), buf_slice(&w->why)));
    buf_fini(&again);
    membership_fini(&back);
}

static int read_json(struct world *w, const char *json)
{
    membership_fini(&w->m);
    return membership_read_json(&w->m, slice_str(json));
}

static void test_members_json_of_strangers(void **state)
{
    struct world *w = *state;
    assert_int_equal(read_json(w, "[]"), 0);
    assert_int_equal(read_json(w,
                               "[{\"more\":[{\"x\":1}],\"id\":1,\"peerURLs\":[\"http:\\/\\/a:1\"]"
                               ",\"clientURLs\":null}]"),
                     0);
    assert_true(slice_eq_str(w->m.members[0]->peer_urls.at[0], "http://a:1"));
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"id\":1}]",
        "[{\"peerURLs\":[\"a\"]}]",
        "[{\"id\":0,\"peerURLs\":[\"a\"]}]",
        "[{\"id\":-1,\"peerURLs\":[\"a\"]}]",
        "[{\"id\":18446744073709551616,\"peerURLs\":[\"a\"]}]",
        "[{\"id\":\"1\",\"peerURLs\":[\"a\"]}]",
        "[{\"id\":1,\"peerURLs\":[]}]",
        "[{\"id\":1,\"peerURLs\":[\"\"]}]",
        "[{\"id\":1,\"peerURLs\":\"a\"}]",
        "[{\"id\":1,\"peerURLs\":[1]}]",
        "[{\"id\":1,\"peerURLs\":[\"a\"],\"name\":1}]",
        "[{\"id\":1,\"peerURLs\":[\"a\"],\"isLearner\":\"yes\"}]",
        "[{\"id\":1,\"peerURLs\":[\"a\"]},{\"id\":1,\"peerURLs\":[\"b\"]}]",
        "[{\"id\":1,\"peerURLs\":[\"a\"]}",
        "[{\"id\":1,\"peerURLs\":[\"a\"]}] x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_json(w, bad[i]), ERR_PROTO);
    }
    membership_fini(&w->m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_changes_come_back),
        TEST(test_cut_and_lengthened_bytes_are_refused),
        TEST(test_what_no_change_says_is_refused),
        TEST(test_publications_come_back),
        TEST(test_a_change_says_how_many_learners_if_more_than_one),
        TEST(test_a_publication_says_which_log_unless_it_is_older),
        TEST(test_a_change_says_which_epoch_it_begins),
        TEST(test_a_snapshot_is_the_whole_state),
        TEST(test_members_json_as_captured),
        TEST(test_members_json_comes_back),
        TEST(test_members_json_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
