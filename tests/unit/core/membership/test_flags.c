/* Flags, and the texts by which etcd 3.4.23 was seen to refuse them. */
#include "support.h"

static void refuses_url(struct world *w, const char *url, const char *text)
{
    buf_clear(&w->why);
    assert_int_equal(membership_check_url(slice_str(url), &w->why), ERR_ETCD_BAD_URLS);
    assert_string_equal(buf_cstr(&w->why), text);
    assert_int_equal(membership_check_url(slice_str(url), NULL), ERR_ETCD_BAD_URLS);
}

static void test_urls(void **state)
{
    struct world *w = *state;
    static const char *const good[] = {"http://127.0.0.1:1", "https://host:65535", "http://:80",
                                       "http://[::1]:2380",  "unix://host:80",     "unixs://h:1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(membership_check_url(slice_str(good[i]), &w->why), 0);
    }
    refuses_url(w, "127.0.0.1:23999",
                "parse \"127.0.0.1:23999\": first path segment in URL cannot contain colon");
    refuses_url(w, "ftp://127.0.0.1:23999",
                "URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:23999");
    refuses_url(w, "localhost:2380",
                "URL scheme must be http, https, unix, or unixs: localhost:2380");
    refuses_url(w, "", "URL scheme must be http, https, unix, or unixs: ");
    refuses_url(w, "http://127.0.0.1",
                "URL address does not have the form \"host:port\": http://127.0.0.1");
    refuses_url(w, "http:x", "URL address does not have the form \"host:port\": http:x");
    refuses_url(w, "http://127.0.0.1:23999/path",
                "URL must not contain a path: http://127.0.0.1:23999/path");
    refuses_url(w, "http://127.0.0.1:23999/",
                "URL must not contain a path: http://127.0.0.1:23999/");
    refuses_url(w, ":1", "parse \":1\": missing protocol scheme");
    refuses_url(w, "http://a\n:1",
                "parse \"http://a\\n:1\": net/url: invalid control character in URL");
}

static void test_lists_of_urls(void **state)
{
    struct world *w = *state;
    struct member_urls urls;
    assert_int_equal(membership_split_urls(slice_str("http://a:1, http://b:2"), &urls, NULL), 0);
    assert_int_equal(urls.count, 2);
    assert_true(slice_eq_str(urls.at[1], "http://b:2"));
    assert_int_equal(membership_split_urls(slice_str(""), &urls, &w->why), ERR_ETCD_BAD_URLS);
    char many[512] = "http://a:1";
    for (int i = 0; i < MEMBER_URLS_MAX; i++) {
        strcat(many, ",http://a:1");
    }
    assert_int_equal(membership_split_urls(slice_str(many), &urls, &w->why), ERR_ETCD_BAD_URLS);
    urls.count = 0;
    assert_int_equal(membership_check_urls(&urls, NULL), ERR_ETCD_BAD_URLS);
}

static void refuses_cluster(struct world *w, const char *text, int expected, const char *why)
{
    assert_int_equal(parse(w, text, "t"), expected);
    assert_string_equal(buf_cstr(&w->why), why);
}

static void test_initial_cluster(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse(w, "a=http://a:1,a=http://a:2,,=http://b:1", "t"), 0);
    assert_int_equal(w->m.count, 2);
    const struct member *a = membership_find_name(&w->m, slice_str("a"));
    assert_non_null(a);
    assert_int_equal(a->peer_urls.count, 2);
    assert_null(membership_find_name(&w->m, slice_str("")));
    refuses_cluster(w, "bad4=http://127.0.0.1:23801,x=http://127.0.0.1:23801", ERR_INVALID,
                    "initial cluster bad4=http://127.0.0.1:23801,x=http://127.0.0.1:23801 has "
                    "duplicate url");
    refuses_cluster(w, "b=http://b:1,a=http://a:1,b=http://b:1", ERR_INVALID,
                    "initial cluster a=http://a:1,b=http://b:1,b=http://b:1 has duplicate url");
    refuses_cluster(w, "", ERR_INVALID, "initial cluster unset and no discovery URL found");
    refuses_cluster(w, "a", ERR_ETCD_BAD_URLS, "URL scheme must be http, https, unix, or unixs: ");
    refuses_cluster(w, "a=http://a", ERR_ETCD_BAD_URLS,
                    "URL address does not have the form \"host:port\": http://a");
}

static int check_new(struct world *w, const char *name, const char *advertised)
{
    struct member_urls urls = urls_of(advertised);
    buf_clear(&w->why);
    return membership_check_new(&w->m, slice_str(name), &urls, &w->why);
}

static void test_own_name_must_be_there(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse(w, "a=http://127.0.0.1:23801", "t"), 0);
    assert_int_equal(check_new(w, "bad0", "http://127.0.0.1:23801"), ERR_INVALID);
    assert_string_equal(buf_cstr(&w->why),
                        "couldn't find local name \"bad0\" in the initial cluster configuration");
    buf_clear(&w->why);
    assert_int_equal(membership_check_existing(&w->m, slice_str("bad0"), &w->why), ERR_INVALID);
    assert_int_equal(membership_check_existing(&w->m, slice_str("a"), &w->why), 0);
    assert_int_equal(parse(w, "=http://127.0.0.1:23801", "t"), 0);
    assert_int_equal(membership_check_existing(&w->m, slice_str(""), NULL), ERR_INVALID);
}

