/* The folder of snapshots: what is there at a boot and which of it to start from, and what goes
 * when newer ones have come. */
#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "internal.h"

#define NAME_BYTES 21 /* 16 digits and ".snap" */

static void listed(struct storage *s, int status);
static void try_next(struct storage *s);

char *storage_snap_path(struct storage *s, const char *name)
{
    return storage_join(s, s->snap_dir, name);
}

char *storage_snap_path_of(struct storage *s, index_t index)
{
    char name[NAME_BYTES + 1];
    fmt(name, sizeof(name), "%016llx.snap", (unsigned long long)index);
    return storage_snap_path(s, name);
}

struct storage_snap *storage_snap_find(struct storage *s, index_t index)
{
    for (size_t i = 0; i < s->snap_count; i++) {
        if (s->snaps[i].index == index) {
            return &s->snaps[i];
        }
    }
    return NULL;
}

/* In ascending order. One that is there already has been replaced by a whole one. */
void storage_snap_add(struct storage *s, index_t index, term_t term)
{
    size_t at = s->snap_count;
    struct storage_snap *there = storage_snap_find(s, index);
    if (there != NULL) {
        there->term = term;
        there->unwanted = false;
        return;
    }
    if (s->snap_count == s->snap_cap) {
        s->snap_cap = s->snap_cap == 0 ? 8 : s->snap_cap * 2;
        s->snaps = mem_resize(s->env->mem, s->snaps, s->snap_cap * sizeof(*s->snaps));
    }
    while (at > 0 && s->snaps[at - 1].index > index) {
        s->snaps[at] = s->snaps[at - 1];
        at--;
    }
    s->snaps[at] = (struct storage_snap){.index = index, .term = term};
    s->snap_count++;
}

/* Opening -------------------------------------------------------------------------------------- */

void storage_snaps_open(struct storage *s, void (*after)(struct storage *, int))
{
    s->after_snaps = after;
    env_disk_list(s->env, storage_begin(s, listed), s->snap_dir);
}

static void half_removed(struct storage *s, int status)
{
    if (status != 0 && status != ERR_NOT_FOUND) {
        storage_say(s, "remove an unfinished snapshot from", s->snap_dir, status);
        s->after_snaps(s, status);
        return;
    }
    if (s->half_receiving) {
        s->half_receiving = false;
        env_disk_remove(s->env, storage_begin(s, half_removed), s->receiver.temp_path);
        return;
    }
    s->snap_try = s->snap_count;
    try_next(s);
}

static bool take_name(struct storage *s, const char *name)
{
    uint64_t index;
    if (strcmp(name, "writing.tmp") == 0) {
        s->half_writing = true;
        return true;
    }
    if (strcmp(name, "receiving.tmp") == 0) {
        s->half_receiving = true;
        return true;
    }
    if (strlen(name) != NAME_BYTES || strcmp(name + 16, ".snap") != 0 ||
        slice_hex_to_u64(slice_of(name, 16), &index) != 0 || index == 0) {
        return false;
    }
    storage_snap_add(s, index, 0);
    return true;
}

static void listed(struct storage *s, int status)
{
    bool known = true;
    if (status != 0) {
        storage_say(s, "list", s->snap_dir, status);
        s->after_snaps(s, status);
        return;
    }
    for (size_t i = 0; i < s->req.count && known; i++) {
        known = take_name(s, s->req.names[i]);
        if (!known) {
            PROBE("storage.unknown_file");
            fmt(s->words, sizeof(s->words), "%s holds %.64s, which this version does not know",
                s->snap_dir, s->req.names[i]);
        }
    }
    env_disk_names_free(s->env, &s->req);
    if (!known) {
        s->after_snaps(s, ERR_FORMAT);
        return;
    }
    if (s->half_writing) {
        s->half_writing = false;
        env_disk_remove(s->env, storage_begin(s, half_removed), s->writer.temp_path);
        return;
    }
    half_removed(s, 0);
}

/* The log begins behind an index that no sound snapshot reaches. */
static void none_left(struct storage *s)
{
    const struct wal_replay *r = &s->replay;
    if (r->snapshot_index == 0) {
        s->words[0] = '\0';
        s->after_snaps(s, 0);
        return;
    }
    if (s->words[0] == '\0') {
        fmt(s->words, sizeof(s->words),
            "the log in %s begins behind entry %llu, and %s holds no snapshot of that or a later "
            "one; restore the member from the others (member remove, member add)",
            s->wal_dir, (unsigned long long)r->snapshot_index, s->snap_dir);
    }
    s->after_snaps(s, ERR_CORRUPT);
}

static void reader_closed(void *data)
{
    struct storage *s = data;
    if (s->boot_reader_sound) {
        s->words[0] = '\0';
        s->after_snaps(s, 0);
    } else {
        try_next(s);
    }
}

