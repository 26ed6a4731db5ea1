/* The receiver's side of a transfer, and the swap.
 *
 *   OFFERED --ask, piece, ask, piece, ...--> FINISHING --file durable--> RESTORING --state sound--+
 *      ^  |  sender gone, silent                                                                  |
 *      |  v                                                         raft steps the kept message <-+
 *   SUSPENDED  (the part that is there waits for another offer)     installed: the state is swapped
 *
 * raft hears of the snapshot only when it is here and known to be good: until then the member goes
 * on with the log and state that it has. Another offer of the same snapshot, perhaps by another
 * leader, goes on where the file ends; a later one begins anew.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

#define PATIENCE 10 /* election timeouts without a piece or an offer */

enum receive_state {
    RECEIVE_OFFERED,
    RECEIVE_SUSPENDED,
    RECEIVE_FINISHING,
    RECEIVE_RESTORING,
};

struct snapshot_receive {
    struct server *server;
    enum receive_state state;
    member_id_t from;
    index_t index;
    term_t term;
    struct buf offer; /* the record with the newest message RAFT_SNAPSHOT */
    struct storage_sink *sink;
    bool ready; /* the sink takes the next bytes */
    bool again; /* the sink is being aborted; another one follows */
    struct snapshot_restore *restore;
    uint64_t file; /* 0: not known yet */
    uint64_t size;
    struct snapshot_pace pace;
    int64_t asked_ns;
    int64_t start_ns;
    int64_t heard_ns; /* the last piece or offer */
    struct env_timer timer;
};

static void free_receive(struct snapshot_receive *receive)
{
    struct server *server = receive->server;
    server->snapshots.receive = NULL;
    env_timer_stop(server->env, &receive->timer);
    buf_fini(&receive->offer);
    mem_free(server->env->mem, receive);
}

static void send_record(struct snapshot_receive *receive, struct buf *record)
{
    struct server *server = receive->server;
    if (peers_send(&server->peers, receive->from, buf_slice(record)) != 0) {
        PROBE("server.snapshot_ask_not_sent"); /* the timer asks again */
    }
    buf_fini(record);
}

static void say_end(struct snapshot_receive *receive, enum snapshot_what what)
{
    const struct snapshot_end end = {receive->index, receive->term, what};
    struct buf record;
    buf_init(&record, receive->server->env->mem);
    buf_add_u8(&record, RECORD_SNAPSHOT_END);
    snapshot_put_end(&record, &end);
    send_record(receive, &record);
}

/* Asks for what follows, or says that it lives while it is at work. */
static void ask(struct snapshot_receive *receive)
{
    struct server *server = receive->server;
    bool wants = receive->state == RECEIVE_OFFERED && receive->ready;
    struct snapshot_ask record_ask = {.index = receive->index,
                                      .term = receive->term,
                                      .file = receive->file,
                                      .want = wants ? receive->pace.want : 0};
    struct buf record;
    if (receive->file != 0 && receive->sink != NULL) {
        record_ask.offset = storage_sink_offset(receive->sink);
    }
    buf_init(&record, server->env->mem);
    buf_add_u8(&record, RECORD_SNAPSHOT_ASK);
    snapshot_put_ask(&record, &record_ask);
    send_record(receive, &record);
    receive->asked_ns = env_now_ns(server->env);
    env_timer_set(server->env, &receive->timer, receive->asked_ns + server->config.election_ns);
}

