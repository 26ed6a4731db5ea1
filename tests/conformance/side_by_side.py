#!/usr/bin/env python3
"""Stock etcdctl and quoratectl beside each other: the same command line, on stock etcd.

    side_by_side.py CTL GROUP

Output, error output and exit status are compared byte by byte. Commands that change nothing are sent
to the same server; others to twins: two servers of the same name, IDs and history, one for each client
(see commands.py). What may differ is masked, and every mask has a name and a reason below; nothing else
may.
"""

import os
import re
import socket
import subprocess
import sys

import cluster
import commands
import compare

# Each mask: (name, why, pattern, what stands in its place), for every line.
MASKS = [
    ("program", "each program says its own name", r"\bquoratectl\b", "etcdctl"),
    ("took", "how long a health check took", r"(took = |\"Took\" : |\"took\":\")[\d.]+(ns|us|µs|ms|s)\b", r"\1DURATION"),
    ("program", "and its own version", r"(?<=etcdctl version: )[\d.]+", "VERSION"),
    ("log", "what etcdctl says by way of its log is an error, or a warning, like any other",
     r"^\d{4}-\d\d-\d\d [\d:.]+ C \| pkg/flags: ", "Error: "),
    ("log", "the same; the value of an unknown variable may be a secret, and is not told",
     r"^\d{4}-\d\d-\d\d [\d:.]+ W \| pkg/flags: (unrecognized environment variable \w+)=.*", r"Warning: \1"),
    ("too-large", "what is too large to be sent is not read to its end", r"\(\d+ vs\. 2097152\)", "(N vs. 2097152)"),
    ("db-size", "etcd's file grows when it feels like it", r"(?<=3\.4\.23, )[\d.]+ (B|kB|MB)\b", "SIZE"),
    ("db-size", "the same in JSON", r'"dbSize(InUse)?":\d+', r'"dbSize\1":SIZE'),
    ("db-size", "the same in fields", r'"DBSize" : \d+', '"DBSize" : SIZE'),
]

# At a deadline the server's answer, whose deadline is the same, races with the client's own end.
DEADLINE = [
    (r"rpc error: code = (Unknown|DeadlineExceeded) desc = context deadline exceeded", "DEADLINE"),
    (r"\bcontext deadline exceeded", "DEADLINE"),
]

# Health is told in the order in which the answers come.
HEALTH_ROWS = re.compile(r"\| +\S+:\d+ \||\S+ is (un)?healthy: ")

# The commands that etcd's client library tells about itself on standard error.
CLIENT_LOG = re.compile(r'\{"level":"(warn|info|debug)",|(INFO|WARNING|ERROR|DEBUG): |\d{4}/\d\d/\d\d ')

PRELUDE = 'ctl() { "$CTL" --endpoints="$E" "$@"; }; bare() { "$CTL" "$@"; }; '


def flags_of(help_text):
    """A usage text is each program's own, but for the flags in it and what they are by default."""
    return sorted(re.findall(r"^ +(?:-\w, )?--[\w-]+(?:\[=\w+\]|=\S*)", help_text, re.M))


def without_usage(text):
    """Replaces a usage text, which begins with NAME, by the flags that it names."""
    begin = text.find("NAME:\n")
    if begin < 0:
        return text
    end = text.rfind("\n\n") + 1
    flags = [f for f in flags_of(text[begin:end]) if "--help" not in f]
    return text[:begin] + "usage with " + " ".join(f.strip() for f in flags) + "\n" + text[end:].lstrip("\n")


def sorted_runs(lines, is_row):
    result, run = [], []
    for line in lines + [None]:
        if line is not None and is_row(line):
            run.append(line)
        else:
            result += sorted(run) + ([line] if line is not None else [])
            run = []
    return result


def canonical(data, command, race):
    text = data.decode("utf-8", "backslashreplace")
    lines = [line for line in without_usage(text).split("\n") if not CLIENT_LOG.match(line)]
    if "health" in command and "table" in command:
        # A column is as wide as its longest cell, and durations are not of one length.
        lines = [re.sub(r"-+", "-", re.sub(r" +", " ", line)) for line in lines]
        lines = [re.sub(r"(?<=(?:true|alse) \| )[\d.]+(µs|ms|s)", "DURATION", line) for line in lines]
    for _, _, pattern, into in MASKS:
        lines = [re.sub(pattern, into, line) for line in lines]
    if race and "table" in command:
        # One of the texts that race is so long that its cell goes on in the next row.
        lines = re.sub(r" \|\n(?:\| )+(?=[^|\n]+\|(?:\n|$))", " ", "\n".join(lines)).split("\n")
    for pattern, into in DEADLINE if race else []:
        lines = [re.sub(pattern, into, line) for line in lines]
    if "health" in command:
        if "json" in command:
            lines = [",".join(sorted(line.strip("[]").replace("},{", "}|{").split("|"))) for line in lines]
        elif "fields" in command:
            lines = sorted("\n".join(lines).split("\n\n"))
        lines = sorted_runs(lines, HEALTH_ROWS.match)
    return lines


