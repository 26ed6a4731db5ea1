/* Probes over all runs of a campaign. A rare branch that no run takes is one that nothing was
 * tested on, so a list names those that no run has to take, each with its reason; any other one
 * that is never reached fails a campaign which is given that list. */
#include "base/probe.h"
#include "base/sort.h"
#include "impl.h"

#define NEVER_MAX 42 /* bytes of names on the line of a campaign without a list */

/* A name; it may stand at several places of the code. */
struct named {
    struct slice name;
    uint64_t hits;
};

struct names {
    struct named *items;
    size_t count;
};

static int compare_names(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    return slice_cmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* In the order of their bytes, so that it does not depend on the linker. */
static struct names names_new(const struct campaign *c)
{
    const struct probe_site *sites = probe_sites();
    struct names all = {mem_alloc(c->mem, (probe_count() + 1) * sizeof(struct named)), 0};
    size_t sites_count = probe_count();
    for (size_t i = 0; i < sites_count; i++) {
        all.items[i] = (struct named){slice_str(sites[i].name), c->hits[i]};
    }
    sort_stable(all.items, sites_count, sizeof(struct named), compare_names, NULL, c->mem);
    for (size_t i = 0; i < sites_count; i++) {
        struct named *last = all.count > 0 ? &all.items[all.count - 1] : NULL;
        if (last != NULL && slice_eq(last->name, all.items[i].name)) {
            last->hits += all.items[i].hits;
        } else {
            all.items[all.count++] = all.items[i];
        }
    }
    return all;
}

/* The name at the beginning of a line; *reason is the rest. */
static struct slice split(struct slice line, struct slice *reason)
{
    size_t len = 0;
    while (len < line.len && line.ptr[len] != ' ' && line.ptr[len] != '\t') {
        len++;
    }
    *reason = slice_from(line, len);
    return slice_of(line.ptr, len);
}

static bool is_excused(const struct campaign *c, struct slice name)
{
    struct slice text = c->options.unreached;
    struct slice line;
    struct slice reason;
    while (list_line(&text, &line)) {
        if (list_names(split(line, &reason), name)) {
            return true;
        }
    }
    return false;
}

static bool is_missing(const struct campaign *c, const struct named *probe)
{
    return probe->hits == 0 && !is_excused(c, probe->name);
}

int campaign_check_unreached(const struct campaign *c, struct buf *mistakes)
{
    struct slice text = c->options.unreached;
    struct slice line;
    struct slice reason;
    struct names all = names_new(c);
    int err = 0;
    while (list_line(&text, &line)) {
        struct slice name = split(line, &reason);
        bool exists = false;
        for (size_t i = 0; i < all.count; i++) {
            exists = exists || list_names(name, all.items[i].name);
        }
        if (!exists || reason.len == 0) {
            buf_printf(mistakes, "%s: \"%.*s\" %s\n", c->options.unreached_path, (int)name.len,
                       (const char *)name.ptr,
                       !exists ? "is no probe of this program (--probes lists them)"
                               : "needs a reason behind it");
            err = ERR_INVALID;
        }
    }
    mem_free(c->mem, all.items);
    return err;
}

bool probes_fail(const struct campaign *c)
{
    struct buf missing;
    buf_init(&missing, c->mem);
    probes_add_missing(c, &missing);
    bool fail = missing.len > 0;
    buf_fini(&missing);
    return fail;
}

void probes_add_missing(const struct campaign *c, struct buf *out)
{
    /* A part of a campaign cannot tell what the whole would have reached. */
    if (c->options.unreached_path == NULL || c->done < c->total || c->options.shards > 1) {
        return;
    }
    struct names all = names_new(c);
    for (size_t i = 0; i < all.count; i++) {
        if (is_missing(c, &all.items[i])) {
            buf_add_str(out, " ");
            buf_add_slice(out, all.items[i].name);
        }
    }
    mem_free(c->mem, all.items);
}

static void tell_never(const struct names *all, size_t never, struct buf *out)
{
    size_t told = 0;
    size_t len = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct named *probe = &all->items[i];
        if (probe->hits == 0 && len + probe->name.len < NEVER_MAX) {
            buf_add_str(out, told == 0 ? " " : ", ");
            buf_add_slice(out, probe->name);
            len += probe->name.len + 2;
            told++;
        }
    }
    buf_add_str(out, told < never ? ", ... (--probes)" : "");
}

static void tell_each(const struct campaign *c, const struct names *all, struct buf *out)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct named *probe = &all->items[i];
        buf_printf(out, "    %14llu  ", (unsigned long long)probe->hits);
        buf_add_slice(out, probe->name);
        buf_add_str(out, is_excused(c, probe->name)
                             ? probe->hits > 0 ? "  (on the list, and reached)" : "  (on the list)"
                             : "");
        buf_add_str(out, "\n");
    }
}

void probes_tell(const struct campaign *c, struct buf *out)
{
    struct names all = names_new(c);
    size_t reached = 0;
    size_t excused = 0;
    for (size_t i = 0; i < all.count; i++) {
        bool hit = all.items[i].hits > 0;
        reached += hit;
        excused += !hit && is_excused(c, all.items[i].name);
    }
    buf_printf(out, "  probes     %zu of %zu reached", reached, all.count);
    if (c->options.unreached_path != NULL) {
        buf_printf(out, ", %zu more are listed in %s", excused, c->options.unreached_path);
    } else if (reached < all.count) {
        buf_add_str(out, "; never:");
        tell_never(&all, all.count - reached, out);
    }
    buf_add_str(out, "\n");
    if (c->options.probes) {
        tell_each(c, &all, out);
    }
    if (probes_fail(c)) {
        buf_add_str(out, "  FAIL       probes that had to be reached and were not:");
        for (size_t i = 0; i < all.count; i++) {
            if (is_missing(c, &all.items[i])) {
                buf_add_str(out, "\n               ");
                buf_add_slice(out, all.items[i].name);
            }
        }
        buf_add_str(out, "\n");
    }
    mem_free(c->mem, all.items);
}
