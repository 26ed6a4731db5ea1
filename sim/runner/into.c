/* A run with everything that there is of it, straight into a database. */
#include "run.h"
#include "store/store.h"

struct into {
    struct run_sink sink; /* first */
    struct store *store;
    int64_t number;
};

static void on_line(struct run_sink *sink, const struct run_line *line)
{
    struct into *into = (struct into *)sink;
    STORE_ROW(into->store, STORE_EVENT, store_int(into->number), store_int((int64_t)line->event),
              store_int(line->time_ns), store_int((int64_t)line->cause), store_text(line->node),
              store_text(line->kind), store_text(line->text));
}

int run_into(const struct scenario *s, const struct run_options *options, const char *build,
             const char *path, const char *differs, struct run **out, struct buf *why)
{
    struct run_options recorded = *options;
    struct into into = {.sink = {on_line}};
    struct buf id;
    *out = NULL;
    if (store_open(path, why->mem, &into.store, why) != 0) {
        return ERR_IO;
    }
    buf_init(&id, why->mem);
    run_id(s, options->seed, build, &id);
    int err = store_begin(into.store, buf_cstr(&id), &into.number);
    if (err == 0) {
        recorded.sink = &into.sink;
        recorded.record = true;
        *out = run_new(s, &recorded);
        run_saved(*out, path);
        run_go(*out);
        if (differs != NULL) {
            run_differs(*out, differs);
        }
        run_save(*out, build, into.store, into.number);
        /* The run outlives its sink. */
        (*out)->options.sink = NULL;
        err = store_end(into.store);
    }
    if (err != 0) {
        buf_printf(why, "%s: %s", path, store_error(into.store));
    }
    buf_fini(&id);
    store_close(into.store);
    return err;
}
