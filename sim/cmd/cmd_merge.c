/* `quorate merge -o FILE DB...`: the results of several files in one. */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/store.h"

static int merge(const char *into, int count, char **paths)
{
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 30, -1);
    struct store *store = NULL;
    struct buf why;
    int code = EXIT_INVALID;
    buf_init(&why, mem_pool_mem(pool));
    int err = store_open(into, mem_pool_mem(pool), &store, &why);
    for (int i = 0; i < count && err == 0; i++) {
        struct store_merged merged = {0, 0, 0};
        err = store_merge(store, paths[i], &merged, &why);
        if (err == 0) {
            cmd_say(stdout, "%s: %llu runs, %llu new, %llu took the place of one before\n",
                    paths[i], (unsigned long long)merged.runs, (unsigned long long)merged.added,
                    (unsigned long long)merged.replaced);
        }
    }
    if (err != 0) {
        cmd_say(stderr, "quorate: %s\n", buf_cstr(&why));
    } else {
        code = EXIT_PASS;
    }
    store_close(store);
    mem_pool_free(pool);
    return code;
}

int cmd_merge(int count, char **words)
{
    if (count >= 3 && strcmp(words[0], "-o") == 0) {
        return merge(words[1], count - 2, words + 2);
    }
    cmd_say(stderr, "usage: quorate merge -o FILE DB...\n");
    return EXIT_INVALID;
}
