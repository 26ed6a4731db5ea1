/* An image back to a store. The bytes may be anyone's: everything that the store relies on is asked
 * about before a record is taken, and memory follows what has arrived, not what is announced. */
#include "base/assert.h"

#include "image.h"
#include "store.h"

struct mvcc_loader {
    struct mvcc *m;
    bool begun;
    struct stamp newest;
    uint64_t records;
    uint64_t size;
    uint64_t hash; /* as the head announces them */
};

struct mvcc_loader *mvcc_load_new(struct mem *mem)
{
    struct mvcc_loader *loader = mem_zalloc(mem, 1, sizeof(*loader));
    loader->m = mvcc_new(mem);
    return loader;
}

struct mvcc *mvcc_load_abandon(struct mvcc_loader *loader)
{
    struct mvcc *m = loader->m;
    mem_free(m->mem, loader);
    return m;
}

void mvcc_load_free(struct mvcc_loader *loader)
{
    if (loader != NULL) {
        mvcc_free(mvcc_load_abandon(loader));
    }
}

static int read_head(struct mvcc_loader *loader, struct reader *r)
{
    struct mvcc *m = loader->m;
    if (r->len < 4) {
        return ERR_CORRUPT;
    }
    uint32_t version = read_u32(r);
    if (version != IMAGE_VERSION) {
        return version > IMAGE_VERSION ? ERR_FORMAT : ERR_CORRUPT;
    }
    m->sweep.sub = read_u32(r);
    m->sweep.mod = (revision_t)read_u64(r);
    m->revision = (revision_t)read_u64(r);
    m->compacted = (revision_t)read_u64(r);
    loader->records = read_u64(r);
    loader->size = read_u64(r);
    m->removed_hash = read_u64(r);
    m->records_hash = m->removed_hash;
    loader->hash = read_u64(r);
    if (r->failed || m->revision < 1 || m->revision > IMAGE_REVISION_MAX || m->compacted < -1 ||
        m->compacted > m->revision || m->sweep.mod < -1 || m->sweep.mod > m->compacted + 1 ||
        (m->sweep.mod > m->compacted && m->sweep.sub > 0)) {
        return ERR_CORRUPT;
    }
    return 0;
}

struct fields {
    struct slice key;
    struct slice value;
    struct record record; /* without a key */
};

static int read_record(struct reader *r, struct fields *f)
{
    uint32_t key_len = read_u32(r);
    uint32_t value_len = read_u32(r);
    f->record.mod = (revision_t)read_u64(r);
    f->record.create = (revision_t)read_u64(r);
    f->record.version = (int64_t)read_u64(r);
    f->record.lease = (int64_t)read_u64(r);
    f->record.sub = read_u32(r);
    f->record.value_len = value_len;
    f->key = read_bytes(r, key_len);
    f->value = read_bytes(r, value_len);
    return r->failed || key_len == 0 ? ERR_CORRUPT : 0;
}

/* What one record must be in itself and after the one before it. */
static bool is_next(const struct mvcc_loader *loader, const struct record *record)
{
    bool tombstone = record_is_tombstone(record);
    return loader->m->history.count < loader->records &&
           stamp_less(loader->newest, record_stamp(record)) && record->mod > 1 &&
           record->mod <= loader->m->revision && record->sub < UINT32_MAX &&
           (!tombstone || (record->value_len == 0 && record->lease == 0));
}

static int load_record(struct mvcc_loader *loader, const struct fields *f)
{
    struct mvcc *m = loader->m;
    struct index_path path;
    struct key *key = mvcc_index_find(&m->index, f->key, &path);
    const struct record *before = key != NULL ? key_record(key, key->count - 1) : NULL;
    if (!is_next(loader, &f->record) || !mvcc_record_follows(m, &f->record, before)) {
        return ERR_CORRUPT;
    }
    bool lives = !record_is_tombstone(&f->record);
    if (key == NULL) {
        key = mvcc_key_new(m->mem, f->key);
        mvcc_index_insert(&m->index, &path, key);
        if (!lives) {
            /* The insertion counted it as live, and used the path up. */
            (void)mvcc_index_find(&m->index, f->key, &path);
            mvcc_index_count(&path, -1);
        }
    } else if (lives != key->live) {
        mvcc_index_count(&path, lives ? 1 : -1);
    }
    struct record *record = mvcc_record_new(m->mem, key, f->value);
    record->mod = f->record.mod;
    record->create = f->record.create;
    record->version = f->record.version;
    record->lease = f->record.lease;
    record->sub = f->record.sub;
    mvcc_store_add(m, record);
    loader->newest = record_stamp(record);
    return 0;
}

int mvcc_load_add(struct mvcc_loader *loader, struct slice bytes)
{
    struct reader r = reader_of(bytes);
    int rv = 0;
    if (!loader->begun) {
        rv = read_head(loader, &r);
        loader->begun = rv == 0;
    }
    while (rv == 0 && r.len > 0) {
        struct fields f = {0};
        rv = read_record(&r, &f);
        if (rv == 0) {
            rv = load_record(loader, &f);
        }
    }
    return rv;
}

int mvcc_load_end(struct mvcc_loader *loader, struct mvcc **out)
{
    struct mvcc *m = loader->m;
    revision_t newest = m->history.count > 0 ? loader->newest.mod : 1;
    if (!loader->begun || m->history.count != loader->records || newest != m->revision ||
        m->size != loader->size || mvcc_image_hash(m) != loader->hash) {
        mvcc_load_free(loader);
        return ERR_CORRUPT;
    }
    *out = mvcc_load_abandon(loader);
    return 0;
}
