/* The flags of a command line, read as etcdctl's flag library (pflag) reads them.
 *
 * `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`; booleans stand alone or take
 * `=true`; flags and arguments may be mixed; `--` ends the flags. A global flag may also come from
 * the variable ETCDCTL_NAME.
 */
#ifndef CTL_FLAGS_H
#define CTL_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "env/env.h"

enum flag_kind {
    FLAG_BOOL,
    FLAG_STRING,
    FLAG_INT,      /* 64 bits */
    FLAG_DURATION, /* as Go writes it */
    FLAG_LIST,     /* comma separated; given again, it grows */
};

/* X(NAME, name, shorthand, kind, default, usage): global ones in order of names, then the local
 * ones likewise. A usage may name the argument in `backquotes` only where etcdctl does. */
#define GLOBAL_FLAGS(X)                                                                            \
    X(CACERT, "cacert", 0, FLAG_STRING, "",                                                        \
      "verify certificates of TLS-enabled secure servers using this CA bundle")                    \
    X(CERT, "cert", 0, FLAG_STRING, "", "identify secure client using this TLS certificate file")  \
    X(COMMAND_TIMEOUT, "command-timeout", 0, FLAG_DURATION, "5s",                                  \
      "timeout for short running command (excluding dial timeout)")                                \
    X(DEBUG, "debug", 0, FLAG_BOOL, "false", "enable client-side debug logging")                   \
    X(DIAL_TIMEOUT, "dial-timeout", 0, FLAG_DURATION, "2s", "dial timeout for client connections") \
    X(DISCOVERY_SRV, "discovery-srv", 'd', FLAG_STRING, "",                                        \
      "domain name to query for SRV records describing cluster endpoints")                         \
    X(DISCOVERY_SRV_NAME, "discovery-srv-name", 0, FLAG_STRING, "",                                \
      "service name to query when using DNS discovery")                                            \
    X(ENDPOINTS, "endpoints", 0, FLAG_LIST, "127.0.0.1:2379", "gRPC endpoints")                    \
    X(HEX, "hex", 0, FLAG_BOOL, "false", "print byte strings as hex encoded strings")              \
    X(INSECURE_DISCOVERY, "insecure-discovery", 0, FLAG_BOOL, "true",                              \
      "accept insecure SRV records describing cluster endpoints")                                  \
    X(INSECURE_SKIP_TLS_VERIFY, "insecure-skip-tls-verify", 0, FLAG_BOOL, "false",                 \
      "skip server certificate verification (CAUTION: this option should be enabled only for "     \
      "testing purposes)")                                                                         \
    X(INSECURE_TRANSPORT, "insecure-transport", 0, FLAG_BOOL, "true",                              \
      "disable transport security for client connections")                                         \
    X(KEEPALIVE_TIME, "keepalive-time", 0, FLAG_DURATION, "2s",                                    \
      "keepalive time for client connections")                                                     \
    X(KEEPALIVE_TIMEOUT, "keepalive-timeout", 0, FLAG_DURATION, "6s",                              \
      "keepalive timeout for client connections")                                                  \
    X(KEY, "key", 0, FLAG_STRING, "", "identify secure client using this TLS key file")            \
    X(PASSWORD, "password", 0, FLAG_STRING, "",                                                    \
      "password for authentication (if this option is used, --user option shouldn't include "      \
      "password)")                                                                                 \
    X(USER, "user", 0, FLAG_STRING, "",                                                            \
      "username[:password] for authentication (prompt if password is not supplied)")               \
    X(WRITE_OUT, "write-out", 'w', FLAG_STRING, "simple",                                          \
      "set the output format (fields, json, protobuf, simple, table)")

