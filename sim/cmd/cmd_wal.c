/* `quorate wal dump DIR` and `quorate wal verify DIR`: what lies in a member's data directory, and
 * whether all of it is sound. Both read with the parser that a member starts with. */
#include "base/fmt.h"
#include "base/json.h"
#include "wal_dir.h"

#include <string.h>

static int usage(FILE *to)
{
    cmd_say(
        to,
        "usage: quorate wal dump|verify DIR [--json]\n"
        "\n"
        "dump shows every record of the log in the data directory DIR, segment by segment, with\n"
        "its offset, and every chunk of its snapshots. A dot ends a unit: what is there as a\n"
        "whole or not at all. verify reads as a member does at its start and says what it\n"
        "would say, but changes nothing: a torn tail is no damage, as a start cuts it.\n"
        "--json: one object a line.\n"
        "\n"
        "exits: 0 sound, 1 damage, 2 usage or a directory that cannot be read\n");
    return to == stdout ? EXIT_PASS : EXIT_INVALID;
}

struct wal_out {
    bool json;
    struct buf text;
};

static const char *type_name(enum wal_type type)
{
    switch (type) {
    case WAL_BOOT: return "boot";
    case WAL_HARD: return "hard";
    case WAL_ENTRY: return "entry";
    case WAL_CUT: return "cut";
    case WAL_SNAPSHOT: return "snapshot";
    case WAL_TAKEN: return "taken";
    case WAL_RECOVER: return "recover";
    }
    return "unknown";
}

/* What the numbers of a payload are called, in their order; all of 8 bytes. */
static const char *const *field_names(enum wal_type type)
{
    static const char *const boot[] = {"number", NULL};
    static const char *const hard[] = {"term", "vote", "commit", NULL};
    static const char *const entry[] = {"term", "index", NULL};
    static const char *const cut[] = {"from", NULL};
    static const char *const snapshot[] = {"index", "term", NULL};
    static const char *const taken[] = {"index", "term", "compact_to", NULL};
    static const char *const recover[] = {"to", NULL};
    static const char *const none[] = {NULL};
    switch (type) {
    case WAL_BOOT: return boot;
    case WAL_HARD: return hard;
    case WAL_ENTRY: return entry;
    case WAL_CUT: return cut;
    case WAL_SNAPSHOT: return snapshot;
    case WAL_TAKEN: return taken;
    case WAL_RECOVER: return recover;
    }
    return none;
}

static bool is_id(const char *name)
{
    return strcmp(name, "vote") == 0;
}

static void flush(struct wal_out *out)
{
    cmd_say(stdout, "%.*s\n", (int)out->text.len, (const char *)out->text.ptr);
    buf_clear(&out->text);
}

static void put_u64(struct json *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_u64(j, value);
}

static void put_text(struct json *j, const char *key, const char *value)
{
    json_key(j, key);
    json_cstr(j, value);
}

static void record_as_json(struct wal_out *out, const char *file, uint64_t offset,
                           const struct wal_record *record, bool sound)
{
    struct json j;
    struct reader in = reader_of(record->payload);
    json_init(&j, &out->text);
    json_object(&j);
    put_text(&j, "file", file);
    put_u64(&j, "offset", offset);
    put_text(&j, "type", type_name(record->type));
    json_key(&j, "ends");
    json_bool(&j, record->ends);
    put_u64(&j, "mark", record->mark);
    json_key(&j, "sound");
    json_bool(&j, sound);
    for (const char *const *name = field_names(record->type); *name != NULL; name++) {
        json_key(&j, *name);
        json_u64(&j, read_u64(&in));
    }
    if (record->type == WAL_ENTRY) {
        json_key(&j, "kind");
        json_cstr(&j, read_u8(&in) == RAFT_ENTRY_CONF ? "conf" : "normal");
        json_key(&j, "bytes");
        json_u64(&j, in.len);
    }
    json_object_end(&j);
    flush(out);
}

static void record_as_text(struct wal_out *out, uint64_t offset, const struct wal_record *record,
                           bool sound)
{
    struct reader in = reader_of(record->payload);
    buf_printf(&out->text, "  %10llu %c %-8s", (unsigned long long)offset, record->ends ? '.' : ' ',
               type_name(record->type));
    for (const char *const *name = field_names(record->type); *name != NULL; name++) {
        uint64_t value = read_u64(&in);
        buf_printf(&out->text, is_id(*name) ? " %s %llx" : " %s %llu", *name,
                   (unsigned long long)value);
    }
    if (record->type == WAL_ENTRY) {
        const char *kind = read_u8(&in) == RAFT_ENTRY_CONF ? "conf" : "normal";
        buf_printf(&out->text, " %s, %zu bytes", kind, in.len);
    }
    buf_add_str(&out->text, sound ? "" : "  ROTTEN");
    flush(out);
}

