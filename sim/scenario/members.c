#include "parser.h"

#include "base/fmt.h"
#include "base/url.h"

int member_spec_find(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->member_count; i++) {
        if (strcmp(s->members[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool name_is_good(struct parser *p, const char *name, struct position at)
{
    static const char *const taken[] = {"leader", "none", "others", "majority", "minority",
                                        "all",    "end",  "not",    "and",      "or"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i]) == 0) {
            mistake_add(p->m, at, "\"%s\" is a word of the language; call the member otherwise",
                        name);
            return false;
        }
    }
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
        if (!good) {
            mistake_add(p->m, at, "\"%s\" is no name: letters, digits, `-` and `_` make one", name);
            return false;
        }
    }
    if (len == 0 || len > 64 || name[0] == '-') {
        mistake_add(p->m, at, "a name has 1 to 64 characters and does not begin with `-`");
        return false;
    }
    return true;
}

static const struct member_spec *member_at_host(const struct scenario *s, const char *host)
{
    for (size_t i = 0; i < s->member_count; i++) {
        if (s->members[i].host != NULL && strcmp(s->members[i].host, host) == 0) {
            return &s->members[i];
        }
    }
    return NULL;
}

static char *format_url(struct parser *p, const char *host, uint16_t port)
{
    struct buf url;
    buf_init(&url, p->mem);
    buf_printf(&url, "http://%s:%d", host, (int)port);
    return mem_strdup(p->mem, (const char *)url.ptr, url.len);
}

/* NULL if there are too many. Its place follows from its rank: the n-th host is 10.0.0.n. */
static struct member_spec *member_new(struct parser *p, const char *name, struct position at)
{
    struct scenario *s = p->s;
    if (s->member_count == SCENARIO_MEMBERS_MAX) {
        mistake_add(p->m, at, "more than %d members", SCENARIO_MEMBERS_MAX);
        return NULL;
    }
    struct member_spec *m = &s->members[s->member_count++];
    *m = (struct member_spec){.name = name,
                              .at = at,
                              .startable = true,
                              .peer_port = SCENARIO_PEER_PORT,
                              .client_port = SCENARIO_CLIENT_PORT};
    return m;
}

static void member_place(struct parser *p, struct member_spec *m)
{
    char host[32];
    if (m->host == NULL) {
        fmt(host, sizeof(host), "10.0.0.%d", (int)(m - p->s->members) + 1);
        m->host = mem_strdup(p->mem, host, strlen(host));
    }
    m->peer_url = format_url(p, m->host, m->peer_port);
    m->client_url = format_url(p, m->host, m->client_port);
}

static bool is_ipv4(const char *host)
{
    int dots = 0;
    int digits = 0;
    for (const char *c = host; *c != '\0'; c++) {
        if (*c == '.') {
            dots++;
            digits = 0;
        } else if (*c >= '0' && *c <= '9' && digits < 3) {
            digits++;
        } else {
            return false;
        }
    }
    return dots == 3 && digits > 0;
}

/* One member while its map is read. */
struct member_reading {
    struct member_spec *spec;
    const struct tree *peer;
    const struct tree *client;
};

/* `host:port` or a whole URL of it; the first one given decides the member's host. */
static void read_address(struct parser *p, struct member_reading *r, const struct tree *t,
                         const char *what, uint16_t *port)
{
    const char *text;
    struct url url;
    if (!value_text(p, t, what, &text)) {
        return;
    }
    if (endpoint_parse(slice_of(text, t->len), &url) != 0 || url.local || !is_ipv4(url.host)) {
        mistake_add(p->m, t->at,
                    "%s is an address and a port, for instance 10.0.0.1:2380, "
                    "not \"%s\"",
                    what, text);
        return;
    }
    if (url.secure) {
        mistake_add(p->m, t->at, "not yet: this version does not build TLS");
        return;
    }
    if (r->spec->host != NULL && strcmp(r->spec->host, url.host) != 0) {
        mistake_add(p->m, t->at, "peer and client have one host; this member's is %s",
                    r->spec->host);
        return;
    }
    if (r->spec->host == NULL) {
        const struct member_spec *other = member_at_host(p->s, url.host);
        if (other != NULL) {
            mistake_add(p->m, t->at, "%s is the host of \"%s\"", url.host, other->name);
        }
        r->spec->host = mem_strdup(p->mem, url.host, strlen(url.host));
    }
    *port = url.port;
}

