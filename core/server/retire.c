/* Stores that nobody needs any more: one that a snapshot has replaced, one that was not finished.
 * To free a million records takes longer than a turn may, so it is done a bit after every pause.
 */
#include "base/probe.h"
#include "node.h"

/* A step takes about a millisecond; with the pause a store of a million keys is gone in two
 * seconds, and memory for two of them is taken no longer than that. */
#define STEP_ITEMS    4000
#define STEP_PAUSE_NS MS_NS

struct retired {
    struct list link;
    struct mvcc *mvcc;
};

static void drop(struct server *server, struct retired *retired)
{
    list_remove(&retired->link);
    mem_free(server->env->mem, retired);
}

static void on_step(struct env_timer *timer)
{
    struct server *server = timer->data;
    struct retired *retired = container_of(server->retired.next, struct retired, link);
    if (mvcc_free_step(retired->mvcc, STEP_ITEMS)) {
        PROBE("server.store_freed_in_pieces");
    } else {
        drop(server, retired);
    }
    if (!list_empty(&server->retired)) {
        env_timer_set(server->env, timer, env_now_ns(server->env) + STEP_PAUSE_NS);
    }
}

void retire(struct server *server, struct mvcc *mvcc)
{
    /* Most are small, and that of a boot is empty. */
    if (mvcc == NULL || !mvcc_free_step(mvcc, STEP_ITEMS)) {
        return;
    }
    struct retired *retired = mem_zalloc(server->env->mem, 1, sizeof(*retired));
    retired->mvcc = mvcc;
    list_push_back(&server->retired, &retired->link);
    if (!env_timer_is_set(&server->retire_timer)) {
        server->retire_timer.fire = on_step;
        server->retire_timer.data = server;
        env_timer_set(server->env, &server->retire_timer, env_now_ns(server->env) + STEP_PAUSE_NS);
    }
}

void retire_end(struct server *server)
{
    env_timer_stop(server->env, &server->retire_timer);
    list_each_safe (it, &server->retired) {
        struct retired *retired = container_of(it, struct retired, link);
        mvcc_free(retired->mvcc);
        drop(server, retired);
    }
}
