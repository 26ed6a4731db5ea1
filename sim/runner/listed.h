/* See listed.c. */
#ifndef RUNNER_LISTED_H
#define RUNNER_LISTED_H

#include "base/types.h"

/* One peer URL; the token of --initial-cluster-token. */
member_id_t listed_member_id(const char *peer_url, const char *token);

#endif