static void on_timer(struct env_timer *timer)
{
    struct snapshot_receive *receive = timer->data;
    struct server *server = receive->server;
    int64_t patience = PATIENCE * server->config.election_ns;
    bool waits = receive->state == RECEIVE_OFFERED || receive->state == RECEIVE_SUSPENDED;
    if (waits && env_now_ns(server->env) - receive->heard_ns > patience) {
        PROBE("server.snapshot_sender_silent");
        LOG(server->env, WARN, "nobody sends the rest of a snapshot",
            log_u64("index", receive->index), log_u64("have", storage_sink_offset(receive->sink)),
            log_u64("of", receive->size));
        storage_sink_abort(receive->sink);
        return;
    }
    if (receive->state == RECEIVE_SUSPENDED) {
        env_timer_set(server->env, timer, env_now_ns(server->env) + server->config.election_ns);
        return;
    }
    if (receive->state == RECEIVE_OFFERED) {
        PROBE("server.snapshot_asks_again");
        snapshot_pace_lost(&receive->pace);
    }
    ask(receive);
}

/* The state is here and sound: raft decides, now, whether it is wanted. */
static void restored(struct server *server, int status, const struct snapshot_head *head,
                     struct state *state, struct mvcc *mvcc, const char *words)
{
    struct snapshot_receive *receive = server->snapshots.receive;
    struct raft_message message;
    ASSERT(receive != NULL && receive->state == RECEIVE_RESTORING);
    receive->restore = NULL;
    int rv = status;
    if (rv == 0) {
        rv = raft_message_decode(slice_from(buf_slice(&receive->offer), 1), &server->space,
                                 &message);
        ASSERT(rv == 0); /* it was decoded when it was kept */
        bool same = message.index == head->index && message.log_term == head->term &&
                    members_same_conf(message.conf, &head->conf);
        rv = same ? 0 : ERR_CORRUPT;
        words = same ? "" : "it is not the snapshot that the leader has offered";
    }
    if (rv != 0) {
        PROBE("server.snapshot_refused");
        LOG(server->env, ERROR, "cannot use a snapshot that was received",
            log_hex("from", receive->from), log_u64("index", receive->index), log_err(rv),
            log_str("why", words));
        say_end(receive, SNAPSHOT_REFUSED);
        storage_drop_snapshot(server->storage, receive->index);
        free_receive(receive);
        return;
    }
    index_t index = receive->index;
    int64_t start_ns = receive->start_ns;
    struct buf offer = receive->offer;
    say_end(receive, SNAPSHOT_RECEIVED);
    buf_init(&receive->offer, server->env->mem);
    free_receive(receive);
    server->snapshots.state = state;
    server->snapshots.mvcc = mvcc;
    struct raft_event event = {.type = RAFT_EVENT_RECEIVE, .message = &message};
    consensus_step(server, &event);
    buf_fini(&offer);
    if (server->snapshots.mvcc == NULL) {
        LOG(server->env, INFO, "installed a snapshot", log_u64("index", index),
            log_duration("took", env_now_ns(server->env) - start_ns));
        return;
    }
    /* Overtaken: the log has come that far by itself, or there is another leader. */
    PROBE("server.snapshot_not_installed");
    server->snapshots.state = NULL;
    server->snapshots.mvcc = NULL;
    retire(server, mvcc);
    storage_drop_snapshot(server->storage, index);
}

/* What came with the snapshot may say that this member is not what it takes itself for. */
static void check_own_past(struct server *server)
{
    const struct member *own = membership_find(&server->members, server->id);
    if (membership_is_removed(&server->members, server->id)) {
        PROBE("server.removal_came_with_snapshot");
        links_removed(server);
    } else if (own != NULL && own->instance != 0 && own->instance != server->instance) {
        PROBE("server.snapshot_knows_other_log");
        links_log_is_gone(server);
    }
}

void snapshot_installed(struct server *server, index_t index, term_t term)
{
    struct snapshots *snapshots = &server->snapshots;
    ASSERT(snapshots->mvcc != NULL);
    ASSERT(snapshots->state->index == index && snapshots->state->term == term);
    struct mvcc *mvcc = snapshots->mvcc;
    snapshots->mvcc = NULL;
    snapshot_adopt(server, snapshots->state, mvcc);
    snapshots->state = NULL;
    observe_snapshot(server, OBS_SNAPSHOT_INSTALLED);
    struct raft_event event = {.type = RAFT_EVENT_APPLIED, .index = index};
    consensus_step(server, &event);
    members_check_conf(server);
    check_own_past(server);
    if (!server->published && server->phase == SERVER_RUNNING) {
        /* The entry by which it published itself may be behind the snapshot, never to be applied
         * here. */
        PROBE("server.published_anew");
        publish_start(server);
    }
}

