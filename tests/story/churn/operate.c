/* Operators: people at the command line of the cluster, who look at the list of members and change
 * it. What they know is what they were told; only that nobody orders a quorum away that can never
 * come back is seen to here. */
#include "churn.h"

#include "base/assert.h"

const struct listed *listed_of(const struct churn *c, member_id_t id)
{
    for (size_t i = 0; i < c->list_count && id != 0; i++) {
        if (c->list[i].id == id) {
            return &c->list[i];
        }
    }
    return NULL;
}

bool operators_busy(const struct churn *c)
{
    return c->operators[0].busy || c->operators[1].busy;
}

static void text_of(struct node *node, enum env_output from, char *out, size_t size)
{
    struct slice printed = node_output(node, from);
    size_t len = printed.len < size - 1 ? printed.len : size - 1;
    if (len > 0) {
        memcpy(out, printed.ptr, len);
    }
    out[len] = '\0';
}

/* Members that are listed and have not started will, soon or late or never. */
static void plan_joins(struct churn *c)
{
    for (size_t i = 0; i < c->list_count; i++) {
        struct place *p = &c->places[c->list[i].place];
        bool waits = !c->list[i].started && !p->wanted && p->id == 0 && p->lost == 0 &&
                     p->join_ns == NOT_PLANNED;
        if (waits) {
            bool never = rng_chance(&c->rng_op, 150000);
            int64_t delay = rng_range(&c->rng_op, 0, 2500) * MS_NS;
            p->join_ns =
                never && !c->settling ? NEVER_NS : churn_now(c) + (delay > SEC_NS ? delay : 0);
        }
    }
}

static void take_list(struct churn *c, const char *out)
{
    struct listed list[MEMBERS_MAX];
    size_t count = 0;
    while (*out != '\0') {
        const char *end = strchr(out, '\n');
        const char *url = strstr(out, "http://10.0.0.");
        unsigned long long id = strtoull(out, NULL, 16);
        int place = 0;
        int port = 0;
        ASSERT(end != NULL && url != NULL && url < end && count < MEMBERS_MAX);
        int read = sscanf(url, "http://10.0.0.%d:%d", &place, &port);
        ASSERT(read == 2 && place >= 1 && place <= PLACES);
        list[count++] = (struct listed){.id = id,
                                        .place = place - 1,
                                        .port = port,
                                        .started = strstr(out, ", started, ") != NULL &&
                                                   strstr(out, ", started, ") < end,
                                        .learner = end[-1] == 'e' && end[-2] == 'u'};
        out = end + 1;
    }
    memcpy(c->list, list, sizeof(list));
    c->list_count = count;
    plan_joins(c);
}

static void command_ended(struct node *node, void *data)
{
    struct operator* op = data;
    struct churn *c = op->churn;
    char out[4096];
    if (c->over) {
        return;
    }
    text_of(node, ENV_STDOUT, out, sizeof(out));
    op->busy = false;
    op->ok = node_state(node) == NODE_EXITED && node_exit_code(node) == 0;
    op->look = !op->ok || (op->verb != VERB_LIST && rng_chance(&c->rng_op, 700000));
    op->next_ns = churn_now(c) + rng_range(&c->rng_op, 10, 300) * MS_NS;
    c->sums.commands[op->verb] += op->ok;
    if (op->verb == VERB_PUT) {
        client_told_put(c, node_name(node), op->value, op->call_ns, op->ok, out);
    } else if (op->verb == VERB_GET && op->ok) {
        client_told_get(c, node_name(node), op->call_ns, out);
    } else if (op->verb == VERB_LIST && op->ok) {
        take_list(c, out);
    }
}

struct command {
    const char *args[12];
    size_t count;
    char endpoints[512];
    char id[24];
    char name[16];
    char url[64];
};

