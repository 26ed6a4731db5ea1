/* The atlas: which members hold, whole and for good, all that is committed. */
#include <string.h>

#include "internal.h"

void check_damaged(struct check_place *place, bool on)
{
    place->damaged = on;
}

/* It would bring back every committed entry. */
static bool is_whole(const struct check *c, const struct member *m)
{
    const struct cell *last = &c->committed[c->committed_count - 1];
    if (m == NULL || m->place->damaged || m->durable < c->committed_count) {
        return false;
    }
    struct cell own = log_cell(m, c->committed_count);
    return own.chain == 0 || last->chain == 0 || own.chain == last->chain;
}

bool check_can_lose(const struct check_place *place, struct buf *who)
{
    const struct check *c = place->check;
    size_t whole = 0;
    if (c->config_count == 0 || c->committed_count == 0) {
        if (who != NULL) {
            buf_add_str(who, "nobody is known yet who could make up for it");
        }
        return false;
    }
    const struct config *config = c->configs[c->config_count - 1];
    for (size_t i = 0; i < config->voter_count; i++) {
        const struct member *m = check_member_find(c, config->voters[i]);
        /* By name: of a history that was forked, a place may still be the other check's. */
        if (is_whole(c, m) && strcmp(m->place->name, place->name) != 0) {
            if (who != NULL) {
                buf_printf(who, "%s%s", whole > 0 ? ", " : "", m->place->name);
            }
            whole++;
        }
    }
    if (who != NULL) {
        buf_printf(who, "%s without %s all that is committed, quorum %zu",
                   whole == 0   ? "nobody holds"
                   : whole == 1 ? " holds"
                                : " hold",
                   place->name, config_quorum(config));
    }
    return whole >= config_quorum(config);
}

bool check_can_forget(const struct check_place *place, struct buf *who)
{
    const struct check *c = place->check;
    list_each (it, &c->members) {
        const struct member *m = container_of(it, struct member, link);
        if (m->place == place && m->durable > c->committed_count) {
            if (who != NULL) {
                buf_printf(who, "what %s has made durable through entry %llu may be committed yet",
                           place->name, (unsigned long long)m->durable);
            }
            return false;
        }
    }
    return check_can_lose(place, who);
}
