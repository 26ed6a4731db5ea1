/* Messages keep their meaning on the wire: the bytes are those that stock clients send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pb/pb.h"
#include "pb/rpc.pb-c.h"

static int setup(void **state)
{
    *state = mem_pool_new(1 << 20, 0xa5);
    return 0;
}

static int teardown(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    int left = mem->bytes != 0 || mem->count != 0;
    mem_pool_free(*state);
    return left;
}

static void test_defaults_are_not_written(void **state)
{
    struct buf b;
    buf_init(&b, mem_pool_mem(*state));
    Etcdserverpb__RangeRequest request;
    etcdserverpb__range_request__init(&request);
    pb_pack(&request.base, &b);
    assert_int_equal(b.len, 0);
    request.key = pb_bytes(slice_str("foo"));
    request.serializable = 1;
    pb_pack(&request.base, &b);
    static const uint8_t wire[] = {0x0a, 3, 'f', 'o', 'o', 0x38, 1};
    assert_int_equal(b.len, sizeof(wire));
    assert_memory_equal(b.ptr, wire, sizeof(wire));
    buf_fini(&b);
}

static void test_a_chosen_default_of_a_oneof_is_written(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct buf b;
    ProtobufCMessage *message;
    buf_init(&b, mem);
    Etcdserverpb__Compare compare;
    etcdserverpb__compare__init(&compare);
    compare.target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION;
    compare.range_end = pb_bytes(slice_of("\0", 1));
    pb_pack(&compare.base, &b);
    static const uint8_t wire[] = {0x20, 0, 0x82, 0x04, 1, 0};
    assert_int_equal(b.len, sizeof(wire));
    assert_memory_equal(b.ptr, wire, sizeof(wire));
    assert_int_equal(
        pb_unpack(mem, compare.base.descriptor, buf_slice(&b), &pb_limits_request, &message), 0);
    assert_int_equal(((Etcdserverpb__Compare *)message)->target_union_case,
                     ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION);
    pb_free(mem, message);
    buf_fini(&b);
}

static void test_members_survive_the_wire(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct buf b;
    ProtobufCMessage *message;
    buf_init(&b, mem);
    Etcdserverpb__Member member;
    etcdserverpb__member__init(&member);
    char *urls[] = {pb_string("http://10.0.1.10:2380"), pb_string("http://10.0.1.11:2380")};
    member.id = UINT64_MAX;
    member.name = pb_string("infra0");
    member.n_peerurls = 2;
    member.peerurls = urls;
    member.islearner = 1;
    Etcdserverpb__Member *members[] = {&member};
    Etcdserverpb__MemberListResponse answer;
    etcdserverpb__member_list_response__init(&answer);
    Etcdserverpb__ResponseHeader header;
    etcdserverpb__response_header__init(&header);
    header.revision = -1;
    answer.header = &header;
    answer.n_members = 1;
    answer.members = members;
    pb_pack(&answer.base, &b);
    assert_int_equal(
        pb_unpack(mem, answer.base.descriptor, buf_slice(&b), &pb_limits_request, &message), 0);
    Etcdserverpb__MemberListResponse *back = (Etcdserverpb__MemberListResponse *)message;
    assert_int_equal(back->n_members, 1);
    assert_true(back->members[0]->id == UINT64_MAX);
    assert_string_equal(back->members[0]->name, "infra0");
    assert_int_equal(back->members[0]->n_peerurls, 2);
    assert_string_equal(back->members[0]->peerurls[1], "http://10.0.1.11:2380");
    assert_int_equal(back->members[0]->n_clienturls, 0);
    assert_true(back->members[0]->islearner);
    assert_true(back->header->revision == -1);
    pb_free(mem, message);
    buf_fini(&b);
}

static void test_a_refused_message_allocates_nothing(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    ProtobufCMessage *message;
    static const uint8_t bad[] = {0x0a, 1, 'k', 0x12, 200};
    assert_int_equal(pb_unpack(mem, &etcdserverpb__put_request__descriptor,
                               slice_of(bad, sizeof(bad)), &pb_limits_request, &message),
                     ERR_PROTO);
    assert_null(message);
    assert_int_equal(mem->bytes_peak, 0);
}

/* The table of the services is what stock clients dial. */
static void test_services_have_their_methods(void **state)
{
    (void)state;
    const ProtobufCServiceDescriptor *cluster = &etcdserverpb__cluster__descriptor;
    assert_string_equal(cluster->name, "etcdserverpb.Cluster");
    assert_int_equal(cluster->n_methods, 5);
    assert_string_equal(cluster->methods[4].name, "MemberPromote");
    assert_ptr_equal(cluster->methods[4].output,
                     &etcdserverpb__member_promote_response__descriptor);
    assert_int_equal(etcdserverpb__kv__descriptor.n_methods, 5);
    assert_int_equal(etcdserverpb__auth__descriptor.n_methods, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults_are_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_chosen_default_of_a_oneof_is_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_members_survive_the_wire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_refused_message_allocates_nothing, setup, teardown),
        cmocka_unit_test(test_services_have_their_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
