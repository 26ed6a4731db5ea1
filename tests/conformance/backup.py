#!/usr/bin/env python3
"""Backups over sockets: stock etcdctl saves one of quorated, quoratectl reads and restores it, and the
restored cluster serves stock etcdctl. Outputs and exits are those of the transcripts (02-operations,
snapshot; 03b, C2), but for numbers that are our own.

    backup.py SERVER CLIENT
"""

import hashlib
import json
import os
import re
import sys

import cluster


class Backup:
    def __init__(self, machine, client):
        self.machine = machine
        self.client = os.path.abspath(client)
        self.ports = cluster.free_ports(8)
        self.failures = 0

    def start(self, name, at, *more):
        client, peer = (f"http://127.0.0.1:{p}" for p in self.ports[2 * at:2 * at + 2])
        self.machine.start(name, ["--name", name, "--data-dir", name + ".etcd", "--listen-client-urls", client,
                                  "--advertise-client-urls", client, "--listen-peer-urls", peer,
                                  "--initial-advertise-peer-urls", peer, *more])
        return self.ports[2 * at]

    def peer(self, at):
        return f"http://127.0.0.1:{self.ports[2 * at + 1]}"

    def check(self, command, status, out=None, err=None):
        """Both are patterns for the whole output, without the lines of etcdctl's own log."""
        text = re.sub(r"^quoratectl", self.client, command)
        got_out, got_err, got_status, _ = self.machine.shell(text)
        got_err = "\n".join(line for line in got_err if not line.startswith("{"))
        got_out = "\n".join(got_out)
        wrong = got_status != status
        wrong = wrong or (out is not None and re.fullmatch(out, got_out) is None)
        wrong = wrong or (err is not None and re.fullmatch(err, got_err) is None)
        if wrong:
            self.failures += 1
            print(f"$ {command}\n  exit {got_status}, out {got_out!r}, err {got_err!r}\n  want {status}, {out!r}, {err!r}")
        return got_out

    def save(self):
        at = f"--endpoints=127.0.0.1:{self.start('x', 0, '--initial-cluster', 'x=' + self.peer(0))}"
        self.machine.healthy(self.ports[0])
        for i in range(100):
            self.machine.shell(f"etcdctl {at} put key{i % 10} value{i}")
        self.machine.shell(f"etcdctl {at} del key0")
        # The unstarted member stalls the cluster: a snapshot needs no quorum.
        self.machine.shell(f"etcdctl {at} member add y --peer-urls={self.peer(1)}")
        self.machine.until(f"etcdctl {at} endpoint status", lambda out, _: out and out[0].endswith("no leader"), 10, "the stall")
        self.check(f"etcdctl {at} snapshot save s.db", 0, "Snapshot saved at s.db", "")
        self.check(f"quoratectl {at} snapshot save t.db", 0, "Snapshot saved at t.db", "")
        two = f"127.0.0.1:{self.ports[0]},127.0.0.1:{self.ports[2]}"
        words = re.escape("Error: snapshot must be requested to one selected node, not multiple [" + two.replace(",", " ") + "]")
        for program in ("etcdctl", "quoratectl"):
            self.check(f"{program} --endpoints={two} snapshot save u.db", 5, "", words)
        self.machine.kill("x", cluster.SIGNALS["TERM"])
        files = [name for name in os.listdir(self.machine.directory) if ".db" in name]
        if sorted(files) != ["s.db", "t.db"]:
            self.failures += 1
            print("there is more or less than what was saved:", files)
        data = open(os.path.join(self.machine.directory, "s.db"), "rb").read()
        if len(data) % 512 != 32 or hashlib.sha256(data[:-32]).digest() != data[-32:]:
            self.failures += 1
            print("the hash is not behind the snapshot, as etcd has it")
        return data

    def status(self, data):
        size = len(data) - 32
        text = self.check("quoratectl snapshot status s.db", 0, r"[0-9a-f]{1,8}, 102, 9, [\d.]+ kB", "")
        number = int(text.split(",")[0], 16)
        self.check("quoratectl snapshot status t.db", 0, re.escape(text), "")  # the same keys, the same number
        table = self.check("quoratectl snapshot status s.db -w table", 0)
        want = "".join(("| {:>8} | {:>8} | {:>10} | {:>10} |".format(*text.split(", ")),))
        if want not in table or "|   HASH   | REVISION | TOTAL KEYS | TOTAL SIZE |" not in table:
            self.failures += 1
            print("not a table as etcd has it:\n" + table)
        got = json.loads(self.check("quoratectl snapshot status s.db -w json", 0))
        if got != {"hash": number, "revision": 102, "totalKey": 9, "totalSize": size}:
            self.failures += 1
            print("not the JSON:", got)
        self.check("quoratectl snapshot status s.db -w fields", 0,
                   f'"Hash" : {number}\n"Revision" : 102\n"Keys" : 9\n"Size" : {size}', "")
        for program in ("etcdctl", "quoratectl"):
            self.check(f"{program} snapshot status nofile.db", 1, "", "Error: stat nofile.db: no such file or directory")
            self.check(f"{program} snapshot status", 128, "", "Error: snapshot status requires exactly one argument")
            self.check(f"{program} snapshot save", 128, "", "Error: snapshot save expects one argument")
            self.check(f"{program} snapshot restore", 128, "", "Error: snapshot restore requires exactly one argument")
            self.check(f"{program} snapshot restore nofile.db --data-dir n.etcd", 1, "", "Error: open nofile.db: no such file or directory")

    def restore(self, data):
        everyone = ",".join(f"r{i}={self.peer(i)}" for i in range(3))

        def command(i, file, more=""):
            return (f"quoratectl snapshot restore {file} --name r{i} --data-dir r{i}.etcd --initial-cluster {everyone} "
                    f"--initial-advertise-peer-urls {self.peer(i)} --initial-cluster-token tok2 {more}")

        with open(os.path.join(self.machine.directory, "bare.db"), "wb") as file:
            file.write(data[:-32])
        with open(os.path.join(self.machine.directory, "bad.db"), "wb") as file:
            file.write(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
        with open(os.path.join(self.machine.directory, "rotten.db"), "wb") as file:
            file.write(data[:800] + bytes([data[800] ^ 1]) + data[801:])
        self.check(command(0, "bare.db"), 1, "", "Error: snapshot missing hash but --skip-hash-check=false")
        self.check(command(0, "bad.db"), 1, "", r"Error: expected sha256 \[[\d ]+\], got \[[\d ]+\]")
        self.check(command(0, "rotten.db", "--skip-hash-check"), 1, "", r"Error: .* \(at offset \d+\)")
        if os.path.exists(os.path.join(self.machine.directory, "r0.etcd")):
            self.failures += 1
            print("a refused restore has left a directory")
        for i in range(3):
            self.check(command(i, "s.db"), 0, "", r"restored s\.db as r\d\.etcd: .*")
        self.check(command(0, "s.db"), 1, "", 'Error: data-dir "r0.etcd" exists')
        for i in range(3):
            self.start(f"r{i}", i)
        for i in range(3):
            self.machine.healthy(self.ports[2 * i])
        at = f"--endpoints=127.0.0.1:{self.ports[2]}"
        self.check(f"etcdctl {at} get key9", 0, "key9\nvalue99")
        self.check(f"etcdctl {at} get key0", 0, "")
        self.check(f"etcdctl {at} get key1 --rev=3", 0, "key1\nvalue1")
        members = self.check(f"etcdctl {at} member list", 0)
        if len(members.splitlines()) != 3 or members.count(", started, r") != 3:
            self.failures += 1
            print("not the members of --initial-cluster:\n" + members)
        answer = json.loads(self.check(f"etcdctl {at} put new 1 -w json", 0))
        if answer["header"]["revision"] != 103:
            self.failures += 1
            print("revisions do not go on:", answer)
        for i in range(3):
            self.machine.kill(f"r{i}", cluster.SIGNALS["TERM"])


def main():
    server, client = sys.argv[1:]
    with cluster.Cluster(server) as machine:
        backup = Backup(machine, client)
        data = backup.save()
        backup.status(data)
        backup.restore(data)
        for line in machine.broken_promises():
            backup.failures += 1
            print(line)
        if backup.failures:
            print(machine.logs(20))
    print(f"{backup.failures} differ")
    sys.exit(1 if backup.failures else 0)


if __name__ == "__main__":
    main()