static void say_header(struct wal_out *out, const char *file, const struct wal_header *h)
{
    if (!out->json) {
        cmd_say(stdout,
                "%s: version %u, cluster %llx, member %llx, instance %x, first %llu, boot %llu, "
                "term %llu, vote %llx, commit %llu\n",
                file, h->version, (unsigned long long)h->meta.cluster_id,
                (unsigned long long)h->meta.member_id, h->instance, (unsigned long long)h->first,
                (unsigned long long)h->boot, (unsigned long long)h->hard.term,
                (unsigned long long)h->hard.vote, (unsigned long long)h->hard.commit);
        return;
    }
    struct json j;
    json_init(&j, &out->text);
    json_object(&j);
    put_text(&j, "file", file);
    put_text(&j, "type", "segment");
    put_u64(&j, "version", h->version);
    put_u64(&j, "cluster", h->meta.cluster_id);
    put_u64(&j, "member", h->meta.member_id);
    put_u64(&j, "instance", h->instance);
    put_u64(&j, "sequence", h->sequence);
    put_u64(&j, "first", h->first);
    json_object_end(&j);
    flush(out);
}

/* A line about a file: damage, or where something ends. */
static void say(struct wal_out *out, const char *file, const char *type, uint64_t offset,
                const char *text)
{
    if (!out->json) {
        cmd_say(stdout, "%s at offset %llu: %s\n", file, (unsigned long long)offset, text);
        return;
    }
    struct json j;
    json_init(&j, &out->text);
    json_object(&j);
    put_text(&j, "file", file);
    put_text(&j, "type", type);
    put_u64(&j, "offset", offset);
    put_text(&j, "text", text);
    json_object_end(&j);
    flush(out);
}

/* Dump -----------------------------------------------------------------------------------------*/

static int dump_segment(struct wal_out *out, const char *name, struct slice file)
{
    struct wal_header header;
    struct wal_tail tail;
    struct wal_record record;
    const char *what;
    uint64_t where;
    if (wal_read_header(file, &header, &tail, &what, &where) != 0) {
        say(out, name, "damage", where, what);
        return EXIT_UNSAFE;
    }
    say_header(out, name, &header);
    for (;;) {
        uint64_t offset = tail.offset;
        enum wal_step step = wal_read_record(file, &tail, &record);
        if (step == WAL_NONE) {
            char text[80];
            fmt(text, sizeof(text), "the last record ends; %llu bytes of the file lie behind it",
                (unsigned long long)(file.len - tail.offset));
            say(out, name, "end", tail.offset, text);
            return EXIT_PASS;
        }
        if (out->json) {
            record_as_json(out, name, offset, &record, step == WAL_SOUND);
        } else {
            record_as_text(out, offset, &record, step == WAL_SOUND);
        }
    }
}

static void say_snapshot(struct wal_out *out, const char *name, const struct snapshot_head *head)
{
    if (!out->json) {
        cmd_say(stdout,
                "%s: cluster %llx, written by %llx, epoch %llu, index %llu, term %llu, %u voters, "
                "%u learners\n",
                name, (unsigned long long)head->cluster_id, (unsigned long long)head->member_id,
                (unsigned long long)head->epoch, (unsigned long long)head->index,
                (unsigned long long)head->term, head->conf.voter_count, head->conf.learner_count);
        return;
    }
    struct json j;
    json_init(&j, &out->text);
    json_object(&j);
    put_text(&j, "file", name);
    put_text(&j, "type", "snapshot file");
    put_u64(&j, "cluster", head->cluster_id);
    put_u64(&j, "member", head->member_id);
    put_u64(&j, "epoch", head->epoch);
    put_u64(&j, "index", head->index);
    put_u64(&j, "term", head->term);
    json_object_end(&j);
    flush(out);
}

static void say_chunk(struct wal_out *out, const char *name, const struct snap_parser *parser)
{
    uint64_t offset = parser->tail.offset - SNAP_CHUNK_BYTES - parser->length;
    if (!out->json) {
        cmd_say(stdout, "  %10llu   chunk    type %u, %u bytes\n", (unsigned long long)offset,
                parser->type, parser->length);
        return;
    }
    struct json j;
    json_init(&j, &out->text);
    json_object(&j);
    put_text(&j, "file", name);
    put_text(&j, "type", "chunk");
    put_u64(&j, "offset", offset);
    put_u64(&j, "chunk_type", parser->type);
    put_u64(&j, "bytes", parser->length);
    json_object_end(&j);
    flush(out);
}

