#include "backup/files.h"

#include "base/list.h"
#include "content.h"
#include "file.h"

struct job {
    struct backup_file file;
    struct backup_content content;
    void (*done)(void *data, int err, const char *words, const struct backup_status *status);
    void *data;
};

static void thing(struct backup_file *file, enum snap_step step)
{
    struct job *job = container_of(file, struct job, file);
    if (step == SNAP_CHUNK) {
        int err = backup_content_add(&job->content, backup_head(file->reader),
                                     backup_type(file->reader), backup_payload(file->reader));
        if (err != 0) {
            backup_file_give_up(file, err);
        }
    }
}

static void ended(struct backup_file *file, int err)
{
    struct job *job = container_of(file, struct job, file);
    struct mem *mem = file->env->mem;
    struct backup_status status = {0};
    struct buf words;
    buf_init(&words, mem);
    if (err == 0) {
        err = backup_content_end(&job->content);
    }
    if (err != 0 && job->content.what != NULL) {
        buf_add_str(&words, job->content.what);
    } else if (err != 0) {
        backup_file_words(file, &words);
    } else {
        status.hash = job->content.hash;
        status.revision = mvcc_revision(job->content.mvcc);
        status.keys = (uint64_t)mvcc_live(job->content.mvcc);
        status.size = backup_bytes(file->reader);
    }
    job->done(job->data, err, buf_cstr(&words), err == 0 ? &status : NULL);
    buf_fini(&words);
    backup_content_fini(&job->content);
    backup_file_fini(file);
    mem_free(mem, job);
}

void backup_status(struct env *env, const char *path,
                   void (*done)(void *data, int err, const char *words,
                                const struct backup_status *status),
                   void *data)
{
    struct job *job = mem_zalloc(env->mem, 1, sizeof(*job));
    job->file.env = env;
    job->file.path = path;
    job->file.thing = thing;
    job->file.ended = ended;
    job->done = done;
    job->data = data;
    backup_content_init(&job->content, env->mem);
    backup_file_read(&job->file);
}
