#include "disk_fixture.h"

static void done(struct disk_req *req, int status)
{
    struct fixture *f = req->owner;
    f->status = status;
    f->opened = req->opened;
    f->size = req->size;
    f->count = req->count;
    f->names[0] = '\0';
    for (size_t i = 0; req->op == DISK_LIST && i < req->count; i++) {
        strcat(f->names, req->names[i]);
        strcat(f->names, " ");
    }
}

int setup(void **state)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct fixture *f = mem_zalloc(mem_pool_mem(pool), 1, sizeof(*f));
    f->pool = pool;
    engine_init(&f->engine, mem_pool_mem(pool), 11);
    f->disk = disk_new(&f->engine, 1, &disk_options_default);
    *state = f;
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    disk_free(f->disk);
    engine_fini(&f->engine);
    mem_pool_free(f->pool);
    return 0;
}

struct disk_req *ask(struct fixture *f, enum disk_op op)
{
    struct disk_req *req = disk_request(f->disk, op, 1);
    req->owner = f;
    req->done = done;
    return req;
}

int submit(struct fixture *f, struct disk_req *req)
{
    f->status = 1;
    disk_submit(req);
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    return f->status;
}

int on_path(struct fixture *f, enum disk_op op, const char *path, const char *to)
{
    struct disk_req *req = ask(f, op);
    disk_path(req, path, to);
    return submit(f, req);
}

struct disk_handle *open_file(struct fixture *f, const char *path)
{
    struct disk_req *req = ask(f, DISK_OPEN);
    disk_path(req, path, NULL);
    req->flags = ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE;
    assert_int_equal(submit(f, req), 0);
    return f->opened;
}

int on_file(struct fixture *f, enum disk_op op, struct disk_handle *handle, uint64_t offset,
            uint64_t len)
{
    struct disk_req *req = ask(f, op);
    req->handle = handle;
    req->offset = offset;
    req->len = len;
    return submit(f, req);
}

int write_at(struct fixture *f, struct disk_handle *handle, uint64_t offset, const void *bytes,
             size_t len)
{
    const struct slice slice = slice_of(bytes, len);
    struct disk_req *req = ask(f, DISK_WRITE);
    req->handle = handle;
    req->offset = offset;
    disk_slices(req, &slice, 1);
    return submit(f, req);
}

size_t read_at(struct fixture *f, struct disk_handle *handle, uint64_t offset, char *into,
               size_t len)
{
    struct disk_req *req = ask(f, DISK_READ);
    req->handle = handle;
    req->offset = offset;
    req->len = len;
    req->into = (uint8_t *)into;
    assert_int_equal(submit(f, req), 0);
    return f->count;
}

void power_cycle(struct fixture *f)
{
    disk_process_end(f->disk, 1, true);
    disk_power_off(f->disk);
}

void fate(struct fixture *f, uint32_t drop_ppm, uint32_t tear_ppm, uint32_t name_drop_ppm)
{
    struct disk_options *options = disk_options(f->disk);
    options->drop_ppm = drop_ppm;
    options->tear_ppm = tear_ppm;
    options->name_drop_ppm = name_drop_ppm;
}

struct disk_handle *synced_file(struct fixture *f, const char *text)
{
    struct disk_handle *handle = open_file(f, "log");
    assert_int_equal(write_at(f, handle, 0, text, strlen(text)), 0);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "/", NULL), 0);
    return handle;
}

void expect_durable(struct fixture *f, const char *path, const char *text)
{
    uint8_t bytes[8192];
    size_t count = 0;
    assert_int_equal(disk_read_durable(f->disk, path, 0, bytes, sizeof(bytes), &count), 0);
    assert_true(slice_eq_str(slice_of(bytes, count), text));
}