static void try_ended(struct storage *s, bool sound)
{
    s->boot_reader_sound = sound;
    if (!sound) {
        struct storage_snap *snap = storage_snap_find(s, s->boot_reader->index);
        snap->unwanted = true;
        if (s->words[0] == '\0') {
            fmt(s->words, sizeof(s->words), "%s", storage_reader_words(s->boot_reader));
        }
        LOG(s->env, WARN, "a snapshot cannot be used",
            log_str("where", storage_reader_words(s->boot_reader)));
    }
    storage_reader_close(s->boot_reader);
}

static void reader_opened(void *data, int status, const struct snapshot_head *head, uint64_t size)
{
    struct storage *s = data;
    (void)size;
    if (status == 0 && !wal_replay_fits(&s->replay, head->index, head->term)) {
        PROBE("storage.snapshot_contradicts_log");
        fmt(s->boot_reader->words, STORAGE_WORDS_MAX,
            "%s is of term %llu, but the log has its entry in term %llu", s->boot_reader->path,
            (unsigned long long)head->term,
            (unsigned long long)wal_replay_term(&s->replay, head->index));
        status = ERR_CORRUPT;
    }
    if (status != 0) {
        try_ended(s, false);
        return;
    }
    s->boot_head = *head;
    storage_reader_next(s->boot_reader);
}

static void reader_chunk(void *data, int status, uint32_t type, struct slice bytes)
{
    struct storage *s = data;
    (void)bytes;
    if (status == 0 && type != SNAPSHOT_TYPE_END) {
        storage_reader_next(s->boot_reader);
        return;
    }
    if (status == 0) {
        s->snap_newest = s->boot_head.index;
        storage_snap_find(s, s->snap_newest)->term = s->boot_head.term;
    }
    try_ended(s, status == 0);
}

/* From the newest to the oldest: the first that is sound and fits to the log. */
static void try_next(struct storage *s)
{
    static const struct storage_reader_events events = {
        .opened = reader_opened, .chunk = reader_chunk, .closed = reader_closed};
    index_t first = s->replay.snapshot_index;
    index_t last = wal_replay_last(&s->replay);
    while (s->snap_try > 0) {
        struct storage_snap *snap = &s->snaps[--s->snap_try];
        if (snap->index > last) {
            /* Received, but a crash came before the log could begin behind it. */
            PROBE("storage.snapshot_not_installed");
            snap->unwanted = true;
        } else if (snap->index >= first) {
            s->boot_reader = storage_open_snapshot(s, snap->index, &events, s);
            s->boot_reader->verify_only = true;
            return;
        }
    }
    none_left(s);
}

void storage_drop_snapshot(struct storage *s, index_t index)
{
    struct storage_snap *snap = storage_snap_find(s, index);
    if (snap != NULL && index > s->gathering->snapshot_index) {
        PROBE("storage.snapshot_dropped");
        snap->unwanted = true;
        storage_snaps_purge(s);
    }
}

/* Purging -------------------------------------------------------------------------------------- */

/* The oldest that may go; NULL: none. */
static struct storage_snap *find_removable(struct storage *s)
{
    struct storage_snap *found = NULL;
    size_t kept = 0;
    for (size_t i = s->snap_count; i-- > 0;) {
        struct storage_snap *snap = &s->snaps[i];
        bool go = snap->unwanted;
        if (!go && snap->index <= s->snap_newest) {
            go = kept >= SNAPSHOTS_KEPT;
            kept += !go;
        }
        if (go && snap->pins == 0 && !snap->stuck) {
            found = snap;
        }
    }
    return found;
}

static void purge_ended(struct env_disk_req *req, int status)
{
    struct storage *s = req->data;
    s->purging = false;
    if (s->state == STORAGE_CLOSING) {
        storage_close_rest(s);
        return;
    }
    (void)status; /* what comes back after a power failure is purged again */
    storage_snaps_purge(s);
}

static void purged(struct env_disk_req *req, int status)
{
    struct storage *s = req->data;
    struct storage_snap *snap = storage_snap_find(s, s->purge_index);
    s->purging = false;
    if (status == 0 || status == ERR_NOT_FOUND) {
        size_t at = (size_t)(snap - s->snaps);
        s->snap_count--;
        memmove(snap, snap + 1, (s->snap_count - at) * sizeof(*snap));
    } else {
        snap->stuck = true; /* until the next start */
        LOG(s->env, WARN, "cannot remove an old snapshot", log_str("directory", s->snap_dir),
            log_u64("index", s->purge_index), log_err(status));
    }
    if (s->state == STORAGE_CLOSING) {
        storage_close_rest(s);
        return;
    }
    s->purging = true;
    s->purge_req = (struct env_disk_req){.done = purge_ended, .data = s};
    env_disk_sync_dir(s->env, &s->purge_req, s->snap_dir);
}

void storage_snaps_purge(struct storage *s)
{
    struct storage_snap *snap = find_removable(s);
    if (s->purging || s->state != STORAGE_READY || snap == NULL) {
        return;
    }
    PROBE("storage.snapshot_purged");
    char *path = storage_snap_path_of(s, snap->index);
    s->purging = true;
    s->purge_index = snap->index;
    s->purge_req = (struct env_disk_req){.done = purged, .data = s};
    env_disk_remove(s->env, &s->purge_req, path);
    mem_free(s->env->mem, path);
}
