/* Scalars with meaning, shared by every module.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdint.h>

typedef uint64_t term_t;      /* Raft term; 0 before the first */
typedef uint64_t index_t;     /* position in the log; the first entry has 1 */
typedef uint64_t member_id_t; /* 0 means nobody */
typedef int64_t revision_t;   /* of the key space; 1 when it is empty */

#endif