static void read_peer(struct parser *p, void *into, const struct tree *t)
{
    struct member_reading *r = into;
    r->peer = t;
    read_address(p, r, t, "`peer`", &r->spec->peer_port);
}

static void read_client(struct parser *p, void *into, const struct tree *t)
{
    struct member_reading *r = into;
    r->client = t;
    read_address(p, r, t, "`client`", &r->spec->client_port);
}

static void read_member_flags(struct parser *p, void *into, const struct tree *t)
{
    struct member_reading *r = into;
    flags_read(p, &r->spec->flags, t);
}

static void read_listed(struct parser *p, const struct tree *name, const struct tree *t)
{
    static const struct key_rule rules[] = {{"peer", read_peer},
                                            {"client", read_client},
                                            {"flags", read_member_flags},
                                            {"learner", NULL}};
    if (name->kind != TREE_SCALAR) {
        mistake_add(p->m, name->at, "a member is a name, not %s", tree_kind_name(name));
        return;
    }
    if (!name_is_good(p, name->text, name->at)) {
        return;
    }
    if (member_spec_find(p->s, name->text) >= 0) {
        mistake_add(p->m, name->at, "member \"%s\" is there twice", name->text);
        return;
    }
    struct member_reading r = {.spec = member_new(p, name->text, name->at)};
    if (r.spec == NULL) {
        return;
    }
    r.spec->listed = true;
    if (t != NULL && t->kind != TREE_NULL) {
        MAP_READ(p, t, "a member", rules, &r);
    }
    if (r.peer != NULL && r.client != NULL && r.spec->peer_port == r.spec->client_port) {
        mistake_add(p->m, r.client->at, "`peer` and `client` have the same port");
    }
}

void members_read(struct parser *p, const struct tree *t)
{
    if (t->kind == TREE_SCALAR && strstr(t->text, "..") != NULL) {
        mistake_add(p->m, t->at, "not yet: this version does not build ranges of `members`");
        return;
    }
    if ((t->kind != TREE_MAP && t->kind != TREE_LIST) || t->count == 0) {
        mistake_add(p->m, t->at,
                    "`members` is a list of names, or a map from names to {peer, client, flags}");
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        bool map = t->kind == TREE_MAP;
        read_listed(p, map ? t->keys[i] : t->items[i], map ? t->items[i] : NULL);
    }
    p->s->listed_count = p->s->member_count;
    for (size_t i = 0; i < p->s->member_count; i++) {
        struct member_spec *m = &p->s->members[i];
        member_place(p, m);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(p->s->members[j].host, m->host) == 0) {
                mistake_add(p->m, m->at, "\"%s\" and \"%s\" would both be at %s", m->name,
                            p->s->members[j].name, m->host);
            }
        }
    }
}

