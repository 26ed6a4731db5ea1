/* The clients of `load`: lasting programs, each on a machine of its own, from the beginning of the
 * timeline to its end. What they call is part of the clients' histories. */
#include "run.h"

#include "base/assert.h"
#include "base/duration.h"

#define ADDRESSES 250

static struct probe *client_new_in(struct run *run, size_t group, size_t number)
{
    struct probe *client = PUSH(run, run->clients);
    size_t n = run->clients.count - 1;
    const char *address = run_text(run, "10.254.%zu.%zu", n / ADDRESSES, n % ADDRESSES + 1);
    *client = (struct probe){.run = run, .load = true, .group = group};
    client->name = run_text(run, "load-%zu.%zu", group + 1, number + 1);
    client->node = node_new(run_host(run, client->name, address), client->name);
    return client;
}

void loads_make(struct run *run)
{
    for (size_t i = 0; i < run->s->load_count; i++) {
        for (size_t k = 0; k < run->s->loads[i].clients; k++) {
            client_new_in(run, i, k);
        }
    }
}

static const char *endpoints_of(struct run *run, const struct load_spec *load)
{
    struct buf text;
    uint64_t set = whos_resolve(run, &load->endpoints);
    buf_init(&text, run->mem);
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member_spec *spec = run->members[i].spec;
        bool asked = load->endpoints.count == 0 ? spec->startable : (set & (UINT64_C(1) << i)) != 0;
        if (asked) {
            buf_printf(&text, "%s%s", text.len > 0 ? "," : "", spec->client_url);
        }
    }
    return buf_cstr(&text);
}

static void client_begin(struct run *run, struct probe *client)
{
    const struct load_spec *load = &run->s->loads[client->group];
    int64_t interval = load->rate > 0 ? (int64_t)load->clients * SEC_NS / (int64_t)load->rate : 0;
    const char *args[] = {
        "load",
        run_text(run, "--name=%s", client->name),
        run_text(run, "--mix=%u,%u,%u,%u", load->mix[LOAD_OP_PUT], load->mix[LOAD_OP_GET],
                 load->mix[LOAD_OP_SERIALIZABLE], load->mix[LOAD_OP_DELETE]),
        run_text(run, "--key=load-%zu", client->group + 1),
        run_text(run, "--keys=%llu", (unsigned long long)load->keys),
        run_text(run, "--zipf-tenths=%u", load->zipf_tenths),
        run_text(run, "--value-bytes=%llu", (unsigned long long)load->value_min),
        run_text(run, "--value-bytes-max=%llu", (unsigned long long)load->value_max),
        run_text(run, "--interval-ns=%lld", (long long)interval),
        run_text(run, "--calling=%s", load->open ? "open" : "paced"),
        run_text(run, "--session=%s", load->fresh ? "fresh" : "lasting"),
        run_text(run, "--endpoints=%s", endpoints_of(run, load)),
    };
    struct node_start start = {.program = &load_program,
                               .args = args,
                               .arg_count = sizeof(args) / sizeof(args[0]),
                               .log_level = LOG_ERROR};
    int err = node_start(client->node, &start);
    ASSERT(err == 0);
}

void loads_begin(struct run *run)
{
    for (size_t i = 0; i < run->clients.count; i++) {
        client_begin(run, &run->clients.items[i]);
    }
}

void loads_end(struct run *run)
{
    for (size_t i = 0; i < run->clients.count; i++) {
        if (node_state(run->clients.items[i].node) == NODE_RUNNING) {
            node_crash(run->clients.items[i].node);
        }
    }
}
