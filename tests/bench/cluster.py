"""Clusters that the benchmarks run."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    """Members of one program on loopback, in a directory of their own."""

    def __init__(self, name, program, members=3, flags=()):
        self.name = name
        self.program = program
        self.dir = tempfile.mkdtemp(prefix="bench-")
        ports = free_ports(2 * members)
        self.clients = [f"127.0.0.1:{p}" for p in ports[:members]]
        self.peers = [f"http://127.0.0.1:{p}" for p in ports[members:]]
        self.processes = [None] * members
        self.start_all(flags)

    def start_all(self, flags=()):
        for i in range(len(self.clients)):
            self.start(i, flags)
        self.leader = self.wait_for_leader()

    def start(self, i, flags=()):
        url = "http://" + self.clients[i]
        initial = ",".join(f"m{j}={peer}" for j, peer in enumerate(self.peers))
        with open(self.log(i), "a") as log:
            self.processes[i] = subprocess.Popen(
                [self.program, "--name", f"m{i}", "--data-dir", self.data(i),
                 "--listen-peer-urls", self.peers[i], "--initial-advertise-peer-urls", self.peers[i],
                 "--listen-client-urls", url, "--advertise-client-urls", url,
                 "--initial-cluster", initial, "--log-level", "error", *flags], stdout=log, stderr=log)

    def log(self, i):
        return os.path.join(self.dir, f"m{i}.log")

    def data(self, i):
        return os.path.join(self.dir, f"m{i}")

    def etcdctl(self, *args):
        env = dict(os.environ, ETCDCTL_API="3")
        return subprocess.run(["etcdctl", *args], capture_output=True, text=True, env=env)

    def wait_for_leader(self):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for endpoint in self.clients:
                out = self.etcdctl("--endpoints=" + endpoint, "--command-timeout=1s", "endpoint", "status", "-w", "json")
                if out.returncode == 0:
                    status = json.loads(out.stdout)[0]["Status"]
                    if status.get("leader") and status["leader"] == status["header"]["member_id"]:
                        return endpoint
        sys.exit(f"{self.name} has no leader after 30 s; see {self.dir}")

    def revision(self):
        out = self.etcdctl("--endpoints=" + self.leader, "get", "none", "-w", "json")
        return json.loads(out.stdout)["header"]["revision"]

    def end(self, sig):
        for p in self.processes:
            p.send_signal(sig)
        for p in self.processes:
            p.wait()

    def stop(self):
        self.end(signal.SIGKILL)
        shutil.rmtree(self.dir)