/* Reads a snapshot; shows its chunks if `show`. Its head is in *head if it is sound. */
static int read_snapshot(struct wal_out *out, const char *name, struct slice file, bool show,
                         struct snapshot_head *head)
{
    struct snap_parser parser = {0};
    while (file.len > 0) {
        enum snap_step step = snap_parse(&parser, &file);
        if (step == SNAP_BAD) {
            break;
        }
        if (step == SNAP_HEAD && show) {
            say_snapshot(out, name, &parser.head);
        } else if (step == SNAP_CHUNK && show) {
            say_chunk(out, name, &parser);
        }
    }
    if (snap_parse_end(&parser) != 0) {
        say(out, name, "damage", parser.where, parser.what);
        return EXIT_UNSAFE;
    }
    *head = parser.head;
    return EXIT_PASS;
}

/* `offset` damage is told by the first reader that meets it; each file is looked at all the same.
 */
static int dump(struct wal_dir *dir, struct wal_out *out)
{
    struct snapshot_head head;
    struct buf bytes;
    int code = EXIT_PASS;
    buf_init(&bytes, dir->mem);
    for (size_t i = 0; i < dir->segment_count && code != EXIT_INVALID; i++) {
        const char *name = dir->segments[i].name;
        int rv = wal_dir_read(dir, dir->wal, name, &bytes);
        rv = rv != 0 ? EXIT_INVALID : dump_segment(out, name, buf_slice(&bytes));
        code = rv > code ? rv : code;
    }
    for (size_t i = 0; i < dir->snap_count && code != EXIT_INVALID; i++) {
        const char *name = dir->snaps[i];
        int rv = wal_dir_read(dir, dir->snap, name, &bytes);
        rv = rv != 0 ? EXIT_INVALID : read_snapshot(out, name, buf_slice(&bytes), true, &head);
        code = rv > code ? rv : code;
    }
    buf_fini(&bytes);
    return code;
}

/* Verify ---------------------------------------------------------------------------------------*/

static int check_names(struct wal_dir *dir, struct wal_out *out)
{
    char text[120];
    int code = EXIT_PASS;
    if (dir->segment_count == 0) {
        say(out, dir->wal, "damage", 0, "there is no log");
        return EXIT_UNSAFE;
    }
    for (size_t i = 0; i < dir->segment_count; i++) {
        const struct wal_file *file = &dir->segments[i];
        if (!file->known) {
            say(out, file->name, "damage", 0, "not a name of a segment that this version knows");
            code = EXIT_UNSAFE;
        } else if (i > 0 && file->is.sequence != dir->segments[i - 1].is.sequence + 1) {
            fmt(text, sizeof(text), "segment %016llx is missing before this one",
                (unsigned long long)dir->segments[i - 1].is.sequence + 1);
            say(out, file->name, "damage", 0, text);
            code = EXIT_UNSAFE;
        }
    }
    return code;
}

/* Replays the log. The bytes stay until the replay is no longer needed. */
static int replay(struct wal_dir *dir, struct wal_out *out, struct wal_replay *r, struct buf *bytes)
{
    for (size_t i = 0; i < dir->segment_count; i++) {
        const struct wal_file *file = &dir->segments[i];
        if (wal_dir_read(dir, dir->wal, file->name, &bytes[i]) != 0) {
            return EXIT_INVALID;
        }
        bool last = i + 1 == dir->segment_count;
        if (wal_replay_segment(r, buf_slice(&bytes[i]), &file->is, last) != 0) {
            const struct wal_file *bad = r->in_segment_before ? file - 1 : file;
            say(out, bad->name, "damage", r->where, r->what);
            return EXIT_UNSAFE;
        }
    }
    return EXIT_PASS;
}

/* The snapshots; *newest becomes the highest index of a sound one that the log can follow. */
static int check_snapshots(struct wal_dir *dir, struct wal_out *out, const struct wal_replay *r,
                           index_t *newest)
{
    struct buf bytes;
    int code = EXIT_PASS;
    buf_init(&bytes, dir->mem);
    for (size_t i = 0; i < dir->snap_count && code != EXIT_INVALID; i++) {
        struct snapshot_head head;
        const char *name = dir->snaps[i];
        int rv = wal_dir_read(dir, dir->snap, name, &bytes);
        rv = rv != 0 ? EXIT_INVALID : read_snapshot(out, name, buf_slice(&bytes), false, &head);
        if (rv == EXIT_PASS && head.cluster_id != r->meta.cluster_id) {
            say(out, name, "damage", 16, "it belongs to another cluster than the log");
            rv = EXIT_UNSAFE;
        } else if (rv == EXIT_PASS && head.index >= r->snapshot_index &&
                   wal_replay_fits(r, head.index, head.term)) {
            *newest = head.index;
        }
        code = rv > code ? rv : code;
    }
    buf_fini(&bytes);
    return code;
}

