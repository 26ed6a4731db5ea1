/* The format `fields`: one `"Name" : value` a line. */
#include "private.h"
#include "text.h"

static void number(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, "\"%s\" : %lld\n", name, (long long)value);
}

static void id(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "\"%s\" : %llu\n", name, (unsigned long long)value);
}

static void truth(struct buf *out, const char *name, bool value)
{
    buf_printf(out, "\"%s\" : %s\n", name, value ? "true" : "false");
}

static void quoted(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "\"%s\" : ", name);
    text_quote(out, value);
    buf_add_u8(out, '\n');
}

static void header(struct buf *out, const Etcdserverpb__ResponseHeader *h)
{
    if (h != NULL) {
        id(out, "ClusterID", h->cluster_id);
        id(out, "MemberID", h->member_id);
        number(out, "Revision", h->revision);
        id(out, "RaftTerm", h->raft_term);
    }
}

static void key_value(struct buf *out, const char *prefix, const Mvccpb__KeyValue *kv)
{
    buf_printf(out, "\"%sKey\" : ", prefix);
    text_quote(out, pb_slice(kv->key));
    buf_printf(out, "\n\"%sCreateRevision\" : %lld\n", prefix, (long long)kv->create_revision);
    buf_printf(out, "\"%sModRevision\" : %lld\n", prefix, (long long)kv->mod_revision);
    buf_printf(out, "\"%sVersion\" : %lld\n", prefix, (long long)kv->version);
    buf_printf(out, "\"%sValue\" : ", prefix);
    text_quote(out, pb_slice(kv->value));
    buf_printf(out, "\n\"%sLease\" : %lld\n", prefix, (long long)kv->lease);
}

static void give_out(struct ctl *ctl, struct buf *out)
{
    ctl_print(ctl, buf_slice(out));
    buf_fini(out);
}

void fields_put(struct ctl *ctl, const Etcdserverpb__PutResponse *answer)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    header(&out, answer->header);
    if (answer->prev_kv != NULL) {
        key_value(&out, "Prev", answer->prev_kv);
    }
    give_out(ctl, &out);
}

void fields_range(struct ctl *ctl, const Etcdserverpb__RangeResponse *answer)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    header(&out, answer->header);
    for (size_t i = 0; i < answer->n_kvs; i++) {
        key_value(&out, "", answer->kvs[i]);
    }
    truth(&out, "More", answer->more);
    number(&out, "Count", answer->count);
    give_out(ctl, &out);
}

void fields_delete(struct ctl *ctl, const Etcdserverpb__DeleteRangeResponse *answer)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    header(&out, answer->header);
    number(&out, "Deleted", answer->deleted);
    for (size_t i = 0; i < answer->n_prev_kvs; i++) {
        key_value(&out, "Prev", answer->prev_kvs[i]);
    }
    give_out(ctl, &out);
}

void fields_members(struct ctl *ctl, const Etcdserverpb__MemberListResponse *answer)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    header(&out, answer->header);
    for (size_t i = 0; i < answer->n_members; i++) {
        const Etcdserverpb__Member *member = answer->members[i];
        id(&out, "ID", member->id);
        quoted(&out, "Name", slice_str(member->name));
        for (size_t u = 0; u < member->n_peerurls; u++) {
            quoted(&out, "PeerURL", slice_str(member->peerurls[u]));
        }
        for (size_t u = 0; u < member->n_clienturls; u++) {
            quoted(&out, "ClientURL", slice_str(member->clienturls[u]));
        }
        truth(&out, "IsLearner", member->islearner);
        buf_add_u8(&out, '\n');
    }
    give_out(ctl, &out);
}

void fields_status(struct ctl *ctl, struct slice endpoint,
                   const Etcdserverpb__StatusResponse *status)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    header(&out, status->header);
    quoted(&out, "Version", slice_str(status->version));
    number(&out, "DBSize", status->dbsize);
    id(&out, "Leader", status->leader);
    truth(&out, "IsLearner", status->islearner);
    id(&out, "RaftIndex", status->raftindex);
    id(&out, "RaftTerm", status->raftterm);
    id(&out, "RaftAppliedIndex", status->raftappliedindex);
    buf_add_str(&out, "\"Errors\" : [");
    for (size_t i = 0; i < status->n_errors; i++) {
        buf_add_str(&out, i > 0 ? " " : "");
        text_quote(&out, slice_str(status->errors[i]));
    }
    buf_add_str(&out, "]\n");
    quoted(&out, "Endpoint", endpoint);
    buf_add_u8(&out, '\n');
    give_out(ctl, &out);
}

void fields_hash(struct ctl *ctl, struct slice endpoint, const Etcdserverpb__HashKVResponse *hash)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    header(&out, hash->header);
    quoted(&out, "Endpoint", endpoint);
    id(&out, "Hash", hash->hash);
    buf_add_u8(&out, '\n');
    give_out(ctl, &out);
}

void fields_health(struct ctl *ctl, const struct health *health)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    quoted(&out, "Endpoint", health->endpoint);
    truth(&out, "Health", health->error.len == 0);
    /* These two etcdctl does not quote. */
    buf_printf(&out, "\"Took\" : %s\n\"Error\" : ", health->took);
    buf_add_slice(&out, buf_slice(&health->error));
    buf_add_str(&out, "\n\n");
    give_out(ctl, &out);
}
