#!/usr/bin/env python3
"""What the compiler cannot forbid, looked up in the built libraries and in the sources.

gate.py symbols LIBRARY...   undefined symbols of core that are not on the list below
gate.py writable LIBRARY...  writable data of core, which must not exist
gate.py twice LIBRARY...     global names that two modules define
gate.py lint ROOT            includes by "../", declarations by a bare extern
gate.py self CC              each of them finds what was planted
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

# The C library's pure functions, and what the compiler itself calls.
PURE = set("""
memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr strstr
_GLOBAL_OFFSET_TABLE_ __tls_get_addr __udivti3 __umodti3 __divti3 __popcountdi2
""".split())
# The allocator behind base's own, and how a failed assertion without a turn ends the process.
OF_MODULE = {
    "base": set("malloc calloc free abort syscall".split()),
    "pb": {"__assert_fail"},  # generated code asserts; base defines it
}
# Libraries without a clock, a file or a socket (nghttp2's clock is the tripwire's business).
LIBRARIES = {
    "http2": ("nghttp2_",),
    "pb": ("protobuf_c_",),
    "client": ("protobuf_c_",),
    "server": ("protobuf_c_",),
    "ctl": ("protobuf_c_",),
    "http1": ("http_parser_", "http_method_str", "http_status_str", "http_should_keep_alive"),
    "membership": ("nettle_",),
    "backup": ("nettle_",),
}
# Constants whose addresses the linker fills in, and the table of probes.
CONSTANT_SECTIONS = (".data.rel.ro", "quorate_probes")
WRITABLE_ALLOWED = {("base", "turn_current")}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def module_of(library):
    return re.sub(r"^lib|\.a$", "", os.path.basename(library))


def defined(library):
    """(object, name, type) of each global symbol."""
    member = ""
    for line in run("nm", "-g", "--defined-only", library).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif len(line.split()) == 3:
            _, kind, name = line.split()
            yield member, name, kind


def undefined(library):
    member = ""
    for line in run("nm", "-u", library).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif line.strip():
            yield member, line.split()[1], line.split()[0]


def check_symbols(libraries):
    ours = {name for library in libraries for _, name, _ in defined(library)}
    for library in libraries:
        module = module_of(library)
        for member, name, kind in undefined(library):
            allowed = (name in ours or name in PURE or name in OF_MODULE.get(module, ()) or
                       name.startswith(LIBRARIES.get(module, ("\0",))) or
                       kind in "wv" or name.startswith("__start_quorate"))
            if not allowed:
                yield f"{module}: {member} calls {name}, which is past the boundary"


def check_writable(libraries):
    for library in libraries:
        module = module_of(library)
        for line in run("nm", "-f", "sysv", library).splitlines():
            fields = [field.strip() for field in line.split("|")]
            if len(fields) != 7 or fields[2] not in ("b", "B", "d", "D", "C"):
                continue
            name, section = fields[0], fields[6]
            if section.startswith(CONSTANT_SECTIONS) or (module, name) in WRITABLE_ALLOWED:
                continue
            yield f"{module}: {name} is writable data ({section})"


def check_twice(libraries):
    where = collections.defaultdict(set)
    for library in libraries:
        for _, name, kind in defined(library):
            if kind not in "WV":
                where[name].add(module_of(library))
    for name, modules in sorted(where.items()):
        if len(modules) > 1:
            yield f"{name} is defined in {' and '.join(sorted(modules))}"


# The linker's own names for the ends of a section, and the environment as POSIX gives it.
EXTERN_ALLOWED = re.compile(r"__(start|stop)_\w+|environ;")


def check_lint(root):
    for floor in ("core", "sim"):
        for folder, _, files in os.walk(os.path.join(root, floor)):
            for file in sorted(files):
                if not file.endswith((".c", ".h")):
                    continue
                path = os.path.join(folder, file)
                with open(path, encoding="utf-8") as text:
                    for number, line in enumerate(text, 1):
                        place = f"{os.path.relpath(path, root)}:{number}"
                        if re.match(r'\s*#\s*include\s+"\.\./', line):
                            yield f'{place}: includes upward by "../"'
                        if (file.endswith(".c") and re.match(r"\s*extern\s", line) and
                                not EXTERN_ALLOWED.search(line)):
                            yield f"{place}: a bare extern; include the header"
                        if floor == "core" and re.match(r'\s*#\s*include\s+[<"](engine|net|disk|host|'
                                                        r"scenario|check|store)/", line):
                            yield f"{place}: core includes sim"


PLANTED = """
#include <time.h>
int counter;
static int hidden[4] = {1};
int mem_alloc(void);
int mem_alloc(void) { return ++counter + (int)time(0) + hidden[counter & 3]++; }
"""


def check_self(cc):
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/core/planted")
        source, library = f"{folder}/core/planted/x.c", f"{folder}/libplanted.a"
        with open(source, "w", encoding="utf-8") as out:
            out.write(PLANTED)
        run(cc, "-c", "-fPIC", source, "-o", f"{folder}/x.o")
        run("ar", "rcs", library, f"{folder}/x.o")
        run("cp", library, f"{folder}/libother.a")
        with open(source, "a", encoding="utf-8") as out:
            out.write('#include "../raft/raft.h"\nextern int x;\n#include <host/host.h>\n')
        expected = {"symbols": (check_symbols([library]), 1), "writable": (check_writable([library]), 2),
                    "twice": (check_twice([library, f"{folder}/libother.a"]), 2),
                    "lint": (check_lint(folder), 3)}
        for name, (found, count) in expected.items():
            found = list(found)
            if len(found) != count:
                yield f"{name} finds {len(found)} of {count}: {found}"


def main():
    checks = {"symbols": check_symbols, "writable": check_writable, "twice": check_twice,
              "lint": lambda args: check_lint(args[0]), "self": lambda args: check_self(args[0])}
    if len(sys.argv) < 3 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    found = list(checks[sys.argv[1]](sys.argv[2:]))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


main()
