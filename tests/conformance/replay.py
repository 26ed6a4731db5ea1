#!/usr/bin/env python3
"""Replays a captured session of etcd 3.4.23 against a server and compares every answer.

A transcript holds commands (`$ ...`) with what they printed, their exit status and how long they
took, and notes (`# ...`) about processes. Servers are started with the captured flags, stock
etcdctl asks, and what it prints must be what was captured: word by word, except for what MASKS
names. Commands that SKIPPED names are not run, because the services they need come later.

Afterwards the comparison is turned on itself: in what was captured of each compared command one
unmasked word after another is changed, and each time the comparison must fail.

    replay.py --server build/bin/quorated transcripts/03-one-member-stall.txt

`--server etcd` replays against etcd itself, which shows what a transcript's masks must allow.
"""
import argparse
import difflib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# What is not compared, and why. Each is (name, pattern, replacement), applied to both sides.
MASKS = [
    ("wall clock", r'"ts":"[^"]*"', '"ts":"T"'),
    ("client's random name", r"endpoint://client-[0-9a-f-]{36}", "endpoint://client-C"),
    ("size of the database", r"\b\d+(\.\d+)? [kM]?B\b", "SIZE"),
    ("term and indexes of a status line", r"((?:true|false), (?:true|false), )\d+, \d+, \d+,", r"\1N, N, N,"),
    ("term and indexes of a status table", r"((?:true|false) \| (?:true|false) \| )\d+ \| \d+ \| \d+ ", r"\1N | N | N "),
    ("term of a header", r'"raft_term":\d+', '"raft_term":N'),
    ("duration of a health check", r"took = [0-9.]+[mµu]?s", "took = D"),
    ("date of an HTTP answer", r"^Date: .* GMT$", "Date: D"),
]

# Further rules, by code: the padding of columns (ids made by the clock differ in length), the order
# of members (that of their ids), ids made by the clock (bound when `member add` prints them), and
# the two sides of a deadline: client and server give up at the same instant, and either may win.
RACE = re.compile(
    r"(?:rpc error: code = (?:Unknown|DeadlineExceeded|Unavailable) desc = )?"
    r"(?:context deadline exceeded|etcdserver: request timed out(?:, possibly due to [a-z ]+)?)")
RACE_PROMOTE = re.compile(RACE.pattern + r"|(?:rpc error: code = Unavailable desc = )?etcdserver: no leader")

SKIPPED = [
    ("lease: a later service", r"etcdctl .* lease "),
    ("compaction: a later service", r"etcdctl .* compaction "),
    ("snapshot: a later service", r"etcdctl .* snapshot "),
    ("watch: a later service", r"etcdctl .* watch "),
    ("hashkv: a later service", r"etcdctl .* endpoint hashkv"),
    ("metrics: a later service", r"curl .*/metrics"),
    ("the server's own log", r"^\(time timeout"),
]

# What the capture waited for between commands: (transcript, heading, how many commands of that
# heading come before) -> what. `linked` lets links grow older than the 5 s after which they count.
PAUSES = {
    ("03-one-member-stall", "A3", 0): "leaderless",
    ("03-one-member-stall", "A7", 9): "linked",
    ("03c-one-member-variants", "E", 6): "started",
    ("03c-one-member-variants", "F", 0): "linked",
    ("03c-one-member-variants", "F3", 1): "healthy",
    ("03c-one-member-variants", "F3", 3): "linked",
    ("03c-one-member-variants", "G", 1): "second",
    ("03c-one-member-variants", "H", 2): "leaderless",
    ("03c-one-member-variants", "H", 4): "healthy",
    ("03c-one-member-variants", "I", 2): "leaderless",
    ("03c-one-member-variants", "K2", 1): "healthy",
}


class Step:
    def __init__(self, line, command):
        self.line = line
        self.command = command
        self.stdout = []
        self.stderr = []
        self.exit = None
        self.elapsed = None
        self.notes = []
        self.heading = None
        self.place = None  # (heading's letter and number, commands of it before this one)