static void test_advertised_urls_must_match(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse(w, "bad1=http://127.0.0.1:23803", "t"), 0);
    assert_int_equal(check_new(w, "bad1", "http://127.0.0.1:23803"), 0);
    assert_int_equal(check_new(w, "bad1", "http://127.0.0.1:23801"), ERR_INVALID);
    assert_string_equal(buf_cstr(&w->why),
                        "--initial-cluster has bad1=http://127.0.0.1:23803 but missing from "
                        "--initial-advertise-peer-urls=http://127.0.0.1:23801 (resolved urls: "
                        "\"http://127.0.0.1:23801\" != \"http://127.0.0.1:23803\")");
    assert_int_equal(check_new(w, "bad1", "http://127.0.0.1:23803,http://x:1"), ERR_INVALID);
    assert_string_equal(buf_cstr(&w->why),
                        "--initial-advertise-peer-urls has http://x:1 but missing from "
                        "--initial-cluster=bad1=http://127.0.0.1:23803,bad1=http://x:1");
    assert_int_equal(parse(w, "a=http://b:2,a=http://b:1", "t"), 0);
    assert_int_equal(check_new(w, "a", "http://b:1,http://b:2"), 0);
    assert_int_equal(check_new(w, "a", "http://b:1"), ERR_INVALID);
    assert_string_equal(buf_cstr(&w->why),
                        "--initial-cluster has a=http://b:2 but missing from "
                        "--initial-advertise-peer-urls=http://b:1 (len([\"http://b:1\"]) != "
                        "len([\"http://b:1\" \"http://b:2\"]))");
}

#define SEEN                                                                                      \
    "[{\"id\":4442253800951187424,\"peerURLs\":[\"http://127.0.0.1:23915\"]},"                    \
    "{\"id\":11328065228696519119,\"peerURLs\":[\"http://127.0.0.1:23911\"],\"name\":\"infra0\"," \
    "\"clientURLs\":[\"http://127.0.0.1:23910\"]},"                                               \
    "{\"id\":11495202380939289435,\"peerURLs\":[\"http://127.0.0.1:23913\"],\"name\":\"infra1\"," \
    "\"clientURLs\":[\"http://127.0.0.1:23912\"]}]\n"

#define SEEN_TEXT                                                                               \
    "error validating peerURLs {ClusterID:bf7360f3764fb360 Members:["                           \
    "&{ID:3da60e4bbfd307e0 RaftAttributes:{PeerURLs:[http://127.0.0.1:23915] IsLearner:false} " \
    "Attributes:{Name: ClientURLs:[]}} "                                                        \
    "&{ID:9d355f4e8ce901cf RaftAttributes:{PeerURLs:[http://127.0.0.1:23911] IsLearner:false} " \
    "Attributes:{Name:infra0 ClientURLs:[http://127.0.0.1:23910]}} "                            \
    "&{ID:9f8729a9491c635b RaftAttributes:{PeerURLs:[http://127.0.0.1:23913] IsLearner:false} " \
    "Attributes:{Name:infra1 ClientURLs:[http://127.0.0.1:23912]}}] RemovedMemberIDs:[]}: "

static void join(struct world *w, const char *flags, const char *name, const char *expected,
                 member_id_t id)
{
    struct membership peers;
    member_id_t own = 0;
    membership_init(&peers, w->mem);
    assert_int_equal(membership_read_json(&peers, slice_str(SEEN)), 0);
    membership_set_cluster_id(&peers, UINT64_C(0xbf7360f3764fb360));
    assert_int_equal(parse(w, flags, "etcd-cluster"), 0);
    int rv = membership_match(&w->m, &peers, slice_str(name), &own, &w->why);
    assert_int_equal(rv, expected[0] == '\0' ? 0 : ERR_INVALID);
    assert_string_equal(buf_cstr(&w->why), expected);
    assert_true(own == id);
    membership_fini(&peers);
}

static void test_joining_compares_counts_and_urls(void **state)
{
    struct world *w = *state;
    join(w, "infra2=http://127.0.0.1:23915,infra0=http://127.0.0.1:23911", "infra2",
         SEEN_TEXT "member count is unequal", 0);
    /* The last of the local members, in the order of their ids, is the one in the text. */
    join(w,
         "infra2=http://127.0.0.1:23923,infra0=http://127.0.0.1:23911,"
         "infra1=http://127.0.0.1:23913",
         "infra2",
         SEEN_TEXT "PeerURLs: no match found for existing member (3da60e4bbfd307e0, "
                   "[http://127.0.0.1:23915]), last resolver error (resolved urls: "
                   "\"http://127.0.0.1:23915\" != \"http://127.0.0.1:23913\")",
         0);
}

static void test_joining_takes_the_id_by_url_whatever_the_name(void **state)
{
    struct world *w = *state;
    join(w,
         "other=http://127.0.0.1:23915,infra0=http://127.0.0.1:23911,"
         "infra1=http://127.0.0.1:23913",
         "other", "", UINT64_C(4442253800951187424));
    join(w, "=http://127.0.0.1:23911,b=http://127.0.0.1:23915,infra1=http://127.0.0.1:23913", "b",
         "", UINT64_C(4442253800951187424));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_urls),
        TEST(test_lists_of_urls),
        TEST(test_initial_cluster),
        TEST(test_own_name_must_be_there),
        TEST(test_advertised_urls_must_match),
        TEST(test_joining_compares_counts_and_urls),
        TEST(test_joining_takes_the_id_by_url_whatever_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
