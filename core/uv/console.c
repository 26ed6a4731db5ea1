/* Output, log and input.
 *
 * Outputs are written at once and to the end, so that what was printed is there in order when the
 * process ends, however it ends. Whoever does not read our outputs makes us wait; that is what
 * every program on a terminal does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/assert.h"
#include "disk.h"
#include "node.h"

static void write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n >= 0) {
            text = slice_from(text, (size_t)n);
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return; /* nobody is there to be told */
        }
    }
}

void console_print(struct env *env, enum env_output to, struct slice text)
{
    struct uv_node *node = node_of(env);
    if (node->options.output != NULL) {
        node->options.output(node->options.output_data, to, text);
    } else {
        write_all(to == ENV_STDOUT ? STDOUT_FILENO : STDERR_FILENO, text);
    }
}

void console_log(struct env *env, const struct log_line *line)
{
    struct buf text;
    buf_init(&text, node_of(env)->own);
    log_render(line, time_wall_ns(env), &text);
    console_print(env, ENV_STDERR, buf_slice(&text));
    buf_fini(&text);
}

bool console_is_terminal(struct env *env, enum env_output to)
{
    if (node_of(env)->options.output != NULL) {
        return false;
    }
    return isatty(to == ENV_STDOUT ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

/* Input: what stands in the options, a pipe or terminal through libuv, a file through the threads.
 */
struct console_input {
    struct uv_node *node;
    struct env_input *reader; /* NULL: ended */
    struct deferred later;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tty_t tty;
    };
    bool is_handle;
    int flags; /* of the descriptor, to be restored; -1: unchanged */
    uv_work_t work;
    ssize_t got;
    uint8_t bytes[16384];
};

static void tell(struct console_input *input, struct slice bytes)
{
    struct env_input *reader = input->reader;
    bool end = bytes.len == 0;
    if (reader == NULL) {
        return;
    }
    if (end) {
        input->reader = NULL;
    }
    NODE_CALL(input->node, reader->read(reader, bytes, end));
}

static void run_text(struct deferred *deferred)
{
    struct console_input *input = container_of(deferred, struct console_input, later);
    if (input->got == 0 && input->node->options.input.len > 0) {
        input->got = 1;
        node_defer(input->node, deferred); /* the end comes in a turn of its own */
        tell(input, input->node->options.input);
    } else {
        tell(input, slice_of(NULL, 0));
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    struct console_input *input = handle->data;
    *buf = uv_buf_init((char *)input->bytes, sizeof(input->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct console_input *input = stream->data;
    if (n < 0) {
        uv_read_stop(stream);
        tell(input, slice_of(NULL, 0)); /* an error ends the input as its end does */
    } else if (n > 0) {
        tell(input, slice_of(input->bytes, (size_t)n));
    }
}

static void read_in_thread(uv_work_t *work)
{
    struct console_input *input = container_of(work, struct console_input, work);
    do {
        input->got = read(STDIN_FILENO, input->bytes, sizeof(input->bytes));
    } while (input->got < 0 && errno == EINTR);
}

static void read_file(struct console_input *input);

static void on_file(uv_work_t *work, int status)
{
    (void)status;
    struct console_input *input = container_of(work, struct console_input, work);
    struct uv_node *node = input->node;
    size_t len = input->got > 0 ? (size_t)input->got : 0;
    if (!node->exiting) {
        tell(input, slice_of(input->bytes, len));
        if (len > 0 && !node->exiting) {
            read_file(input);
        }
    }
    node_release(node);
}

static void read_file(struct console_input *input)
{
    input->node->busy++;
    int status = uv_queue_work(&input->node->world->loop, &input->work, read_in_thread, on_file);
    ASSERT(status == 0);
}

static void read_process(struct console_input *input)
{
    uv_loop_t *loop = &input->node->world->loop;
    uv_handle_type type = uv_guess_handle(STDIN_FILENO);
    int status = UV_EINVAL;
    if (type == UV_TTY) {
        status = uv_tty_init(loop, &input->tty, STDIN_FILENO, 1);
        input->is_handle = status == 0;
    } else if (type == UV_NAMED_PIPE || type == UV_TCP) {
        input->flags = fcntl(STDIN_FILENO, F_GETFL);
        uv_pipe_init(loop, &input->pipe, 0);
        input->is_handle = true;
        status = uv_pipe_open(&input->pipe, STDIN_FILENO);
    }
    if (input->is_handle) {
        input->handle.data = input;
        input->node->busy++;
        if (status == 0) {
            status = uv_read_start(&input->stream, on_alloc, on_read);
        }
    }
    if (type == UV_FILE) {
        read_file(input);
    } else if (status < 0) {
        node_defer(input->node, &input->later); /* no input at all: its end */
    }
}

void console_read_input(struct env *env, struct env_input *reader)
{
    struct uv_node *node = node_of(env);
    ASSERT(node->input == NULL);
    struct console_input *input = mem_zalloc(node->own, 1, sizeof(*input));
    input->node = node;
    input->reader = reader;
    input->later.run = run_text;
    input->flags = -1;
    node->input = input;
    if (node->options.process_input) {
        read_process(input);
    } else {
        node_defer(node, &input->later);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct console_input *input = handle->data;
    node_release(input->node);
}

void console_drop(struct uv_node *node)
{
    struct console_input *input = node->input;
    if (input == NULL || !input->is_handle) {
        return;
    }
    if (input->flags >= 0) {
        /* The description is shared with whoever started us: leave it as it was. */
        fcntl(STDIN_FILENO, F_SETFL, input->flags);
    }
    uv_close(&input->handle, on_closed);
}