def parse(path):
    """Steps and headings in their order."""
    steps = []
    step = None
    place = None
    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        end = re.match(r"# exit=(\d+) elapsed=([0-9.]+)s$", line)
        if line.startswith("$ "):
            step = Step(number, line[2:])
            step.place = place
            place = (place[0], place[1] + 1)
            steps.append(step)
        elif line.startswith("## "):
            step = Step(number, None)
            step.heading = line
            place = (line[3:].split(".")[0], 0)
            steps.append(step)
        elif end and step is not None:
            step.exit = int(end.group(1))
            step.elapsed = float(end.group(2))
        elif line.startswith("# "):
            if step is not None:
                step.notes.append((number, line[2:]))
        elif step is not None and step.command and step.exit is None and not step.notes:
            if line.startswith("[stderr] "):
                step.stderr.append(line[9:])
            else:
                step.stdout.append(line)
    for step in steps:
        while step.stdout and step.stdout[-1] == "" and step.exit is None:
            step.stdout.pop()
    return steps


def mask(lines):
    masked = []
    for line in lines:
        line = re.sub(r" {2,}", " ", line.rstrip("\r"))
        if re.match(r"^\+[-+]+\+$", line):
            line = "+-+"
        for _, pattern, replacement in MASKS:
            line = re.sub(pattern, replacement, line)
        cluster = re.match(r'ETCD_INITIAL_CLUSTER="(.*)"$', line)
        if cluster:
            line = 'ETCD_INITIAL_CLUSTER="%s"' % ",".join(sorted(cluster.group(1).split(",")))
        masked.append(line)
    # Lines without an order of their own: by ids made by the clock, or by who answered first.
    members = re.compile(r"^(?:\| )?[0-9a-f]{1,16}(?:,| \|) (?:un)?started|^\S+ is healthy: ")
    at = 0
    while at < len(masked):
        end = at
        while end < len(masked) and members.match(masked[end]):
            end += 1
        masked[at:end] = sorted(masked[at:end])
        at = max(end, at + 1)
    return masked


def command_timeout(command):
    """Seconds after which etcdctl gives up."""
    given = re.search(r"--command-timeout=([0-9]+)(ms|s)?", command)
    if not given:
        return 5.0
    return int(given.group(1)) / (1000.0 if given.group(2) == "ms" else 1.0)


def is_race(step):
    limit = command_timeout(step.command)
    return "etcdctl" in step.command and step.exit != 0 and limit <= step.elapsed < limit + 0.3


def unrace(step, lines):
    """Hides which side of a deadline won: in the last attempt's line and what follows it."""
    pattern = RACE_PROMOTE if " promote " in step.command else RACE
    attempts = [i for i, line in enumerate(lines) if '"attempt":' in line]
    first = attempts[-1] if attempts else 0
    hidden = list(lines)
    for i in range(first, len(hidden)):
        # SubConns that never connected say so; that text is no race.
        if "latest balancer error" not in hidden[i]:
            hidden[i] = pattern.sub("DEADLINE", hidden[i])
    return hidden


def differences(step, expected, actual):
    """What differs between two (stdout, stderr) of the step."""
    found = []
    for name, want, got in zip(("stdout", "stderr"), expected, actual):
        want = mask(want)
        got = mask(got)
        if is_race(step):
            want = unrace(step, want)
            got = unrace(step, got)
        if want != got:
            found.append(name + ":")
            found += list(difflib.unified_diff(want, got, "captured", "now", lineterm="", n=1))[2:]
    return found


