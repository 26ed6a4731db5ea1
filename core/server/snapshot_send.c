/* The leader's side of a transfer: for each member that raft wants to have a snapshot, the file,
 * kept open, and answers to what that member asks. raft waits meanwhile (RAFT_SENDING_SNAPSHOT) and
 * is told how it went; a member that falls silent is given up, and raft begins anew when it answers
 * a heartbeat. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/probe.h"
#include "node.h"

/* Election timeouts without a word, after which the receiver counts as gone. */
#define PATIENCE 10

struct send {
    struct list link;
    struct server *server;
    member_id_t to;
    index_t index;
    term_t term;
    struct storage_reader *reader;
    uint64_t file; /* 0: it is being opened */
    uint64_t size;
    bool reading;
    struct env_timer timer;
};

static struct send *find(struct server *server, member_id_t to)
{
    list_each (it, &server->snapshots.sends) {
        struct send *send = container_of(it, struct send, link);
        if (send->to == to) {
            return send;
        }
    }
    return NULL;
}

static void drop(struct send *send)
{
    struct server *server = send->server;
    list_remove(&send->link);
    env_timer_stop(server->env, &send->timer);
    storage_reader_close(send->reader);
    mem_free(server->env->mem, send);
}

static void tell_raft(struct server *server, member_id_t to, bool ok)
{
    struct raft_event event = {.type = RAFT_EVENT_SNAPSHOT_SENT, .member = to, .ok = ok};
    consensus_step(server, &event);
}

static void end(struct send *send, bool ok)
{
    struct server *server = send->server;
    member_id_t to = send->to;
    drop(send);
    tell_raft(server, to, ok);
}

static void on_silence(struct env_timer *timer)
{
    struct send *send = timer->data;
    PROBE("server.snapshot_receiver_silent");
    LOG(send->server->env, WARN, "a member that needs a snapshot has fallen silent",
        log_hex("member", send->to), log_u64("index", send->index));
    end(send, false);
}

static void wait_for_word(struct send *send)
{
    struct server *server = send->server;
    env_timer_set(server->env, &send->timer,
                  env_now_ns(server->env) + PATIENCE * server->config.election_ns);
}

/* The same for the same file on every member that has it, so that a receiver may go on with another
 * sender that has received it too. */
static uint64_t identify(const struct snapshot_head *head, uint64_t size)
{
    uint64_t file = hash64_mix(head->member_id, head->instance);
    file = hash64_mix(hash64_mix(file, head->index), hash64_mix(head->term, size));
    return file + (file == 0);
}

static void opened(void *data, int status, const struct snapshot_head *head, uint64_t size)
{
    struct send *send = data;
    if (status != 0) {
        PROBE("server.snapshot_not_sent");
        LOG(send->server->env, WARN, "cannot send a snapshot", log_u64("index", send->index),
            log_err(status), log_str("where", storage_reader_words(send->reader)));
        end(send, false);
        return;
    }
    send->file = identify(head, size);
    send->size = size;
}

static void send_record(struct server *server, member_id_t to, struct buf *record)
{
    if (peers_send(&server->peers, to, buf_slice(record)) != 0) {
        PROBE("server.snapshot_record_not_sent"); /* the receiver asks again */
    }
    buf_fini(record);
}

static void bytes_read(void *data, int status, uint64_t offset, struct slice bytes)
{
    struct send *send = data;
    struct buf record;
    send->reading = false;
    if (status != 0) {
        PROBE("server.snapshot_not_read");
        LOG(send->server->env, WARN, "cannot read a snapshot", log_u64("index", send->index),
            log_err(status), log_str("where", storage_reader_words(send->reader)));
        end(send, false);
        return;
    }
    if (bytes.len == 0) {
        return; /* asked for what lies behind the end */
    }
    const struct snapshot_piece piece = {.index = send->index,
                                         .term = send->term,
                                         .file = send->file,
                                         .size = send->size,
                                         .offset = offset,
                                         .bytes = bytes};
    buf_init(&record, send->server->env->mem);
    buf_add_u8(&record, RECORD_SNAPSHOT_PIECE);
    snapshot_put_piece(&record, &piece);
    send_record(send->server, send->to, &record);
}

static void closed(void *data)
{
    (void)data; /* the send is gone already */
}

static const struct storage_reader_events reader_events = {
    .opened = opened, .bytes = bytes_read, .closed = closed};

void snapshot_send(struct server *server, member_id_t to, index_t index, term_t term)
{
    struct send *send = find(server, to);
    if (send != NULL && send->index == index) {
        wait_for_word(send);
        return;
    }
    if (send != NULL) {
        PROBE("server.snapshot_send_replaced");
        drop(send);
    }
    LOG(server->env, INFO, "sending a snapshot", log_hex("to", to), log_u64("index", index));
    send = mem_zalloc(server->env->mem, 1, sizeof(*send));
    send->server = server;
    send->to = to;
    send->index = index;
    send->term = term;
    send->timer.fire = on_silence;
    send->timer.data = send;
    list_push_back(&server->snapshots.sends, &send->link);
    wait_for_word(send);
    send->reader = storage_open_snapshot(server->storage, index, &reader_events, send);
}

static void say_gone(struct server *server, member_id_t to, const struct snapshot_ask *ask)
{
    const struct snapshot_end gone = {ask->index, ask->term, SNAPSHOT_GONE};
    struct buf record;
    buf_init(&record, server->env->mem);
    buf_add_u8(&record, RECORD_SNAPSHOT_END);
    snapshot_put_end(&record, &gone);
    send_record(server, to, &record);
}

void snapshot_asked(struct server *server, member_id_t from, struct slice body)
{
    struct snapshot_ask ask;
    struct send *send = find(server, from);
    if (snapshot_get_ask(body, &ask) != 0) {
        PROBE("server.snapshot_ask_malformed");
        return;
    }
    if (send == NULL || send->index != ask.index || send->term != ask.term) {
        PROBE("server.snapshot_ask_of_none");
        say_gone(server, from, &ask);
        return;
    }
    wait_for_word(send);
    if (ask.want == 0 || send->file == 0 || send->reading) {
        return; /* it lives; or it asks again */
    }
    uint32_t want = ask.want < SNAPSHOT_WANT_MAX ? ask.want : SNAPSHOT_WANT_MAX;
    /* Of another file it begins at the beginning: what it has does not belong to this one. */
    uint64_t offset = ask.file == send->file ? ask.offset : 0;
    if (offset < send->size) {
        send->reading = true;
        storage_reader_read(send->reader, offset, want);
    }
}

void snapshot_send_ended(struct server *server, member_id_t from, const struct snapshot_end *e)
{
    struct send *send = find(server, from);
    if (send != NULL && send->index == e->index && send->term == e->term &&
        e->what != SNAPSHOT_GONE) {
        end(send, e->what == SNAPSHOT_RECEIVED);
    }
}

void snapshot_send_lost(struct server *server, member_id_t to)
{
    struct send *send = find(server, to);
    if (send != NULL) {
        PROBE("server.snapshot_send_lost");
        end(send, false);
    }
}

void snapshot_send_end_all(struct server *server)
{
    list_each_safe (it, &server->snapshots.sends) {
        drop(container_of(it, struct send, link));
    }
}
