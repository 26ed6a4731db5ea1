/* Two machines and what their ends hear.
 */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "base/slice.h"
#include "net/net.h"

#define PORT 7

struct ear {
    struct fixture *f;
    struct net_end *end;
    struct buf got; /* bytes of the stream, or records one behind the other */
    unsigned chunks;
    unsigned eofs;
    unsigned drained;
    int opened; /* 1: not yet */
    int failed;
    int64_t last_ns; /* when it heard last */
};

struct fixture {
    struct mem_pool *pool;
    struct engine engine;
    struct net *net;
    uint32_t machine[3];
    struct net_listener *listener;
    struct ear client;
    struct ear server;
    bool take; /* the listener takes what comes */
};

int net_setup(void **state);
int net_teardown(void **state);
/* With other options than the usual ones: no splits, latency 1 ms. */
struct fixture *fixture_new(const struct net_options *options);
void fixture_free(struct fixture *f);
void net_listen_on(struct fixture *f);
void net_dial(struct fixture *f, bool is_link);
void net_dial_name(struct fixture *f, const char *name);
/* Both ends open. */
void net_pair(struct fixture *f, bool is_link);
void net_say(struct fixture *f, struct ear *who, const char *text);
void net_send_number(struct fixture *f, struct ear *who, uint32_t number);
void net_run_for(struct fixture *f, int64_t ns);
void net_expect_text(const struct ear *who, const char *text);
/* A fault on the way from the client to the server. */
void net_break(struct fixture *f, const struct net_fault *fault);

#define NET_CASE(name) cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)

#endif
