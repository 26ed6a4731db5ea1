/* `quorate scenario check FILE...`: parses, tells every mistake, runs nothing. */
#include "cmd.h"

#include <stdio.h>

#include "base/mem.h"
#include "scenario/scenario.h"

static int check(const char *path)
{
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 30, -1);
    struct buf text;
    struct buf mistakes;
    struct scenario *s = NULL;
    size_t count = 0;
    int code = EXIT_INVALID;
    buf_init(&text, mem_pool_mem(pool));
    buf_init(&mistakes, mem_pool_mem(pool));
    if (cmd_read_file(path, SCENARIO_BYTES_MAX, &text) != 0) {
        goto out;
    }
    if (scenario_parse(buf_slice(&text), path, &s, &mistakes, &count) != 0) {
        cmd_say(stderr, "%s%zu mistake%s; nothing was run\n", buf_cstr(&mistakes), count,
                count == 1 ? "" : "s");
        goto out;
    }
    cmd_say(stdout, "%s: ok: %s, %zu member%s, %zu step%s\n", path, s->name, s->member_count,
            s->member_count == 1 ? "" : "s", s->step_count, s->step_count == 1 ? "" : "s");
    code = EXIT_PASS;
out:
    scenario_free(s);
    mem_pool_free(pool);
    return code;
}

int cmd_scenario(int count, char **words)
{
    if (count >= 1 && strcmp(words[0], "print") == 0) {
        cmd_say(stderr, "quorate: `scenario print` is not built yet\n");
        return EXIT_INVALID;
    }
    if (count < 2 || strcmp(words[0], "check") != 0) {
        cmd_say(stderr, "usage: quorate scenario check FILE...\n");
        return EXIT_INVALID;
    }
    int worst = EXIT_PASS;
    for (int i = 1; i < count; i++) {
        int code = check(words[i]);
        worst = code != EXIT_PASS ? code : worst;
    }
    return worst;
}
