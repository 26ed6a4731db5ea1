/* quoratectl: the command line client, with the commands, outputs, texts and exit codes of etcdctl
 * 3.4.
 *
 * It is a program on an env: arguments, variables, standard input and outputs, sockets, time and
 * the exit all go through it. So `quoratectl` on a machine and a step `ctl: member add …` of a
 * scenario run the same code, byte for byte.
 *
 * Knows client, and backups as files; nothing of servers. Prints nothing but what etcdctl prints:
 * of its warnings ("retrying of unary invoker failed") there are none.
 *
 * Exit codes: 0; 1 an error of the server or of the command line's form; 2 no connection can be
 * made at all, or a feature that is not built yet; 4 an unknown value or an output format that the
 * command does not have; 5 a snapshot that could not be saved; 128 bad arguments.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "env/env.h"

/* Starts in the node's first turn; ends by env_exit, clean. */
void ctl_start(struct env *env);

extern const struct env_program ctl_program;

#endif
