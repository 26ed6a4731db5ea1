/* quorated's flags: etcd's names, defaults and environment variables.
 *
 * A flag is `--name value`, `--name=value` or, for booleans, bare; one dash does too, as in Go. Its
 * variable is ETCD_NAME; both at once is refused, as in etcd. What is wrong is said in one line
 * that names the flag and why. Flags of etcd for what does not exist here (config_absent.c) are
 * taken with the one value that asks for nothing, and refused with any other.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "base/limits.h"
#include "base/url.h"
#include "env/env.h"

struct config_urls {
    struct slice text[MEMBER_URLS_MAX]; /* as given, borrowed from the console */
    struct url url[MEMBER_URLS_MAX];
    size_t count;
};

struct server_config {
    const char *name;
    const char *data_dir; /* owned */
    const char *wal_dir;  /* empty: in the data directory */
    struct config_urls listen_peer;
    struct config_urls listen_client;
    struct config_urls advertise_peer;
    struct config_urls advertise_client;
    const char *initial_cluster; /* owned */
    const char *initial_token;
    bool existing;  /* --initial-cluster-state existing */
    bool force_new; /* --force-new-cluster */
    bool strict;
    uint8_t learners_max;
    uint32_t append_entries_max;
    uint64_t segment_bytes; /* of the log */
    bool pre_vote;
    int64_t heartbeat_ns;
    int64_t election_ns;
    uint64_t snapshot_count;
    uint64_t catchup_entries;
    bool tick_advance; /* the first election waits less once peers are seen */
    uint32_t request_bytes_max;
    uint32_t streams_max;
    int64_t keepalive_min_ns;
    int64_t keepalive_interval_ns;
    int64_t keepalive_timeout_ns;
    enum log_level log_level;
    bool debug; /* --debug: log_level is DEBUG */
    bool show_version;
    bool show_help;
};

/* Fills config from the console; strings are borrowed from it unless marked owned. ERR_USAGE (etcd
 * shows its usage, exit 2) or ERR_INVALID (it checks and ends, exit 1): `why` (at least 512 bytes)
 * says what is wrong in one line. */
int config_read(struct server_config *config, struct env *env, char *why,
                size_t why_size) MUST_CHECK;
void config_fini(struct server_config *config, struct env *env);
/* The next variable from *at on that begins with ETCD_ and is no flag's; *at moves behind it. NULL:
 * there is no more. */
const char *config_unknown_var(const struct env *env, size_t *at);

/* A flag of etcd for something that does not exist here. */
struct config_absent {
    const char *name;
    bool bare;         /* a boolean: may stand alone, for true */
    const char *taken; /* the values that ask for nothing, with '|' between them */
    const char *why;   /* not with any other one */
};
/* NULL: not one of those. */
const struct config_absent *config_absent_find(struct slice name);
bool config_absent_takes(const struct config_absent *flag, const char *value);
extern const struct config_absent config_absents[];
extern const size_t config_absent_count;

/* The text of --help. */
void config_help(struct buf *out);

#endif
