/* Backups: what `snapshot save` brings home, and what `snapshot status` and `snapshot restore`
 * read.
 *
 * A backup is a snapshot file as members write it (storage/snapshot.h: the state chunk, then the
 * chunks of the key space), and behind its last chunk the SHA-256 of all bytes before, as etcd has
 * it behind its database. A chunk of zeros in front of the last makes the length without the hash a
 * multiple of 512, as an etcd database is long: etcdctl refuses to save what is not. A snapshot
 * file out of a data directory is a backup without a hash. The file's own checks tell damage; the
 * hash also tells a file that somebody has put together anew.
 *
 * Here are the bytes only; files.h has the rest.
 */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include "base/mem.h"
#include "storage/snap_format.h"

#define BACKUP_HASH_BYTES    32
#define BACKUP_PAGE_BYTES    512
#define BACKUP_CHUNK_PADDING UINT32_C(0xFFFFFFFE)

/* Writing. Each appends to `out`: begin, chunks, end. */
struct backup_writer;

/* `head` whole, its salt drawn by the caller. */
struct backup_writer *backup_begin(struct mem *mem, const struct snapshot_head *head, uint32_t salt,
                                   struct buf *out);
void backup_chunk(struct backup_writer *writer, uint32_t type, struct slice payload,
                  struct buf *out);
void backup_end(struct backup_writer *writer, struct buf *out);
/* At any time; NULL is fine. */
void backup_writer_free(struct backup_writer *writer);

/* Reading, in pieces of any size; the bytes are hostile. */
struct backup_reader;

/* keep: payloads are wanted, else they are only verified. */
struct backup_reader *backup_reader_new(struct mem *mem, bool keep);
void backup_reader_free(struct backup_reader *reader);
/* Takes bytes off the front of `bytes` up to the next thing: SNAP_HEAD, SNAP_CHUNK and SNAP_BAD as
 * in snap_format.h; SNAP_MORE when all were taken. Neither padding nor the end of the snapshot is
 * a thing of its own; what follows the end is the hash. */
enum snap_step backup_read(struct backup_reader *reader, struct slice *bytes);
/* The file has ended. 0, ERR_CORRUPT, or with `hash_wanted` ERR_INVALID: there is no hash, or not
 * the one of these bytes. */
int backup_read_end(struct backup_reader *reader, bool hash_wanted) MUST_CHECK;
/* Of an error, for people: what, and where it is in the file. */
void backup_words(const struct backup_reader *reader, struct buf *out);
const struct snapshot_head *backup_head(const struct backup_reader *reader);
/* After SNAP_CHUNK, until the next call. */
uint32_t backup_type(const struct backup_reader *reader);
struct slice backup_payload(const struct backup_reader *reader);
/* After the end: the SHA-256 of the snapshot, which needs not be the one that stands there; and the
 * bytes of the snapshot, without the hash. */
const uint8_t *backup_hash(const struct backup_reader *reader);
uint64_t backup_bytes(const struct backup_reader *reader);

#endif