static int judge(struct wal_dir *dir, struct wal_out *out, const struct wal_replay *r,
                 index_t newest)
{
    const char *file = dir->segments[dir->segment_count - 1].name;
    char text[200];
    int code = EXIT_PASS;
    if (r->torn > 0) {
        fmt(text, sizeof(text), "a torn tail of %llu bytes, which a start cuts",
            (unsigned long long)r->torn);
        say(out, file, "torn", r->tail.offset, text);
    }
    if (r->lost_first != 0 && newest < r->lost_last) {
        fmt(text, sizeof(text),
            "entries %llu to %llu have rotted; a start gets them back from a leader, if there are "
            "other voters",
            (unsigned long long)r->lost_first, (unsigned long long)wal_replay_last(r));
        say(out, file, "damage", r->tail.offset, text);
        code = EXIT_UNSAFE;
    } else if (r->rotten_all > 0) {
        fmt(text, sizeof(text), "%zu records have rotted that nothing needs any more",
            r->rotten_all);
        say(out, file, "damage", r->tail.offset, text);
        code = EXIT_UNSAFE;
    }
    if (r->snapshot_index > 0 && newest == 0) {
        fmt(text, sizeof(text), "the log begins behind entry %llu, and there is no snapshot of it",
            (unsigned long long)r->snapshot_index);
        say(out, dir->segments[0].name, "damage", 0, text);
        code = EXIT_UNSAFE;
    }
    return code;
}

static void say_sound(const struct wal_dir *dir, struct wal_out *out, const struct wal_replay *r,
                      index_t newest)
{
    if (!out->json) {
        cmd_say(stdout,
                "sound: %zu segments, entries %llu to %llu, committed %llu, term %llu, boot %llu, "
                "%zu snapshots, the newest of %llu\n",
                dir->segment_count, (unsigned long long)r->snapshot_index + 1,
                (unsigned long long)wal_replay_last(r), (unsigned long long)r->hard.commit,
                (unsigned long long)r->hard.term, (unsigned long long)r->boot, dir->snap_count,
                (unsigned long long)newest);
        return;
    }
    struct json j;
    json_init(&j, &out->text);
    json_object(&j);
    put_text(&j, "type", "sound");
    put_u64(&j, "segments", dir->segment_count);
    put_u64(&j, "first", r->snapshot_index + 1);
    put_u64(&j, "last", wal_replay_last(r));
    put_u64(&j, "commit", r->hard.commit);
    put_u64(&j, "term", r->hard.term);
    put_u64(&j, "boot", r->boot);
    put_u64(&j, "snapshots", dir->snap_count);
    put_u64(&j, "newest", newest);
    json_object_end(&j);
    flush(out);
}

static int verify(struct wal_dir *dir, struct wal_out *out)
{
    index_t newest = 0;
    struct wal_replay r;
    int code = check_names(dir, out);
    if (code != EXIT_PASS) {
        return code;
    }
    struct buf *bytes = mem_zalloc(dir->mem, dir->segment_count, sizeof(*bytes));
    for (size_t i = 0; i < dir->segment_count; i++) {
        buf_init(&bytes[i], dir->mem);
    }
    wal_replay_init(&r, dir->mem);
    code = replay(dir, out, &r, bytes);
    if (code == EXIT_PASS) {
        code = check_snapshots(dir, out, &r, &newest);
        int rv = code == EXIT_INVALID ? code : judge(dir, out, &r, newest);
        code = rv > code ? rv : code;
    }
    if (code == EXIT_PASS) {
        say_sound(dir, out, &r, newest);
    }
    wal_replay_fini(&r);
    for (size_t i = 0; i < dir->segment_count; i++) {
        buf_fini(&bytes[i]);
    }
    mem_free(dir->mem, bytes);
    return code;
}

int cmd_wal(int count, char **words)
{
    bool help = count >= 1 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0);
    if (help) {
        return usage(stdout);
    }
    bool json = count == 3 && strcmp(words[2], "--json") == 0;
    bool dumps = count >= 2 && strcmp(words[0], "dump") == 0;
    bool verifies = count >= 2 && strcmp(words[0], "verify") == 0;
    if ((!dumps && !verifies) || (count != 2 && !json)) {
        return usage(stderr);
    }
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 36, -1);
    struct wal_out out = {.json = json};
    struct wal_dir dir;
    buf_init(&out.text, mem_pool_mem(pool));
    int code = wal_dir_open(&dir, mem_pool_mem(pool), words[1]);
    if (code == EXIT_PASS) {
        code = dumps ? dump(&dir, &out) : verify(&dir, &out);
    }
    mem_pool_free(pool); /* and all that came from it */
    return code;
}
