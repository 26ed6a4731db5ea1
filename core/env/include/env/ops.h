/* What a world implements. Only `core/uv`, `sim/host` and `env.c` may include this.
 *
 * Each function is the one of the same name in env.h, whose thin wrapper has checked the arguments.
 */
#ifndef ENV_OPS_H
#define ENV_OPS_H

#include "env/env.h"

struct env_ops {
    int64_t (*now_ns)(struct env *env);
    int64_t (*wall_ns)(struct env *env);
    void (*timer_set)(struct env *env, struct env_timer *timer, int64_t deadline_ns);
    void (*timer_stop)(struct env *env, struct env_timer *timer);
    void (*at_turn_end)(struct env *env, void (*end)(void *data), void *data);
    struct rng (*random)(struct env *env, const char *purpose);

    int (*listen)(struct env *env, struct env_listener *listener, const char *host, uint16_t port);
    void (*listener_close)(struct env *env, struct env_listener *listener);
    void (*stream_connect)(struct env *env, struct env_stream *stream, const char *host,
                           uint16_t port);
    void (*stream_accept)(struct env *env, struct env_incoming *incoming,
                          struct env_stream *stream);
    void (*stream_write)(struct env *env, struct env_stream *stream, struct slice bytes);
    size_t (*stream_queued)(struct env *env, const struct env_stream *stream);
    void (*stream_read)(struct env *env, struct env_stream *stream, bool on);
    void (*stream_end)(struct env *env, struct env_stream *stream);
    void (*stream_close)(struct env *env, struct env_stream *stream);
    void (*link_connect)(struct env *env, struct env_link *link, const char *host, uint16_t port);
    void (*link_accept)(struct env *env, struct env_incoming *incoming, struct env_link *link);
    int (*link_send)(struct env *env, struct env_link *link, struct slice record);
    size_t (*link_queued)(struct env *env, const struct env_link *link);
    void (*link_close)(struct env *env, struct env_link *link);

    void (*disk_open)(struct env *env, struct env_disk_req *req, struct env_file *file,
                      const char *path, unsigned flags);
    void (*disk_write)(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t offset, const struct slice *bytes, size_t count);
    void (*disk_read)(struct env *env, struct env_disk_req *req, struct env_file *file,
                      uint64_t offset, uint8_t *into, size_t len);
    void (*disk_sync)(struct env *env, struct env_disk_req *req, struct env_file *file);
    void (*disk_allocate)(struct env *env, struct env_disk_req *req, struct env_file *file,
                          uint64_t offset, uint64_t len);
    void (*disk_truncate)(struct env *env, struct env_disk_req *req, struct env_file *file,
                          uint64_t size);
    void (*disk_close)(struct env *env, struct env_disk_req *req, struct env_file *file);
    void (*disk_rename)(struct env *env, struct env_disk_req *req, const char *from,
                        const char *to);
    void (*disk_remove)(struct env *env, struct env_disk_req *req, const char *path);
    void (*disk_make_dir)(struct env *env, struct env_disk_req *req, const char *path);
    void (*disk_sync_dir)(struct env *env, struct env_disk_req *req, const char *path);
    void (*disk_list)(struct env *env, struct env_disk_req *req, const char *path);
    void (*disk_stat)(struct env *env, struct env_disk_req *req, const char *path);
    void (*disk_space)(struct env *env, struct env_disk_req *req, const char *path);
    void (*disk_lock)(struct env *env, struct env_disk_req *req, const char *path);

    void (*log)(struct env *env, const struct log_line *line);
    void (*print)(struct env *env, enum env_output to, struct slice text);
    bool (*is_terminal)(struct env *env, enum env_output to);
    void (*read_input)(struct env *env, struct env_input *input);
    void (*at_stop)(struct env *env, void (*stop)(void *data, int signal), void *data);
    void (*exit)(struct env *env, int code, bool clean);
};

#endif
