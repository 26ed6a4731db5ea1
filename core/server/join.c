/* Joining an existing cluster: its members know who we are, by the URLs with which we were added.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

struct join {
    struct server *server;
    struct membership initial; /* as the flags say */
    struct membership found;   /* as a member says */
    size_t member_next;        /* of `initial`, whom to ask next */
    size_t url_next;
    struct buf mismatch; /* why the first answer is none for us; empty: there was none */
    struct peer_fetch fetch;
    bool fetching;
    bool dropped;
};

static void ask_next(struct join *join);

static void release(struct join *join)
{
    struct mem *mem = join->server->env->mem;
    membership_fini(&join->initial);
    membership_fini(&join->found);
    buf_fini(&join->mismatch);
    mem_free(mem, join);
}

void join_free(struct server *server)
{
    struct join *join = server->join;
    server->join = NULL;
    if (join == NULL) {
        return;
    }
    if (join->fetching) {
        join->dropped = true;
        peer_fetch_cancel(&join->fetch);
        return; /* released by the fetch's end */
    }
    release(join);
}

/* Takes what a member answered. ERR_INVALID with `why`: it is no answer for us. */
static int take_answer(struct join *join, struct slice body, member_id_t *own, struct buf *why)
{
    struct server *server = join->server;
    struct slice text;
    uint64_t cluster = 0;
    membership_fini(&join->found);
    membership_init(&join->found, server->env->mem);
    if (!peer_fetch_field(&join->fetch, "X-Etcd-Cluster-Id", &text) ||
        slice_hex_to_u64(text, &cluster) != 0 || cluster == 0 ||
        membership_read_json(&join->found, body) != 0) {
        PROBE("server.join_bad_answer");
        return ERR_PROTO;
    }
    membership_set_cluster_id(&join->found, cluster);
    return membership_match(&join->initial, &join->found, slice_str(server->config.name), own, why);
}

static void fetched(struct peer_fetch *fetch, int err, int status, struct slice body)
{
    struct join *join = fetch->data;
    struct server *server = join->server;
    member_id_t own = 0;
    struct buf why;
    join->fetching = false;
    server->fetches--;
    if (join->dropped) {
        release(join);
        stop_continue(server);
        return;
    }
    buf_init(&why, server->env->mem);
    int rv = err != 0 ? err : status != 200 ? ERR_PROTO : take_answer(join, body, &own, &why);
    if (rv == 0 && membership_find(&join->found, own)->client_urls.count > 0) {
        /* It has run before: its log is gone. Etcd lets it in, and panics later. */
        PROBE("server.join_without_log");
        server->id = own;
        links_log_is_gone(server);
    } else if (rv == 0) {
        boot_create(server, join->found.cluster_id, own);
    } else if (rv == ERR_INVALID) {
        /* Perhaps one that lags, and has not heard of us. Another one may know better; if not, what
         * the first one said is told. Etcd ends at once. */
        PROBE("server.join_mismatch");
        if (join->mismatch.len == 0) {
            buf_add_slice(&join->mismatch, buf_slice(&why));
        }
        ask_next(join);
    } else {
        LOG(server->env, WARN, "could not get cluster response", log_str("from", fetch->host),
            log_err(rv));
        ask_next(join);
    }
    buf_fini(&why);
}

static void ask_next(struct join *join)
{
    struct server *server = join->server;
    const struct member *own = membership_find_name(&join->initial, slice_str(server->config.name));
    while (join->member_next < join->initial.count) {
        const struct member *member = join->initial.members[join->member_next];
        if (member == own || join->url_next >= member->peer_urls.count) {
            join->member_next++;
            join->url_next = 0;
            continue;
        }
        struct url url;
        int rv = url_parse(member->peer_urls.at[join->url_next++], &url);
        if (rv == 0 && !url.local && !url.secure) {
            join->fetching = true;
            server->fetches++;
            join->fetch.done = fetched;
            join->fetch.data = join;
            peer_fetch_start(&join->fetch, server->env, url.host, url.port, "/members",
                             SEC_NS + server->config.election_ns);
            return;
        }
    }
    server_fatal(server, join->mismatch.len > 0
                             ? buf_cstr(&join->mismatch)
                             : "cannot fetch cluster info from peer urls: could not retrieve "
                               "cluster information from the given URLs");
}

void join_start(struct server *server)
{
    struct join *join = mem_zalloc(server->env->mem, 1, sizeof(*join));
    struct buf why;
    server->join = join;
    server->phase = SERVER_JOINING;
    join->server = server;
    membership_init(&join->initial, server->env->mem);
    membership_init(&join->found, server->env->mem);
    buf_init(&join->mismatch, server->env->mem);
    buf_init(&why, server->env->mem);
    int rv = membership_parse(&join->initial, slice_str(server->config.initial_cluster),
                              slice_str(server->config.initial_token), &why);
    if (rv == 0) {
        rv = membership_check_existing(&join->initial, slice_str(server->config.name), &why);
    }
    if (rv != 0) {
        server_fatal(server, buf_cstr(&why));
    } else {
        ask_next(join);
    }
    buf_fini(&why);
}

void join_dial(struct server *server)
{
    const struct membership *found = &server->join->found;
    for (size_t i = 0; i < found->count; i++) {
        const struct member *member = found->members[i];
        struct peer_address addresses[MEMBER_URLS_MAX];
        size_t count = members_addresses(&member->peer_urls, addresses);
        if (member->id != server->id && count > 0) {
            peers_set(&server->peers, member->id, addresses, count);
        }
    }
}
