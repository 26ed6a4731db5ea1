/* Names: directories, lists, renames, removal, space, the lock, and what outlives a restart. */
#include "cases.h"
#include "disk_steps.h"

#define NEW (ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_EXCLUSIVE)

#define ASK(name, call)                     \
    static void name(struct disk_state *s)  \
    {                                       \
        struct env_disk_req *req = &s->req; \
        env_disk_##call;                    \
    }

ASK(make_abc, make_dir(s->env, req, "a/b/c"))
ASK(make_ab, make_dir(s->env, req, "a/b"))
ASK(make_over_file, make_dir(s->env, req, "a/z"))
ASK(list_a, list(s->env, req, "a"))
ASK(list_c, list(s->env, req, "a/b/c"))
ASK(list_none, list(s->env, req, "none"))
ASK(open_az, open(s->env, req, &s->file, "a/z", NEW))
ASK(open_aZ, open(s->env, req, &s->file, "a/Z", NEW))
ASK(open_new_name, open(s->env, req, &s->file, "a/new", ENV_OPEN_READ))
ASK(close_file, close(s->env, req, &s->file))
ASK(rename_az, rename(s->env, req, "a/z", "a/new"))
ASK(rename_over, rename(s->env, req, "a/new", "a/Z"))
ASK(rename_none, rename(s->env, req, "none", "a/x"))
ASK(stat_z, stat(s->env, req, "a/Z"))
ASK(stat_b, stat(s->env, req, "a/b"))
ASK(stat_new, stat(s->env, req, "a/new"))
ASK(remove_z, remove(s->env, req, "a/Z"))
ASK(remove_full, remove(s->env, req, "a/b"))
ASK(remove_c, remove(s->env, req, "a/b/c"))
ASK(remove_none, remove(s->env, req, "none"))
ASK(sync_a, sync_dir(s->env, req, "a"))
ASK(sync_none, sync_dir(s->env, req, "none"))
ASK(space_a, space(s->env, req, "a"))
ASK(space_none, space(s->env, req, "none"))

static void write_hi(struct disk_state *s)
{
    s->slices[0] = slice_str("hi");
    env_disk_write(s->env, &s->req, &s->file, 0, s->slices, 1);
}

static void expect_names(struct disk_state *s, const char *const *names, size_t count)
{
    EXPECT_INT(s->env, s->req.count, count);
    for (size_t i = 0; i < count; i++) {
        EXPECT(s->env, strcmp(s->req.names[i], names[i]) == 0);
    }
    env_disk_names_free(s->env, &s->req);
    EXPECT(s->env, s->req.names == NULL && s->req.count == 0);
}

/* By bytes: capitals first. */
static void expect_Zbz(struct disk_state *s)
{
    const char *const names[] = {"Z", "b", "z"};
    expect_names(s, names, 3);
}

static void expect_Zb(struct disk_state *s)
{
    const char *const names[] = {"Z", "b"};
    expect_names(s, names, 2);
}

static void expect_no_names(struct disk_state *s)
{
    expect_names(s, NULL, 0);
}

static void expect_two_bytes(struct disk_state *s)
{
    EXPECT_INT(s->env, s->req.size, 2);
    EXPECT(s->env, !s->req.is_directory);
}

static void expect_directory(struct disk_state *s)
{
    EXPECT(s->env, s->req.is_directory);
}

static void expect_space(struct disk_state *s)
{
    EXPECT(s->env, s->req.size > 0);
}

