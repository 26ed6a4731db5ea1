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

static void probe_called(struct run *run, struct probe *probe)
{
    struct op op = {.client = probe->name,
                    .kind = probe->kind,
                    .service = probe->service,
                    .usual = true,
                    .settling = run->phase == RUN_SETTLING,
                    .call_ns = run_now(run),
                    .return_ns = NEVER_NS,
                    .outcome = LOAD_UNKNOWN,
                    .result = ""};
    size_t n = probe->ops.count + 1;
    op.arg = probe->service == SERVICE_WRITES ? run_text(run, "%s-%zu", probe->name, n) : "probe";
    *PUSH(run, probe->ops) = op_add(run, op);
}

void probes_output(struct run *run, struct node *node, struct slice text)
{
    struct probe *probe = NULL;
    for (size_t i = 0; i < run->probe_count; i++) {
        probe = run->probes[i].node == node ? &run->probes[i] : probe;
    }
    if (probe == NULL || text.len == 0) {
        return;
    }
    struct load_line line;
    text.len--; /* the newline */
    if (load_line_read(text, &line) != 0) {
        return;
    }
    if (!line.done) {
        ASSERT(line.n == probe->ops.count + 1);
        probe_called(run, probe);
        return;
    }
    ASSERT(line.n >= 1 && line.n <= probe->ops.count);
    size_t index = probe->ops.items[line.n - 1];
    op_end(run, index, line.outcome, run_copy(run, line.text));
    run->ops.items[index].revision = line.revision;
    run->ops.items[index].create = line.create;
    run->ops.items[index].mod = line.mod;
    run->ops.items[index].version = line.version;
}
