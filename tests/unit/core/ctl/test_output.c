/* What quoratectl prints for an answer: the texts captured from etcdctl 3.4.23. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/ctl_world.h"

static struct ctl_result result;

/* One server with these rules; the client asks it. */
static void run(const struct fake_rule *rules, const char *words, const char *input)
{
    fake_clear();
    fake_servers[0].rules = rules;
    struct world *world = ctl_world_new(1, 1);
    ctl_world_run(world, &ctl_program, words, input, &result);
    world_free(world);
}

static void check(int code, const char *out, const char *err)
{
    assert_string_equal(result.err, err);
    assert_string_equal(result.out, out);
    assert_int_equal(result.code, code);
}

#define AT "--endpoints=s0:2379 "

static Etcdserverpb__ResponseHeader header;
static Mvccpb__KeyValue kv;
static Mvccpb__KeyValue *kvs[] = {&kv};

static void set_up_kv(void)
{
    etcdserverpb__response_header__init(&header);
    header.cluster_id = UINT64_C(10274058771728630627);
    header.member_id = UINT64_C(13866939779391656422);
    header.revision = 6;
    header.raft_term = 2;
    mvccpb__key_value__init(&kv);
    kv.key = pb_bytes(slice_str("foo"));
    kv.value = pb_bytes(slice_str("bar4"));
    kv.create_revision = 2;
    kv.mod_revision = 6;
    kv.version = 5;
}

static void test_put(void **state)
{
    (void)state;
    set_up_kv();
    Etcdserverpb__PutResponse answer;
    etcdserverpb__put_response__init(&answer);
    answer.header = &header;
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "put foo bar", "");
    check(0, "OK\n", "");
    run(rules, AT "put foo", "fromstdin\n");
    check(0, "OK\n", "");
    run(rules, AT "put foo", "");
    check(128, "", "Error: put command needs 1 argument and input from stdin or 2 arguments\n");
    answer.prev_kv = &kv;
    run(rules, AT "put foo bar --prev-kv", "");
    check(0, "OK\nfoo\nbar4\n", "");
    run(rules, AT "put foo bar --prev-kv -w json", "");
    check(0,
          "{\"header\":{\"cluster_id\":10274058771728630627,\"member_id\":13866939779391656422,"
          "\"revision\":6,\"raft_term\":2},\"prev_kv\":{\"key\":\"Zm9v\",\"create_revision\":2,"
          "\"mod_revision\":6,\"version\":5,\"value\":\"YmFyNA==\"}}\n",
          "");
    run(rules, AT "put foo bar4 -w table", "");
    check(4, "", "Error: table not supported as output format\n");
}