static void start_names(struct env *env)
{
    static const struct disk_step steps[] = {
        {list_none, ERR_NOT_FOUND, NULL},
        {sync_none, ERR_NOT_FOUND, NULL},
        {space_none, ERR_NOT_FOUND, NULL},
        {remove_none, ERR_NOT_FOUND, NULL},
        {make_abc, 0, NULL},
        {make_abc, 0, NULL}, /* there already */
        {make_ab, 0, NULL},
        {stat_b, 0, expect_directory},
        {list_c, 0, expect_no_names},
        {open_az, 0, NULL},
        {write_hi, 0, NULL},
        {close_file, 0, NULL},
        {open_aZ, 0, NULL},
        {close_file, 0, NULL},
        {make_over_file, ERR_EXISTS, NULL},
        {list_a, 0, expect_Zbz},
        {rename_none, ERR_NOT_FOUND, NULL},
        {rename_az, 0, NULL},
        {open_new_name, 0, NULL},
        {close_file, 0, NULL},
        {rename_over, 0, NULL}, /* replaces */
        {stat_z, 0, expect_two_bytes},
        {stat_new, ERR_NOT_FOUND, NULL},
        {list_a, 0, expect_Zb},
        {sync_a, 0, NULL},
        {space_a, 0, expect_space},
        {remove_full, ERR_EXISTS, NULL},
        {remove_c, 0, NULL},
        {remove_full, 0, NULL}, /* now it is empty */
        {remove_z, 0, NULL},
        {remove_z, ERR_NOT_FOUND, NULL},
        {list_a, 0, expect_no_names},
        {NULL, 0, NULL},
    };
    disk_steps_run(env, steps);
}

void test_names_are_made_listed_renamed_and_removed(void **state)
{
    (void)state;
    static const struct env_program program = {"names", start_names};
    run_alone(&program);
}

/* Restart ---------------------------------------------------------------------------------------
 *
 * The first life locks, writes and is crashed; the second finds the bytes, and the lock free. */

ASK(lock, lock(s->env, req, "lock"))
ASK(open_kept, open(s->env, req, &s->file, "kept", NEW))
ASK(open_kept_again, open(s->env, req, &s->file, "kept", ENV_OPEN_READ))
ASK(sync_kept, sync(s->env, req, &s->file))
ASK(sync_root, sync_dir(s->env, req, "."))
ASK(read_kept, read(s->env, req, &s->file, 0, s->bytes, 10))

static void say_ready(struct disk_state *s)
{
    program_say(s->env, "ready\n");
}

static void expect_hi(struct disk_state *s)
{
    EXPECT(s->env, slice_eq_str(slice_of(s->bytes, s->req.count), "hi"));
}

/* The same program finds out from its disk which life it is in. */
struct lives {
    struct env *env;
    struct env_disk_req req;
};

static void life_known(struct env_disk_req *req, int status)
{
    struct lives *lives = req->data;
    struct env *env = lives->env;
    mem_free(env->mem, lives);
    static const struct disk_step first[] = {
        {lock, 0, NULL},           {open_kept, 0, NULL}, {write_hi, 0, NULL}, {sync_kept, 0, NULL},
        {sync_root, 0, say_ready}, {sync_kept, 0, NULL}, /* crashed before or while this runs */
        {sync_kept, -1000, NULL},  {NULL, 0, NULL},
    };
    static const struct disk_step second[] = {
        {lock, 0, NULL},           {open_kept_again, 0, NULL},
        {read_kept, 0, expect_hi}, {close_file, 0, NULL},
        {NULL, 0, NULL},
    };
    disk_steps_run(env, status == ERR_NOT_FOUND ? first : second);
}

static void start_restart(struct env *env)
{
    struct lives *lives = mem_zalloc(env->mem, 1, sizeof(*lives));
    lives->env = env;
    lives->req.done = life_known;
    lives->req.data = lives;
    env_disk_stat(env, &lives->req, "kept");
}

void test_synced_bytes_outlive_a_crash_and_locks_do_not(void **state)
{
    (void)state;
    static const struct env_program program = {"restart", start_restart};
    struct world *world = world_new();
    const struct world_node node = {.program = &program, .host = "n1"};
    world_add(world, &node);
    world_crash_when(world, 0, "ready\n");
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, WORLD_CRASHED);
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, 0);
    world_free(world);
}
