/* Members: where they are, how they start, how they end. */
#include "churn.h"

#include "base/assert.h"

bool conf_votes(const struct conf *conf, member_id_t id)
{
    for (size_t i = 0; i < conf->voter_count; i++) {
        if (conf->voters[i] == id) {
            return true;
        }
    }
    return false;
}

bool conf_has(const struct conf *conf, member_id_t id)
{
    for (size_t i = 0; i < conf->learner_count; i++) {
        if (conf->learners[i] == id) {
            return true;
        }
    }
    return conf_votes(conf, id);
}

struct place *place_of(struct churn *c, member_id_t id)
{
    const struct listed *listed = listed_of(c, id);
    for (int i = 0; i < PLACES; i++) {
        if (c->places[i].id == id || c->places[i].lost == id) {
            return &c->places[i];
        }
    }
    return listed == NULL ? NULL : &c->places[listed->place];
}

struct place *leader_place(struct churn *c)
{
    struct place *leader = NULL;
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        if (is_up(p) && p->role == OBS_LEADER && (leader == NULL || p->term > leader->term)) {
            leader = p;
        }
    }
    return leader;
}

/* Why it could not join names the members as whom it asked knows them: what an operator goes by who
 * cannot get a list, because nobody serves clients while there is no quorum. */
static void take_hint(struct place *p)
{
    char text[4096];
    struct slice printed = node_output(p->node, ENV_STDERR);
    size_t len = printed.len < sizeof(text) - 1 ? printed.len : sizeof(text) - 1;
    size_t at = 0;
    int place = 0;
    int port = 0;
    memcpy(text, printed.ptr, len);
    text[len] = '\0';
    p->hinted = false;
    const char *found = strstr(text, "Members:[");
    while (found != NULL && (found = strstr(found, "PeerURLs:[")) != NULL) {
        if (sscanf(found, "PeerURLs:[http://10.0.0.%d:%d]", &place, &port) == 2) {
            at += (size_t)snprintf(p->cluster + at, sizeof(p->cluster) - at,
                                   "%sn%d=http://10.0.0.%d:%d", at == 0 ? "" : ",", place - 1,
                                   place, port);
            p->hinted = p->hinted || place - 1 == p->number;
        }
        found++;
    }
}

/* A member is not to end by itself, but for these reasons. */
static void exited(struct churn *c, struct place *p)
{
    int code = node_exit_code(p->node);
    p->wanted = false;
    p->down_until_ns = NOT_PLANNED;
    if (p->lost != 0) {
        c->sums.wipes_refused += code == 1;
        return;
    }
    if (!p->booted && p->id == 0) {
        /* It could not join: the list that it was started with was not that of whom it asked. */
        c->sums.joins_failed++;
        take_hint(p);
        p->join_ns = churn_now(c) + 300 * MS_NS;
        return;
    }
    if (conf_has(&c->newest, p->id)) {
        churn_fail(c, "node", "exit", "%s, a member, ended by itself with code %d",
                   node_name(p->node), code);
        return;
    }
    c->sums.removed_ended++;
    if (!c->settling && rng_chance(&c->rng_plan, 300000)) {
        /* It comes back, to be told again. */
        p->wanted = true;
        p->down_until_ns = churn_now(c) + rng_range(&c->rng_plan, 0, SEC_NS);
    }
}

static void ended(struct node *node, void *data)
{
    struct place *p = data;
    struct churn *c = p->churn;
    if (c->over) {
        return;
    }
    check_ended(p->check);
    p->role = OBS_FOLLOWER;
    p->published = false;
    p->append_last = 0;
    if (node_state(node) == NODE_EXITED) {
        exited(c, p);
    } else if (node_state(node) == NODE_CRASHED && p->wanted && p->down_until_ns == NOT_PLANNED) {
        /* At a call in the middle of a turn, or struck. */
        p->down_until_ns = churn_now(c) + rng_range(&c->rng_plan, 0, 1500 * MS_NS);
    }
}

void member_start(struct churn *c, struct place *p)
{
    char listen_peer[96];
    char peer[64];
    char client[64];
    char election[48];
    char heartbeat[48];
    char appends[48];
    char learners[48];
    char snapshots[48];
    char catchup[64];
    char segments[48];
    int n = p->number + 1;
    /* Two ports, so that `member update` can move its URL between them. */
    snprintf(listen_peer, sizeof(listen_peer), "http://10.0.0.%d:2380,http://10.0.0.%d:2390", n, n);
    snprintf(peer, sizeof(peer), "http://10.0.0.%d:2380", n);
    snprintf(client, sizeof(client), "http://10.0.0.%d:2379", n);
    snprintf(election, sizeof(election), "--election-timeout=%d", c->draws.election_ms);
    snprintf(heartbeat, sizeof(heartbeat), "--heartbeat-interval=%d", c->draws.heartbeat_ms);
    snprintf(appends, sizeof(appends), "--max-append-entries=%d", c->draws.append_max);
    snprintf(learners, sizeof(learners), "--max-learners=%d", c->draws.learners_max);
    snprintf(snapshots, sizeof(snapshots), "--snapshot-count=%d", c->draws.snapshot_count);
    snprintf(catchup, sizeof(catchup), "--experimental-snapshot-catchup-entries=%d",
             c->draws.catchup);
    snprintf(segments, sizeof(segments), "--wal-segment-bytes=%d", c->draws.segment_bytes);
    const char *const args[] = {"quorated",
                                "--name",
                                node_name(p->node),
                                "--initial-advertise-peer-urls",
                                peer,
                                "--listen-peer-urls",
                                listen_peer,
                                "--listen-client-urls",
                                client,
                                "--advertise-client-urls",
                                client,
                                "--initial-cluster",
                                p->cluster,
                                "--initial-cluster-state",
                                p->state,
                                election,
                                heartbeat,
                                appends,
                                learners,
                                snapshots,
                                catchup,
                                segments,
                                c->draws.pre_vote ? "--pre-vote=true" : "--pre-vote=false",
                                c->draws.strict ? "--strict-reconfig-check=true"
                                                : "--strict-reconfig-check=false"};
    const struct node_start how = {.program = &server_program,
                                   .args = args,
                                   .arg_count = sizeof(args) / sizeof(args[0]),
                                   .log_level = LOG_ERROR,
                                   .log_to_stderr = true,
                                   .observer = &p->observer,
                                   .ended = ended,
                                   .data = p};
    host_power_on(node_host(p->node));
    p->wanted = true;
    p->down_until_ns = NOT_PLANNED;
    p->booted = false;
    p->role = OBS_FOLLOWER;
    p->term = 0;
    p->applied = 0;
    p->published = false;
    p->conf = (struct conf){0};
    int err = node_start(p->node, &how);
    ASSERT(err == 0);
}

