#include "flags.h"

#include "base/assert.h"
#include "base/duration.h"
#include "text.h"

const struct flag_spec flag_specs[F_COUNT] = {
#define FLAG_SPEC(NAME, name, shorthand, kind, value, usage) {name, shorthand, kind, value, usage},
    GLOBAL_FLAGS(FLAG_SPEC) LOCAL_FLAGS(FLAG_SPEC)
#undef FLAG_SPEC
};

/* Splits at commas; "" is no element at all. */
static void add_endpoints(struct flags *flags, const char *text)
{
    while (*text != '\0') {
        const char *end = text;
        while (*end != '\0' && *end != ',') {
            end++;
        }
        flags->endpoints = mem_resize(flags->mem, flags->endpoints,
                                      (flags->endpoint_count + 1) * sizeof(flags->endpoints[0]));
        flags->endpoints[flags->endpoint_count++] = slice_of(text, (size_t)(end - text));
        text = *end == ',' ? end + 1 : end;
    }
}

static int set_value(struct flags *flags, enum flag flag, const char *text, struct buf *error)
{
    struct flag_value *value = &flags->values[flag];
    value->text = text;
    switch (flag_specs[flag].kind) {
    case FLAG_BOOL: return text_bool(text, &value->number, error);
    case FLAG_INT: return text_i64(text, &value->number, error);
    case FLAG_DURATION: return text_duration(text, &value->number, error);
    case FLAG_LIST:
        if (!value->given) {
            flags->endpoint_count = 0;
        }
        add_endpoints(flags, text);
        return 0;
    default: return 0;
    }
}

void flags_init(struct flags *flags, struct mem *mem)
{
    *flags = (struct flags){.mem = mem};
    buf_init(&flags->error, mem);
    for (size_t i = 0; i < F_COUNT; i++) {
        int err = set_value(flags, (enum flag)i, flag_specs[i].value, &flags->error);
        ASSERT(err == 0);
    }
}

void flags_fini(struct flags *flags)
{
    mem_free(flags->mem, flags->endpoints);
    mem_free(flags->mem, flags->args);
    buf_fini(&flags->error);
}

static bool allowed(size_t flag, uint64_t local)
{
    return flag < F_LOCAL_FIRST || (local & F_BIT(flag)) != 0;
}

static size_t find_long(struct slice name, uint64_t local)
{
    for (size_t i = 0; i < F_COUNT; i++) {
        if (allowed(i, local) && slice_eq_str(name, flag_specs[i].name)) {
            return i;
        }
    }
    return F_COUNT;
}

static size_t find_short(char c)
{
    for (size_t i = 0; i < F_LOCAL_FIRST; i++) {
        if (flag_specs[i].shorthand == c) {
            return i;
        }
    }
    return F_COUNT;
}

bool flags_skip(const char *const *words, size_t count, uint64_t local, size_t *i)
{
    const char *word = words[*i];
    if (word[0] != '-' || word[1] == '\0') {
        return false;
    }
    bool takes_next;
    if (word[1] == '-') {
        size_t flag = find_long(slice_str(word + 2), local);
        bool is_bool = flag < F_COUNT && flag_specs[flag].kind == FLAG_BOOL;
        takes_next =
            slice_find(slice_str(word), '=') < 0 && !is_bool && strcmp(word, "--help") != 0;
    } else {
        takes_next = word[2] == '\0' && word[1] != 'h';
    }
    if (takes_next && *i + 1 < count) {
        ++*i;
    }
    return true;
}

/* The name as messages show it: "--endpoints", "-w, --write-out". */
static void add_flag_name(struct buf *out, enum flag flag)
{
    if (flag_specs[flag].shorthand != 0) {
        buf_printf(out, "-%c, ", flag_specs[flag].shorthand);
    }
    buf_printf(out, "--%s", flag_specs[flag].name);
}

static int give(struct flags *flags, enum flag flag, const char *text)
{
    struct buf why;
    buf_init(&why, flags->mem);
    int err = set_value(flags, flag, text, &why);
    if (err != 0) {
        buf_add_str(&flags->error, "invalid argument ");
        text_quote(&flags->error, slice_str(text));
        buf_add_str(&flags->error, " for \"");
        add_flag_name(&flags->error, flag);
        buf_add_str(&flags->error, "\" flag: ");
        buf_add_slice(&flags->error, buf_slice(&why));
        err = ERR_USAGE;
    }
    flags->values[flag].given = true;
    buf_fini(&why);
    return err;
}

/* next: the word after this one, NULL if there is none. *used: it was taken. */
static int parse_long(struct flags *flags, const char *word, const char *next, uint64_t local,
                      bool *used)
{
    struct slice name = slice_str(word + 2);
    ptrdiff_t equals = slice_find(name, '=');
    const char *text = equals >= 0 ? word + 2 + equals + 1 : NULL;
    name.len = equals >= 0 ? (size_t)equals : name.len;
    if (slice_eq_str(name, "help")) {
        flags->help = true;
        return 0;
    }
    size_t flag = find_long(name, local);
    if (flag == F_COUNT) {
        buf_add_str(&flags->error, "unknown flag: --");
        buf_add_slice(&flags->error, name);
        return ERR_USAGE;
    }
    if (text == NULL && flag_specs[flag].kind == FLAG_BOOL) {
        text = "true";
    }
    if (text == NULL) {
        text = next;
        *used = true;
    }
    if (text == NULL) {
        buf_add_str(&flags->error, "flag needs an argument: --");
        buf_add_slice(&flags->error, name);
        return ERR_USAGE;
    }
    return give(flags, (enum flag)flag, text);
}

