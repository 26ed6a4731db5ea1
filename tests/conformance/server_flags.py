#!/usr/bin/env python3
"""Wrong command lines of a server: stock etcd and quorated say the same, and end with the same status.

    server_flags.py SERVER
"""

import os
import re
import subprocess
import sys
import tempfile

# (variables, arguments)
CASES = [
    ({}, ["--no-such-flag"]),
    ({}, ["--no-such-flag=1"]),
    ({}, ["-no-such-flag"]),
    ({}, ["stray"]),
    ({}, ["--name", "a", "stray"]),
    ({}, ["--name"]),
    ({}, ["--pre-vote=maybe"]),
    ({}, ["--strict-reconfig-check=2"]),
    ({}, ["--initial-election-tick-advance=x"]),
    ({}, ["--heartbeat-interval", "x"]),
    ({}, ["--heartbeat-interval=-1x"]),
    ({}, ["--heartbeat-interval", "0"]),
    ({}, ["--heartbeat-interval", "300"]),
    ({}, ["--election-timeout", "x"]),
    ({}, ["--election-timeout", "0"]),
    ({}, ["--election-timeout", "499"]),
    ({}, ["--election-timeout", "50001"]),
    ({}, ["--snapshot-count", "x"]),
    ({}, ["--max-request-bytes", "x"]),
    ({}, ["--max-request-bytes=-1"]),
    ({}, ["--grpc-keepalive-min-time", "5"]),
    ({}, ["--grpc-keepalive-interval", "x"]),
    ({}, ["--grpc-keepalive-timeout", "1y"]),
    ({}, ["--listen-client-urls", "http://127.0.0.1:1"]),
    ({"ETCD_NAME": "a"}, ["--name", "b"]),
    ({"ETCD_NAME": ""}, ["--name", "b"]),
    ({"ETCD_HEARTBEAT_INTERVAL": "x"}, []),
    ({"ETCD_PRE_VOTE": "maybe"}, []),
    ({"ETCD_ELECTION_TIMEOUT": "1"}, []),
    ({"ETCD_LISTEN_CLIENT_URLS": "http://127.0.0.1:1"}, []),
]


def said(text):
    """The one line that says what is wrong: etcd's has a time and a module in front."""
    for line in text.splitlines():
        line = re.sub(r"^\d{4}-\d\d-\d\d [\d:.]+ [CE] \| (?:etcdmain|pkg/flags): ", "", line)
        line = re.sub(r"^error verifying flags, (.*)\. See '\w+ --help'\.$", r"\1", line)
        if not re.match(r"\d{4}-\d\d-\d\d |\[WARNING\] ", line):
            return line
    return ""


def run(program, variables, arguments, directory):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ETCD")}
    done = subprocess.run([program, *arguments], env={**env, **variables}, cwd=directory, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30, check=False)
    return said((done.stderr + done.stdout).decode("utf-8", "replace")), done.returncode


def main():
    server = os.path.abspath(sys.argv[1])
    failures = 0
    with tempfile.TemporaryDirectory(prefix="quorate-conformance-") as directory:
        for variables, arguments in CASES:
            want, got = (run(program, variables, arguments, directory) for program in ("etcd", server))
            if want != got or want[0] == "" or want[1] == 0:
                failures += 1
                print(f"{variables} {arguments}\n  etcd:     {want}\n  quorated: {got}")
    print(f"{len(CASES)} command lines compared, {failures} differ")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
