#define _DEFAULT_SOURCE
#include "twice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fmt.h"
#include "cmd.h"

#define SHIFT_BYTES 1234567
#define FILL        0xA7

static const char opt_hash[] = "--answer-hash";
static const char opt_events[] = "--answer-events=";
static const char opt_shift[] = "--answer-shift=";
static const char opt_fill[] = "--answer-fill=";

static bool starts(const char *word, const char *prefix)
{
    return strncmp(word, prefix, strlen(prefix)) == 0;
}

bool twice_option(struct twice_part *part, const char *word)
{
    if (strcmp(word, opt_hash) == 0) {
        part->asked = true;
    } else if (starts(word, opt_events)) {
        part->events_max = strtoull(word + strlen(opt_events), NULL, 10);
    } else if (starts(word, opt_shift)) {
        part->shift = strtoull(word + strlen(opt_shift), NULL, 10);
    } else if (starts(word, opt_fill)) {
        part->fill = (int)strtol(word + strlen(opt_fill), NULL, 10);
    } else {
        return false;
    }
    return true;
}

void *twice_shift(const struct twice_part *part)
{
    return part->shift > 0 ? malloc(part->shift) : NULL;
}

void twice_unshift(void *shift)
{
    free(shift);
}

void twice_answer(uint64_t hash, uint64_t events)
{
    cmd_say(stdout, "%016llx %llu\n", (unsigned long long)hash, (unsigned long long)events);
}

struct asking {
    const char *path;
    const char *only; /* the case; NULL: there are none */
    uint64_t seed;
    int64_t until_ns;
};

/* Runs ourselves with these options; `out` gets what it prints. The process that is asked is told
 * apart only by fill and shift. */
static FILE *spawn(const struct asking *a, bool other, uint64_t events, bool trace, pid_t *pid)
{
    char seed[32];
    char until[48];
    char most[48];
    char fill[32];
    char shift[32];
    int ends[2];
    char *argv[13];
    char only[128];
    int n = 0;
    fmt(seed, sizeof(seed), "--seed=%llu", (unsigned long long)a->seed);
    fmt(until, sizeof(until), "--until=%lldns", (long long)a->until_ns);
    fmt(most, sizeof(most), "%s%llu", opt_events, (unsigned long long)events);
    fmt(fill, sizeof(fill), "%s%d", opt_fill, other ? FILL : -1);
    fmt(shift, sizeof(shift), "%s%d", opt_shift, other ? SHIFT_BYTES : 0);
    char *const words[] = {"quorate", "run", strdup(a->path), seed, most, fill, shift};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        argv[n++] = words[i];
    }
    if (a->until_ns != INT64_MAX) {
        argv[n++] = until;
    }
    (void)snprintf(only, sizeof(only), "--case=%s", a->only != NULL ? a->only : "");
    if (a->only != NULL) {
        argv[n++] = only;
    }
    char hash_word[sizeof(opt_hash)];
    memcpy(hash_word, opt_hash, sizeof(opt_hash));
    char trace_word[] = "--trace";
    argv[n++] = hash_word;
    if (trace) {
        argv[n++] = trace_word;
    }
    argv[n] = NULL;
    FILE *out = NULL;
    (void)fflush(NULL);
    if (pipe(ends) == 0) {
        *pid = fork();
        if (*pid == 0) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            close(ends[1]);
            execv("/proc/self/exe", argv);
            _exit(127);
        }
        close(ends[1]);
        out = *pid > 0 ? fdopen(ends[0], "r") : NULL;
    }
    free(words[2]);
    return out;
}

/* The last line of what it prints: hash and events. `line` keeps the line before, if it traces. */
static int ask(const struct asking *a, bool other, uint64_t events, bool trace, uint64_t *hash,
               uint64_t *ran, char *line, size_t line_size)
{
    char text[2][1024] = {"", ""};
    int at = 0;
    int status = 0;
    pid_t pid = -1;
    FILE *out = spawn(a, other, events, trace, &pid);
    if (out == NULL) {
        return ERR_IO;
    }
    while (fgets(text[at], sizeof(text[at]), out) != NULL) {
        at ^= 1;
    }
    (void)fclose(out);
    waitpid(pid, &status, 0);
    unsigned long long h = 0;
    unsigned long long n = 0;
    if (sscanf(text[at ^ 1], "%llx %llu", &h, &n) != 2) {
        return ERR_IO;
    }
    *hash = h;
    *ran = n;
    fmt(line, line_size, "%s", text[at]);
    return 0;
}

static bool agree_after(const struct asking *a, uint64_t events)
{
    uint64_t hash[2] = {0, 1};
    uint64_t ran[2] = {0, 0};
    char line[8];
    for (int i = 0; i < 2; i++) {
        if (ask(a, i == 1, events, false, &hash[i], &ran[i], line, sizeof(line)) != 0) {
            return false;
        }
    }
    return hash[0] == hash[1] && ran[0] == ran[1];
}

static void tell_difference(const struct asking *a, uint64_t events, struct buf *out)
{
    /* They agree after `low` events, and do not after `high`. */
    uint64_t low = 0;
    uint64_t high = events;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (agree_after(a, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    buf_printf(out, "the first event that differs is #%llu\n", (unsigned long long)high);
    for (int i = 0; i < 2; i++) {
        uint64_t hash = 0;
        uint64_t ran = 0;
        char line[1024];
        if (ask(a, i == 1, high, true, &hash, &ran, line, sizeof(line)) == 0) {
            buf_printf(out, "  %s %016llx  %s",
                       i == 0 ? "once: " : "again:", (unsigned long long)hash, line);
        }
    }
}

int twice_compare(const char *path, const char *only, uint64_t seed, int64_t until_ns,
                  uint64_t hash, uint64_t events, struct buf *out)
{
    struct asking a = {path, only, seed, until_ns};
    uint64_t other = 0;
    uint64_t ran = 0;
    char line[8];
    if (ask(&a, true, 0, false, &other, &ran, line, sizeof(line)) != 0) {
        buf_add_str(out, "the second run could not be made\n");
        return ERR_IO;
    }
    if (other == hash && ran == events) {
        buf_printf(out, "twice:   the same in another process, %llu events\n",
                   (unsigned long long)events);
        return 0;
    }
    buf_printf(out, "trace-hash %016llx in this process, %016llx in another\n",
               (unsigned long long)hash, (unsigned long long)other);
    tell_difference(&a, events > ran ? events : ran, out);
    return ERR_CORRUPT;
}
