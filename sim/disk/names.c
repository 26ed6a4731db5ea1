/* The tree of names: what readers see, what is on the platter, and the changes between. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

/* Inodes. */

struct inode *inode_new(struct disk *disk, bool is_directory)
{
    struct inode *inode = mem_zalloc(disk->mem, 1, sizeof(*inode));
    inode->disk = disk;
    inode->is_directory = is_directory;
    list_init(&inode->pending);
    list_init(&inode->damages);
    list_push_back(&disk->inodes, &inode->link);
    return inode;
}

void inode_hold(struct inode *inode)
{
    inode->refs++;
}

static void set_binding(struct inode **at, struct inode *to)
{
    struct inode *before = *at;
    if (to != NULL) {
        inode_hold(to);
    }
    *at = to;
    if (before != NULL) {
        inode_release(before);
    }
}

void names_clear(struct inode *dir)
{
    for (size_t i = 0; i < dir->entry_count; i++) {
        struct entry *entry = dir->entries[i];
        set_binding(&entry->now, NULL);
        set_binding(&entry->durable, NULL);
        mem_free(dir->disk->mem, entry->name);
        mem_free(dir->disk->mem, entry);
    }
    mem_free(dir->disk->mem, dir->entries);
    dir->entries = NULL;
    dir->entry_count = 0;
    dir->entry_cap = 0;
}

void inode_release(struct inode *inode)
{
    ASSERT(inode->refs > 0);
    if (--inode->refs > 0) {
        return;
    }
    names_clear(inode);
    file_clear(inode);
    list_remove(&inode->link);
    mem_free(inode->disk->mem, inode);
}

/* Entries: a sorted array, so that a listing needs no sort and no order but that of bytes. */

static size_t entry_place(const struct inode *dir, const char *name, bool *found)
{
    size_t low = 0;
    size_t high = dir->entry_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(dir->entries[mid]->name, name);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *found = false;
    return low;
}

struct entry *names_entry(struct inode *dir, const char *name, bool create)
{
    bool found;
    size_t at = entry_place(dir, name, &found);
    if (found || !create) {
        return found ? dir->entries[at] : NULL;
    }
    struct mem *mem = dir->disk->mem;
    if (dir->entry_count == dir->entry_cap) {
        dir->entry_cap = dir->entry_cap == 0 ? 8 : dir->entry_cap * 2;
        dir->entries = mem_resize(mem, dir->entries, dir->entry_cap * sizeof(struct entry *));
    }
    memmove(dir->entries + at + 1, dir->entries + at,
            (dir->entry_count - at) * sizeof(struct entry *));
    struct entry *entry = mem_zalloc(mem, 1, sizeof(*entry));
    entry->name = mem_strdup(mem, name, strlen(name));
    dir->entries[at] = entry;
    dir->entry_count++;
    return entry;
}

/* An entry that says nothing any more goes. */
static void entry_tidy(struct inode *dir, struct entry *entry)
{
    if (entry->now != NULL || entry->durable != NULL || entry->pending > 0) {
        return;
    }
    bool found;
    size_t at = entry_place(dir, entry->name, &found);
    ASSERT(found);
    dir->entry_count--;
    memmove(dir->entries + at, dir->entries + at + 1,
            (dir->entry_count - at) * sizeof(struct entry *));
    mem_free(dir->disk->mem, entry->name);
    mem_free(dir->disk->mem, entry);
}

bool names_empty(const struct inode *dir)
{
    for (size_t i = 0; i < dir->entry_count; i++) {
        if (dir->entries[i]->now != NULL) {
            return false;
        }
    }
    return true;
}

/* Paths. The next component goes into name: 1, or 0 at the end, or ERR_INVALID. */
static int next_component(const char **path, char *name)
{
    const char *p = *path;
    while (*p == '/' || (p[0] == '.' && (p[1] == '/' || p[1] == '\0'))) {
        p++;
    }
    size_t len = 0;
    while (p[len] != '\0' && p[len] != '/') {
        len++;
    }
    *path = p + len;
    if (len == 0) {
        return 0;
    }
    if (len > NAME_BYTES_MAX || (len == 2 && p[0] == '.' && p[1] == '.')) {
        return ERR_INVALID;
    }
    memcpy(name, p, len);
    name[len] = '\0';
    return 1;
}

