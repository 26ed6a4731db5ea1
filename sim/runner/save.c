#include "checks.h"

#include "base/duration.h"
#include "base/fmt.h"
#include "base/probe.h"

struct saving {
    const struct run *run;
    struct store *store;
    int64_t number;
    struct buf text; /* scratch */
};

static struct store_value time_value(const struct saving *s, int64_t engine_ns)
{
    return engine_ns == NEVER_NS ? store_null() : store_int(run_time(s->run, engine_ns));
}

static const char *rendered(struct saving *s, const char *text)
{
    buf_clear(&s->text);
    words_render(s->run, text, &s->text);
    return buf_cstr(&s->text);
}

static void save_steps(struct saving *s)
{
    struct buf title;
    struct buf expected;
    buf_init(&title, s->run->mem);
    buf_init(&expected, s->run->mem);
    for (size_t i = 0; i < s->run->s->step_count; i++) {
        const struct step *step = &s->run->s->steps[i];
        const struct step_state *st = &s->run->steps[i];
        buf_clear(&expected);
        words_step_expected(&step->expect, &expected);
        STORE_ROW(s->store, STORE_STEP, store_int(s->number), store_int((int64_t)i + 1),
                  store_int(step->at.line), store_int(step->at.column),
                  step->label != NULL ? store_text(step->label) : store_null(),
                  store_text(scenario_step_title(s->run->s, i, &title)),
                  time_value(s, st->fired_ns), time_value(s, st->finished_ns),
                  store_text(buf_cstr(&expected)), store_text(st->got),
                  st->judged ? store_int(st->met) : store_null());
    }
}

static void save_ops(struct saving *s)
{
    for (size_t i = 0; i < s->run->ops.count; i++) {
        const struct op *op = &s->run->ops.items[i];
        STORE_ROW(s->store, STORE_OP, store_int(s->number), store_int((int64_t)i + 1),
                  store_text(op->client), store_text(op->kind), store_text(op->arg),
                  time_value(s, op->call_ns), time_value(s, op->return_ns),
                  store_text(load_outcome_name(op->outcome)),
                  op->revision != 0 ? store_int(op->revision) : store_null(),
                  store_text(op->result));
    }
}

static void save_faults(struct saving *s)
{
    for (size_t i = 0; i < s->run->faults.count; i++) {
        const struct fault *f = &s->run->faults.items[i];
        STORE_ROW(s->store, STORE_FAULT, store_int(s->number), store_int((int64_t)i + 1),
                  store_text(f->label), store_text(f->kind), store_text(f->target),
                  time_value(s, f->from_ns), time_value(s, f->to_ns));
    }
}

static void save_roles(struct saving *s)
{
    for (size_t i = 0; i < s->run->roles.count; i++) {
        const struct role_change *r = &s->run->roles.items[i];
        buf_clear(&s->text);
        if (r->leader != 0) {
            struct buf mark;
            buf_init(&mark, s->run->mem);
            words_member(r->leader, &mark);
            words_render(s->run, buf_cstr(&mark), &s->text);
            buf_fini(&mark);
        }
        STORE_ROW(s->store, STORE_ROLE, store_int(s->number), time_value(s, r->time_ns),
                  store_text(s->run->members[r->member].spec->name),
                  store_text(r->down ? "down" : obs_role_name(r->role)),
                  store_int((int64_t)r->term), store_text(buf_cstr(&s->text)));
    }
}

static const char *ids_text(struct saving *s, const member_id_t *ids, size_t count, struct buf *out)
{
    struct buf marks;
    buf_init(&marks, s->run->mem);
    for (size_t i = 0; i < count; i++) {
        buf_add_str(&marks, i > 0 ? " " : "");
        words_member(ids[i], &marks);
    }
    buf_clear(out);
    words_render(s->run, buf_cstr(&marks), out);
    buf_fini(&marks);
    return buf_cstr(out);
}

static void save_configs(struct saving *s)
{
    struct buf voters;
    struct buf learners;
    buf_init(&voters, s->run->mem);
    buf_init(&learners, s->run->mem);
    for (size_t i = 0; i < s->run->configs.count; i++) {
        const struct config_change *c = &s->run->configs.items[i];
        const struct oracle_config *o = &c->config;
        STORE_ROW(s->store, STORE_CONFIG, store_int(s->number), time_value(s, c->time_ns),
                  store_text(s->run->members[c->member].spec->name), store_int((int64_t)o->index),
                  store_text(ids_text(s, o->voters, o->voter_count, &voters)),
                  store_text(ids_text(s, o->learners, o->learner_count, &learners)),
                  store_int((int64_t)oracle_quorum(o->voter_count)));
    }
}

static void save_track(struct saving *s, const struct oracle_track *track, enum service service)
{
    struct buf why;
    buf_init(&why, s->run->mem);
    for (size_t i = 0; i < track->count; i++) {
        const struct oracle_span *span = &track->spans[i];
        const struct sight *sight = sight_at(s->run, span->from_ns);
        buf_clear(&why);
        if (sight != NULL && sight->newest.voter_count > 0) {
            words_quorum(s->run, sight, &why);
        }
        STORE_ROW(s->store, STORE_AVAILABILITY, store_int(s->number),
                  store_text(scenario_service_name(service)), store_text("predicted"),
                  time_value(s, span->from_ns), time_value(s, span->to_ns),
                  store_text(oracle_state_name(span->state)),
                  store_text(rendered(s, buf_cstr(&why))));
    }
}

