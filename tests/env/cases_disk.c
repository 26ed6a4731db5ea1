/* Files: what is written is read, and where. */
#include "cases.h"
#include "disk_steps.h"

#define NEW (ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_EXCLUSIVE)

static void open_new(struct disk_state *s)
{
    env_disk_open(s->env, &s->req, &s->file, "file", NEW);
}

static void open_read(struct disk_state *s)
{
    env_disk_open(s->env, &s->req, &s->file, "file", ENV_OPEN_READ);
}

static void open_cut(struct disk_state *s)
{
    env_disk_open(s->env, &s->req, &s->file, "file", ENV_OPEN_WRITE | ENV_OPEN_TRUNCATE);
}

static void close_file(struct disk_state *s)
{
    env_disk_close(s->env, &s->req, &s->file);
}

static void sync_file(struct disk_state *s)
{
    env_disk_sync(s->env, &s->req, &s->file);
}

static void file_is_free(struct disk_state *s)
{
    EXPECT(s->env, s->file.impl == NULL);
}

static void stat_file(struct disk_state *s)
{
    env_disk_stat(s->env, &s->req, "file");
}

static void write_text(struct disk_state *s, uint64_t offset, const char *text)
{
    s->slices[0] = slice_str(text);
    env_disk_write(s->env, &s->req, &s->file, offset, s->slices, 1);
}

/* 0xAA where nothing is read, so that a byte too many is seen. */
static void read_at(struct disk_state *s, uint64_t offset, size_t len)
{
    memset(s->bytes, 0xAA, sizeof(s->bytes));
    env_disk_read(s->env, &s->req, &s->file, offset, s->bytes, len);
}

static void expect_bytes(struct disk_state *s, const char *bytes, size_t len)
{
    EXPECT_INT(s->env, s->req.count, len);
    EXPECT(s->env, slice_eq(slice_of(s->bytes, len), slice_of(bytes, len)));
    EXPECT_INT(s->env, s->bytes[len], 0xAA);
}

/* Write, read, sync -----------------------------------------------------------------------------*/

/* Several pieces, an empty one among them, in one request; the list of them need not last. */
static void write_pieces(struct disk_state *s)
{
    const struct slice pieces[] = {slice_str("one "), slice_str(""), slice_str("two "),
                                   slice_str("three")};
    env_disk_write(s->env, &s->req, &s->file, 0, pieces, 4);
}

static void read_all(struct disk_state *s)
{
    read_at(s, 0, 100);
}

static void expect_pieces(struct disk_state *s)
{
    expect_bytes(s, "one two three", 13);
}

static void write_middle(struct disk_state *s)
{
    write_text(s, 4, "TWO");
}

static void read_middle(struct disk_state *s)
{
    read_at(s, 2, 7);
}

static void expect_middle(struct disk_state *s)
{
    expect_bytes(s, "e TWO t", 7);
}

static void read_past_end(struct disk_state *s)
{
    read_at(s, 13, 10);
}

static void expect_none(struct disk_state *s)
{
    expect_bytes(s, "", 0);
}

static void expect_size_13(struct disk_state *s)
{
    EXPECT_INT(s->env, s->req.size, 13);
    EXPECT(s->env, !s->req.is_directory);
}

static void expect_changed(struct disk_state *s)
{
    expect_bytes(s, "one TWO three", 13);
}

static void start_write(struct env *env)
{
    static const struct disk_step steps[] = {
        {open_new, 0, NULL},
        {write_pieces, 0, NULL},
        {read_all, 0, expect_pieces}, /* short at the end of the file */
        {write_middle, 0, NULL},
        {read_middle, 0, expect_middle},
        {read_past_end, 0, expect_none},
        {sync_file, 0, NULL},
        {close_file, 0, file_is_free},
        {stat_file, 0, expect_size_13},
        {open_read, 0, NULL},
        {read_all, 0, expect_changed},
        {close_file, 0, NULL},
        {open_cut, 0, NULL},
        {close_file, 0, NULL},
        {open_read, 0, NULL},
        {read_all, 0, expect_none},
        {close_file, 0, NULL},
        {NULL, 0, NULL},
    };
    disk_steps_run(env, steps);
}

void test_file_is_read_as_written(void **state)
{
    (void)state;
    static const struct env_program program = {"write", start_write};
    run_alone(&program);
}

/* Gaps, truncation, allocation ------------------------------------------------------------------*/

static void write_far(struct disk_state *s)
{
    write_text(s, 6, "far");
}

static void expect_gap(struct disk_state *s)
{
    expect_bytes(s, "\0\0\0\0\0\0far", 9);
}

static void cut_to_7(struct disk_state *s)
{
    env_disk_truncate(s->env, &s->req, &s->file, 7);
}

static void expect_cut(struct disk_state *s)
{
    expect_bytes(s, "\0\0\0\0\0\0f", 7);
}

static void grow_to_9(struct disk_state *s)
{
    env_disk_truncate(s->env, &s->req, &s->file, 9);
}

static void expect_zeros_again(struct disk_state *s)
{
    expect_bytes(s, "\0\0\0\0\0\0f\0\0", 9);
}

static void allocate_to_12(struct disk_state *s)
{
    env_disk_allocate(s->env, &s->req, &s->file, 0, 12);
}

static void allocate_inside(struct disk_state *s)
{
    env_disk_allocate(s->env, &s->req, &s->file, 2, 3);
}

