#include "base/duration.h"
#include "net/net.h"

/* A network within a data centre. */
const struct net_options net_options_default = {
    .latency_min_ns = 150 * US_NS,
    .latency_max_ns = 450 * US_NS,
    .loopback_ns = 20 * US_NS,
    .retransmit_max_ns = 400 * MS_NS,
    .split_ppm = 20000,
    .window_bytes = 256 * 1024,
};
