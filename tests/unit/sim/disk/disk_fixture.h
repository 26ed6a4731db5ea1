/* A disk on an engine of its own, and requests that are carried out before the call returns. */
#ifndef TEST_DISK_FIXTURE_H
#define TEST_DISK_FIXTURE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/duration.h"
#include "disk/fault.h"
#include "env/env.h"

struct fixture {
    struct mem_pool *pool;
    struct engine engine;
    struct disk *disk;
    int status; /* of the last request; 1: outstanding */
    struct disk_handle *opened;
    uint64_t size;
    size_t count;
    char names[128]; /* joined by spaces */
};

int setup(void **state);
int teardown(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A request, to be filled in; and its status once it has been carried out, 1 if it was not. */
struct disk_req *ask(struct fixture *f, enum disk_op op);
int submit(struct fixture *f, struct disk_req *req);
int on_path(struct fixture *f, enum disk_op op, const char *path, const char *to);
struct disk_handle *open_file(struct fixture *f, const char *path);
int on_file(struct fixture *f, enum disk_op op, struct disk_handle *handle, uint64_t offset,
            uint64_t len);
int write_at(struct fixture *f, struct disk_handle *handle, uint64_t offset, const void *bytes,
             size_t len);
size_t read_at(struct fixture *f, struct disk_handle *handle, uint64_t offset, char *into,
               size_t len);
/* The process ends, and the power with it. */
void power_cycle(struct fixture *f);
/* Of the next power failure. */
void fate(struct fixture *f, uint32_t drop_ppm, uint32_t tear_ppm, uint32_t name_drop_ppm);
/* "log" with this text, all of it durable. */
struct disk_handle *synced_file(struct fixture *f, const char *text);
/* The platter gives this text. */
void expect_durable(struct fixture *f, const char *path, const char *text);

#endif
