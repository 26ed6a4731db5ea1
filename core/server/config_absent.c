/* Flags of etcd 3.4 for what does not exist here: the value that asks for nothing is taken, so that
 * a command line that spells out etcd's defaults still works; any other is refused with a reason.
 */
#include "config.h"

#define TLS       "TLS does not exist yet"
#define DISCOVERY "discovery does not exist yet; name the members by --initial-cluster"
#define METRICS   "metrics do not exist yet"
#define AUTH      "authentication does not exist yet"
#define COMPACT   "automatic compaction does not exist yet"
#define V2        "etcd's API v2 is not spoken; clients use v3"
#define NO_DB     "there is no backend database; what a turn has gathered is written and synced at once"
#define CORRUPT   "members are not compared with each other yet"

const struct config_absent config_absents[] = {
    {"config-file", false, "", "files of flags are not read; give flags, or variables ETCD_NAME"},
    {"max-snapshots", false, "5|0", "the newest two stay, and no others"},
    {"max-wals", false, "5|0", "the log keeps the segments that are needed, and no others"},
    {"quota-backend-bytes", false, "0", "the size of the state is not limited yet"},
    {"backend-batch-interval", false, "|0s|100ms", NO_DB},
    {"backend-batch-limit", false, "0|10000", NO_DB},
    {"max-txn-ops", false, "128", "transactions do not exist yet"},
    {"auto-compaction-mode", false, "periodic|revision", "'periodic' or 'revision'"},
    {"auto-compaction-retention", false, "0|0s|0h", COMPACT},
    {"discovery", false, "", DISCOVERY},
    {"discovery-fallback", false, "proxy|exit", "'proxy' or 'exit'"},
    {"discovery-proxy", false, "", DISCOVERY},
    {"discovery-srv", false, "", DISCOVERY},
    {"discovery-srv-name", false, "", DISCOVERY},
    {"enable-v2", true, "false", V2},
    {"cert-file", false, "", TLS},
    {"key-file", false, "", TLS},
    {"client-cert-auth", true, "false", TLS},
    {"client-crl-file", false, "", TLS},
    {"client-cert-allowed-hostname", false, "", TLS},
    {"trusted-ca-file", false, "", TLS},
    {"auto-tls", true, "false", TLS},
    {"peer-cert-file", false, "", TLS},
    {"peer-key-file", false, "", TLS},
    {"peer-client-cert-auth", true, "false", TLS},
    {"peer-trusted-ca-file", false, "", TLS},
    {"peer-auto-tls", true, "false", TLS},
    {"peer-crl-file", false, "", TLS},
    {"peer-cert-allowed-cn", false, "", TLS},
    {"peer-cert-allowed-hostname", false, "", TLS},
    {"cipher-suites", false, "", TLS},
    {"cors", false, "*|", "pages may be read from any origin, and that cannot be changed yet"},
    {"host-whitelist", false, "*|", "hosts that requests name are not checked yet"},
    {"auth-token", false, "simple|", AUTH},
    {"auth-token-ttl", false, "300", AUTH},
    {"bcrypt-cost", false, "10", AUTH},
    {"enable-pprof", true, "false", "profiles of a Go process do not exist here"},
    {"metrics", false, "basic|extensive", METRICS},
    {"listen-metrics-urls", false, "", METRICS},
    {"logger", false, "zap", "logs are JSON lines, as zap writes them"},
    {"log-outputs", false, "default|stderr", "logs go to standard error; redirect that"},
    {"log-package-levels", false, "", "one level holds for all; see --log-level"},
    {"proxy", false, "off", V2},
    {"proxy-failure-wait", false, "5000", V2},
    {"proxy-refresh-interval", false, "30000", V2},
    {"proxy-dial-timeout", false, "1000", V2},
    {"proxy-write-timeout", false, "5000", V2},
    {"proxy-read-timeout", false, "0", V2},
    {"experimental-initial-corrupt-check", true, "false", CORRUPT},
    {"experimental-corrupt-check-time", false, "0s|0", CORRUPT},
    {"experimental-enable-v2v3", false, "", V2},
    {"experimental-backend-bbolt-freelist-type", false, "array|map", NO_DB},
    {"experimental-enable-lease-checkpoint", true, "false", "leases do not exist yet"},
    {"experimental-compaction-batch-limit", false, "1000", COMPACT},
    {"experimental-peer-skip-client-san-verification", true, "false", TLS},
    {"experimental-watch-progress-notify-interval", false, "10m|10m0s", "watches do not exist yet"},
    {"experimental-warning-apply-duration", false, "100ms", "slow requests are not told yet"},
};
const size_t config_absent_count = sizeof(config_absents) / sizeof(config_absents[0]);

const struct config_absent *config_absent_find(struct slice name)
{
    for (size_t i = 0; i < config_absent_count; i++) {
        if (slice_eq_str(name, config_absents[i].name)) {
            return &config_absents[i];
        }
    }
    return NULL;
}

/* Go's words for false. */
static bool is_false(const char *value)
{
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool config_absent_takes(const struct config_absent *flag, const char *value)
{
    if (flag->bare) {
        return is_false(value);
    }
    const char *one = flag->taken;
    for (;;) {
        size_t len = 0;
        while (one[len] != '\0' && one[len] != '|') {
            len++;
        }
        if (strncmp(value, one, len) == 0 && value[len] == '\0') {
            return true;
        }
        if (one[len] == '\0') {
            return false;
        }
        one += len + 1;
    }
}
