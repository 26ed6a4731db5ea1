/* The key space: every key with every revision of it, in memory.
 *
 * A pure function of the log: the same requests in the same order give the same state, the same
 * answers and the same state hash on every member. It may know base and nothing else: no clock, no
 * raft, no protobuf (the server translates), and it does no input or output; the log and snapshots
 * make it durable.
 *
 * The model is etcd's. A store begins at revision 1. Each request that writes raises the revision
 * by 1; what it wrote carries (revision, sub-revision), sub counting from 0 within the request. A
 * delete writes a tombstone, which ends a key's generation: the next put has version 1 and a new
 * create revision. Old revisions stay readable until they are compacted.
 *
 * A compaction is logical at once, as the log has it: reads below its revision are refused. The
 * physical work follows in steps, whenever the owner has time, so members differ in what they still
 * hold; nothing that a request can see, and no state hash, tells them apart.
 *
 * Invariants: revisions only grow; a key's records are ordered by revision and no tombstone follows
 * a tombstone; a record never changes once written; the state hash is a sum over all records ever
 * written, of those that were removed and those that are there, so it can be recomputed from the
 * state at any time (mvcc_check does); what was written at the newest revision is never removed.
 *
 * Bytes in answers are borrowed from the store and stay valid until the next call that takes a
 * `struct mvcc *` without const.
 */
#ifndef MVCC_MVCC_H
#define MVCC_MVCC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/types.h"

struct mvcc;
struct mvcc_walk;
struct mvcc_loader;
struct mvcc_hashkv;

/* An empty store. Everything it holds comes from mem and is given back by mvcc_free. */
struct mvcc *mvcc_new(struct mem *mem);
/* m may be NULL. */
void mvcc_free(struct mvcc *m);
/* The same bit by bit, for an owner who may not pause for a large store: frees at least so many
 * records or keys, and a few hundred more. False: m is gone. Until then only these two may be
 * called. */
bool mvcc_free_step(struct mvcc *m, size_t items);

/* The revision of the newest write: what every response header carries. */
revision_t mvcc_revision(const struct mvcc *m);
/* Reads below this revision are refused; -1 before the first compaction (etcd: HashKV). */
revision_t mvcc_compacted(const struct mvcc *m);
/* Digest of the whole logical state; equal on members that applied the same log. O(1). */
uint64_t mvcc_hash(const struct mvcc *m);
/* Bytes of keys and values held, all revisions, with a fixed overhead for each record. It falls as
 * a compaction's work proceeds, so it is a function of the log only while none is pending. For
 * Status.dbSize and a quota, which may differ between members as in etcd: the alarm that it raises
 * goes through the log. */
uint64_t mvcc_size(const struct mvcc *m);
/* Keys that exist at the newest revision. O(1). */
int64_t mvcc_live(const struct mvcc *m);

/* One key as of one revision (mvccpb.KeyValue). Borrows from the store. */
struct mvcc_kv {
    struct slice key;
    struct slice value;
    revision_t create_revision;
    revision_t mod_revision;
    int64_t version;
    int64_t lease;
};

/* A growing array of answers, which owns the array but not the bytes. Zero is empty. */
struct mvcc_kvs {
    struct mvcc_kv *at;
    size_t count;
    size_t cap;
};

enum mvcc_order {
    MVCC_ORDER_NONE = 0,
    MVCC_ORDER_ASCEND = 1,
    MVCC_ORDER_DESCEND = 2,
};

enum mvcc_target {
    MVCC_TARGET_KEY = 0,
    MVCC_TARGET_VERSION = 1,
    MVCC_TARGET_CREATE = 2,
    MVCC_TARGET_MOD = 3,
    MVCC_TARGET_VALUE = 4,
};

/* etcdserverpb.RangeRequest without `serializable`, which is the server's business. The enums keep
 * etcd's numbers; the wire may bring others, so they travel as int32_t. A range is the one key if
 * range_end is empty, all keys >= key if range_end is the one byte 0, else [key, range_end). */
