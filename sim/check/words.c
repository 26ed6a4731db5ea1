/* Violations and the members' states, for people. */
#include "internal.h"

static const struct {
    const char *checker;
    const char *rule;
    const char *law;
} rules[CHECK_RULE_COUNT] = {
#define CHECK_RULE_ROW(name, checker, rule, law) {(checker), (rule), (law)},
    CHECK_RULES(CHECK_RULE_ROW)
#undef CHECK_RULE_ROW
};

void write_config(const struct check *c, const struct config *config, struct buf *out)
{
    for (size_t i = 0; i < config->voter_count; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : " ", member_name(c, config->voters[i]));
    }
    buf_printf(out, ", quorum %zu", config_quorum(config));
    for (size_t i = 0; i < config->learner_count; i++) {
        buf_printf(out, "%s%s", i == 0 ? ", learners " : " ",
                   member_name(c, config->voters[config->voter_count + i]));
    }
}

void check_write_state(const struct check *c, struct buf *out)
{
    buf_printf(out, "%-10s %6s  %-13s %8s %8s %8s %8s  %s\n", "member", "term", "role", "log",
               "durable", "commit", "applied", "configuration");
    list_each (it, &c->members) {
        const struct member *m = container_of(it, struct member, link);
        buf_printf(out, "%-10s %6llu  %-13s %8llu %8llu %8llu %8llu  ", m->place->name,
                   (unsigned long long)m->term, m->running ? obs_role_name(m->role) : "ended",
                   (unsigned long long)member_last(m), (unsigned long long)m->durable,
                   (unsigned long long)m->commit, (unsigned long long)m->applied);
        if (m->config != NULL) {
            write_config(c, m->config, out);
        } else {
            buf_add_str(out, "none");
        }
        buf_add_u8(out, '\n');
    }
}

void violate(struct check *c, enum check_rule rule, const char *format, ...)
{
    uint64_t n = c->violation_count++;
    if (n >= CHECK_VIOLATIONS_MAX) {
        return;
    }
    struct buf text;
    buf_init(&text, c->mem);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    struct check_violation *v = &c->violations[n];
    v->time_ns = c->now_ns;
    v->event = c->event;
    v->number = rule;
    v->checker = rules[rule].checker;
    v->rule = rules[rule].rule;
    v->law = rules[rule].law;
    v->place = obs_kind_name(c->kind);
    v->text = mem_strdup(c->mem, (const char *)text.ptr, text.len);
    buf_clear(&text);
    check_write_state(c, &text);
    v->state = mem_strdup(c->mem, (const char *)text.ptr, text.len);
    buf_fini(&text);
}