static void test_get(void **state)
{
    (void)state;
    set_up_kv();
    Etcdserverpb__RangeResponse answer;
    etcdserverpb__range_response__init(&answer);
    answer.header = &header;
    const struct fake_rule rules[] = {
        {.method = "Range", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "get nokey", "");
    check(0, "", "");
    run(rules, AT "get nokey -w json", "");
    check(0,
          "{\"header\":{\"cluster_id\":10274058771728630627,\"member_id\":13866939779391656422,"
          "\"revision\":6,\"raft_term\":2}}\n",
          "");
    answer.n_kvs = 1;
    answer.kvs = kvs;
    answer.count = 1;
    run(rules, AT "get foo", "");
    check(0, "foo\nbar4\n", "");
    run(rules, AT "get foo --hex", "");
    check(0, "\\x66\\x6f\\x6f\n\\x62\\x61\\x72\\x34\n", "");
    run(rules, AT "get foo --print-value-only", "");
    check(0, "bar4\n", "");
    run(rules, AT "get foo -w json", "");
    check(0,
          "{\"header\":{\"cluster_id\":10274058771728630627,\"member_id\":13866939779391656422,"
          "\"revision\":6,\"raft_term\":2},\"kvs\":[{\"key\":\"Zm9v\",\"create_revision\":2,"
          "\"mod_revision\":6,\"version\":5,\"value\":\"YmFyNA==\"}],\"count\":1}\n",
          "");
    run(rules, AT "get foo -w fields", "");
    check(0,
          "\"ClusterID\" : 10274058771728630627\n\"MemberID\" : 13866939779391656422\n"
          "\"Revision\" : 6\n\"RaftTerm\" : 2\n\"Key\" : \"foo\"\n\"CreateRevision\" : 2\n"
          "\"ModRevision\" : 6\n\"Version\" : 5\n\"Value\" : \"bar4\"\n\"Lease\" : 0\n"
          "\"More\" : false\n\"Count\" : 1\n",
          "");
    run(rules, AT "get foo --consistency=x", "");
    check(4, "", "Error: unknown consistency flag \"x\"\n");
}

static void test_del(void **state)
{
    (void)state;
    set_up_kv();
    Etcdserverpb__DeleteRangeResponse answer;
    etcdserverpb__delete_range_response__init(&answer);
    answer.header = &header;
    const struct fake_rule rules[] = {
        {.method = "DeleteRange", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "del k1", "");
    check(0, "0\n", "");
    answer.deleted = 1;
    answer.n_prev_kvs = 1;
    answer.prev_kvs = kvs;
    run(rules, AT "del foo --prev-kv", "");
    check(0, "1\nfoo\nbar4\n", "");
}

/* The seed's cluster right after its fatal member add. */
static Etcdserverpb__Member started;
static Etcdserverpb__Member added;
static Etcdserverpb__Member *members[] = {&started, &added};
static char *started_peer[1];
static char *started_client[1];
static char *added_peer[1];

static void set_up_members(void)
{
    etcdserverpb__response_header__init(&header);
    header.cluster_id = UINT64_C(0x18785ef7af7d2fef);
    header.member_id = UINT64_C(0xd8812d7cd4d463e);
    header.raft_term = 2;
    started_peer[0] = pb_string("http://127.0.0.1:23811");
    started_client[0] = pb_string("http://127.0.0.1:23810");
    added_peer[0] = pb_string("http://127.0.0.1:23813");
    etcdserverpb__member__init(&started);
    etcdserverpb__member__init(&added);
    started.id = header.member_id;
    started.name = pb_string("infra1");
    started.n_peerurls = 1;
    started.peerurls = started_peer;
    started.n_clienturls = 1;
    started.clienturls = started_client;
    added.id = UINT64_C(0xf9cdff8ff92c3cf9);
    added.n_peerurls = 1;
    added.peerurls = added_peer;
}

static void test_member_list(void **state)
{
    (void)state;
    set_up_members();
    Etcdserverpb__MemberListResponse answer;
    etcdserverpb__member_list_response__init(&answer);
    answer.header = &header;
    answer.n_members = 2;
    answer.members = members;
    const struct fake_rule rules[] = {
        {.method = "MemberList", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "member list", "");
    check(0,
          "d8812d7cd4d463e, started, infra1, http://127.0.0.1:23811, http://127.0.0.1:23810, "
          "false\nf9cdff8ff92c3cf9, unstarted, , http://127.0.0.1:23813, , false\n",
          "");
    run(rules, AT "member list -w json", "");
    check(0,
          "{\"header\":{\"cluster_id\":1763263672009699311,\"member_id\":975050037397374526,"
          "\"raft_term\":2},\"members\":[{\"ID\":975050037397374526,\"name\":\"infra1\","
          "\"peerURLs\":[\"http://127.0.0.1:23811\"],\"clientURLs\":[\"http://127.0.0.1:23810\"]},"
          "{\"ID\":18000324279495572729,\"peerURLs\":[\"http://127.0.0.1:23813\"]}]}\n",
          "");
    run(rules, AT "member list -w table", "");
    check(0,
          "+------------------+-----------+--------+------------------------+"
          "------------------------+------------+\n"
          "|        ID        |  STATUS   |  NAME  |       PEER ADDRS       |"
          "      CLIENT ADDRS      | IS LEARNER |\n"
          "+------------------+-----------+--------+------------------------+"
          "------------------------+------------+\n"
          "|  d8812d7cd4d463e |   started | infra1 | http://127.0.0.1:23811 |"
          " http://127.0.0.1:23810 |      false |\n"
          "| f9cdff8ff92c3cf9 | unstarted |        | http://127.0.0.1:23813 |"
          "                        |      false |\n"
          "+------------------+-----------+--------+------------------------+"
          "------------------------+------------+\n",
          "");
}

static void test_member_add(void **state)
{
    (void)state;
    set_up_members();
    Etcdserverpb__MemberAddResponse answer;
    etcdserverpb__member_add_response__init(&answer);
    answer.header = &header;
    answer.member = &added;
    answer.n_members = 2;
    answer.members = members;
    const struct fake_rule rules[] = {
        {.method = "MemberAdd", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "member add infra2 --peer-urls=http://127.0.0.1:23813", "");
    check(0,
          "Member f9cdff8ff92c3cf9 added to cluster 18785ef7af7d2fef\n\n"
          "ETCD_NAME=\"infra2\"\n"
          "ETCD_INITIAL_CLUSTER=\"infra1=http://127.0.0.1:23811,infra2=http://127.0.0.1:23813\"\n"
          "ETCD_INITIAL_ADVERTISE_PEER_URLS=\"http://127.0.0.1:23813\"\n"
          "ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n",
          "");
}

static void test_other_changes_of_members(void **state)
{
    (void)state;
    set_up_members();
    Etcdserverpb__MemberRemoveResponse removed;
    etcdserverpb__member_remove_response__init(&removed);
    removed.header = &header;
    Etcdserverpb__MemberPromoteResponse promoted;
    etcdserverpb__member_promote_response__init(&promoted);
    promoted.header = &header;
    Etcdserverpb__MemberUpdateResponse updated;
    etcdserverpb__member_update_response__init(&updated);
    updated.header = &header;
    const struct fake_rule rules[] = {
        {.method = "MemberRemove", .how = FAKE_ANSWER, .message = &removed.base},
        {.method = "MemberPromote", .how = FAKE_ANSWER, .message = &promoted.base},
        {.method = "MemberUpdate", .how = FAKE_ANSWER, .message = &updated.base},
        {0}};
    run(rules, AT "member remove d8812d7cd4d463e", "");
    check(0, "Member  d8812d7cd4d463e removed from cluster 18785ef7af7d2fef\n", "");
    run(rules, AT "member promote f9cdff8ff92c3cf9", "");
    check(0, "Member f9cdff8ff92c3cf9 promoted in cluster 18785ef7af7d2fef\n", "");
    run(rules, AT "member update f9cdff8ff92c3cf9 --peer-urls=http://127.0.0.1:1", "");
    check(0, "Member f9cdff8ff92c3cf9 updated in cluster 18785ef7af7d2fef\n", "");
    run(rules, AT "member remove", "");
    check(128, "", "Error: member ID is not provided\n");
}

static void test_endpoint_status(void **state)
{
    (void)state;
    set_up_members();
    char *errors[] = {pb_string("etcdserver: no leader")};
    header.revision = 2;
    Etcdserverpb__StatusResponse answer;
    etcdserverpb__status_response__init(&answer);
    answer.header = &header;
    answer.version = pb_string("3.4.23");
    answer.dbsize = 20480;
    answer.dbsizeinuse = 16384;
    answer.raftindex = 7;
    answer.raftappliedindex = 7;
    answer.raftterm = 2;
    answer.n_errors = 1;
    answer.errors = errors;
    const struct fake_rule rules[] = {
        {.method = "Status", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "endpoint status", "");
    check(0,
          "s0:2379, d8812d7cd4d463e, 3.4.23, 20 kB, false, false, 2, 7, 7, etcdserver: no leader\n",
          "");
    run(rules, AT "endpoint status -w json", "");
    check(0,
          "[{\"Endpoint\":\"s0:2379\",\"Status\":{\"header\":{\"cluster_id\":1763263672009699311,"
          "\"member_id\":975050037397374526,\"revision\":2,\"raft_term\":2},\"version\":\"3.4.23\","
          "\"dbSize\":20480,\"raftIndex\":7,\"raftTerm\":2,\"raftAppliedIndex\":7,"
          "\"errors\":[\"etcdserver: no leader\"],\"dbSizeInUse\":16384}}]\n",
          "");
    run(rules, "--endpoints=s0:2379,s1:2379 endpoint status", "");
    check(1,
          "s0:2379, d8812d7cd4d463e, 3.4.23, 20 kB, false, false, 2, 7, 7, etcdserver: no leader\n",
          "Failed to get the status of endpoint s1:2379 (context deadline exceeded)\n");
    run(rules, AT "move-leader f9cdff8ff92c3cf9", "");
    check(128, "", "Error: no leader endpoint given at [s0:2379]\n");
}

static void test_endpoint_hashkv(void **state)
{
    (void)state;
    set_up_members();
    header.revision = 1;
    header.raft_term = 86;
    Etcdserverpb__HashKVResponse answer;
    etcdserverpb__hash_kvresponse__init(&answer);
    answer.header = &header;
    answer.hash = 1084519789;
    answer.compact_revision = -1;
    const struct fake_rule rules[] = {
        {.method = "HashKV", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "endpoint hashkv", "");
    check(0, "s0:2379, 1084519789\n", "");
    run(rules, AT "endpoint hashkv -w table", "");
    check(0,
          "+----------+------------+\n"
          "| ENDPOINT |    HASH    |\n"
          "+----------+------------+\n"
          "|  s0:2379 | 1084519789 |\n"
          "+----------+------------+\n",
          "");
    run(rules, AT "endpoint hashkv --rev 1 -w json", "");
    check(0,
          "[{\"Endpoint\":\"s0:2379\",\"HashKV\":{\"header\":{\"cluster_id\":1763263672009699311,"
          "\"member_id\":975050037397374526,\"revision\":1,\"raft_term\":86},"
          "\"hash\":1084519789,\"compact_revision\":-1}}]\n",
          "");
    run(rules, AT "endpoint hashkv -w fields", "");
    check(0,
          "\"ClusterID\" : 1763263672009699311\n\"MemberID\" : 975050037397374526\n"
          "\"Revision\" : 1\n\"RaftTerm\" : 86\n\"Endpoint\" : \"s0:2379\"\n"
          "\"Hash\" : 1084519789\n\n",
          "");
    run(rules, AT "endpoint hashkv -w protobuf", "");
    check(4, "", "Error: protobuf not supported as output format\n");
    /* Who answers is printed, and the last failure ends the command. */
    run(rules, "--endpoints=s1:2379,s0:2379 endpoint hashkv", "");
    check(1, "s0:2379, 1084519789\n",
          "Failed to get the hash of endpoint s1:2379 (context deadline exceeded)\n"
          "Error: context deadline exceeded\n");
}

static void test_compaction(void **state)
{
    (void)state;
    Etcdserverpb__CompactionResponse answer;
    etcdserverpb__compaction_response__init(&answer);
    answer.header = &header;
    const struct fake_rule rules[] = {
        {.method = "Compact", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    run(rules, AT "compaction 36", "");
    check(0, "compacted revision 36\n", "");
    run(rules, AT "compaction --physical 37 -w json", "");
    check(0, "compacted revision 37\n", "");
    run(rules, AT "compaction", "");
    check(128, "", "Error: compaction command needs 1 argument\n");
    run(rules, AT "compaction abc", "");
    check(1, "", "Error: strconv.ParseInt: parsing \"abc\": invalid syntax\n");
    const struct fake_rule refused[] = {
        {.method = "Compact",
         .how = FAKE_ANSWER,
         .status = GRPC_OUT_OF_RANGE,
         .text = "etcdserver: mvcc: required revision has been compacted"},
        {0}};
    run(refused, AT "compaction 36", "");
    check(1, "", "Error: etcdserver: mvcc: required revision has been compacted\n");
    assert_string_equal(fake_servers[0].log, "Compact ");
}

static void test_move_leader(void **state)
{
    (void)state;
    set_up_members();
    Etcdserverpb__StatusResponse status;
    etcdserverpb__status_response__init(&status);
    status.header = &header;
    status.leader = header.member_id;
    Etcdserverpb__MoveLeaderResponse moved;
    etcdserverpb__move_leader_response__init(&moved);
    const struct fake_rule rules[] = {
        {.method = "Status", .how = FAKE_ANSWER, .message = &status.base},
        {.method = "MoveLeader", .how = FAKE_ANSWER, .message = &moved.base},
        {0}};
    run(rules, AT "move-leader f9cdff8ff92c3cf9", "");
    check(0, "Leadership transferred from d8812d7cd4d463e to f9cdff8ff92c3cf9\n", "");
    assert_string_equal(fake_servers[0].log, "Status MoveLeader ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_del),
        cmocka_unit_test(test_member_list),
        cmocka_unit_test(test_member_add),
        cmocka_unit_test(test_other_changes_of_members),
        cmocka_unit_test(test_endpoint_status),
        cmocka_unit_test(test_endpoint_hashkv),
        cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_move_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
