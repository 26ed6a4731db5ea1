#include "run.h"

#include "base/assert.h"

static void probe_make(struct run *run, const char *kind, enum service service, int64_t interval_ns)
{
    if (interval_ns == 0) {
        return;
    }
    struct probe *probe = &run->probes[run->probe_count];
    *probe = (struct probe){.run = run, .kind = kind, .service = service};
    probe->interval_ns = interval_ns;
    probe->name = run_text(run, "probe-%s", kind);
    /* Members live below 10.0 or where the file puts them; clients far from them. */
    const char *address = run_text(run, "10.255.0.%d", (int)run->probe_count + 2);
    probe->node = node_new(run_host(run, probe->name, address), probe->name);
    node_data_set(probe->node, probe);
    run->probe_count++;
}

void probes_make(struct run *run)
{
    const struct probe_spec *spec = &run->s->probe;
    probe_make(run, "put", SERVICE_WRITES, spec->put_ns);
    probe_make(run, "get", SERVICE_LINEARIZABLE, spec->get_ns);
    probe_make(run, "get-serializable", SERVICE_SERIALIZABLE, spec->serializable_ns);
}

void probes_begin(struct run *run)
{
    struct buf endpoints;
    buf_init(&endpoints, run->mem);
    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].spec->startable) {
            buf_printf(&endpoints, "%s%s", endpoints.len > 0 ? "," : "",
                       run->members[i].spec->client_url);
        }
    }
    for (size_t i = 0; i < run->probe_count; i++) {
        struct probe *probe = &run->probes[i];
        const char *args[] = {
            "load",
            run_text(run, "--kind=%s", probe->kind),
            run_text(run, "--name=%s", probe->name),
            "--key=probe",
            run_text(run, "--interval-ns=%lld", (long long)probe->interval_ns),
            run_text(run, "--endpoints=%s", buf_cstr(&endpoints)),
        };
        struct node_start start = {.program = &load_program,
                                   .args = args,
                                   .arg_count = sizeof(args) / sizeof(args[0]),
                                   .log_level = LOG_ERROR};
        int err = node_start(probe->node, &start);
        ASSERT(err == 0);
    }
}

static enum service service_of(struct slice kind)
{
    if (slice_eq_str(kind, "put") || slice_eq_str(kind, "delete")) {
        return SERVICE_WRITES;
    }
    return slice_eq_str(kind, "get") ? SERVICE_LINEARIZABLE : SERVICE_SERIALIZABLE;
}

static void called(struct run *run, struct probe *client, const struct load_line *line)
{
    struct op op = {.client = client->name,
                    .kind = run_copy(run, line->kind),
                    .key = run_copy(run, line->key),
                    .service = service_of(line->kind),
                    .usual = !client->load,
                    .load = client->load,
                    .fresh = client->load && run->s->loads[client->group].fresh,
                    .settling = run->phase == RUN_SETTLING,
                    .call_ns = run_now(run),
                    .return_ns = NEVER_NS,
                    .outcome = LOAD_UNKNOWN,
                    .result = ""};
    op.arg = slice_eq_str(line->kind, "put") ? run_copy(run, line->text) : op.key;
    *PUSH(run, client->ops) = op_add(run, op);
}

static struct probe *client_of(struct run *run, const struct node *node)
{
    for (size_t i = 0; i < run->probe_count; i++) {
        if (run->probes[i].node == node) {
            return &run->probes[i];
        }
    }
    for (size_t i = 0; i < run->clients.count; i++) {
        if (run->clients.items[i].node == node) {
            return &run->clients.items[i];
        }
    }
    return NULL;
}

void probes_output(struct run *run, struct node *node, struct slice text)
{
    struct probe *client = client_of(run, node);
    struct load_line line;
    if (client == NULL || text.len == 0) {
        return;
    }
    text.len--; /* the newline */
    if (load_line_read(text, &line) != 0) {
        return;
    }
    if (!line.done) {
        ASSERT(line.n == client->ops.count + 1);
        called(run, client, &line);
        return;
    }
    ASSERT(line.n >= 1 && line.n <= client->ops.count);
    size_t index = client->ops.items[line.n - 1];
    op_end(run, index, line.outcome, run_copy(run, line.text));
    run->ops.items[index].revision = line.revision;
    run->ops.items[index].create = line.create;
    run->ops.items[index].mod = line.mod;
    run->ops.items[index].version = line.version;
    run->ops.items[index].member = line.member;
}