class Replay:
    def __init__(self, server, transcript, keep):
        self.server = os.path.abspath(server) if os.sep in server else server
        self.transcript = os.path.basename(transcript)
        self.keep = keep
        self.steps = parse(transcript)
        self.dir = None
        self.dirs = []
        self.processes = {}
        self.flags = {}
        self.bound = {}  # captured id -> id of this run
        self.problems = []
        self.compared = []
        self.skipped = []
        self.endpoint = None

    def problem(self, line, text):
        print("%s:%d: %s" % (self.transcript, line, text), flush=True)
        self.problems.append((line, text))

    def rebind(self, text):
        for captured, ours in self.bound.items():
            text = text.replace(captured, ours)
            text = text.replace(str(int(captured, 16)), str(int(ours, 16)))
        return text

    # Processes

    def start(self, step):
        words = shlex.split(step.command.split(" > ")[0])
        name = words[words.index("--name") + 1]
        log = open(os.path.join(self.dir, name + ".log"), "ab")
        arguments = [self.rebind(word) for word in words[1:]]
        self.processes[name] = subprocess.Popen([self.server] + arguments, cwd=self.dir, stdout=log, stderr=log)
        log.close()
        self.endpoint = arguments[arguments.index("--advertise-client-urls") + 1].replace("http://", "")
        self.flags[name] = self.endpoint
        if self.expects_service(step):
            self.until(step, "%s serves" % name, lambda: self.serves(self.endpoint))

    def expects_service(self, step):
        """Whether the next command that asks this server, before anything else starts or ends, was
        answered."""
        if step.notes:
            return False
        for later in self.steps[self.steps.index(step) + 1:]:
            if later.command is None:
                continue
            if later.exit is None:
                return False
            if self.endpoint in later.command:
                return later.exit == 0 or later.elapsed < 1
        return False

    def serves(self, endpoint):
        asked = subprocess.run(["etcdctl", "--endpoints=" + endpoint, "--command-timeout=300ms", "member", "list"],
                               env=self.environment(), capture_output=True, check=False)
        return asked.returncode == 0

    def healthy(self, endpoint):
        asked = subprocess.run(["etcdctl", "--endpoints=" + endpoint, "--command-timeout=300ms", "get", "health"],
                               env=self.environment(), capture_output=True, check=False)
        return asked.returncode == 0

    def status(self, endpoint):
        asked = subprocess.run(["etcdctl", "--endpoints=" + endpoint, "endpoint", "status"],
                               env=self.environment(), capture_output=True, text=True, check=False)
        return asked.stdout.strip()

    def until(self, step, what, true, limit=15.0):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if true():
                return True
            time.sleep(0.05)
        self.problem(step.line, "waited %d s in vain: %s" % (limit, what))
        return False

    def environment(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ETCD")}
        environment["ETCDCTL_API"] = "3"
        return environment

    def reap(self, step, name, limit=10.0):
        """The wait status of a process that should end, as a shell reports it."""
        process = self.processes.get(name)
        if process is None:
            self.problem(step.line, "no process of %s" % name)
            return None
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        del self.processes[name]
        return code if code >= 0 else 128 - code

    def kill(self, step):
        which = re.match(r"kill -(\w+) \$\(pid of (\w+)\)", step.command)
        name = which.group(2)
        if name in self.processes:
            self.processes[name].send_signal(getattr(signal, "SIG" + which.group(1)))

    # Steps

    def pause(self, step):
        if step.place is None:
            return
        kind = PAUSES.get((self.transcript[:-4],) + step.place)
        if kind == "leaderless":
            self.until(step, "nobody leads", lambda: self.status(self.endpoints()[0]).endswith("no leader"))
        elif kind == "linked":
            time.sleep(6.5)
        elif kind == "second":
            time.sleep(1.0 - time.time() % 1.0)
        elif kind == "started":
            count = len(step.stdout)
            self.until(step, "%d members have started" % count, lambda: self.started() == count)
        elif kind == "healthy":
            self.until(step, "all are healthy", lambda: all(map(self.healthy, self.endpoints())))

    def endpoints(self):
        return [self.flags[name] for name in sorted(self.processes)]

    def started(self):
        asked = subprocess.run(["etcdctl", "--endpoints=" + self.endpoints()[0], "member", "list"],
                               env=self.environment(), capture_output=True, text=True, check=False)
        return asked.stdout.count(", started, ")

    def ask(self, step):
        for why, pattern in SKIPPED:
            if re.search(pattern, step.command):
                self.skipped.append((step.line, why))
                return
        command = self.rebind(step.command)
        begin = time.monotonic()
        done = subprocess.run(["bash", "-c", command], cwd=self.dir, env=self.environment(), capture_output=True,
                              text=True, check=False)
        elapsed = time.monotonic() - begin
        out = done.stdout.split("\n")[:-1] if done.stdout.endswith("\n") else done.stdout.split("\n")
        err = done.stderr.split("\n")[:-1] if done.stderr.endswith("\n") else done.stderr.split("\n")
        if out == [""]:
            out = []
        if err == [""]:
            err = []
        self.bind(step, out)
        self.judge(step, (out, err), done.returncode, elapsed)

    def bind(self, step, out):
        added = re.compile(r"^Member +([0-9a-f]+) added to cluster")
        captured = [m.group(1) for m in map(added.match, step.stdout) if m]
        ours = [m.group(1) for m in map(added.match, out) if m]
        for a, b in zip(captured, ours):
            self.bound[a] = b

    def judge(self, step, actual, code, elapsed):
        expected = ([self.rebind(line) for line in step.stdout], [self.rebind(line) for line in step.stderr])
        found = differences(step, expected, actual)
        if code != step.exit:
            found.append("exit %d, captured %d" % (code, step.exit))
        slack = 0.9 if step.elapsed < 1 else 0.7 + 0.05 * step.elapsed
        if abs(elapsed - step.elapsed) > slack:
            found.append("took %.2f s, captured %.2f s" % (elapsed, step.elapsed))
        if found:
            self.problem(step.line, "$ %s\n    %s" % (self.rebind(step.command), "\n    ".join(found)))
        self.compared.append((step, expected, actual))

    def note(self, step, line, text):
        ended = re.match(r"(\w+) process (?:ended, wait|exited by itself,) status=(\d+)", text)
        healthy = re.match(r"(\w+) healthy (?:again )?(\d+) ms after", text)
        running = re.match(r"(\w+) process still running", text)
        if ended:
            code = self.reap(step, ended.group(1))
            if code != int(ended.group(2)):
                self.problem(line, "%s: status %s, captured %s" % (ended.group(1), code, ended.group(2)))
            if code is None:
                self.processes[ended.group(1)].kill()
                self.reap(step, ended.group(1))
        elif healthy:
            name = healthy.group(1)
            self.until(step, "%s is healthy" % name, lambda: self.healthy(self.flags[name]), 5.0)
        elif running:
            time.sleep(1.0)
            name = running.group(1)
            if name not in self.processes or self.processes[name].poll() is not None:
                self.problem(line, "%s has ended" % name)

    def run(self):
        try:
            for step in self.steps:
                self.pause(step)
                if step.command is None:
                    print("%s:%d: %s" % (self.transcript, step.line, step.heading), flush=True)
                    if re.match(r"## [A-Z]+\. ", step.heading) and not self.processes:
                        self.fresh()
                elif step.command.startswith("etcd "):
                    self.start(step)
                elif step.command.startswith("kill "):
                    self.kill(step)
                elif step.exit is not None:
                    self.ask(step)
                for line, text in step.notes:
                    self.note(step, line, text)
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            if not self.problems and not self.keep:
                for made in self.dirs:
                    shutil.rmtree(made)
            else:
                print("logs: " + " ".join(self.dirs))
        return not self.problems

    def fresh(self):
        """Each story of a transcript began with empty directories."""
        self.dir = tempfile.mkdtemp(prefix="replay-")
        self.dirs.append(self.dir)


def self_test(replay):
    """Changes each word of what was captured, one at a time; the comparison must see it unless a
    mask covers the word. Returns (words changed, unseen, commands in which none was seen)."""
    changed = unseen = 0
    blind = []
    for step, expected, actual in replay.compared:
        seen = False
        if differences(step, expected, actual):
            continue
        for stream in range(2):
            for i, line in enumerate(expected[stream]):
                for word in re.finditer(r"[A-Za-z]{2,}", line):
                    lines = list(expected[stream])
                    lines[i] = line[:word.start()] + "Zz" + line[word.start():]
                    wrong = [lines if s == stream else expected[s] for s in range(2)]
                    changed += 1
                    if differences(step, wrong, actual):
                        seen = True
                    else:
                        unseen += 1
        if not seen and (expected[0] or expected[1]):
            blind.append(step.line)
    return changed, unseen, blind


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", required=True)
    options.add_argument("--keep", action="store_true", help="keep the servers' directories")
    options.add_argument("transcript", nargs="+")
    arguments = options.parse_args()
    good = True
    for transcript in arguments.transcript:
        replay = Replay(arguments.server, transcript, arguments.keep)
        good &= replay.run()
        changed, unseen, blind = self_test(replay)
        print("%s: %d commands compared, %d problems; %d words changed, %d of them under a mask"
              % (replay.transcript, len(replay.compared), len(replay.problems), changed, unseen))
        for line, why in replay.skipped:
            print("%s:%d: skipped, %s" % (replay.transcript, line, why))
        for line in blind:
            print("%s:%d: the comparison is blind here" % (replay.transcript, line))
        good &= not blind and changed > 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