class Etcd:
    """One member, or more, of stock etcd: `advertised` is what it tells of itself, the same for twins."""

    def __init__(self, machine, directory, members, advertised):
        ports = cluster.free_ports(2 * members)
        self.ports = ports[:members]
        self.machine = machine
        self.names = [f"m{i + 1}" for i in range(members)]
        self.directory = directory
        if not advertised:
            advertised += ports
        self.advertised = advertised
        everyone = ",".join(f"{n}=http://127.0.0.1:{p}" for n, p in zip(self.names, advertised[members:]))
        for i, name in enumerate(self.names):
            machine.start(directory + name, [
                "--name", name, "--data-dir", directory + name + ".etcd",
                "--listen-client-urls", f"http://127.0.0.1:{ports[i]}",
                "--advertise-client-urls", f"http://127.0.0.1:{advertised[i]}",
                "--listen-peer-urls", f"http://127.0.0.1:{ports[members + i]}",
                "--initial-advertise-peer-urls", f"http://127.0.0.1:{advertised[members + i]}",
                "--initial-cluster", everyone, "--initial-cluster-state", "new"])
        for port in self.ports:
            machine.healthy(port)

    def stop(self, name):
        self.machine.kill(self.directory + name, cluster.SIGNALS["KILL"])


class Beside:
    """Runs command lines by either client and compares."""

    def __init__(self, machine, ctl):
        self.machine = machine
        self.clients = {"etcdctl": "etcdctl", "quoratectl": os.path.abspath(ctl)}
        self.compared = 0
        self.failures = []

    def run(self, client, command, env):
        env = {**self.machine.env, "CTL": self.clients[client], **env}
        done = subprocess.run(["bash", "-c", PRELUDE + command], cwd=self.machine.directory, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        return done.stdout, done.stderr, done.returncode

    def compare(self, command, theirs, ours, race=False, rename=lambda data: data):
        ours = (rename(ours[0]), rename(ours[1]), ours[2])
        self.compared += 1
        if theirs == ours:
            return
        problems = []
        for what, want, got in (("standard output", theirs[0], ours[0]), ("standard error", theirs[1], ours[1])):
            want, got = canonical(want, command, race), canonical(got, command, race)
            if "ctl member" in command:
                # IDs hold the second in which they were made, and members are in the order of their IDs.
                want, got = compare.canonical(want, command, None), compare.canonical(got, command, None)
            if want != got:
                problems += [f"{what} differs"] + ["  etcdctl:    " + x for x in want] + ["  quoratectl: " + x for x in got]
        if theirs[2] != ours[2]:
            problems.append(f"exit status: etcdctl {theirs[2]}, quoratectl {ours[2]}")
        if problems:
            self.failures.append("\n".join(["$ " + command] + problems))
            print(self.failures[-1], flush=True)

    def same(self, text, env, race=False):
        """Both on the same server: nothing changes."""
        for command in commands.lines(text):
            self.compare(command, self.run("etcdctl", command, env), self.run("quoratectl", command, env), race)

    def ours(self):
        """What differs on purpose is what we say that it is."""
        for why, cases in commands.ON_PURPOSE.items():
            for command, out, err, status in cases:
                self.compared += 1
                got = self.run("quoratectl", command, {"E": "127.0.0.1:1"})
                got = (got[0].decode(), got[1].decode(), got[2])
                if got != (out, err, status):
                    self.failures.append(f"$ {command}\n({why})\n  expected: {(out, err, status)}\n  got:      {got}")
                    print(self.failures[-1], flush=True)

    def twins(self, text, theirs, ours):
        """Each on its own server. IDs of new members hold the time, and one port stands for the other."""
        ids = {}

        def rename(data):
            for port, other in zip(ours.ports, theirs.ports):
                data = data.replace(b"127.0.0.1:%d" % port, b"127.0.0.1:%d" % other)
            for one, other in ids.items():
                data = data.replace(b"%16x" % one, b"%16x" % other).replace(b"%x" % one, b"%x" % other)
                data = data.replace(b"%d" % one, b"%d" % other)
            return data

        added = {"etcdctl": 0, "quoratectl": 0}
        for command in commands.lines(text):
            results = []
            for client, server in (("etcdctl", theirs), ("quoratectl", ours)):
                env = {"E": f"127.0.0.1:{server.ports[0]}", "NEW": f"{added[client]:x}"}
                results.append(self.run(client, command, env))
                new = re.search(rb"Member +([0-9a-f]+) added to|\"member\":\{\"ID\":(\d+)", results[-1][0])
                if new:
                    added[client] = int(new.group(1), 16) if new.group(1) else int(new.group(2))
            if added["quoratectl"]:
                ids[added["quoratectl"]] = added["etcdctl"]
            self.compare(command, *results, race="timeout" in command, rename=rename)


def reads(beside, machine):
    etcd = Etcd(machine, "", 1, [])
    env = {"E": f"127.0.0.1:{etcd.ports[0]}", "U": f"http://127.0.0.1:{etcd.ports[0]}"}
    for command in commands.lines(commands.HISTORY):
        if beside.run("etcdctl", command, env)[2] != 0:
            raise AssertionError(f"etcdctl cannot {command}")
    beside.same(commands.READS, env)
    beside.same(commands.VARIABLES, {**env, "NOBODY": f"127.0.0.1:{cluster.free_ports(1)[0]}"}, race=True)


def arguments(beside, _):
    beside.same(commands.ARGUMENTS, {"E": "127.0.0.1:1"})
    beside.ours()


def writes(beside, machine):
    advertised = []
    beside.twins(commands.WRITES, Etcd(machine, "a", 1, advertised), Etcd(machine, "b", 1, advertised))


def members(beside, machine):
    advertised = []
    beside.twins(commands.MEMBERS, Etcd(machine, "a", 1, advertised), Etcd(machine, "b", 1, advertised))


def leader(beside, env):
    out, _, _ = beside.run("etcdctl", "ctl endpoint status", env)
    return next(line.split(", ")[1] for line in out.decode().splitlines() if line.split(", ")[4] == "true")


def three(beside, machine):
    etcd = Etcd(machine, "", 3, [])
    one, two, other = [f"127.0.0.1:{port}" for port in etcd.ports]
    env = {"E": f"{one},{two},{other}", "ONE": one, "TWO": two, "NOBODY": f"127.0.0.1:{cluster.free_ports(1)[0]}"}
    ids = {}
    for line in beside.run("etcdctl", "ctl endpoint status", env)[0].decode().splitlines():
        ids[line.split(", ")[1]] = line.split(", ")[0]
    # Leadership goes there and back, so that both clients find the same leader.
    beside.same(commands.THREE, {**env, "FOLLOWER": next(i for i in ids if i != leader(beside, env))})
    first = leader(beside, env)
    second = next(i for i in ids if i != first)
    env.update(NEXT=second, FIRST=first, LEADER=ids[first])
    for command in commands.lines(commands.MOVES):
        theirs = beside.run("etcdctl", command, env)
        beside.run("etcdctl", "ctl move-leader $FIRST", env)
        if leader(beside, env) != first:
            raise AssertionError("leadership has not come back")
        beside.compare(command, theirs, beside.run("quoratectl", command, env))
        beside.run("etcdctl", "ctl move-leader $FIRST", env)
    etcd.stop(etcd.names[2])
    # A leader, if it was this one, is found again before anything is compared.
    machine.healthy(etcd.ports[0])
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)  # takes connections and never says a word
        env["SILENT"] = f"127.0.0.1:{silent.getsockname()[1]}"
        beside.same(commands.ONE_DEAD, env, race=True)


def main():
    ctl, group = sys.argv[1:]
    with cluster.Cluster("etcd") as machine:
        beside = Beside(machine, ctl)
        {"reads": reads, "arguments": arguments, "writes": writes, "members": members, "three": three}[group](beside, machine)
    print(f"{group}: {beside.compared} command lines compared, {len(beside.failures)} differ")
    sys.exit(1 if beside.failures or beside.compared == 0 else 0)


if __name__ == "__main__":
    main()
