/* `quorate history check FILE`: judges what clients did and saw, whoever recorded it. */
#include "cmd.h"

#include <stdio.h>

#include "base/mem.h"
#include "check/clients.h"

#define HISTORY_BYTES_MAX ((size_t)1 << 28)

static int usage(FILE *to)
{
    cmd_say(
        to,
        "usage: quorate history check FILE\n"
        "\n"
        "Could one copy of a key-value store, empty at first, have given these answers? FILE has\n"
        "one JSON object a line, one for each request, in any order:\n"
        "\n"
        "  client        who asked, for people\n"
        "  op            put, delete or get\n"
        "  key, end      end as in etcd: none for one key, \"\\u0000\" for all from key on\n"
        "  value         what a put writes\n"
        "  call, return  whole nanoseconds since any instant\n"
        "  outcome       ok, refused (certainly without effect) or unknown; if there is none:\n"
        "                ok with a return, unknown without\n"
        "  deleted       how many keys an answered delete deleted\n"
        "  kvs           what a get shows, in the order of keys: [{key, value, create, mod,\n"
        "                version}, ...]\n"
        "  serializable  true: a get that need not be up to date\n"
        "  limited       true: a get with a limit, which shows only some of its keys\n"
        "  revision      of the answer's header\n"
        "  member        a number for who answered\n"
        "\n"
        "Revisions (revision, create, mod, version) may be missing; then values alone decide.\n"
        "A line {\"started\": MEMBER, \"at\": TIME} tells that a member was started.\n"
        "\n"
        "exits: 0 linearizable, 1 not, 2 usage or a file that cannot be read, 6 undecided\n");
    return to == stdout ? EXIT_PASS : EXIT_INVALID;
}

static int tell(const char *path, const struct history *h, const struct clients_verdict *v)
{
    cmd_say(stdout, "%s: %zu requests, %zu answered, %zu unknown; %s (%llu steps, %zu states)\n",
            path, history_count(h), v->witness.ok, v->witness.unknown, v->methods,
            (unsigned long long)v->box.steps, v->box.states);
    switch (v->result) {
    case HISTORY_LINEARIZABLE: cmd_say(stdout, "linearizable\n"); return EXIT_PASS;
    case HISTORY_UNDECIDED: cmd_say(stdout, "undecided: %s\n", v->text); return EXIT_UNDECIDED;
    case HISTORY_VIOLATED: break;
    }
    cmd_say(stdout, "NOT %s: %s: %s\n%s\n",
            strcmp(v->checker, "linearizability") == 0 ? "linearizable" : "as it must be",
            v->checker, v->rule, v->text);
    return EXIT_UNSAFE;
}

static int check(const char *path)
{
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 32, -1);
    struct history *h = history_new(mem_pool_mem(pool));
    struct buf text;
    struct buf mistake;
    int code = EXIT_INVALID;
    buf_init(&text, mem_pool_mem(pool));
    buf_init(&mistake, mem_pool_mem(pool));
    if (cmd_read_file(path, HISTORY_BYTES_MAX, &text) == 0) {
        if (text.len > HISTORY_BYTES_MAX) {
            cmd_say(stderr, "quorate: %s: longer than %zu bytes\n", path, HISTORY_BYTES_MAX);
        } else if (history_read(h, buf_slice(&text), &mistake) != 0) {
            cmd_say(stderr, "quorate: %s: %s\n", path, buf_cstr(&mistake));
        } else {
            const struct box_limits limits = box_limits_default();
            struct clients_verdict verdict;
            clients_check(h, &limits, &verdict);
            code = tell(path, h, &verdict);
        }
    }
    mem_pool_free(pool);
    return code;
}

int cmd_history(int count, char **words)
{
    if (count >= 1 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)) {
        return usage(stdout);
    }
    if (count != 2 || strcmp(words[0], "check") != 0) {
        return usage(stderr);
    }
    return check(words[1]);
}
