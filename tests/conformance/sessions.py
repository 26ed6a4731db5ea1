"""What each session of the transcripts needs beside its text: where the captured one waited, and
which of its lines are not played."""

import re

# Lines that are not played, by why. (transcript, section, beginning of the text)
SKIPPED = {
    "leases come later": [
        ("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 lease grant"),
        ("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 lease list"),
    ],
    "compaction comes later": [("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 compaction")],
    "hashkv comes later": [("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 endpoint hashkv")],
    "metrics come later": [("03", "A3", "curl -s http://127.0.0.1:23810/metrics")],
    "snapshots come later": [("03", "A4", "etcdctl --endpoints=127.0.0.1:23810 snapshot save")],
    "watches come later": [("03", "A4", "timeout 3 etcdctl --endpoints=127.0.0.1:23810 watch")],
    "it only looks at the server's log": [("03", "A5", "(time timeout 8 etcd ")],
}

# The wording of the log is ours: `| ` lines and the notes that introduce them are not compared.
LOG_NOTES = r"\w+\.log lines matching "

# (transcript, first section, sections)
SESSIONS = [
    ("03-one-member-stall", "A", ["A", "A1", "A2", "A3", "A4", "A5", "A6", "A7"]),
    ("03b-one-member-nonstrict-forcenew", "B", ["B"]),
    ("03c-one-member-variants", "D", ["D"]),
    ("03c-one-member-variants", "E", ["E", "F", "F2", "F3"]),
    ("03c-one-member-variants", "G", ["G"]),
    ("03c-one-member-variants", "H", ["H"]),
    ("03c-one-member-variants", "I", ["I"]),
    ("03c-one-member-variants", "J", ["J"]),
    ("03c-one-member-variants", "K", ["K", "K2"]),
]

# Starts after which nobody waits for health: (transcript, section, member, n-th start of it there).
NOT_AWAITED = {
    ("03", "A5", "infra1", 0),  # it has no quorum
    ("03", "A6", "infra1", 0),  # likewise, until infra2 runs
    ("03", "A6", "infra2", 0),  # a note of the transcript waits
    ("03c", "D", "infra2", 0),  # it ends by itself
    ("03c", "E", "infra1", 1),  # it has no quorum
    ("03c", "K", "infra2", 0),  # it does not belong to the cluster
}

# What has to have happened before a command: (transcript, section, beginning of its text, n-th) -> what.
BEFORE = {
    ("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 member list", 0): "no leader",
    # A change needs members that have been connected for 5 s.
    ("03", "A7", "etcdctl --endpoints=127.0.0.1:23810 member remove d8812d7cd4d463e", 0): "connected",
    ("03b", "B", "etcdctl --endpoints=127.0.0.1:23820 member add infra3", 1): "no leader",
    ("03c", "D", "etcdctl --endpoints=127.0.0.1:23810 get pending --consistency=s", 0): "no leader",
    ("03c", "F", "etcdctl --endpoints=127.0.0.1:23810 member add infra3", 0): "connected",
    ("03c", "F3", "etcdctl --endpoints=127.0.0.1:23810 member list", 0): "connected",
    # An ID is made of a URL and a second.
    ("03c", "G", "etcdctl --endpoints=127.0.0.1:23810 member add infra2", 0): "a second begins",
    ("03c", "H", "etcdctl --endpoints=127.0.0.1:23810 endpoint status", 0): "no leader",
    ("03c", "I", "etcdctl --endpoints=127.0.0.1:23810 put k v --command-timeout=60s", 0): "no leader",
}

# Requests that a leader took before it lost its quorum.
LOST_RACES = {
    ("03b", "B", "etcdctl --endpoints=127.0.0.1:23820 member add infra3"),
    ("03c", "D", "etcdctl --endpoints=127.0.0.1:23810 member remove"),
    ("03c", "D", "etcdctl --endpoints=127.0.0.1:23810 put pending"),
    ("03c", "E", "etcdctl --endpoints=127.0.0.1:23810 put pending"),
    ("03c", "F2", "etcdctl --endpoints=127.0.0.1:23810 put k v3"),
}

# Starts before which the captured session emptied the data directory, unseen.
EMPTIED = {("03c", "K2", "infra2")}


def key(step, transcript):
    return transcript.split("-")[0], step.section


def skip_reason(step, transcript):
    for reason, entries in SKIPPED.items():
        for name, section, text in entries:
            if key(step, transcript) == (name, section) and step.text.startswith(text):
                return reason
    return None


def before(step, transcript):
    for (name, section, text, nth), what in BEFORE.items():
        if key(step, transcript) == (name, section) and step.text.startswith(text) and step.nth == nth:
            return what
    return None


def race(step, transcript):
    """Which texts may stand for one another at the end of a wait (see compare.RACES)."""
    if any(key(step, transcript) == (n, s) and step.text.startswith(t) for n, s, t in LOST_RACES):
        return "lost"
    if " member promote " in step.text:
        return "promote"
    timeout = re.search(r"--command-timeout=(\w+)", step.text)
    # The server's own limit, 7 s, comes before a longer deadline; but changes of members have none,
    # and a read that was tried again meets the deadline at last. (I: the limit is 15 s.)
    unlimited = any(word in step.text for word in (" member ", " get "))
    if timeout is None or unlimited or timeout.group(1) in ("200ms", "300ms", "9s"):
        return "deadline"
    return None


def wait_range(elapsed):
    """Waits are ranges: a deadline is never early, and a loaded machine is late."""
    if elapsed < 0.2:
        return 0, 4
    return elapsed - 0.15, elapsed * 1.1 + 4
