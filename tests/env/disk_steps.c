#include "disk_steps.h"

static void next(struct disk_state *s);

static void done(struct env_disk_req *req, int status)
{
    struct disk_state *s = req->data;
    const struct disk_step *step = &s->steps[s->at];
    EXPECT(s->env, !s->inside);
    EXPECT(s->env, s->waits && req->impl == NULL);
    s->waits = false;
    if (status != step->status) {
        program_say(s->env, "step %zu\n", s->at);
        EXPECT_INT(s->env, status, step->status);
    }
    if (step->check != NULL) {
        step->check(s);
    }
    s->at++;
    next(s);
}

static void next(struct disk_state *s)
{
    const struct disk_step *step = &s->steps[s->at];
    if (step->ask == NULL) {
        program_done(s->env, s);
        return;
    }
    s->req.done = done;
    s->req.data = s;
    s->waits = true;
    s->inside = true;
    step->ask(s);
    s->inside = false;
}

void disk_steps_run(struct env *env, const struct disk_step *steps)
{
    struct disk_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->steps = steps;
    next(s);
}
