/* quorated's flags: etcd's names, defaults and environment variables, for what exists so far.
 *
 * A flag is `--name value`, `--name=value` or, for booleans, bare; one dash does too, as in Go. A
 * flag beats its variable ETCD_NAME. What is wrong is said in one line that names the flag and why.
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
    bool pre_vote;
    int64_t heartbeat_ns;
    int64_t election_ns;
    uint64_t snapshot_count;
    uint64_t catchup_entries;
    enum log_level log_level;
    bool show_version;
    bool show_help;
};

/* Fills config from the console; strings are borrowed from it unless marked owned. ERR_USAGE: `why`
 * (at least 512 bytes) says what is wrong in one line. */
int config_read(struct server_config *config, struct env *env, char *why,
                size_t why_size) MUST_CHECK;
void config_fini(struct server_config *config, struct env *env);
/* The text of --help. */
void config_help(struct buf *out);

#endif
