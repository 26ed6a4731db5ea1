/* The table: a row for each thing that happened, beside it the arithmetic of that moment. */
#include "tell.h"

#include "base/duration.h"

#define TEXT_WIDTH 62
#define QUIET_NS   (100 * MS_NS) /* the oracle's changes that follow each other closer are one */

static void tell_numbers(struct telling *t, const struct row *row, struct buf *line)
{
    while (tell_columns(buf_slice(line)) < 17 + TEXT_WIDTH + 2) {
        buf_add_u8(line, ' ');
    }
    buf_printf(line, " %5zu  %5zu %2zu", row->voters, oracle_quorum(row->voters), row->up);
    buf_printf(t->out, "%s\n", buf_cstr(line));
}

static void begin_line(struct telling *t, const struct row *row, struct buf *line)
{
    struct buf time;
    buf_init(&time, t->run->mem);
    buf_clear(line);
    words_time(t->run, row->time_ns, &time);
    buf_printf(line, "%8s  %-8s ", buf_cstr(&time), row->who);
    buf_fini(&time);
}

static void tell_detail(struct telling *t, const char *detail)
{
    buf_printf(t->out, "%19s", "");
    tell_wrapped(t, detail, 19, TELL_WIDTH - 19);
}

/* A row's text beside its numbers; what does not fit goes below. */
static void tell_row(struct telling *t, const struct row *row, const char *text, const char *detail)
{
    struct buf line;
    size_t bytes = 0;
    buf_init(&line, t->run->mem);
    begin_line(t, row, &line);
    const char *rest = tell_cut(text, TEXT_WIDTH, &bytes);
    buf_add(&line, text, bytes);
    tell_numbers(t, row, &line);
    if (rest != NULL) {
        tell_detail(t, rest);
    }
    if (detail != NULL && *detail != '\0') {
        tell_detail(t, detail);
    }
    buf_fini(&line);
}

/* What a command printed, on one line and not all of it if that is long; "OK" says nothing new. */
static void tell_result(const struct op *op, struct buf *out)
{
    if (op->outcome != LOAD_OK || op->return_ns == NEVER_NS) {
        buf_add_str(out, op->result);
        return;
    }
    size_t start = out->len;
    if (*op->result == '\0' || strcmp(op->result, "OK\n") == 0) {
        return;
    }
    buf_add_str(out, "\"");
    for (const char *at = op->result; *at != '\0'; at++) {
        if (out->len - start > TELL_WIDTH - 30) {
            buf_add_str(out, " ...");
            break;
        }
        if (*at == '\n') {
            buf_add_str(out, at[1] != '\0' ? "\\n" : "");
        } else {
            buf_add_u8(out, (uint8_t)*at);
        }
    }
    buf_add_str(out, "\"");
}

/* "put color blue                  ok      3ms" */
static void tell_op(struct telling *t, const struct row *row)
{
    const struct op *op = &t->run->ops.items[row->op];
    struct buf text;
    struct buf detail;
    size_t bytes = 0;
    buf_init(&text, t->run->mem);
    buf_init(&detail, t->run->mem);
    const char *rest = tell_cut(op->arg, TEXT_WIDTH - 20, &bytes);
    buf_add(&text, op->arg, bytes);
    while (tell_columns(buf_slice(&text)) < TEXT_WIDTH - 18) {
        buf_add_u8(&text, ' ');
    }
    if (op->return_ns == NEVER_NS) {
        buf_add_str(&text, "not answered");
    } else {
        static const char *const words[] = {"ok", "refused", "unknown"};
        buf_printf(&text, "%-9s ", words[op->outcome]);
        tell_took(op->return_ns - op->call_ns, &text);
    }
    if (rest != NULL) {
        buf_printf(&detail, "%s\n", rest);
    }
    tell_result(op, &detail);
    tell_row(t, row, buf_cstr(&text), buf_cstr(&detail));
    buf_fini(&text);
    buf_fini(&detail);
}

static const char *loud(enum oracle_state state)
{
    static const char *const names[] = {"MAY", "CANNOT", "MUST"};
    return names[state];
}

static void tell_foresight(struct telling *t, const struct row *row, enum oracle_state before)
{
    const struct run *run = t->run;
    const struct sight *sight = &run->sights.items[row->sight];
    struct buf text;
    struct buf why;
    buf_init(&text, run->mem);
    buf_init(&why, run->mem);
    buf_printf(&text, "writes: %s -> ", loud(before));
    if (sight->answer.writes == ORACLE_SOUND) {
        buf_add_str(&text, "MUST by ");
        words_time(run, row->time_ns + run->bound_ns, &text);
    } else {
        buf_add_str(&text, sight->answer.writes == ORACLE_NEVER ? "CANNOT" : "MAY");
        words_quorum(run, sight, &why);
    }
    buf_clear(&t->scratch);
    words_render(run, buf_cstr(&why), &t->scratch);
    tell_row(t, row, buf_cstr(&text),
             sight->answer.writes == ORACLE_NEVER ? buf_cstr(&t->scratch) : NULL);
    buf_fini(&text);
    buf_fini(&why);
}

/* Another change of the oracle's mind follows so soon that this one is not worth a line. */
static bool is_brief(const struct run *run, size_t index)
{
    for (size_t i = index + 1; i < run->rows.count; i++) {
        if (run->rows.items[i].kind == ROW_ORACLE) {
            return run->rows.items[i].time_ns - run->rows.items[index].time_ns < QUIET_NS;
        }
    }
    return false;
}

void tell_table(struct telling *t)
{
    const struct run *run = t->run;
    enum oracle_state state = tell_state_at(&run->writes, run->zero_ns);
    buf_printf(t->out, "\n%8s  %-8s %-*s  %s\n", "time", "who", TEXT_WIDTH, "what",
               "voters quorum up");
    for (size_t i = 0; i < run->rows.count; i++) {
        const struct row *row = &run->rows.items[i];
        if (row->kind == ROW_ORACLE) {
            enum oracle_now now = run->sights.items[row->sight].answer.writes;
            enum oracle_state after = now == ORACLE_NEVER   ? ORACLE_CANNOT
                                      : now == ORACLE_SOUND ? ORACLE_MUST
                                                            : ORACLE_MAY;
            if (row->time_ns > run->zero_ns && after != state && (t->story || !is_brief(run, i))) {
                tell_foresight(t, row, state);
                state = after;
            }
        } else if (row->kind == ROW_STORY && !t->story) {
            continue;
        } else if (row->op != SIZE_MAX) {
            tell_op(t, row);
        } else {
            struct buf text;
            buf_init(&text, run->mem);
            words_render(run, row->text, &text);
            tell_row(t, row, buf_cstr(&text), row->detail);
            buf_fini(&text);
        }
    }
}