static void expect_allocated(struct disk_state *s)
{
    expect_bytes(s, "\0\0\0\0\0\0f\0\0\0\0\0", 12);
}

static void start_gaps(struct env *env)
{
    static const struct disk_step steps[] = {
        {open_new, 0, NULL},
        {write_far, 0, NULL},
        {read_all, 0, expect_gap},
        {cut_to_7, 0, NULL},
        {read_all, 0, expect_cut},
        {grow_to_9, 0, NULL},
        {read_all, 0, expect_zeros_again},
        {allocate_to_12, 0, NULL},
        {read_all, 0, expect_allocated},
        {allocate_inside, 0, NULL}, /* never shortens, never changes bytes */
        {read_all, 0, expect_allocated},
        {sync_file, 0, NULL},
        {close_file, 0, NULL},
        {NULL, 0, NULL},
    };
    disk_steps_run(env, steps);
}

void test_gaps_read_as_zeros(void **state)
{
    (void)state;
    static const struct env_program program = {"gaps", start_gaps};
    run_alone(&program);
}

/* Errors ----------------------------------------------------------------------------------------*/

static void open_writing(struct disk_state *s)
{
    env_disk_open(s->env, &s->req, &s->file, "file", ENV_OPEN_WRITE);
}

static void open_in_nowhere(struct disk_state *s)
{
    env_disk_open(s->env, &s->req, &s->file, "no/file", NEW);
}

static void open_or_create(struct disk_state *s)
{
    env_disk_open(s->env, &s->req, &s->file, "file", ENV_OPEN_WRITE | ENV_OPEN_CREATE);
}

static void start_open_errors(struct env *env)
{
    static const struct disk_step steps[] = {
        {stat_file, ERR_NOT_FOUND, NULL},
        {open_read, ERR_NOT_FOUND, file_is_free},
        {open_writing, ERR_NOT_FOUND, file_is_free},
        {open_in_nowhere, ERR_NOT_FOUND, file_is_free},
        {open_or_create, 0, NULL},
        {close_file, 0, NULL},
        {open_new, ERR_EXISTS, file_is_free},
        {open_or_create, 0, NULL}, /* it is there already */
        {close_file, 0, NULL},
        {NULL, 0, NULL},
    };
    disk_steps_run(env, steps);
}

void test_open_says_what_is_missing_or_there(void **state)
{
    (void)state;
    static const struct env_program program = {"open-errors", start_open_errors};
    run_alone(&program);
}

/* Many at once ----------------------------------------------------------------------------------*/

#define MANY 64

struct many_state {
    struct env *env;
    struct env_file file;
    struct env_disk_req open;
    struct env_disk_req writes[MANY];
    uint8_t blocks[MANY][512];
    struct slice slices[MANY];
    uint8_t back[MANY * 512];
    int written;
    bool inside;
};

static void many_closed(struct env_disk_req *req, int status)
{
    struct many_state *s = req->data;
    EXPECT_INT(s->env, status, 0);
    program_done(s->env, s);
}

static void many_read(struct env_disk_req *req, int status)
{
    struct many_state *s = req->data;
    EXPECT_INT(s->env, status, 0);
    EXPECT_INT(s->env, req->count, sizeof(s->back));
    EXPECT(s->env, memcmp(s->back, s->blocks, sizeof(s->back)) == 0);
    req->done = many_closed;
    env_disk_close(s->env, req, &s->file);
}

static void many_written(struct env_disk_req *req, int status)
{
    struct many_state *s = req->data;
    EXPECT(s->env, !s->inside);
    EXPECT_INT(s->env, status, 0);
    if (++s->written == MANY) {
        s->open.done = many_read;
        env_disk_read(s->env, &s->open, &s->file, 0, s->back, sizeof(s->back));
    }
}

static void many_opened(struct env_disk_req *req, int status)
{
    struct many_state *s = req->data;
    EXPECT_INT(s->env, status, 0);
    s->inside = true;
    for (int i = 0; i < MANY; i++) {
        memset(s->blocks[i], i + 1, sizeof(s->blocks[i]));
        s->slices[i] = slice_of(s->blocks[i], sizeof(s->blocks[i]));
        s->writes[i].done = many_written;
        s->writes[i].data = s;
        env_disk_write(s->env, &s->writes[i], &s->file, (uint64_t)i * 512, &s->slices[i], 1);
    }
    s->inside = false;
}

static void start_many(struct env *env)
{
    struct many_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->open.done = many_opened;
    s->open.data = s;
    env_disk_open(env, &s->open, &s->file, "file", NEW);
}

void test_many_writes_run_at_once(void **state)
{
    (void)state;
    static const struct env_program program = {"many", start_many};
    run_alone(&program);
}

/* Ending with requests under way: nothing is told, nothing is left. */
static void start_unfinished(struct env *env)
{
    static const struct disk_step steps[] = {{open_new, -1000, NULL}, {NULL, 0, NULL}};
    disk_steps_run(env, steps);
    env_exit(env, 3, false);
}

void test_exit_drops_requests_under_way(void **state)
{
    (void)state;
    static const struct env_program program = {"unfinished", start_unfinished};
    struct world *world = world_new();
    add_and_start(world, &program, "n1");
    run_to_end(world);
    expect_code(world, 0, 3);
    world_free(world);
}