void member_empty(struct churn *c, struct place *p)
{
    struct host *host = node_host(p->node);
    p->wanted = false;
    disk_stall(host_disk(host), false);
    node_resume(p->node);
    if (host_is_on(host)) {
        host_power_off(host);
    }
    host_power_on(host);
    disk_wipe(host_disk(host));
    check_amnesia(p->check);
    p->down_until_ns = NOT_PLANNED;
    p->slow_until_ns = NOT_PLANNED;
    p->join_ns = NOT_PLANNED;
    p->retire_ns = NOT_PLANNED;
    p->id = 0;
    p->seen = (struct conf){0};
    p->seen_before = (struct conf){0};
    p->published_at = 0;
    p->append_last = 0;
    p->commit_durable = 0;
    (void)c;
}

/* name=URL of each that is listed, which is what the operator hands to a member that joins. */
bool join_flags(const struct churn *c, struct place *p)
{
    size_t at = 0;
    bool found = false;
    for (size_t i = 0; i < c->list_count; i++) {
        const struct listed *l = &c->list[i];
        at +=
            (size_t)snprintf(p->cluster + at, sizeof(p->cluster) - at, "%sn%d=http://10.0.0.%d:%d",
                             i == 0 ? "" : ",", l->place, l->place + 1, l->port);
        found = found || l->place == p->number;
    }
    p->state = "existing";
    return found;
}

/* Does anybody still count on this member? A leader that does may commit by what it acknowledged;
 * cleared away it would look as if that had never been durable. */
static bool is_counted_on(const struct churn *c, member_id_t id)
{
    for (int i = 0; i < PLACES; i++) {
        const struct place *p = &c->places[i];
        if (p->id != 0 && p->id != id && conf_has(&c->newest, p->id) && conf_votes(&p->seen, id)) {
            return true;
        }
    }
    return false;
}

/* The member of this machine was removed, or it is another one that is listed here now. */
static void tend_removed(struct churn *c, struct place *p)
{
    member_id_t id = p->lost != 0 ? p->lost : p->id;
    if (id == 0 || c->newest.index == 0 || conf_has(&c->newest, id)) {
        p->retire_ns = NOT_PLANNED;
        return;
    }
    if (p->retire_ns == NOT_PLANNED) {
        p->retire_ns = churn_now(c) + rng_range(&c->rng_plan, 0, 3 * SEC_NS);
    } else if (churn_now(c) >= p->retire_ns && !c->settling && !is_counted_on(c, id)) {
        member_empty(c, p);
        p->lost = 0;
    }
}

/* A member that was wiped and founds its cluster anew lists the members of then under the IDs of
 * then; nobody may take part in that. The operator waits until it has ended. */
static bool is_list_false_somewhere(const struct churn *c)
{
    for (int i = 0; i < PLACES; i++) {
        const struct place *p = &c->places[i];
        if (p->lost != 0 && p->wanted && strcmp(p->state, "new") == 0) {
            return true;
        }
    }
    return false;
}

static void tend(struct churn *c, struct place *p)
{
    tend_removed(c, p);
    if (p->wanted && p->down_until_ns != NOT_PLANNED && churn_now(c) >= p->down_until_ns) {
        if (p->wipe_due && !c->settling) {
            faults_wipe(c, p);
        }
        member_start(c, p);
    }
    if (!p->wanted && p->id == 0 && p->lost == 0 && p->join_ns != NOT_PLANNED &&
        churn_now(c) >= p->join_ns && !is_list_false_somewhere(c)) {
        p->join_ns = NOT_PLANNED;
        bool known = p->hinted || join_flags(c, p);
        p->hinted = false;
        if (known) {
            c->sums.joins++;
            member_start(c, p);
        }
    }
}

void members_tend(struct churn *c)
{
    for (int i = 0; i < PLACES; i++) {
        bool left_alone = c->settling && (c->settle_set & (UINT64_C(1) << i)) == 0;
        if (!left_alone) {
            tend(c, &c->places[i]);
        }
    }
}