struct inode *names_find(const struct disk *disk, const char *path)
{
    char name[NAME_BYTES_MAX + 1];
    struct inode *at = disk->root;
    int more;
    while ((more = next_component(&path, name)) > 0) {
        struct entry *entry = at->is_directory ? names_entry(at, name, false) : NULL;
        if (entry == NULL || entry->now == NULL) {
            return NULL;
        }
        at = entry->now;
    }
    return more == 0 ? at : NULL;
}

/* The inode to which the path leads by the bindings that `of` gives. */
static struct inode *follow(const struct disk *disk, const char *path,
                            struct inode *(*of)(const struct entry *entry))
{
    char name[NAME_BYTES_MAX + 1];
    struct inode *at = disk->root;
    int more;
    while ((more = next_component(&path, name)) > 0) {
        struct entry *entry = at->is_directory ? names_entry(at, name, false) : NULL;
        at = entry != NULL ? of(entry) : NULL;
        if (at == NULL) {
            return NULL;
        }
    }
    return more == 0 ? at : NULL;
}

static struct inode *bound_durable(const struct entry *entry)
{
    return entry->durable;
}

static struct inode *bound_certainly(const struct entry *entry)
{
    return entry->pending == 0 && entry->now == entry->durable ? entry->durable : NULL;
}

/* As an honest disk would have it. */
static struct inode *bound_honestly(const struct entry *entry)
{
    bool promised = entry->promised > 0 && entry->promised == entry->pending;
    return promised ? entry->now : bound_certainly(entry);
}

struct inode *names_find_durable(const struct disk *disk, const char *path)
{
    return follow(disk, path, bound_durable);
}

struct inode *names_find_certain(const struct disk *disk, const char *path, bool honest)
{
    return follow(disk, path, honest ? bound_honestly : bound_certainly);
}

int names_parent(const struct disk *disk, const char *path, struct inode **dir, char *name)
{
    char next[NAME_BYTES_MAX + 1];
    struct inode *at = disk->root;
    int more = next_component(&path, name);
    if (more <= 0) {
        return more < 0 ? more : ERR_INVALID;
    }
    while ((more = next_component(&path, next)) > 0) {
        struct entry *entry = names_entry(at, name, false);
        if (entry == NULL || entry->now == NULL || !entry->now->is_directory) {
            return ERR_NOT_FOUND;
        }
        at = entry->now;
        memcpy(name, next, sizeof(next));
    }
    *dir = at;
    return more;
}

/* Changes. */

static struct name_change *change_new(struct disk *disk)
{
    struct name_change *change = mem_zalloc(disk->mem, 1, sizeof(*change));
    change->serial = ++disk->serial;
    change->key = change_key(disk);
    list_push_back(&disk->names, &change->link);
    return change;
}

static void change_add(struct name_change *change, struct inode *dir, const char *name,
                       struct inode *to)
{
    struct entry *entry = names_entry(dir, name, true);
    size_t i = change->count++;
    inode_hold(dir);
    if (to != NULL) {
        inode_hold(to);
    }
    change->binding[i].dir = dir;
    change->binding[i].entry = entry;
    change->binding[i].to = to;
    entry->pending++;
    set_binding(&entry->now, to);
}

void names_bind(struct inode *dir, const char *name, struct inode *to)
{
    change_add(change_new(dir->disk), dir, name, to);
}

void names_rename(struct inode *from_dir, const char *from, struct inode *to_dir, const char *to)
{
    struct entry *entry = names_entry(from_dir, from, false);
    ASSERT(entry != NULL && entry->now != NULL);
    struct inode *inode = entry->now;
    struct name_change *change = change_new(from_dir->disk);
    change_add(change, to_dir, to, inode);
    change_add(change, from_dir, from, NULL);
}

int names_make_dirs(struct disk *disk, const char *path)
{
    char name[NAME_BYTES_MAX + 1];
    struct inode *at = disk->root;
    int more;
    while ((more = next_component(&path, name)) > 0) {
        struct entry *entry = names_entry(at, name, false);
        if (entry == NULL || entry->now == NULL) {
            names_bind(at, name, inode_new(disk, true));
            entry = names_entry(at, name, false);
        } else if (!entry->now->is_directory) {
            return ERR_EXISTS;
        }
        at = entry->now;
    }
    return more;
}

/* The change ends: on the platter or not. */
static void change_end(struct disk *disk, struct name_change *change, bool durable)
{
    list_remove(&change->link);
    for (size_t i = 0; i < change->count; i++) {
        struct inode *dir = change->binding[i].dir;
        struct entry *entry = change->binding[i].entry;
        struct inode *to = change->binding[i].to;
        if (durable) {
            set_binding(&entry->durable, to);
        }
        entry->pending--;
        entry->promised -= change->promised != 0;
        entry_tidy(dir, entry);
        if (to != NULL) {
            inode_release(to);
        }
        inode_release(dir);
    }
    mem_free(disk->mem, change);
}