static void fill(struct command *cmd, struct operator* op, enum verb verb,
                 const struct listed *target)
{
    static const char *const words[][6] = {
        [VERB_LIST] = {"member", "list"},
        [VERB_ADD] = {"member", "add", "NAME", "URL"},
        [VERB_ADD_LEARNER] = {"member", "add", "NAME", "URL", "--learner"},
        [VERB_PROMOTE] = {"member", "promote", "ID"},
        [VERB_REMOVE] = {"member", "remove", "ID"},
        [VERB_UPDATE] = {"member", "update", "ID", "URL"},
        [VERB_MOVE] = {"move-leader", "ID"},
        [VERB_PUT] = {"-w", "json", "put", "k/settle", "VALUE"},
        [VERB_GET] = {"-w", "json", "get", "k", "--prefix"},
    };
    for (size_t i = 0; i < 6 && words[verb][i] != NULL; i++) {
        const char *word = words[verb][i];
        word = strcmp(word, "NAME") == 0 ? cmd->name : word;
        word = strcmp(word, "URL") == 0 ? cmd->url : word;
        word = strcmp(word, "ID") == 0 ? cmd->id : word;
        word = strcmp(word, "VALUE") == 0 ? op->value : word;
        cmd->args[cmd->count++] = word;
    }
    if (target != NULL) {
        snprintf(cmd->id, sizeof(cmd->id), "%llx", (unsigned long long)target->id);
        snprintf(cmd->name, sizeof(cmd->name), "n%d", target->place);
        snprintf(cmd->url, sizeof(cmd->url), "--peer-urls=http://10.0.0.%d:%d", target->place + 1,
                 target->port);
    }
}

void operator_call(struct churn *c, struct operator* op, enum verb verb, uint64_t through,
                   const struct listed *target)
{
    struct command cmd = {.args = {"quoratectl", cmd.endpoints, "--command-timeout=3s"},
                          .count = 3};
    size_t at = (size_t)snprintf(cmd.endpoints, sizeof(cmd.endpoints), "--endpoints=");
    size_t before = at;
    ASSERT(!op->busy);
    for (int i = 0; i < PLACES; i++) {
        if ((through & (UINT64_C(1) << i)) != 0) {
            at += (size_t)snprintf(cmd.endpoints + at, sizeof(cmd.endpoints) - at,
                                   "%shttp://10.0.0.%d:2379", at > before ? "," : "", i + 1);
        }
    }
    fill(&cmd, op, verb, target);
    const struct node_start how = {.program = &ctl_program,
                                   .args = cmd.args,
                                   .arg_count = cmd.count,
                                   .log_level = LOG_ERROR,
                                   .ended = command_ended,
                                   .data = op};
    op->busy = true;
    op->verb = verb;
    op->call_ns = churn_now(c);
    int err = node_start(op->node, &how);
    ASSERT(err == 0);
}

/* Everybody, or one alone: then also a leader that was cut off gets changes to make. */
static uint64_t draw_endpoints(struct churn *c)
{
    uint64_t all = 0;
    bool alone = rng_chance(&c->rng_op, 400000);
    for (int i = 0; i < PLACES; i++) {
        all |= is_up(&c->places[i]) ? UINT64_C(1) << i : 0;
    }
    uint64_t chosen = rng_below(&c->rng_op, PLACES);
    struct place *leader = leader_place(c);
    if (alone && leader != NULL && rng_chance(&c->rng_op, 500000)) {
        chosen = (uint64_t)leader->number;
    }
    return alone || all == 0 ? UINT64_C(1) << chosen : all;
}

/* Voters that run or may come to run again, without this one. */
static size_t able_without(struct churn *c, member_id_t without)
{
    size_t able = 0;
    for (size_t i = 0; i < c->newest.voter_count; i++) {
        member_id_t id = c->newest.voters[i];
        struct place *p = place_of(c, id);
        able += id != without && p != NULL && p->lost != id;
    }
    return able;
}

static bool keeps_quorum(struct churn *c, member_id_t removed)
{
    bool votes = conf_votes(&c->newest, removed);
    size_t voters = c->newest.voter_count - (votes ? 1 : 0);
    return voters > 0 && able_without(c, removed) >= voters / 2 + 1;
}

