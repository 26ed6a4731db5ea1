/* A server that answers what a test tells it to: the wire's real server side, with a script in
 * place of a cluster. A program for any world: `fake NUMBER PORT`.
 */
#ifndef SUPPORT_FAKE_ETCD_H
#define SUPPORT_FAKE_ETCD_H

#include "base/err.h"
#include "env/env.h"
#include "pb/pb.h"

#define FAKE_SERVERS 4
#define FAKE_LOG_MAX 4096

enum fake_how {
    FAKE_ANSWER = 1,  /* with `message`, or with `status` and `text` if it is NULL */
    FAKE_SILENCE,     /* never */
    FAKE_RESET,       /* the connection breaks instead of an answer */
    FAKE_HALF_ANSWER, /* it breaks in the middle of the answer's bytes */
    FAKE_GOAWAY,      /* answers, and takes no more calls on this connection */
    FAKE_NO_MESSAGE,  /* answers with bytes that are no message */
    FAKE_NO_HTTP2     /* answers with bytes that are no frame */
};

struct fake_rule {
    const char *method; /* "Put"; NULL ends the list */
    enum fake_how how;
    const ProtobufCMessage *message;
    enum grpc_status status;
    const char *text;
    unsigned times; /* then the rule is used up; 0: never */
};

struct fake_server {
    const struct fake_rule *rules; /* the first that fits and is not used up */
    bool mute;                     /* takes connections and never says a word */
    unsigned used[16];
    unsigned calls;
    unsigned connections;
    char log[FAKE_LOG_MAX]; /* the methods called, each with a blank behind it */
};

extern struct fake_server fake_servers[FAKE_SERVERS];
extern const struct env_program fake_program;

/* Forgets all scripts and what was called. */
void fake_clear(void);

#endif
