/* Usage texts, in etcdctl's layout. */
#include "base/fmt.h"
#include "private.h"

#define TEXT_MAX  256
#define WIDTH_MAX 100

static void add_padded(struct buf *out, const char *text, size_t width)
{
    size_t len = strlen(text);
    buf_add_str(out, text);
    for (size_t i = len; i < width; i++) {
        buf_add_u8(out, ' ');
    }
}

/* "  -w, --write-out="simple"", "      --hex[=false]". */
static void flag_column(const struct flag_spec *spec, char *out)
{
    char shorthand[8] = "    ";
    if (spec->shorthand != 0) {
        fmt(shorthand, sizeof(shorthand), "-%c, ", spec->shorthand);
    }
    const char *shape = "  %s--%s=%s";
    switch (spec->kind) {
    case FLAG_BOOL: shape = "  %s--%s[=%s]"; break;
    case FLAG_STRING: shape = "  %s--%s=\"%s\""; break;
    case FLAG_LIST: shape = "  %s--%s=[%s]"; break;
    default: break;
    }
    struct {
        const char *at;
    } args[3] = {{shorthand}, {spec->name}, {spec->value}};
    size_t n = 0;
    size_t arg = 0;
    for (const char *p = shape; *p != '\0'; p++) {
        if (p[0] == '%' && p[1] == 's') {
            n += fmt(out + n, TEXT_MAX - n, "%s", args[arg++].at);
            p++;
        } else {
            out[n++] = *p;
        }
    }
    out[n] = '\0';
}

/* The text behind a column of `indent`, wrapped at blanks. */
static void add_wrapped(struct buf *out, const char *text, size_t indent)
{
    size_t room = WIDTH_MAX - indent;
    while (strlen(text) > room) {
        size_t len = room;
        while (len > 0 && text[len] != ' ') {
            len--;
        }
        if (len == 0) {
            break; /* one word */
        }
        buf_add(out, text, len);
        buf_add_u8(out, '\n');
        add_padded(out, "", indent);
        text += len + 1;
    }
    buf_printf(out, "%s\n", text);
}

static void add_flags(struct buf *out, size_t from, size_t to, uint64_t mask)
{
    char column[TEXT_MAX];
    size_t width = 0;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = from; i < to; i++) {
            if ((mask & F_BIT(i)) == 0) {
                continue;
            }
            flag_column(&flag_specs[i], column);
            size_t len = strlen(column);
            if (pass == 0) {
                width = len > width ? len : width;
            } else {
                add_padded(out, column, width + 2);
                add_wrapped(out, flag_specs[i].usage, width + 2);
            }
        }
    }
}

static void command_name(const struct command *command, char *out)
{
    if (command->group != NULL) {
        fmt(out, TEXT_MAX, "%s %s", command->group, command->name);
    } else {
        fmt(out, TEXT_MAX, "%s", command->name);
    }
}

/* Those of one group; NULL: all that can be run. */
static void add_commands(struct buf *out, const char *group)
{
    buf_add_str(out, "\nCOMMANDS:\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        char name[TEXT_MAX];
        if (command->run == NULL ||
            (group != NULL && (command->group == NULL || strcmp(command->group, group) != 0))) {
            continue;
        }
        if (group == NULL) {
            command_name(command, name);
        } else {
            fmt(name, sizeof(name), "%s", command->name);
        }
        buf_add_str(out, "    ");
        add_padded(out, name, 18);
        buf_printf(out, "%s\n", command->summary);
    }
}

void help_root(struct ctl *ctl)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    buf_add_str(&out, "NAME:\n    quoratectl - A command line client for Quorate and etcd3.\n\n"
                      "USAGE:\n    quoratectl [flags]\n");
    add_commands(&out, NULL);
    buf_add_str(&out, "\nOPTIONS:\n");
    add_flags(&out, 0, F_LOCAL_FIRST, UINT64_MAX);
    buf_add_str(&out, "\n");
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
}

void help_command(struct ctl *ctl, const struct command *command)
{
    struct buf out;
    char name[TEXT_MAX];
    buf_init(&out, ctl->mem);
    command_name(command, name);
    buf_printf(&out, "NAME:\n    %s - %s\n\nUSAGE:\n    quoratectl %s %s%s[flags]\n", name,
               command->summary, name, command->usage, *command->usage != '\0' ? " " : "");
    if (command->run == NULL) {
        add_commands(&out, command->name);
    }
    if (command->flags != 0) {
        buf_add_str(&out, "\nOPTIONS:\n");
        add_flags(&out, F_LOCAL_FIRST, F_COUNT, command->flags);
    }
    buf_add_str(&out, "\nGLOBAL OPTIONS:\n");
    add_flags(&out, 0, F_LOCAL_FIRST, UINT64_MAX);
    buf_add_str(&out, "\n");
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
}
