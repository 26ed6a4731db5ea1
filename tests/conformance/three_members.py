#!/usr/bin/env python3
"""Three members over sockets, started with the flags of the story's first session.

    three_members.py SERVER follower       a put through a follower is seen by all; IDs by etcd's formula
    three_members.py SERVER kill [ROUNDS]  members are killed at random moments under load: no put that was
                                           acknowledged is lost
"""

import os
import random
import sys
import threading
import time

import cluster
import compare

NAMES = ["infra0", "infra1", "infra2"]
TOKEN = "etcd-cluster-1"
WRITERS = 4


class Three:
    def __init__(self, machine):
        ports = cluster.free_ports(9)
        self.machine = machine
        self.client = dict(zip(NAMES, ports))
        self.peer = dict(zip(NAMES, ports[3:]))
        self.second = dict(zip(NAMES, ports[6:]))
        self.everyone = ",".join(f"127.0.0.1:{self.client[n]}" for n in NAMES)

    def peer_url(self, name):
        return f"http://127.0.0.1:{self.peer[name]}"

    def start(self, name):
        client = f"http://127.0.0.1:{self.client[name]}"
        self.machine.start(name, [
            "--name", name, "--data-dir", name + ".etcd",
            "--initial-advertise-peer-urls", self.peer_url(name), "--listen-peer-urls", self.peer_url(name),
            "--listen-client-urls", f"{client},http://127.0.0.1:{self.second[name]}",
            "--advertise-client-urls", client, "--initial-cluster-token", TOKEN,
            "--initial-cluster", ",".join(f"{n}={self.peer_url(n)}" for n in NAMES), "--initial-cluster-state", "new"])

    def ctl(self, endpoints, command):
        out, err, status, _ = self.machine.shell(f"etcdctl --endpoints={endpoints} {command}")
        return out, err, status

    def must(self, endpoints, command):
        out, err, status = self.ctl(endpoints, command)
        if status != 0:
            raise AssertionError(f"etcdctl {command}: exit {status}: {out} {err}\n{self.machine.logs()}")
        return out

    def leader(self):
        for line in self.must(self.everyone, "endpoint status"):
            fields = line.split(", ")
            if fields[4] == "true":
                return next(n for n in NAMES if fields[0].endswith(f":{self.client[n]}"))
        return None


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got}, expected {want}")


def check_follower(three):
    leader = three.leader()
    follower = next(n for n in NAMES if n != leader)
    expect("put through a follower", three.must(f"127.0.0.1:{three.client[follower]}", "put foo bar"), ["OK"])
    for name in NAMES:
        for port in (three.client[name], three.second[name]):
            expect(f"get from {name}", three.must(f"127.0.0.1:{port}", "get foo"), ["foo", "bar"])
    ids = {n: compare.member_id([three.peer_url(n)], TOKEN) for n in NAMES}
    rows = [f"{ids[n]:x}, started, {n}, {three.peer_url(n)}, http://127.0.0.1:{three.client[n]}, false"
            for n in sorted(NAMES, key=ids.get)]
    expect("member list", three.must(three.everyone, "member list"), rows)
    head = three.must(three.everyone, "get foo -w json")[0]
    if f'"cluster_id":{compare.cluster_id(ids.values())},' not in head:
        raise AssertionError(f"not the cluster ID of the formula: {head}")


class Load:
    """Writers that put keys of their own; what was acknowledged is remembered."""

    def __init__(self, three):
        self.three = three
        self.acknowledged = set()
        self.unknown = 0
        self.stop = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.write, args=(w,)) for w in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        count = 0
        while not self.stop:
            key = f"load/{writer}/{count:06d}"
            count += 1
            out, _, status = self.three.ctl(self.three.everyone, f"put {key} {count} --command-timeout=3s")
            with self.lock:
                if status == 0 and out == ["OK"]:
                    self.acknowledged.add(key)
                else:
                    self.unknown += 1

    def goes_on(self, when, count=10, limit=30):
        """Waits for some more acknowledged puts: every kill strikes a cluster that is at work."""
        target = len(self.acknowledged) + count
        end = time.monotonic() + limit
        while len(self.acknowledged) < target:
            if time.monotonic() > end:
                raise AssertionError(f"{when}: no {count} puts in {limit} s\n{self.three.machine.logs()}")
            time.sleep(0.01)

    def finish(self):
        self.stop = True
        for thread in self.threads:
            thread.join()


def lost(three, acknowledged):
    """Acknowledged keys that some member does not have, by member."""
    result = {}
    for name in NAMES:
        endpoint = f"127.0.0.1:{three.client[name]}"
        there = set(three.must(endpoint, "get load/ --prefix --keys-only --command-timeout=20s"))
        if acknowledged - there:
            result[name] = sorted(acknowledged - there)
    return result


def check_kill(three, rounds, seed):
    rng = random.Random(seed)
    load = Load(three)
    try:
        for number in range(rounds):
            load.goes_on(f"round {number}")
            time.sleep(rng.uniform(0, 0.3))
            # Mostly one; now and then two, or all of them, as when the power fails.
            victims = rng.sample(NAMES, rng.choices([1, 2, 3], weights=[7, 2, 1])[0])
            for name in victims:
                status = three.machine.kill(name, cluster.SIGNALS["KILL"])
                expect(f"round {number}: the status of {name}", status, 137)
            time.sleep(rng.choice([0, 0, rng.uniform(0, 0.5)]))
            for name in victims:
                three.start(name)
            for name in victims:
                three.machine.healthy(three.client[name], limit=30)
        load.goes_on("after the last round")
    finally:
        load.finish()
    missing = lost(three, load.acknowledged)
    print(f"seed {seed}: {rounds} rounds, {len(load.acknowledged)} puts acknowledged, {load.unknown} unknown")
    if missing:
        raise AssertionError(f"acknowledged and lost: {missing}\n{three.machine.logs()}")


def main():
    server, what, *rest = sys.argv[1:]
    with cluster.Cluster(server) as machine:
        three = Three(machine)
        for name in NAMES:
            three.start(name)
        for name in NAMES:
            machine.healthy(three.client[name])
        if what == "follower":
            check_follower(three)
        else:
            seed = int(os.environ.get("QUORATE_SEED", random.randrange(1 << 32)))
            print(f"seed {seed}", flush=True)
            check_kill(three, int(rest[0]) if rest else 50, seed)
        for name in NAMES:
            expect(f"{name} after SIGTERM", machine.kill(name, cluster.SIGNALS["TERM"]), 143)
        expect("what no log may say", machine.broken_promises(), [])


if __name__ == "__main__":
    main()