/* No shorthand is a boolean but -h, so the rest of the word is the value. */
static int parse_short(struct flags *flags, const char *word, const char *next, bool *used)
{
    char c = word[1];
    if (c == 'h') {
        flags->help = true;
        return 0;
    }
    size_t flag = find_short(c);
    if (flag == F_COUNT) {
        buf_printf(&flags->error, "unknown shorthand flag: '%c' in %s", c, word);
        return ERR_USAGE;
    }
    const char *text = word[2] == '=' ? word + 3 : word + 2;
    if (word[2] == '\0') {
        text = next;
        *used = true;
    }
    if (text == NULL) {
        buf_printf(&flags->error, "flag needs an argument: '%c' in %s", c, word);
        return ERR_USAGE;
    }
    return give(flags, (enum flag)flag, text);
}

int flags_parse(struct flags *flags, const char *const *words, size_t count, uint64_t skipped,
                uint64_t local)
{
    bool ended = false;
    flags->args = mem_resize(flags->mem, flags->args, (count + 1) * sizeof(flags->args[0]));
    for (size_t i = 0; i < count; i++) {
        const char *word = words[i];
        const char *next = i + 1 < count ? words[i + 1] : NULL;
        bool used = false;
        int err = 0;
        if (i < 64 && (skipped & (UINT64_C(1) << i)) != 0) {
            continue;
        }
        if (ended || word[0] != '-' || word[1] == '\0') {
            flags->args[flags->arg_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            ended = true;
        } else if (word[1] == '-') {
            err = parse_long(flags, word, next, local, &used);
        } else {
            err = parse_short(flags, word, next, &used);
        }
        if (err != 0 || flags->help) {
            return err;
        }
        i += used ? 1 : 0;
    }
    return 0;
}

#define VARIABLE_PREFIX "ETCDCTL_"

static void variable_of(enum flag flag, struct buf *out)
{
    buf_add_str(out, VARIABLE_PREFIX);
    for (const char *p = flag_specs[flag].name; *p != '\0'; p++) {
        buf_add_u8(out, (uint8_t)(*p == '-' ? '_' : *p - 'a' + 'A'));
    }
}

int flags_from_vars(struct flags *flags, const struct env *env)
{
    struct buf name;
    buf_init(&name, flags->mem);
    int err = 0;
    for (size_t i = 0; i < F_LOCAL_FIRST && err == 0; i++) {
        enum flag flag = (enum flag)i;
        buf_clear(&name);
        variable_of(flag, &name);
        const char *text = env_var(env, buf_cstr(&name));
        if (text == NULL || (*text == '\0' && !flags->values[flag].given)) {
            continue;
        }
        struct buf why;
        buf_init(&why, flags->mem);
        if (flags->values[flag].given) {
            buf_printf(&flags->error,
                       "conflicting environment variable \"%s\" is shadowed by corresponding "
                       "command-line flag (either unset environment variable or disable flag)",
                       buf_cstr(&name));
            err = ERR_USAGE;
        } else if (set_value(flags, flag, text, &why) != 0) {
            buf_add_str(&flags->error, "invalid value ");
            text_quote(&flags->error, slice_str(text));
            buf_printf(&flags->error, " for %s: ", buf_cstr(&name));
            buf_add_slice(&flags->error, buf_slice(&why));
            err = ERR_USAGE;
        }
        buf_fini(&why);
    }
    buf_fini(&name);
    return err;
}

static bool is_variable(const char *name, struct mem *mem)
{
    struct buf variable;
    buf_init(&variable, mem);
    /* Which version of the API etcdctl speaks, to scripts that still say it. */
    bool found = strcmp(name, VARIABLE_PREFIX "API") == 0;
    for (size_t i = 0; i < F_LOCAL_FIRST && !found; i++) {
        buf_clear(&variable);
        variable_of((enum flag)i, &variable);
        found = strcmp(name, buf_cstr(&variable)) == 0;
    }
    buf_fini(&variable);
    return found;
}

const char *flags_unknown_var(const struct env *env, size_t *at)
{
    while (*at < env->var_count) {
        const char *name = env->vars[(*at)++].name;
        bool looks_like_ours = strncmp(name, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) == 0;
        if (looks_like_ours && !is_variable(name, env->mem)) {
            return name;
        }
    }
    return NULL;
}

static void show(const struct flags *flags, enum flag flag, struct buf *out)
{
    const struct flag_value *value = &flags->values[flag];
    char duration[32];
    variable_of(flag, out);
    buf_add_u8(out, '=');
    switch (flag_specs[flag].kind) {
    case FLAG_BOOL: buf_add_str(out, value->number != 0 ? "true" : "false"); break;
    case FLAG_DURATION:
        duration_format(duration, sizeof(duration), value->number);
        buf_add_str(out, duration);
        break;
    case FLAG_LIST:
        buf_add_u8(out, '[');
        for (size_t i = 0; i < flags->endpoint_count; i++) {
            buf_add_str(out, i > 0 ? "," : "");
            buf_add_slice(out, flags->endpoints[i]);
        }
        buf_add_u8(out, ']');
        break;
    default: buf_add_str(out, value->text); break;
    }
    buf_add_u8(out, '\n');
}

void flags_show(const struct flags *flags, uint64_t local, struct buf *out)
{
    size_t next_local = F_LOCAL_FIRST;
    for (size_t i = 0; i < F_LOCAL_FIRST; i++) {
        for (; next_local < F_COUNT && strcmp(flag_specs[next_local].name, flag_specs[i].name) < 0;
             next_local++) {
            if ((local & F_BIT(next_local)) != 0) {
                show(flags, (enum flag)next_local, out);
            }
        }
        show(flags, (enum flag)i, out);
    }
}
