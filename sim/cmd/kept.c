#include "kept.h"

#include <stdio.h>
#include <string.h>

#include "build.h"
#include "cmd.h"

int kept_open(const char *path, const char *id, struct mem *mem, struct kept *kept)
{
    struct buf why;
    struct buf mistakes;
    size_t count = 0;
    buf_init(&why, mem);
    buf_init(&mistakes, mem);
    kept->s = NULL;
    int err = store_read_run(path, id, mem, &kept->run, &why);
    if (err != 0) {
        cmd_say(stderr, "quorate: %s\n", buf_cstr(&why));
        return err;
    }
    if (kept->run.text.len == 0) {
        cmd_say(
            stderr,
            "quorate: %s: only its summary was kept; run it again: quorate run %s --seed %llu\n",
            kept->run.id, kept->run.path, (unsigned long long)kept->run.seed);
        return ERR_NOT_FOUND;
    }
    kept->same_build = strcmp(kept->run.build, BUILD_ID) == 0;
    err = scenario_parse(kept->run.text, kept->run.path, &kept->s, &mistakes, &count);
    if (err != 0) {
        cmd_say(stderr,
                "%squorate: the scenario of %s, recorded with build %s, is not understood "
                "by this one, %s\n",
                buf_cstr(&mistakes), kept->run.id, kept->run.build, BUILD_ID);
    } else {
        kept->s = scenario_take(kept->s, slice_of(kept->run.id, strcspn(kept->run.id, "/")));
    }
    return err;
}

void kept_close(struct kept *kept)
{
    scenario_free(kept->s);
    kept->s = NULL;
}

struct run_options kept_options(const struct kept *kept)
{
    struct run_options options = run_options_default(kept->run.seed);
    options.until_ns = kept->run.until_ns;
    return options;
}

const char *kept_option(const char *name, int *i, int count, char **words, bool *wrong)
{
    const char *word = words[*i];
    size_t len = strlen(name);
    if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '=')) {
        return NULL;
    }
    if (word[len] == '=') {
        return word + len + 1;
    }
    if (*i + 1 < count) {
        return words[++*i];
    }
    cmd_say(stderr, "quorate: %s needs a value\n", name);
    *wrong = true;
    return NULL;
}