static bool change_touches(const struct name_change *change, const struct inode *dir)
{
    for (size_t i = 0; i < change->count; i++) {
        if (change->binding[i].dir == dir) {
            return true;
        }
    }
    return false;
}

/* A rename between two directories ties them: what came before it in the other one must not be
 * applied after it, so it is synced too. */
static const struct inode *tied_to(const struct disk *disk, const struct inode *dir,
                                   uint64_t serial, uint64_t *until)
{
    const struct inode *other = NULL;
    list_each (it, &disk->names) {
        const struct name_change *change = container_of(it, struct name_change, link);
        if (change->serial > serial) {
            break;
        }
        if (change->count == 2 && change_touches(change, dir) &&
            change->binding[0].dir != change->binding[1].dir) {
            other = change->binding[0].dir == dir ? change->binding[1].dir : change->binding[0].dir;
            *until = change->serial;
        }
    }
    return other;
}

static void sync_one(struct disk *disk, const struct inode *dir, uint64_t serial)
{
    list_each_safe (it, &disk->names) {
        struct name_change *change = container_of(it, struct name_change, link);
        if (change->serial <= serial && !change->lost && change_touches(change, dir)) {
            change_end(disk, change, true);
        }
    }
}

void names_sync(struct disk *disk, struct inode *dir, uint64_t serial)
{
    if (list_empty(&disk->names)) {
        return;
    }
    inode_hold(dir);
    uint64_t until = 0;
    const struct inode *other = tied_to(disk, dir, serial, &until);
    if (other != NULL) {
        list_each_safe (it, &disk->names) {
            struct name_change *change = container_of(it, struct name_change, link);
            if (change->serial <= until && !change->lost) {
                change_end(disk, change, true);
            }
        }
    }
    sync_one(disk, dir, serial);
    inode_release(dir);
}

void names_lose(struct disk *disk, struct inode *dir, uint64_t serial)
{
    list_each (it, &disk->names) {
        struct name_change *change = container_of(it, struct name_change, link);
        if (change->serial <= serial && change->promised == 0 && change_touches(change, dir)) {
            change->lost = true;
        }
    }
}

void names_promise(struct disk *disk, struct inode *dir, uint64_t serial, uint32_t fault)
{
    list_each (it, &disk->names) {
        struct name_change *change = container_of(it, struct name_change, link);
        if (change->serial > serial || change->promised != 0 || change->lost ||
            !change_touches(change, dir)) {
            continue;
        }
        change->promised = fault;
        for (size_t i = 0; i < change->count; i++) {
            change->binding[i].entry->promised++;
        }
    }
}

void names_keep_promises(struct disk *disk, uint32_t fault)
{
    list_each_safe (it, &disk->names) {
        struct name_change *change = container_of(it, struct name_change, link);
        if (change->promised != 0 && (fault == 0 || change->promised == fault)) {
            change_end(disk, change, true);
        }
    }
}

void names_forget(struct disk *disk)
{
    while (!list_empty(&disk->names)) {
        change_end(disk, container_of(disk->names.next, struct name_change, link), false);
    }
}

/* Readers see from now on what is on the platter. Backwards, because entries go. */
static void revert(struct inode *dir)
{
    for (size_t i = dir->entry_count; i > 0; i--) {
        struct entry *entry = dir->entries[i - 1];
        set_binding(&entry->now, entry->durable);
        if (entry->durable == NULL) {
            entry_tidy(dir, entry);
        } else if (entry->durable->is_directory) {
            revert(entry->durable);
        }
    }
}

void names_power_off(struct disk *disk)
{
    struct disk_options shares = fault_power(disk);
    while (!list_empty(&disk->names)) {
        struct name_change *change = container_of(disk->names.next, struct name_change, link);
        struct rng draw = draw_from(change->key, DRAW_POWER, disk->counts.power_failures);
        bool kept = !rng_chance(&draw, shares.name_drop_ppm) ||
                    (change->promised != 0 && disk->keep_promises);
        if (!kept) {
            disk->counts.names_dropped++;
            disk->counts.promises_broken += change->promised != 0;
        }
        change_end(disk, change, kept && !change->lost);
    }
    revert(disk->root);
}
