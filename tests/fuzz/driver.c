/* Runs a fuzz target without libFuzzer: over every file of its seed folder, over damaged copies of
 * them, and over random bytes from a fixed seed. So each target is an ordinary, repeatable test in
 * every preset; `./dev fuzz` builds the same target with libFuzzer and goes on for longer. */
#define _DEFAULT_SOURCE /* scandir */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define INPUT_MAX     65536
#define DAMAGED_EACH  400
#define RANDOM_INPUTS 4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long runs;

static void run(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that a sanitizer sees a read past its end. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

static void damage(uint8_t *data, size_t *size, struct rng *rng)
{
    uint64_t edits = 1 + rng_below(rng, 4);
    for (uint64_t i = 0; i<edits && * size> 0; i++) {
        size_t at = (size_t)rng_below(rng, *size);
        uint64_t kind = rng_below(rng, 4);
        uint8_t byte = (uint8_t)rng_u64(rng);
        if (kind == 0) {
            data[at] ^= (uint8_t)(1u << (byte & 7));
        } else if (kind == 1) {
            data[at] = byte;
        } else if (kind == 2) {
            *size = at;
        } else if (*size < INPUT_MAX) {
            memmove(data + at + 1, data + at, *size - at);
            data[at] = byte;
            (*size)++;
        }
    }
}

static void run_seed(const char *path, struct rng *rng)
{
    static uint8_t seed[INPUT_MAX];
    static uint8_t input[INPUT_MAX + 1];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot read the seed %s\n", path);
        exit(1);
    }
    size_t size = fread(seed, 1, sizeof(seed), file);
    fclose(file);
    run(seed, size);
    for (int i = 0; i < DAMAGED_EACH; i++) {
        size_t damaged = size;
        memcpy(input, seed, size);
        damage(input, &damaged, rng);
        run(input, damaged);
    }
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_MAX];
    struct rng rng = rng_stream(1, "fuzz.driver", 0);
    if (argc != 2) {
        fprintf(stderr, "usage: %s SEED-FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **names;
    int count = scandir(argv[1], &names, visible, alphasort);
    if (count <= 0) {
        fprintf(stderr, "no seeds in %s\n", argv[1]);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
        run_seed(path, &rng);
        free(names[i]);
    }
    free(names);
    for (int i = 0; i < RANDOM_INPUTS; i++) {
        size_t size = (size_t)rng_below(&rng, i % 64 == 0 ? INPUT_MAX : 512);
        for (size_t j = 0; j < size; j++) {
            input[j] = (uint8_t)rng_u64(&rng);
        }
        run(input, size);
    }
    printf("%d seeds, %ld inputs\n", count, runs);
    return 0;
}
