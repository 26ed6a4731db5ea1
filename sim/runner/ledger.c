/* The ledger: every acknowledged write is there after the settle phase (checks.md, durability). All
 * keys are read once from the members that have settled; a key's newest change must not be older
 * than any put of it that a client was told of, and a key that is not there must have been
 * deleted. What a command line did shows no revision, so the ledger holds probes and load. */
#include "run.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"

/* A key as it was read, in base64. */
struct entry {
    struct slice key;
    int64_t mod;
};

static int64_t number_at(const char *text, const char *name)
{
    int64_t value = 0;
    const char *at = strstr(text, name);
    for (at = at != NULL ? at + strlen(name) : ""; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
    }
    return value;
}

/* `{"key":"…","create_revision":…,"mod_revision":…` for each key; base64 has no quotes. */
static void read_entries(struct run *run, const char *text, struct map *map)
{
    static const char name[] = "\"key\":\"";
    while ((text = strstr(text, name)) != NULL) {
        text += sizeof(name) - 1;
        struct entry *entry = mem_zalloc(run->mem, 1, sizeof(*entry));
        entry->key = slice_of(text, strcspn(text, "\""));
        entry->mod = number_at(text, "\"mod_revision\":");
        (void)map_put(map, hash64(entry->key.ptr, entry->key.len, 0), entry);
    }
}

static const struct entry *entry_of(struct run *run, const struct map *map, const char *key)
{
    struct json json;
    struct buf text;
    buf_init(&text, run->mem);
    json_init(&json, &text);
    json_base64(&json, slice_str(key));
    struct slice quoted = buf_slice(&text);
    struct slice inner = slice_of(quoted.ptr + 1, quoted.len - 2);
    const struct entry *entry = map_get(map, hash64(inner.ptr, inner.len, 0));
    bool same = entry != NULL && slice_eq(entry->key, inner);
    buf_fini(&text);
    return same ? entry : NULL;
}

/* Somebody may have deleted the key after this put: it was told so at a later revision, or nobody
 * knows. */
static bool may_be_deleted(const struct run *run, const struct op *put)
{
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.items[i];
        bool ctl = op->key == NULL && strncmp(op->arg, "del", 3) == 0;
        bool of_key =
            op->key != NULL && strcmp(op->kind, "delete") == 0 && strcmp(op->key, put->key) == 0;
        bool later = op->outcome != LOAD_OK || ctl || op->revision > put->revision;
        if ((ctl || of_key) && op->outcome != LOAD_REFUSED && later) {
            return true;
        }
    }
    return false;
}

static bool is_put(const struct op *op)
{
    return op->key != NULL && op->service == SERVICE_WRITES && strcmp(op->kind, "put") == 0 &&
           op->return_ns != NEVER_NS && op->outcome == LOAD_OK && op->revision > 0;
}

static void fail_lost(struct run *run, const struct op *op, const struct entry *entry)
{
    struct buf text;
    buf_init(&text, run->mem);
    buf_printf(&text,
               "durability: acknowledged\nrule: an acknowledged write is there after any failure "
               "that the cluster can survive\n%s: put %s, acknowledged ",
               op->client, op->key);
    words_time(run, op->return_ns, &text);
    buf_printf(&text, " at revision %lld; after the settle phase ", (long long)op->revision);
    if (entry == NULL) {
        buf_add_str(&text, "the key is not there");
    } else {
        buf_printf(&text, "the key's newest change is of revision %lld", (long long)entry->mod);
    }
    run_fail(run, VERDICT_UNSAFE, "durability", "acknowledged", "", buf_cstr(&text));
    fail_op(run, op);
}

void ledger_judge(struct run *run, struct slice read)
{
    struct map map;
    map_init(&map, run->mem);
    read_entries(run, run_copy(run, read), &map);
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.items[i];
        /* What a new history has lost is counted and expected elsewhere (epochs.c). */
        bool counts = is_put(op) && epoch_holds(run, op, epoch_newest(run));
        const struct entry *entry = counts ? entry_of(run, &map, op->key) : NULL;
        bool lost =
            counts && (entry == NULL ? !may_be_deleted(run, op) : entry->mod < op->revision);
        if (lost) {
            fail_lost(run, op, entry);
            break; /* one of a kind is enough */
        }
    }
    map_fini(&map);
}