#define LOCAL_FLAGS(X)                                                                             \
    X(CLUSTER, "cluster", 0, FLAG_BOOL, "false", "use all endpoints from the cluster member list") \
    X(CONSISTENCY, "consistency", 0, FLAG_STRING, "l", "Linearizable(l) or Serializable(s)")       \
    X(DATA_DIR, "data-dir", 0, FLAG_STRING, "", "Path to the data directory")                      \
    X(FROM_KEY, "from-key", 0, FLAG_BOOL, "false",                                                 \
      "keys that are greater than or equal to the given key using byte compare")                   \
    X(IGNORE_LEASE, "ignore-lease", 0, FLAG_BOOL, "false",                                         \
      "updates the key using its current lease")                                                   \
    X(IGNORE_VALUE, "ignore-value", 0, FLAG_BOOL, "false",                                         \
      "updates the key using its current value")                                                   \
    X(INITIAL_ADVERTISE_PEER_URLS, "initial-advertise-peer-urls", 0, FLAG_STRING,                  \
      "http://localhost:2380",                                                                     \
      "List of this member's peer URLs to advertise to the rest of the cluster")                   \
    X(INITIAL_CLUSTER, "initial-cluster", 0, FLAG_STRING, "default=http://localhost:2380",         \
      "Initial cluster configuration for restore bootstrap")                                       \
    X(INITIAL_CLUSTER_TOKEN, "initial-cluster-token", 0, FLAG_STRING, "etcd-cluster",              \
      "Initial cluster token for the etcd cluster during restore bootstrap")                       \
    X(KEYS_ONLY, "keys-only", 0, FLAG_BOOL, "false", "Get only the keys")                          \
    X(LEARNER, "learner", 0, FLAG_BOOL, "false", "indicates if the new member is raft learner")    \
    X(LEASE, "lease", 0, FLAG_STRING, "0", "lease ID (in hexadecimal) to attach to the key")       \
    X(LIMIT, "limit", 0, FLAG_INT, "0", "Maximum number of results")                               \
    X(NAME, "name", 0, FLAG_STRING, "default", "Human-readable name for this member")              \
    X(ORDER, "order", 0, FLAG_STRING, "",                                                          \
      "Order of results; ASCEND or DESCEND (ASCEND by default)")                                   \
    X(PEER_URLS, "peer-urls", 0, FLAG_STRING, "", "comma separated peer URLs of the member")       \
    X(PHYSICAL, "physical", 0, FLAG_BOOL, "false",                                                 \
      "'true' to wait for compaction to physically remove all old revisions")                      \
    X(PREFIX, "prefix", 0, FLAG_BOOL, "false", "keys with matching prefix")                        \
    X(PREV_KV, "prev-kv", 0, FLAG_BOOL, "false", "return the key-value pairs as they were before") \
    X(PRINT_VALUE_ONLY, "print-value-only", 0, FLAG_BOOL, "false",                                 \
      "Only write values when using the \"simple\" output format")                                 \
    X(REV, "rev", 0, FLAG_INT, "0", "Specify the kv revision")                                     \
    X(HASH_REV, "rev", 0, FLAG_INT, "0", "maximum revision to hash (default: all revisions)")      \
    X(SKIP_HASH_CHECK, "skip-hash-check", 0, FLAG_BOOL, "false",                                   \
      "Ignore snapshot integrity hash value (required if copied from data directory)")             \
    X(SORT_BY, "sort-by", 0, FLAG_STRING, "", "Sort target; CREATE, KEY, MODIFY, VALUE, or VERSION")

enum flag {
#define FLAG_ENUM(NAME, name, shorthand, kind, value, usage) F_##NAME,
    GLOBAL_FLAGS(FLAG_ENUM)
    LOCAL_FLAGS(FLAG_ENUM)
#undef FLAG_ENUM
        F_COUNT
};

#define F_LOCAL_FIRST F_CLUSTER
/* The set of local flags that a command takes is a mask of these. */
#define F_BIT(flag) (UINT64_C(1) << (flag))

struct flag_spec {
    const char *name;
    char shorthand;
    enum flag_kind kind;
    const char *value; /* by default */
    const char *usage;
};

extern const struct flag_spec flag_specs[F_COUNT];

struct flag_value {
    const char *text; /* strings, and whatever else was given */
    int64_t number;   /* FLAG_INT, FLAG_DURATION in nanoseconds, FLAG_BOOL */
    bool given;       /* on the command line */
};

struct flags {
    struct flag_value values[F_COUNT];
    struct slice *endpoints; /* F_ENDPOINTS */
    size_t endpoint_count;
    const char **args; /* what is no flag, in order */
    size_t arg_count;
    bool help;
    struct buf error; /* the text, after a failure */
    struct mem *mem;
};

void flags_init(struct flags *flags, struct mem *mem);
void flags_fini(struct flags *flags);
/* True if the word at `i` is a flag or belongs to one, as far as can be told from the global flags
 * and those in `local`: how the name of the command is found among them. Advances *i past a flag's
 * value. */
bool flags_skip(const char *const *words, size_t count, uint64_t local, size_t *i);
/* Reads the words but those at positions in `skipped` (a mask over the first 64). ERR_USAGE with
 * flags->error set. The words are borrowed. */
int flags_parse(struct flags *flags, const char *const *words, size_t count, uint64_t skipped,
                uint64_t local) MUST_CHECK;
/* Global flags that were not given, from the variables. ERR_USAGE as above. A variable that stands
 * beside its flag is refused even if it is empty. */
int flags_from_vars(struct flags *flags, const struct env *env) MUST_CHECK;

/* The next variable from *at on that looks like one of ours and is none; *at moves behind it. NULL:
 * there is no more. */
const char *flags_unknown_var(const struct env *env, size_t *at);

/* `ETCDCTL_NAME=value` for each global flag, and for those in `local`, in order of names: what
 * --debug shows first. */
void flags_show(const struct flags *flags, uint64_t local, struct buf *out);

static inline const char *flag_text(const struct flags *flags, enum flag flag)
{
    return flags->values[flag].text;
}
static inline bool flag_bool(const struct flags *flags, enum flag flag)
{
    return flags->values[flag].number != 0;
}
static inline int64_t flag_number(const struct flags *flags, enum flag flag)
{
    return flags->values[flag].number;
}

#endif
