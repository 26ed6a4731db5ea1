/* quorate: the testbed's program. Here only the choice of the command. */
#include "cmd.h"

#include <stdio.h>

static int usage(FILE *to)
{
    cmd_say(to, "usage: quorate run SCENARIO [--seed N] [--db FILE] [--story|--trace] [--twice]\n"
                "                   [--until T] [--json]\n"
                "       quorate campaign SCENARIO|DIR... --seeds A..B [--jobs N] [--shard I/N]\n"
                "                   [--time T] [--max-failures N] [--db FILE] [--junit FILE]\n"
                "                   [--known FILE] [--unreached FILE] [--probes] [--verbose]\n"
                "       quorate merge -o FILE DB...\n"
                "       quorate replay --db FILE [RUN] [--trace] [--only M,..] [--kinds K,..]\n"
                "                   [--from T] [--until T] [--state M] [--break EVENT]\n"
                "       quorate diff --db FILE RUN RUN\n"
                "       quorate report --db FILE [RUN] -o DIR\n"
                "       quorate scenario check FILE...\n"
                "       quorate history check FILE\n"
                "       quorate wal dump|verify DIR [--json]\n"
                "exits: 0 pass or stopped, 1 unsafe, 2 invalid, 3 stalled, 4 nondeterministic,\n"
                "       5 aborted, 6 undecided, 7 unmet\n");
    return to == stdout ? EXIT_PASS : EXIT_INVALID;
}

int main(int argc, char **argv)
{
    static const char *const later[] = {"shrink", "plan", "blame"};
    if (argc < 2) {
        return usage(stderr);
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return usage(stdout);
    }
    if (strcmp(name, "run") == 0) {
        return cmd_run(argc - 2, argv + 2);
    }
    if (strcmp(name, "campaign") == 0) {
        return cmd_campaign(argc - 2, argv + 2);
    }
    if (strcmp(name, "merge") == 0) {
        return cmd_merge(argc - 2, argv + 2);
    }
    if (strcmp(name, "replay") == 0) {
        return cmd_replay(argc - 2, argv + 2);
    }
    if (strcmp(name, "diff") == 0) {
        return cmd_diff(argc - 2, argv + 2);
    }
    if (strcmp(name, "scenario") == 0) {
        return cmd_scenario(argc - 2, argv + 2);
    }
    if (strcmp(name, "report") == 0) {
        return cmd_report(argc - 2, argv + 2);
    }
    if (strcmp(name, "history") == 0) {
        return cmd_history(argc - 2, argv + 2);
    }
    if (strcmp(name, "wal") == 0) {
        return cmd_wal(argc - 2, argv + 2);
    }
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (strcmp(name, later[i]) == 0) {
            cmd_say(stderr, "quorate: `%s` is not built yet\n", name);
            return EXIT_INVALID;
        }
    }
    cmd_say(stderr, "quorate: unknown command \"%s\"\n", name);
    return usage(stderr);
}