void flags_read(struct parser *p, struct flag_list *list, const struct tree *t)
{
    /* What the runner decides itself: names, addresses, the data directory. */
    static const char *const fixed[] = {"name",
                                        "data-dir",
                                        "listen-peer-urls",
                                        "listen-client-urls",
                                        "initial-advertise-peer-urls",
                                        "advertise-client-urls"};
    static const char *const known[] = {"heartbeat-interval",
                                        "election-timeout",
                                        "pre-vote",
                                        "strict-reconfig-check",
                                        "max-learners",
                                        "max-append-entries",
                                        "wal-segment-bytes",
                                        "log-level",
                                        "initial-cluster",
                                        "initial-cluster-state",
                                        "initial-cluster-token",
                                        "initial-election-tick-advance",
                                        "snapshot-count",
                                        "experimental-snapshot-catchup-entries",
                                        "quota-backend-bytes",
                                        "force-new-cluster"};
    if (t->kind != TREE_MAP) {
        mistake_add(p->m, t->at, "`flags` is a map from flags of quorated to values, not %s",
                    tree_kind_name(t));
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        const char *name = t->keys[i]->text;
        struct flag flag = {.name = name, .at = t->keys[i]->at};
        bool good = false;
        for (size_t j = 0; j < sizeof(fixed) / sizeof(fixed[0]); j++) {
            if (strcmp(name, fixed[j]) == 0) {
                mistake_add(p->m, flag.at, "`%s` follows from the member's name and address", name);
                good = true;
            }
        }
        for (size_t j = 0; j < sizeof(known) / sizeof(known[0]); j++) {
            good = good || strcmp(name, known[j]) == 0;
        }
        if (!good) {
            unknown_word(p, flag.at, "flag", name, known, sizeof(known) / sizeof(known[0]));
            continue;
        }
        if (value_any_text(p, t->items[i], "a flag's value", &flag.value)) {
            list->items = mem_resize(p->mem, list->items, (list->count + 1) * sizeof(flag));
            list->items[list->count++] = flag;
        }
    }
}

/* The value of `--flag=VALUE` or `--flag VALUE`; NULL if it is not there. */
static const struct word *flag_value(const struct ctl_action *ctl, const char *flag, size_t *skip)
{
    size_t len = strlen(flag);
    for (size_t i = 0; i < ctl->word_count; i++) {
        const struct word *w = &ctl->words[i];
        if (w->parts[0].kind != PART_TEXT || strncmp(w->parts[0].text, flag, len) != 0) {
            continue;
        }
        if (w->parts[0].text[len] == '=') {
            *skip = len + 1;
            return w;
        }
        if (w->parts[0].text[len] == '\0' && i + 1 < ctl->word_count) {
            *skip = 0;
            return &ctl->words[i + 1];
        }
    }
    return NULL;
}

/* The address in `--peer-urls`, unless it is `${NAME.peer}` or something to be refused later. */
static void place_by_url(struct parser *p, struct member_spec *m, const struct ctl_action *ctl)
{
    size_t skip = 0;
    struct url url;
    const struct word *w = flag_value(ctl, "--peer-urls", &skip);
    if (w == NULL || w->count != 1 || w->parts[0].kind != PART_TEXT) {
        return;
    }
    const char *text = w->parts[0].text + skip;
    if (url_parse(slice_str(text), &url) != 0 || url.local || url.secure || !is_ipv4(url.host)) {
        m->startable = false;
        return;
    }
    m->startable = member_at_host(p->s, url.host) == NULL;
    m->host = mem_strdup(p->mem, url.host, strlen(url.host));
    m->peer_port = url.port;
}

void member_announce(struct parser *p, const struct tree *t, const struct ctl_action *ctl)
{
    const char *words[3] = {NULL, NULL, NULL};
    size_t found = 0;
    for (size_t i = 0; i < ctl->word_count && found < 3; i++) {
        const char *text = word_text(&ctl->words[i]);
        if (text == NULL || (text[0] == '-' && strchr(text, '=') != NULL)) {
            continue;
        }
        if (text[0] == '-') {
            /* Flags without a value of their own. */
            i += strcmp(text, "--learner") != 0 && strcmp(text, "--hex") != 0 ? 1 : 0;
            continue;
        }
        words[found++] = text;
    }
    if (found < 3 || strcmp(words[0], "member") != 0 || strcmp(words[1], "add") != 0 ||
        member_spec_find(p->s, words[2]) >= 0 || !name_is_good(p, words[2], t->at)) {
        return;
    }
    struct member_spec *m = member_new(p, words[2], t->at);
    if (m == NULL) {
        return;
    }
    m->added_by = p->step;
    /* Its own address is not yet set, so that a search does not find it. */
    place_by_url(p, m, ctl);
    member_place(p, m);
}
