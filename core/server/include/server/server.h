/* The member: `quorated` as a program that any world can start.
 *
 * It reads its flags and ETCD_* variables from the console of its env, its past from its data
 * directory, joins or bootstraps its cluster, and serves clients once it has published itself.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "env/env.h"

extern const struct env_program server_program;

/* What clients are told (etcd's version, whose API this is) and what --version says. */
#define SERVER_ETCD_VERSION    "3.4.23"
#define SERVER_CLUSTER_VERSION "3.4.0"
#define SERVER_VERSION         "0.1.0"

#endif