/* From one call to the next: what became of the request that was called at its start. */
static void save_observed(struct saving *s, enum service service)
{
    const struct op *last = NULL;
    for (size_t i = 0; i <= s->run->ops.count; i++) {
        const struct op *op = i < s->run->ops.count ? &s->run->ops.items[i] : NULL;
        if (op != NULL && (op->service != service || !op->usual || op->settling ||
                           strcmp(op->client, "ctl") == 0)) {
            continue;
        }
        if (last != NULL) {
            STORE_ROW(s->store, STORE_AVAILABILITY, store_int(s->number),
                      store_text(scenario_service_name(service)), store_text("observed"),
                      time_value(s, last->call_ns),
                      time_value(s, op != NULL ? op->call_ns : s->run->end_ns),
                      store_text(last->outcome == LOAD_OK ? "served" : "failed"), store_text(""));
        }
        last = op;
    }
}

static void save_failures(struct saving *s)
{
    for (size_t i = 0; i < s->run->failures.count; i++) {
        const struct failure *f = &s->run->failures.items[i];
        STORE_ROW(s->store, STORE_VIOLATION, store_int(s->number), store_int((int64_t)i + 1),
                  time_value(s, f->time_ns), store_text(f->checker), store_text(f->rule),
                  store_text(f->place), store_text(rendered(s, f->text)));
    }
}

static void save_probes(struct saving *s)
{
    const struct probe_site *sites = probe_sites();
    for (size_t i = 0; i < probe_count(); i++) {
        STORE_ROW(s->store, STORE_PROBE, store_int(s->number), store_text(sites[i].name),
                  store_int((int64_t)s->run->probe_hits[i]));
    }
}

static void save_metric(struct saving *s, const char *name, uint64_t value)
{
    STORE_ROW(s->store, STORE_METRIC, store_int(s->number), store_text(name),
              store_int((int64_t)value));
}

static void save_metrics(struct saving *s)
{
    const struct net_counts *net = net_counts(s->run->net);
    save_metric(s, "net.records_sent", net->records_sent);
    save_metric(s, "net.records_lost", net->records_lost);
    save_metric(s, "net.records_delivered", net->records_delivered);
    save_metric(s, "net.bytes_delivered", net->bytes_delivered);
    save_metric(s, "net.connects", net->connects);
    save_metric(s, "net.resets", net->resets);
    save_metric(s, "check.events", checks_count(s->run->checks));
    save_metric(s, "check.comparisons", checks_performed(s->run->checks));
}

void run_save_summary(const struct scenario *sc, uint64_t seed, const char *build,
                      const struct run_summary *sum, bool whole, struct store *store,
                      int64_t number)
{
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 20, -1);
    struct buf id;
    char hash[17];
    buf_init(&id, mem_pool_mem(pool));
    run_id(sc, seed, build, &id);
    fmt(hash, sizeof(hash), "%016llx", (unsigned long long)sum->trace_hash);
    struct buf knobs;
    buf_init(&knobs, mem_pool_mem(pool));
    buf_add_str(&knobs, "{");
    if (sum->until_ns > 0 && sum->until_ns != INT64_MAX) {
        buf_printf(&knobs, "\"until_ns\":%lld", (long long)sum->until_ns);
    }
    buf_add_str(&knobs, "}");
    STORE_ROW(store, STORE_RUN, store_int(number), store_text(buf_cstr(&id)), store_text(sc->name),
              store_int((int64_t)seed), store_text(build), store_text(sc->path),
              whole ? store_slice(sc->text) : store_text(""), store_text(buf_cstr(&knobs)),
              store_text(verdict_name(sum->verdict)), store_text(sum->fingerprint),
              store_text(sum->reason), store_text(hash), store_int((int64_t)sum->members),
              store_int((int64_t)sum->events), store_int((int64_t)sum->ops),
              store_int((int64_t)sum->ops_ok), store_int((int64_t)sum->ops_refused),
              store_int((int64_t)sum->ops_unknown), store_int(sum->sim_ns), store_int(sum->wall_ns),
              store_int(sum->cpu_ns), store_int(sum->bound_ns), store_int(sum->must_ns),
              store_int(sum->cannot_ns), store_int(sum->may_ns));
    mem_pool_free(pool);
}

static void save_run(struct saving *s, const char *build)
{
    struct run_summary sum = run_summary(s->run);
    sum.reason = rendered(s, sum.reason);
    run_save_summary(s->run->s, s->run->options.seed, build, &sum, true, s->store, s->number);
}

void run_save(const struct run *run, const char *build, struct store *store, int64_t number)
{
    struct saving s = {.run = run, .store = store, .number = number};
    buf_init(&s.text, run->mem);
    save_run(&s, build);
    save_steps(&s);
    save_ops(&s);
    save_faults(&s);
    save_roles(&s);
    save_configs(&s);
    save_track(&s, &run->writes, SERVICE_WRITES);
    save_track(&s, &run->writes, SERVICE_LINEARIZABLE);
    save_track(&s, &run->serializable, SERVICE_SERIALIZABLE);
    save_track(&s, &run->writes, SERVICE_MEMBERS);
    save_observed(&s, SERVICE_WRITES);
    save_observed(&s, SERVICE_LINEARIZABLE);
    save_observed(&s, SERVICE_SERIALIZABLE);
    save_failures(&s);
    save_probes(&s);
    save_metrics(&s);
    buf_fini(&s.text);
}