struct mvcc_range {
    struct slice key;
    struct slice range_end;
    int64_t limit;       /* 0 or less: none */
    revision_t revision; /* 0 or less: the newest */
    int32_t sort_order;
    int32_t sort_target;
    bool keys_only;              /* answers have an empty value */
    bool count_only;             /* answers only `count` */
    revision_t min_mod_revision; /* these four: 0 is no bound */
    revision_t max_mod_revision;
    revision_t min_create_revision;
    revision_t max_create_revision;
};

struct mvcc_range_result {
    revision_t revision; /* for the header: the store's newest, whatever was asked for */
    struct mvcc_kvs kvs;
    bool more;     /* the limit cut something off */
    int64_t count; /* all keys of the range at that revision, before bounds and limit (etcd 3.4) */
};

/* etcdserverpb.PutRequest. */
struct mvcc_put {
    struct slice key;
    struct slice value;
    int64_t lease;
    bool prev_kv;
    bool ignore_value; /* keep the value; the key must exist */
    bool ignore_lease; /* keep the lease; the key must exist */
};

struct mvcc_put_result {
    revision_t revision;
    bool has_prev_kv;
    struct mvcc_kv prev_kv;
};

/* etcdserverpb.DeleteRangeRequest; the range is written as in struct mvcc_range. */
struct mvcc_delete {
    struct slice key;
    struct slice range_end;
    bool prev_kv;
};

struct mvcc_delete_result {
    revision_t revision;
    int64_t deleted;
    struct mvcc_kvs prev_kvs; /* in the order of keys; filled if asked for */
};

/* What etcd refuses before it proposes anything (api/v3rpc/key.go). The store repeats these checks
 * when it applies, so that an entry from a foreign log cannot break it.
 *   ERR_ETCD_KEY_EMPTY       the key is empty
 *   ERR_ETCD_INVALID_SORT    an unknown order or target (3.4 crashes on the latter; text of 3.5)
 *   ERR_ETCD_VALUE_PROVIDED  ignore_value and a value
 *   ERR_ETCD_LEASE_PROVIDED  ignore_lease and a lease
 *   ERR_ETCD_TOO_LARGE       a key or value of 4 GiB or more, which no request can hold */
MUST_CHECK int mvcc_range_check(const struct mvcc_range *request);
MUST_CHECK int mvcc_put_check(const struct mvcc_put *request);
MUST_CHECK int mvcc_delete_check(const struct mvcc_delete *request);

/* Reads at one revision. Costs a search, plus what it returns or, with a sort other than by key, a
 * bound, or an old revision, what lies in the range. The result is the caller's, to be released
 * with mvcc_range_result_fini also after an error; array memory comes from mem. Errors: those of
 * mvcc_range_check and
 *   ERR_ETCD_FUTURE_REV      the revision is greater than the newest
 *   ERR_ETCD_COMPACTED       the revision is below the compacted one
 * One of etcd's quirks is kept: sort_order NONE with a target other than KEY sorts, ascending, only
 * the first limit + 1 keys of the range. */
MUST_CHECK int mvcc_range(const struct mvcc *m, const struct mvcc_range *request, struct mem *mem,
                          struct mvcc_range_result *result);
void mvcc_range_result_fini(struct mvcc_range_result *result, struct mem *mem);

/* Writes one key at the next revision. O(log n). On an error nothing changed, the revision
 * included. Errors: those of mvcc_put_check and ERR_ETCD_LEASE_NOT_FOUND the lease is not known
 * (today none is) ERR_ETCD_KEY_NOT_FOUND   ignore_value or ignore_lease, and the key does not exist
 */
MUST_CHECK int mvcc_put(struct mvcc *m, const struct mvcc_put *request,
                        struct mvcc_put_result *result);

/* Deletes a range at the next revision; if nothing was there the revision stays. The result is
 * released with mvcc_delete_result_fini. Errors: those of mvcc_delete_check. */
MUST_CHECK int mvcc_delete(struct mvcc *m, const struct mvcc_delete *request, struct mem *mem,
                           struct mvcc_delete_result *result);
void mvcc_delete_result_fini(struct mvcc_delete_result *result, struct mem *mem);

