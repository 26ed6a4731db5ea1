#include "base/duration.h"
#include "disk/disk.h"

/* A solid-state disk with a volatile cache. At power failure a third of the unsynced writes is
 * dropped, a third torn, a third kept: what is likely in life would find little. */
const struct disk_options disk_options_default = {
    .write_min_ns = 5 * US_NS,
    .write_max_ns = 30 * US_NS,
    .sync_min_ns = 300 * US_NS,
    .sync_max_ns = 1200 * US_NS,
    .read_min_ns = 20 * US_NS,
    .read_max_ns = 120 * US_NS,
    .meta_min_ns = 10 * US_NS,
    .meta_max_ns = 60 * US_NS,
    .bytes_per_second = UINT64_C(500000000),
    .capacity = UINT64_C(1) << 40,
    .drop_ppm = 333333,
    .tear_ppm = 333333,
    .name_drop_ppm = 500000,
};

const char *disk_op_name(enum disk_op op)
{
    static const char *const names[DISK_OP_COUNT] = {
        "open",   "write",    "read",     "sync", "allocate", "truncate", "close", "rename",
        "remove", "make-dir", "sync-dir", "list", "stat",     "space",    "lock",
    };
    return op < DISK_OP_COUNT ? names[op] : "?";
}
