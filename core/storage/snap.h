/* The inside of snapshots: what snap_sink.c, snap_reader.c and snap_files.c share. Each sink and
 * reader has its own request; while storage closes, the end of a request only reports to
 * storage_close_rest.
 */
#ifndef STORAGE_SNAP_H
#define STORAGE_SNAP_H

#include "base/list.h"
#include "env/env.h"
#include "storage/snap_format.h"

#define STORAGE_WORDS_MAX 400

/*            begin            more                 bytes, chunk
 *     FREE --------> OPENING -----> READY <-----------------------> WRITING
 *      ^                              |  finish
 *      |                              v
 *      +------------ done ------- FINISHING        any of these --error, abort--> FAILING --+
 *      +-------------------------------------------------------------------- done ----------+
 */
enum storage_sink_state {
    SINK_FREE,
    SINK_OPENING,
    SINK_READY,
    SINK_WRITING,
    SINK_FINISHING,
    SINK_FAILING
};

struct storage_sink {
    struct storage *storage;
    const struct storage_sink_events *events;
    void *data;
    enum storage_sink_state state;
    bool receiving;
    bool aborting;
    int status; /* while FAILING: how it will end */

    struct env_file file;
    struct env_disk_req req;
    bool busy;
    void (*next)(struct storage_sink *sink, int status);
    char *temp_path;
    char *path; /* once it is known */

    struct buf bytes; /* being written */
    uint64_t written; /* offset of what comes next */
    uint64_t unsynced;
    struct snapshot_head head;
    bool has_head;
    struct snap_tail tail;     /* of what is written by us */
    struct snap_parser parser; /* of what is received */
    char words[STORAGE_WORDS_MAX];
};

#define READER_BLOCKS      4
#define READER_BLOCK_BYTES (1024u * 1024)

struct reader_block {
    struct storage_reader *reader;
    struct env_disk_req req;
    uint8_t *ptr;
    uint64_t offset;
    size_t want;
    size_t len;
    size_t taken; /* by the parser */
    bool busy;
};

enum storage_reader_state {
    READER_OPENING,
    READER_OPEN,
    READER_FAILED,
    READER_CLOSING
};

struct storage_reader {
    struct storage *storage;
    struct list link;
    const struct storage_reader_events *events;
    void *data;
    enum storage_reader_state state;
    bool verify_only; /* payloads are not handed out */
    bool pinned;
    index_t index;
    char *path;

    struct env_file file;
    struct env_disk_req req; /* of everything but blocks */
    bool busy;
    void (*next)(struct storage_reader *reader, int status);
    uint64_t size;

    struct snap_parser parser;
    bool wanted;     /* a chunk */
    bool delivering; /* inside `chunk` or before it, in the loop that will go on */
    struct env_timer soon;
    struct reader_block blocks[READER_BLOCKS];
    size_t block_first; /* the one that the parser takes from */
    size_t block_count; /* asked for and not yet given back */
    uint64_t ahead;     /* offset of the next block */

    struct buf raw;
    uint64_t raw_offset;
    size_t raw_want;
    char words[STORAGE_WORDS_MAX];
};

/* A snapshot that is there and whole. */
struct storage_snap {
    index_t index;
    term_t term;
    uint32_t pins; /* readers */
    bool unwanted; /* damaged, or the log never began behind it */
    bool stuck;    /* could not be removed */
};

/* "DIR/snap/NAME", the caller's to free. */
char *storage_snap_path(struct storage *s, const char *name);
char *storage_snap_path_of(struct storage *s, index_t index);
struct storage_snap *storage_snap_find(struct storage *s, index_t index);
void storage_snap_add(struct storage *s, index_t index, term_t term);

/* Opening: finds the snapshots, drops what is half or foreign to the log, and calls `after`: 0, or
 * an error with its words set. */
void storage_snaps_open(struct storage *s, void (*after)(struct storage *, int));
/* Removes what is older than the newest SNAPSHOTS_KEPT that the log knows, in the background. */
void storage_snaps_purge(struct storage *s);

void storage_sink_init(struct storage_sink *sink, struct storage *s, bool receiving);
void storage_sink_fini(struct storage_sink *sink);
void storage_reader_free(struct storage_reader *reader);
bool storage_reader_busy(const struct storage_reader *reader);

/* Closing, once the log is closed: ends what is left, one by one, and then says so. */
void storage_close_rest(struct storage *s);

#endif
