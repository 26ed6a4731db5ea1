/* Clients of the testbed: a program on an env that calls the cluster and tells what came of it.
 *
 * It goes through core/client and so through real bytes on simulated connections. Two ways of
 * calling: at each interval, `open` whether or not earlier requests were answered or `paced` unless
 * one is still out; and without an interval closed, one request after the other. Two sessions: a
 * `fresh` client for each request, as a person would ask, so that an answer tells about now and not
 * about a back-off from before; and one `lasting` client for all of them.
 *
 * It knows nothing of a scenario. What it has to tell goes to its standard output, one line for the
 * call and one for its end; who runs it reads them with load_line_read:
 *
 *   call N KIND KEY VALUE                N counts from 1; VALUE only of a put
 *   done N OUTCOME REVISION CREATE MOD VERSION MEMBER TEXT
 *
 * OUTCOME is ok, refused (certainly without effect) or unknown; REVISION of the answer's header,
 * the three of the key that was read (of a delete VERSION tells how many keys were deleted) and the
 * ID of the MEMBER that answered are 0 where there is none; TEXT is the value read, or the error.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "env/env.h"

/* Arguments, each `--name=value`:
 *   --kind=put|get|get-serializable|delete, or --mix=N,N,N,N: shares of these in this order
 *   --endpoints=URL,URL…   --key=KEY   --keys=N: then keys are KEY/1 to KEY/N
 *   --zipf-tenths=N: their skew; 0: none    --calling=open|paced    --session=fresh|lasting
 *   (default: fresh with an interval, lasting without)              --value-bytes-max=N
 *   --interval-ns=N (0: closed)       --timeout-ns=N         --value-bytes=N   --count=N (0: no
 * end) A put's value is "NAME-N", NAME being --name, filled up with dots to --value-bytes. */
extern const struct env_program load_program;

enum load_outcome {
    LOAD_OK,
    LOAD_REFUSED,
    LOAD_UNKNOWN
};

struct load_line {
    bool done; /* else: called */
    uint64_t n;
    struct slice kind; /* called */
    struct slice key;
    enum load_outcome outcome;
    int64_t revision;
    int64_t create;
    int64_t mod;
    int64_t version;
    uint64_t member;
    struct slice text;
};

/* One line without its newline; ERR_PROTO if it is none. Borrows. */
int load_line_read(struct slice text, struct load_line *line) MUST_CHECK;

const char *load_outcome_name(enum load_outcome outcome);

/* What a client may conclude from an error text ("etcdserver: …", "context deadline exceeded"). */
enum load_outcome load_outcome_of(struct slice error);

#endif
