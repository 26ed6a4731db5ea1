#!/usr/bin/env python3
"""Plays one session of a transcript, compared word by word.

    run_session.py SERVER TRANSCRIPT SECTION          stock etcdctl drives SERVER, which is quorated
    run_session.py etcd TRANSCRIPT SECTION CLIENT     CLIENT, which is quoratectl, drives stock etcd
"""

import os
import re
import shlex
import shutil
import socket
import sys
import time

import cluster
import compare
import sessions
import transcript

HERE = os.path.dirname(os.path.abspath(__file__))


class Player:
    def __init__(self, name, group, machine, client=None):
        self.name = name
        self.machine = machine
        self.ctl = client  # on trial in etcdctl's place; None: the server is on trial
        self.steps = [s for s in transcript.read(os.path.join(HERE, "transcripts", name + ".txt")) if s.section in group]
        for step in self.steps:
            step.text = sessions.expand(step)
        text = "\n".join(s.text for s in self.steps)
        base = sessions.BASE_PORTS.get(name.split("-")[0])
        if base is not None:
            text += "".join(f" 127.0.0.1:{base + i}" for i in range(6))
        captured = sorted({int(p) for p in re.findall(r"127\.0\.0\.1:(\d{5})", text)})
        self.names = compare.Names(dict(zip(captured, cluster.free_ports(len(captured)))))
        self.paused = set()
        self.client = {}  # member -> its client port here
        self.starts = {}
        self.added_at = None
        self.last_start = None
        self.log_from = 0
        self.reasons = []  # what a server said that has just ended by itself with an error
        self.failures = []
        self.skipped = []

    def fail(self, step, problems):
        self.failures.append(f"{self.name}.txt:{step.line}: $ {step.text}\n" + "\n".join(problems))
        print(self.failures[-1], flush=True)

    # Servers -------------------------------------------------------------------------------------

    def start(self, step):
        args = shlex.split(self.names.to_here(step.text.split(" > ")[0]))[1:]
        flags = dict(zip(args, args[1:]))
        member = flags["--name"]
        number = self.starts.get((step.section, member), 0)
        self.starts[(step.section, member)] = number + 1
        self.last_start = (self.name.split("-")[0], step.section, member, number)
        self.log_from = self.machine.log_size(member)
        if member in self.machine.running:
            self.machine.kill(member, cluster.SIGNALS["KILL"])
        if "--listen-client-urls" not in flags or member.startswith("bad") or member == "infra6":
            self.machine.start(member, args)
            return
        port = int(flags["--listen-client-urls"].rsplit(":", 1)[1])
        self.client[member] = port
        captured = dict(zip(shlex.split(step.text), shlex.split(step.text)[1:]))
        if flags.get("--initial-cluster-state") == "new" and captured["--initial-cluster"].count("=") == 1:
            self.names.bind_bootstrap(captured["--initial-advertise-peer-urls"])
        elif self.name.startswith("01") and number == 0 and step.section == "1":
            self.names.bind_members([m.split("=")[1] for m in captured["--initial-cluster"].split(",")],
                                    captured["--initial-cluster-token"])
        if (self.name.split("-")[0], step.section, member) in sessions.EMPTIED:
            shutil.rmtree(os.path.join(self.machine.directory, flags["--data-dir"]), ignore_errors=True)
        self.machine.start(member, args)
        if self.last_start in sessions.NOT_AWAITED:
            self.await_port(port, member)
        else:
            self.machine.serves(port)

    def start_three(self):
        """The members infra0..2 of a new cluster, led by infra0."""
        base = sessions.BASE_PORTS[self.name.split("-")[0]]
        for member in list(self.machine.running):
            self.machine.kill(member, cluster.SIGNALS["KILL"])
        urls = [f"http://127.0.0.1:{base + 2 * i + 1}" for i in range(3)]
        self.names.bind_members(urls)
        everyone = ",".join(f"infra{i}={self.names.to_here(url)}" for i, url in enumerate(urls))
        for i, url in enumerate(urls):
            member = f"infra{i}"
            client = self.names.to_here(f"http://127.0.0.1:{base + 2 * i}")
            peer = self.names.to_here(url)
            self.client[member] = int(client.rsplit(":", 1)[1])
            shutil.rmtree(os.path.join(self.machine.directory, member + ".etcd"), ignore_errors=True)
            self.machine.start(member, [
                "--name", member, "--data-dir", member + ".etcd", "--initial-advertise-peer-urls", peer,
                "--listen-peer-urls", peer, "--listen-client-urls", client, "--advertise-client-urls", client,
                "--initial-cluster", everyone, "--initial-cluster-state", "new"])
        for i in range(3):
            self.machine.healthy(self.client[f"infra{i}"])
        self.lead("infra0")

    def lead(self, member):
        """Sees to it that this member leads, as it did when the transcript was captured."""
        port = self.client[member]
        running = [self.client[m] for m in self.machine.running if m in self.client and m not in self.paused]
        everyone = ",".join(f"127.0.0.1:{p}" for p in running)
        out, _, _, _ = self.machine.shell(f"etcdctl --endpoints=127.0.0.1:{port} endpoint status")
        own = out[0].split(", ")
        if own[4] != "true":
            self.machine.shell(f"etcdctl --endpoints={everyone} move-leader {own[1]}")
        self.machine.until(f"etcdctl --endpoints=127.0.0.1:{port} endpoint status",
                           lambda out, _: out and out[0].split(", ")[4] == "true", 10, f"{member} leads")
        for other in running:
            self.machine.healthy(other)

    def await_port(self, port, member):
        for _ in range(400):
            if not self.machine.goes_on(member):
                return
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"nobody listens on port {port}")

    def kill(self, step):
        signame, member = re.match(r"kill -(\w+) \$\(pid of (\w+)\)", step.text).groups()
        if not self.client:
            self.ended = 128 + cluster.SIGNALS[signame]  # one of the session before
        elif signame in ("STOP", "CONT"):
            (self.paused.add if signame == "STOP" else self.paused.discard)(member)
            self.machine.running[member].send_signal(cluster.SIGNALS[signame])
        else:
            self.ended = self.machine.kill(member, cluster.SIGNALS[signame])

    # Notes that are expectations -----------------------------------------------------------------

    def note(self, step):
        if step.text.startswith("three members infra0..2 started"):
            self.start_three()
            time.sleep(6)
            return
        ended = re.match(r"(\w+) process ended, wait status=(\d+)", step.text)
        by_itself = re.match(r"(\w+) process exited by itself, status=(\d+)", step.text)
        goes_on = re.match(r"(\w+) process still running", step.text)
        healthy = re.match(r"(\w+) healthy (?:again )?(\d+) ms after", step.text)
        if ended and self.ended != int(ended.group(2)):
            self.fail(step, [f"  it ended with {self.ended}"])
        elif by_itself:
            status = self.machine.wait_exit(by_itself.group(1), 20)
            self.reasons = [] if status == 0 else self.machine.messages(by_itself.group(1), self.log_from)
            expected = int(by_itself.group(2))
            if self.ctl is None:
                expected = sessions.BETTER_EXITS.get(self.last_start, expected)
            if status != expected:
                self.fail(step, [f"  its status is {status} (None: it goes on)"])
        elif goes_on:
            time.sleep(2)
            if not self.machine.goes_on(goes_on.group(1)):
                self.fail(step, ["  it has ended"])
        elif healthy:
            self.machine.healthy(self.client[healthy.group(1)], limit=5)

    def log(self, step):
        """Why a server could not start is compared; all other wording of the log is ours."""
        why = re.match(r"\S+ \S+ [CE] \| etcdmain: (.*)$|(flag provided .*)$", step.text)
        if self.ctl is not None or why is None or not self.reasons or step.text.endswith("to each connected client."):
            return
        want = self.reason(why.group(1) or why.group(2))
        got = [self.reason(self.names.to_captured(text)) for text in self.reasons]
        if want not in got:
            self.fail(step, ["  expected: " + want] + ["  got:      " + text for text in got])

    @staticmethod
    def reason(text):
        """Members in the order of their IDs, so that the last that did not fit is any; the program by
        its own name."""
        members = re.findall(r"&\{ID:.*?\}\}", text)
        text = re.sub(r"&\{ID:.*\}\}(?= *\])", " ".join(sorted(members)).replace("\\", ""), text)
        text = re.sub(r"last resolver error \(.*\)$", "last resolver error", text)
        return text.replace("'etcd --help'", "'quorated --help'")

    def prepare(self, what, step):
        if what == "three members":
            self.start_three()
            return
        if what.startswith("leader "):
            self.lead(what.split()[1])
            return
        if what.endswith(" follows"):
            member = self.client[what.split()[0]]
            self.machine.until(f"etcdctl --endpoints=127.0.0.1:{member} endpoint status",
                               lambda out, _: out and re.search(r", false, false, \d+, (\d+), \1, $", out[0]), 10, what)
            time.sleep(0.5)
            return
        if what == "connected":
            time.sleep(6)
            return
        port = self.client["infra1"]
        if what == "no leader":
            limit = 40 if step.section == "I" else 15
            self.machine.until(f"etcdctl --endpoints=127.0.0.1:{port} endpoint status",
                               lambda out, _: out and out[0].endswith("etcdserver: no leader"), limit, what)
        elif what == "a second begins":
            while time.time() % 1 > 0.05:
                time.sleep(0.005)

    # Commands ------------------------------------------------------------------------------------

    def curl(self, command):
        """Stands in for curl -s -i, so that its version does not matter: the answer as it came."""
        limit = float(re.search(r"-m (\d+)", command).group(1)) if " -m " in command else 60
        port, path = re.search(r"http://127\.0\.0\.1:(\d+)(\S*)", command).groups()
        begin = time.monotonic()
        answer = b""
        status = 0
        with socket.create_connection(("127.0.0.1", int(port)), timeout=limit) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n"
                         "Connection: close\r\n\r\n".encode())
            try:
                while piece := sock.recv(65536):
                    answer += piece
            except TimeoutError:
                status = 28
        lines = [line for line in answer.decode().split("\r\n") if line != "Connection: close"]
        return "\n".join(lines).splitlines(), [], status, time.monotonic() - begin

    def command(self, step):
        reason = sessions.skip_reason(step, self.name, self.ctl is not None)
        if reason is not None:
            self.skipped.append(f"{self.name}.txt:{step.line}: {step.text[:70]}: {reason}")
            return
        what = sessions.before(step, self.name)
        if what is not None:
            self.prepare(what, step)
        text = self.names.to_here(step.text)
        better = sessions.BETTER.get((self.name.split("-")[0], step.section, step.text))
        if better is not None and self.ctl is None:
            step.out, step.err, step.exit, step.elapsed = better
        if text.startswith("curl "):
            out, err, status, seconds = self.curl(text)
        else:
            out, err, status, seconds = self.machine.shell(text, client=self.ctl)
        if self.ctl is not None:
            step.err = compare.without_client_log(step.err)
        if "member add" in text:
            self.added_at = time.monotonic()
        problems = compare.differences(self.names, step.text, (step.out, step.err), (out, err),
                                       sessions.race(step, self.name))
        if status != step.exit:
            problems.append(f"  exit status {status}, not {step.exit}")
        low, high = sessions.wait_range(step)
        if not low <= seconds <= high:
            problems.append(f"  took {seconds:.2f} s, not {low:.2f} to {high:.2f} s")
        if problems:
            self.fail(step, problems)

    def poll(self, steps):
        """Session J: the old leader goes on leading for one to two election timeouts."""
        led = [int(re.match(r"t=(\d+)ms", s.text).group(1)) for s in steps if ", true, false, " in s.text]
        port = self.client["infra1"]
        self.machine.until(f"etcdctl --endpoints=127.0.0.1:{port} endpoint status",
                           lambda out, _: out and out[0].endswith("etcdserver: no leader"), 10, "it steps down")
        seconds = time.monotonic() - self.added_at
        if not 1.0 <= seconds <= led[-1] / 1000 + 1.0:
            self.fail(steps[-1], [f"  it stepped down {seconds:.2f} s after the add"])

    def stop_all(self):
        for member in sorted(self.machine.running):
            status = self.machine.kill(member, cluster.SIGNALS["TERM"])
            if status != 143:
                self.failures.append(f"{member} ended with {status} after SIGTERM")
        if self.ctl is None:
            self.failures += self.machine.broken_promises()
        for line in self.failures:
            print(line)

    def play(self):
        polls = []
        for step in self.steps:
            if polls and step.kind != "poll":
                self.poll(polls)
                polls = []
            if step.kind == "poll":
                polls.append(step)
            elif not (step.kind == "note" and re.match(sessions.LOG_NOTES, step.text)):
                getattr(self, step.kind)(step)
        if self.failures:
            print(self.machine.logs(40))


def main():
    server, name, first, *client = sys.argv[1:]
    group = next(g for n, f, g in sessions.SESSIONS if (n, f) == (name, first))
    with cluster.Cluster(server) as machine:
        player = Player(name, group, machine, *client)
        try:
            player.play()
            if not player.failures:
                player.stop_all()
        except TimeoutError as error:
            player.failures.append(str(error))
            print(error)
    for line in player.skipped:
        print("skipped:", line)
    commands = sum(s.kind == "command" for s in player.steps)
    print(f"{name} {first}: {commands - len(player.skipped)} of {commands} commands compared, {len(player.failures)} differ")
    sys.exit(1 if player.failures else 0)


if __name__ == "__main__":
    main()
