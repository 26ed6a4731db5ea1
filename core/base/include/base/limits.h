/* Limits on what comes from outside. Each is met before anything is allocated.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define REQUEST_BYTES_MAX  (1536 * 1024) /* one proposal, if no flag says otherwise */
#define REQUEST_BYTES_TOP  (4096 * 1024) /* and what a flag may say: a record must hold it */
#define GRPC_MESSAGE_SLACK (512 * 1024)  /* a gRPC message may be this much longer */
#define RECORD_BYTES_MAX   8388608       /* one record of a peer link */
#define MEMBERS_MAX        64            /* members of a cluster, learners included */
#define MEMBER_NAME_MAX    256           /* bytes */
#define MEMBER_URLS_MAX    16            /* per member and kind */
#define URL_BYTES_MAX      512

#endif
