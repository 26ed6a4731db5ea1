#!/usr/bin/env python3
"""One history, written to quorated and to stock etcd: the same answers to compactions and to reads of
old revisions, and the same HashKV at every revision that still has one.

    hash_kv.py SERVER [SEED [STEPS]]
"""

import json
import random
import sys

import cluster

KEYS = 6


class Side:
    """One member of one program."""

    def __init__(self, machine):
        self.machine = machine
        client, peer = cluster.free_ports(2)
        self.port = client
        urls = [f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"]
        machine.start("m0", ["--name", "m0", "--data-dir", "m0.etcd", "--listen-client-urls", urls[0],
                             "--advertise-client-urls", urls[0], "--listen-peer-urls", urls[1],
                             "--initial-advertise-peer-urls", urls[1], "--initial-cluster", "m0=" + urls[1]])
        machine.healthy(client)

    def run(self, command):
        """What a person sees of it: output, the last line of what went wrong, status."""
        out, err, status, _ = self.machine.shell(f"etcdctl --endpoints=127.0.0.1:{self.port} {command}")
        return out, err[-1:], status

    def hash(self, revision):
        out, err, status, _ = self.machine.shell(
            f"etcdctl --endpoints=127.0.0.1:{self.port} endpoint hashkv --rev={revision} -w json --command-timeout=2s")
        if status != 0 or not json.loads(out[0] if out else "[]"):
            return status, [line.split(" (", 1)[-1] for line in err[-1:]]
        answer = json.loads(out[0])[0]["HashKV"]
        return answer["hash"], answer["compact_revision"], answer["header"]["revision"]


def command(rng, revision):
    """The next line of the history; revision: about where the store is."""
    kind = rng.randrange(100)
    key = f"key{rng.randrange(KEYS)}"
    if kind < 50:
        return f"put {key} {'x' * rng.randrange(200)}value{rng.randrange(1000)}"
    if kind < 72:
        return f"del {key}"
    if kind < 77:
        return "del key --prefix"
    if kind < 88:
        return f"compaction --physical {rng.randrange(max(revision - 8, 0), revision + 2)}"
    return f"get key --prefix --rev={rng.randrange(max(revision - 12, 0), revision + 2)}"


def compare(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"{what}:\n  quorated {ours}\n  etcd     {theirs}")


def main():
    server = sys.argv[1]
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 120
    hashes = 0
    with cluster.Cluster(server) as our_machine, cluster.Cluster("etcd") as their_machine:
        ours, theirs = Side(our_machine), Side(their_machine)
        compare("the hash of nothing", ours.hash(0), theirs.hash(0))
        revision, compacted = 1, -1
        for step in range(steps):
            line = command(rng, revision)
            answer = ours.run(line)
            compare(f"step {step}, {line}", answer, theirs.run(line))
            newest = ours.hash(0)
            compare(f"step {step}, after {line}: hashkv", newest, theirs.hash(0))
            _, compacted, revision = newest
            if step % 10 == 9:
                for at in range(max(compacted - 1, 1), revision + 2):
                    got = ours.hash(at)
                    compare(f"step {step}, after {line}: hashkv --rev={at}", got, theirs.hash(at))
                    hashes += 1
        if compacted < 10 or hashes < steps // 2:
            sys.exit(f"too little happened: compacted {compacted}, {hashes} old hashes")
        ours.machine.kill("m0", 15)
        broken = our_machine.broken_promises()
        if broken:
            sys.exit("\n".join(broken))
        print(f"{steps} steps to revision {revision}, compacted at {compacted}, {hashes} hashes of old revisions: the same")


if __name__ == "__main__":
    main()
