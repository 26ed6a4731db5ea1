/* The membership list meets the links.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

size_t members_addresses(const struct member_urls *urls, struct peer_address *addresses)
{
    size_t count = 0;
    for (size_t i = 0; i < urls->count; i++) {
        struct url url;
        if (url_parse(urls->at[i], &url) != 0 || url.local || url.secure) {
            PROBE("server.peer_url_not_dialled");
            continue;
        }
        memcpy(addresses[count].host, url.host, sizeof(url.host));
        addresses[count].port = url.port;
        count++;
    }
    return count;
}

void members_sync_peers(struct server *server)
{
    struct peer_address addresses[MEMBER_URLS_MAX];
    if (server->phase >= SERVER_STOPPING) {
        return;
    }
    for (size_t i = 0; i < server->members.count; i++) {
        const struct member *member = server->members.members[i];
        size_t count =
            member->id == server->id ? 0 : members_addresses(&member->peer_urls, addresses);
        if (count > 0) {
            peers_set(&server->peers, member->id, addresses, count);
        }
    }
    for (size_t i = 0; i < server->members.removed_count; i++) {
        peers_remove(&server->peers, server->members.removed[i]);
    }
}

void members_view(const struct server *server, struct membership_link *links,
                  struct membership_view *view)
{
    size_t count = 0;
    for (size_t i = 0; i < server->members.count; i++) {
        member_id_t id = server->members.members[i]->id;
        if (id != server->id) {
            links[count++] = (struct membership_link){id, peers_up_since(&server->peers, id)};
        }
    }
    *view = (struct membership_view){.self = server->id,
                                     .strict = server->config.strict,
                                     .now_ns = env_now_ns(server->env),
                                     .link_count = count,
                                     .links = links};
}

void members_conf(const struct membership *members, struct raft_conf *conf)
{
    *conf = (struct raft_conf){0};
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = members->members[i];
        if (member->is_learner) {
            conf->learners[conf->learner_count++] = member->id;
        } else {
            conf->voters[conf->voter_count++] = member->id;
        }
    }
}

bool members_same_conf(const struct raft_conf *a, const struct raft_conf *b)
{
    return a->voter_count == b->voter_count && a->learner_count == b->learner_count &&
           memcmp(a->voters, b->voters, a->voter_count * sizeof(a->voters[0])) == 0 &&
           memcmp(a->learners, b->learners, a->learner_count * sizeof(a->learners[0])) == 0;
}

void members_check_conf(const struct server *server)
{
    struct raft_conf own;
    members_conf(&server->members, &own);
    ASSERT(members_same_conf(&own, raft_conf(server->raft)));
}

bool members_is_learner(const struct server *server)
{
    const struct member *own = membership_find(&server->members, server->id);
    return own != NULL && own->is_learner;
}

bool members_connected_since(const struct server *server, member_id_t id, int64_t since_ns)
{
    if (id == server->id) {
        return true;
    }
    int64_t up = peers_up_since(&server->peers, id);
    return up >= 0 && up < since_ns;
}