static bool draw_free_place(struct churn *c, struct listed *target)
{
    int from = (int)rng_below(&c->rng_op, PLACES);
    for (int step = 0; step < PLACES; step++) {
        struct place *p = &c->places[(from + step) % PLACES];
        bool listed = false;
        for (size_t i = 0; i < c->list_count; i++) {
            listed = listed || c->list[i].place == p->number;
        }
        if (!listed && !p->wanted && p->id == 0 && p->lost == 0 && !is_up(p)) {
            *target = (struct listed){.place = p->number, .port = 2380};
            return true;
        }
    }
    return false;
}

static const struct listed *draw_listed(struct churn *c)
{
    return &c->list[rng_below(&c->rng_op, c->list_count)];
}

/* Whom to remove: one whose log is gone before all; else the leader, or whoever. */
static const struct listed *draw_removed(struct churn *c)
{
    struct place *leader = leader_place(c);
    bool the_leader = rng_chance(&c->rng_op, 250000);
    for (size_t i = 0; i < c->list_count; i++) {
        struct place *p = &c->places[c->list[i].place];
        if (p->lost != 0 && p->lost == c->list[i].id) {
            return &c->list[i];
        }
        if (the_leader && p == leader && p->id == c->list[i].id) {
            return &c->list[i];
        }
    }
    return draw_listed(c);
}

static void choose(struct churn *c, struct operator* op)
{
    uint64_t dice = rng_below(&c->rng_op, 100);
    uint64_t through = draw_endpoints(c);
    struct listed target;
    bool any_lost = false;
    for (size_t i = 0; i < c->list_count; i++) {
        const struct place *p = &c->places[c->list[i].place];
        any_lost = any_lost || (p->lost != 0 && p->lost == c->list[i].id);
    }
    bool grow = c->list_count < 3 ? dice < 60 : dice < 28;
    if (grow && c->list_count < MEMBERS) {
        if (draw_free_place(c, &target)) {
            bool learner = rng_chance(&c->rng_op, 450000);
            operator_call(c, op, learner ? VERB_ADD_LEARNER : VERB_ADD, through, &target);
        }
    } else if (dice < 60 && !any_lost) {
        target = *draw_listed(c);
        for (size_t i = 0; i < c->list_count; i++) {
            target = c->list[i].learner ? c->list[i] : target;
        }
        if (target.learner) {
            operator_call(c, op, VERB_PROMOTE, through, &target);
        } else if (dice < 45) {
            target.port = target.port == 2380 ? 2390 : 2380;
            operator_call(c, op, VERB_UPDATE, through, &target);
        }
    } else if (dice < 90 || any_lost) {
        target = *draw_removed(c);
        if (keeps_quorum(c, target.id) && (c->list_count > 2 || any_lost)) {
            operator_call(c, op, VERB_REMOVE, through, &target);
        }
    } else {
        target = *draw_listed(c);
        operator_call(c, op, VERB_MOVE, through, &target);
    }
}

/* Both at once, at times: nobody told the one of the other. */
static void join_in(struct churn *c, const struct operator* first)
{
    struct operator* other = & c->operators[first == &c->operators[0] ? 1 : 0];
    bool together = rng_chance(&c->rng_op, 500000);
    if (together && c->draws.operators == 2 && !other->busy) {
        other->look = false;
        other->next_ns = churn_now(c);
    }
}

void operators_work(struct churn *c)
{
    for (int i = 0; i < c->draws.operators; i++) {
        struct operator* op = & c->operators[i];
        if (op->busy || churn_now(c) < op->next_ns) {
            continue;
        }
        op->next_ns = churn_now(c) + 100 * MS_NS;
        if (op->look || c->list_count == 0) {
            operator_call(c, op, VERB_LIST, draw_endpoints(c), NULL);
        } else {
            choose(c, op);
            join_in(c, op);
        }
    }
}