static void begin_file(struct snapshot_receive *receive);

static void more(void *data)
{
    struct snapshot_receive *receive = data;
    receive->ready = true;
    if (receive->state != RECEIVE_OFFERED) {
        return;
    }
    if (receive->file != 0 && storage_sink_offset(receive->sink) == receive->size) {
        receive->state = RECEIVE_FINISHING;
        storage_sink_finish(receive->sink);
    }
    ask(receive);
}

static void done(void *data, int status)
{
    struct snapshot_receive *receive = data;
    struct server *server = receive->server;
    const char *words = storage_sink_words(receive->sink);
    receive->ready = false;
    if (status == 0) {
        receive->sink = NULL;
        receive->state = RECEIVE_RESTORING;
        receive->restore = snapshot_restore(server, receive->index, restored);
        return;
    }
    if (status != ERR_CANCELED) {
        PROBE("server.snapshot_not_received");
        LOG(server->env, ERROR, "cannot receive a snapshot", log_hex("from", receive->from),
            log_u64("index", receive->index), log_err(status), log_str("where", words));
        say_end(receive, SNAPSHOT_REFUSED);
    }
    receive->sink = NULL;
    if (status == ERR_CANCELED && receive->again) {
        begin_file(receive);
    } else {
        free_receive(receive);
    }
}

static const struct storage_sink_events sink_events = {.more = more, .done = done};

static void begin_file(struct snapshot_receive *receive)
{
    receive->again = false;
    receive->file = 0;
    receive->size = 0;
    receive->state = RECEIVE_OFFERED;
    snapshot_pace_init(&receive->pace);
    receive->sink = storage_receive_snapshot(receive->server->storage, &sink_events, receive);
}

/* Begins anew, with what is offered now. */
static void restart(struct snapshot_receive *receive)
{
    PROBE("server.snapshot_received_anew");
    receive->again = true;
    receive->ready = false;
    storage_sink_abort(receive->sink);
}

static void keep_offer(struct snapshot_receive *receive, const struct raft_message *message,
                       struct slice record)
{
    receive->from = message->from;
    receive->index = message->index;
    receive->term = message->log_term;
    receive->heard_ns = env_now_ns(receive->server->env);
    buf_clear(&receive->offer);
    buf_add_slice(&receive->offer, record);
}

static void begin(struct server *server, const struct raft_message *message, struct slice record)
{
    struct snapshot_receive *receive = mem_zalloc(server->env->mem, 1, sizeof(*receive));
    LOG(server->env, INFO, "receiving a snapshot", log_hex("from", message->from),
        log_u64("index", message->index));
    receive->server = server;
    receive->start_ns = env_now_ns(server->env);
    receive->timer.fire = on_timer;
    receive->timer.data = receive;
    buf_init(&receive->offer, server->env->mem);
    server->snapshots.receive = receive;
    keep_offer(receive, message, record);
    begin_file(receive);
}

/* The rules of raft (recv_snapshot.c) by which it would give its log up for this snapshot. */
static bool is_wanted(const struct server *server, const struct raft_message *message)
{
    index_t index = message->index;
    return message->term >= raft_term(server->raft) && message->conf != NULL &&
           raft_conf_is_valid(message->conf) && message->log_term > 0 &&
           index > raft_commit(server->raft) && index <= INT64_MAX &&
           (index > raft_last(server->raft) ||
            raft_log_term(server->raft, index) != message->log_term);
}