/* Reads below the revision are refused from now on; what only they could see is removed by
 * mvcc_compact_step. O(1). Allowed while an earlier compaction is pending. Errors (etcd's rules):
 *   ERR_ETCD_COMPACTED   the revision is not above the compacted one
 *   ERR_ETCD_FUTURE_REV  it is greater than the newest */
MUST_CHECK int mvcc_compact(struct mvcc *m, revision_t revision);
/* Looks at up to so many records and removes, of their keys, what is not needed any more: O(log n)
 * for each. All steps of a compaction together look at what was written between the last compacted
 * revision and its own. Returns true while something is left. Does nothing, and returns true, while
 * a walk is open. */
bool mvcc_compact_step(struct mvcc *m, size_t records);
bool mvcc_compact_pending(const struct mvcc *m);
/* Steps do nothing now: a walk or a hash is open. */
bool mvcc_compact_held(const struct mvcc *m);
/* The work of a compaction at a lower revision is done. */
revision_t mvcc_compact_done(const struct mvcc *m);

/* The whole state as of the moment when the walk began, as bytes, a bit at a time, while the store
 * goes on changing; the format is in image.h. A walk holds compactions up, so it should not dawdle;
 * there may be several. It borrows the store, and is freed before it. */
struct mvcc_walk *mvcc_walk_new(struct mvcc *m);
/* Appends the next chunk: whole records of together at most bytes_max bytes, or one that alone is
 * longer (so a chunk is shorter than bytes_max or a request of REQUEST_BYTES_MAX, and some bytes).
 * False, and nothing was appended, when the last one has been. Costs what it appends. */
bool mvcc_walk_next(struct mvcc_walk *walk, size_t bytes_max, struct buf *out);
/* walk may be NULL. */
void mvcc_walk_free(struct mvcc_walk *walk);

/* A store from the chunks of a walk, whole and in their order. After an error only mvcc_load_free
 * may follow. A chunk costs O(log n) a record and memory in proportion to its bytes. Errors:
 *   ERR_CORRUPT  this is no image, or not of a state that a store can be in
 *   ERR_FORMAT   a newer version wrote it */
struct mvcc_loader *mvcc_load_new(struct mem *mem);
MUST_CHECK int mvcc_load_add(struct mvcc_loader *loader, struct slice chunk);
/* Takes the loader. Gives the store, which mvcc_free ends, unless records are missing or they are
 * not what the image's hash stands for (ERR_CORRUPT). */
MUST_CHECK int mvcc_load_end(struct mvcc_loader *loader, struct mvcc **m);
/* Gives up: the loader is gone, and what it has made so far is only good for mvcc_free_step. */
struct mvcc *mvcc_load_abandon(struct mvcc_loader *loader);
/* loader may be NULL. */
void mvcc_load_free(struct mvcc_loader *loader);

/* Maintenance.HashKV: the hash that etcd 3.4 has of the same history, a bit at a time. Like a walk
 * it borrows the store, holds compactions up and sees the moment when it began. revision 0: the
 * newest; less: nothing is that old. Errors (etcd's rules): ERR_ETCD_COMPACTED   the revision is
 * not above the compacted one ERR_ETCD_FUTURE_REV  it is greater than the newest */
MUST_CHECK int mvcc_hashkv_new(struct mvcc *m, revision_t revision, struct mvcc_hashkv **hashkv);
/* Hashes records of about so many bytes; true while something is left. */
bool mvcc_hashkv_step(struct mvcc_hashkv *hashkv, size_t bytes);
struct mvcc_hashkv_result {
    uint32_t hash;
    revision_t compacted;
    revision_t revision; /* the newest */
};
/* Once nothing is left; compacted and revision are those of the beginning. */
struct mvcc_hashkv_result mvcc_hashkv_result(const struct mvcc_hashkv *hashkv);
/* hashkv may be NULL. */
void mvcc_hashkv_free(struct mvcc_hashkv *hashkv);

/* Asserts every invariant and recomputes the state hash. O(size): for tests and the simulator. */
void mvcc_check(const struct mvcc *m);

#endif
