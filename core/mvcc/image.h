/* clang-format off */
/* A store as bytes: what mvcc_walk writes and mvcc_load reads. All numbers are little endian.
 *
 * The image is a head and then all records in the order of their revisions:
 *
 *   offset  bytes  head
 *        0      4  version, IMAGE_VERSION
 *        4      4  sweep: sub-revision (where the compaction goes on that is under way, if any)
 *        8      8  sweep: revision
 *       16      8  revision of the store
 *       24      8  compacted revision
 *       32      8  number of records
 *       40      8  their size as mvcc_size counts it
 *       48      8  hash of all records ever written
 *       56      8  the part of it whose records compaction has removed
 *
 *   offset  bytes  record
 *        0      4  length of the key, not 0
 *        4      4  length of the value
 *        8      8  revision
 *       16      8  create revision; 0 for a tombstone
 *       24      8  version; 0 for a tombstone
 *       32      8  lease
 *       40      4  sub-revision, less than 2^32 - 1
 *       44         key, value
 *
 * It is cut into chunks anywhere between two records, the head being part of the first one; a
 * record is never cut. Order of revisions, not of keys: so a walk is a place in the history, to
 * which whatever is written meanwhile only adds, and to load is to do again what was done, bit by
 * bit, with nothing left for the end. The image carries no checksum against damage, which is the
 * container's business; the hash tells whether it is the state that it claims to be.
 *
 * A version changes whenever any of this does; a loader refuses those that it does not know.
 */
/* clang-format on */
#ifndef MVCC_IMAGE_H
#define MVCC_IMAGE_H

#define IMAGE_VERSION      1
#define IMAGE_HEAD_BYTES   64
#define IMAGE_RECORD_BYTES 44

/* Greater ones are refused: so that nothing that follows can overflow. */
#define IMAGE_REVISION_MAX (INT64_MAX / 2)

#endif
