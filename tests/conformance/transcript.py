"""Transcripts of etcd 3.4.23, as they were captured, read into steps.

    ## A. heading                      a section, named by this letter (and digit), or by its number
                                       in the file if its heading begins otherwise
    $ command                          then its standard output, `[stderr] ` lines,
    # exit=N elapsed=S                 and how it ended
    $ etcd ... > infra1.log 2>&1 &     a server is started
    $ kill -TERM $(pid of infra1)
    # anything else                    a note; some of them are expectations
    | line                             of a server's log
"""

import re


class Step:
    def __init__(self, kind, section, line, text):
        self.kind = kind  # command, start, kill, note, log, poll
        self.section = section
        self.line = line
        self.text = text
        self.out = []
        self.err = []
        self.exit = None
        self.elapsed = None
        self.nth = 0  # of the commands of its section with the same text

    def __repr__(self):
        return f"{self.line}: {self.text}"


def _kind(command):
    if re.match(r"etcd .*> \S+\.log 2>&1 &$|etcd --name ", command):
        return "start"
    if re.match(r"kill -\w+ \$\(pid of \w+\)$", command):
        return "kill"
    return "command"


def read(path):
    steps = []
    section = ""
    sections = 0
    seen = {}
    command = None  # the step whose output is being read
    with open(path, encoding="utf-8") as file:
        for number, raw in enumerate(file, 1):
            line = raw.rstrip("\n")
            ended = re.match(r"# exit=(\d+) elapsed=([\d.]+)s$", line)
            if ended and command is not None:
                command.exit = int(ended.group(1))
                command.elapsed = float(ended.group(2))
                command = None
            elif line.startswith("## "):
                sections += 1
                lettered = re.match(r"## ([A-Z]\d?)\. ", line)
                section = lettered.group(1) if lettered else str(sections)
                seen = {}
            elif line.startswith("$ "):
                step = Step(_kind(line[2:]), section, number, line[2:])
                step.nth = seen.get(step.text, 0)
                seen[step.text] = step.nth + 1
                steps.append(step)
                command = step if step.kind == "command" else None
            elif command is not None and line.startswith("[stderr] "):
                command.err.append(line[len("[stderr] "):])
            elif command is not None and re.match(r"\[\d+ more such lines, ", line):
                command.err.append(line)
            elif command is not None:
                command.out.append(line)
            elif line.startswith("| "):
                steps.append(Step("log", section, number, line[2:]))
            elif re.match(r"t=\d+ms: ", line):
                steps.append(Step("poll", section, number, line))
            elif line.startswith("# "):
                steps.append(Step("note", section, number, line[2:]))
    return steps