/* Another snapshot is offered than the one at work. */
static void offered_another(struct snapshot_receive *receive, const struct raft_message *message,
                            struct slice record)
{
    if (receive->state == RECEIVE_OFFERED || receive->state == RECEIVE_SUSPENDED) {
        keep_offer(receive, message, record);
        if (!receive->again) {
            restart(receive);
        }
        return;
    }
    /* The one that is here is looked at first; the sender may offer again. */
    PROBE("server.snapshot_offer_declined");
    const struct snapshot_end end = {message->index, message->log_term, SNAPSHOT_REFUSED};
    struct buf reply;
    buf_init(&reply, receive->server->env->mem);
    buf_add_u8(&reply, RECORD_SNAPSHOT_END);
    snapshot_put_end(&reply, &end);
    if (peers_send(&receive->server->peers, message->from, buf_slice(&reply)) != 0) {
        PROBE("server.snapshot_end_not_sent");
    }
    buf_fini(&reply);
}

bool snapshot_offered(struct server *server, const struct raft_message *message,
                      struct slice record)
{
    struct snapshot_receive *receive = server->snapshots.receive;
    if (!is_wanted(server, message)) {
        return false;
    }
    if (server->phase != SERVER_RUNNING) {
        PROBE("server.snapshot_offer_not_now");
        return true; /* offered again */
    }
    if (receive == NULL) {
        begin(server, message, record);
    } else if (receive->index != message->index || receive->term != message->log_term) {
        offered_another(receive, message, record);
    } else {
        keep_offer(receive, message, record);
        if (receive->state == RECEIVE_SUSPENDED) {
            PROBE("server.snapshot_resumed");
            receive->state = RECEIVE_OFFERED;
        }
        if (!receive->again && receive->sink != NULL) {
            ask(receive);
        }
    }
    return true;
}

static bool fits(const struct snapshot_receive *receive, const struct snapshot_piece *piece)
{
    return piece->index == receive->index && piece->term == receive->term &&
           receive->state == RECEIVE_OFFERED && receive->ready;
}

void snapshot_piece_came(struct server *server, member_id_t from, struct slice body)
{
    struct snapshot_receive *receive = server->snapshots.receive;
    struct snapshot_piece piece;
    if (snapshot_get_piece(body, &piece) != 0) {
        PROBE("server.snapshot_piece_malformed");
        return;
    }
    if (receive == NULL || receive->from != from || !fits(receive, &piece)) {
        PROBE("server.snapshot_piece_unasked");
        return;
    }
    if (receive->file == 0) {
        receive->file = piece.file;
        receive->size = piece.size;
    }
    if (piece.file != receive->file || piece.size != receive->size) {
        restart(receive); /* its bytes do not go on where those that are here end */
        return;
    }
    if (storage_sink_bytes(receive->sink, piece.offset, piece.bytes) != 0) {
        PROBE("server.snapshot_piece_repeated");
        return;
    }
    int64_t now_ns = env_now_ns(server->env);
    receive->ready = false;
    receive->heard_ns = now_ns;
    snapshot_pace_answered(&receive->pace, now_ns - receive->asked_ns, server->config.heartbeat_ns);
}

void snapshot_end_came(struct server *server, member_id_t from, struct slice body)
{
    struct snapshot_receive *receive = server->snapshots.receive;
    struct snapshot_end end;
    if (snapshot_get_end(body, &end) != 0) {
        PROBE("server.snapshot_end_malformed");
        return;
    }
    if (end.what != SNAPSHOT_GONE) {
        snapshot_send_ended(server, from, &end);
    } else if (receive != NULL && receive->from == from && receive->index == end.index &&
               receive->term == end.term && receive->state == RECEIVE_OFFERED) {
        PROBE("server.snapshot_suspended");
        receive->state = RECEIVE_SUSPENDED;
    }
}

void snapshot_receive_end(struct server *server)
{
    struct snapshot_receive *receive = server->snapshots.receive;
    if (receive != NULL) {
        snapshot_restore_cancel(receive->restore);
        free_receive(receive);
    }
}
