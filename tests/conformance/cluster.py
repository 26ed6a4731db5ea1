"""Servers of a test: started, watched, killed; all on 127.0.0.1, on ports found free at run time."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_ports(count):
    """Below the range from which the system takes ports for outgoing connections."""
    ports = []
    while len(ports) < count:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


class Cluster:
    def __init__(self, server):
        self.server = os.path.abspath(server) if "/" in server else server
        # Stock etcd is not on trial: on a disk that many tests share, its syncs may take a minute.
        memory = "/dev/shm" if server == "etcd" and os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="quorate-conformance-", dir=memory)
        self.running = {}
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ETCD", "QUORATE"))}
        self.env["ETCDCTL_API"] = "3"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, name, args, wrapper=()):
        with open(os.path.join(self.directory, name + ".log"), "ab") as log:
            self.running[name] = subprocess.Popen([*wrapper, self.server, *args], cwd=self.directory, env=self.env,
                                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, name, signum):
        """Returns the status as a shell has it."""
        process = self.running.pop(name)
        process.send_signal(signum)
        return self._status(process.wait(timeout=60))

    def wait_exit(self, name, limit):
        """Returns the status, or None if it goes on after `limit` seconds."""
        try:
            status = self._status(self.running[name].wait(timeout=limit))
        except subprocess.TimeoutExpired:
            return None
        del self.running[name]
        return status

    def goes_on(self, name):
        return self.running[name].poll() is None

    @staticmethod
    def _status(code):
        return code if code >= 0 else 128 - code

    def shell(self, command, limit=120, client=None):
        """Returns (output lines, error lines, status, seconds). client: what stands in for etcdctl."""
        if client is not None:
            command = re.sub(r"\betcdctl(?= -)", os.path.abspath(client), command)
        begin = time.monotonic()
        done = subprocess.run(["sh", "-c", command], cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=limit, check=False)
        seconds = time.monotonic() - begin
        out = done.stdout.decode("utf-8", "replace").splitlines()
        err = done.stderr.decode("utf-8", "replace").splitlines()
        return out, err, done.returncode, seconds

    def until(self, command, good, limit, what):
        """Runs the command until good(out, status); returns the seconds that it took."""
        begin = time.monotonic()
        while True:
            out, _, status, _ = self.shell(command)
            if good(out, status):
                return time.monotonic() - begin
            if time.monotonic() - begin > limit:
                raise TimeoutError(f"{what}: not within {limit} s; last: {out} {status}\n{self.logs()}")
            time.sleep(0.05)

    def healthy(self, port, limit=20):
        return self.until(f"etcdctl --endpoints=127.0.0.1:{port} endpoint health --command-timeout=1s",
                          lambda _, status: status == 0, limit, f"health of 127.0.0.1:{port}")

    def serves(self, port, limit=20):
        """Healthy, or a learner, which refuses the read that health is."""
        def good(out, status):
            return status == 0 and out and (out[0].split(", ")[5] == "true" or self.shell(
                f"etcdctl --endpoints=127.0.0.1:{port} endpoint health --command-timeout=1s")[2] == 0)
        return self.until(f"etcdctl --endpoints=127.0.0.1:{port} endpoint status --command-timeout=1s", good, limit,
                          f"127.0.0.1:{port} serves")

    def log_size(self, name):
        path = os.path.join(self.directory, name + ".log")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def messages(self, name, offset):
        """What a server has said since its log had that size."""
        with open(os.path.join(self.directory, name + ".log"), "rb") as file:
            file.seek(offset)
            lines = file.read().decode("utf-8", "replace").splitlines()
        return [json.loads(line)["msg"] if line.startswith("{") else line for line in lines]

    def broken_promises(self):
        """Lines of the servers' logs that no run may have: a clean stop gives all memory back."""
        found = []
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as file:
                    found += [f"{name}: {line.rstrip()}" for line in file
                              if any(word in line for word in ("has not freed all memory", "assertion failed", "ERROR: "))]
        return found

    def logs(self, lines=12, without="\0"):
        """The last lines of each server's log, but for those with these words."""
        text = ""
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as file:
                    text += f"--- {name}\n" + "".join([line for line in file if without not in line][-lines:])
        return text


SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL, "STOP": signal.SIGSTOP, "CONT": signal.SIGCONT}
