/* A program for a simulated host: closed clients that put, each the next one when the one before is
 * answered, through core/client and so through the very bytes that any client sends.
 *
 *   load --endpoints A,B,C --clients N [--puts N] [--keys N] [--value BYTES] [--quiet]
 *
 * Client i puts the keys "i-0", "i-1", …, each once or, with --keys, that many in turn, with the
 * key's own text at the start of the value. Unless quiet, each answered put is a line "ok KEY" on
 * standard output, each other one "unknown KEY". It ends with the last put, or when it is asked to
 * stop, with a last line "done OK UNKNOWN".
 */
#ifndef TESTS_SUPPORT_LOAD_PROGRAM_H
#define TESTS_SUPPORT_LOAD_PROGRAM_H

#include "env/env.h"

extern const struct env_program load_program;

#endif
