"""What each session of the transcripts needs beside its text: where the captured one waited, and
which of its lines are not played."""

import re

# Lines that are not played, by why. (transcript, section, beginning of the text)
SKIPPED = {
    "leases come later": [
        ("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 lease grant"),
        ("03", "A3", "etcdctl --endpoints=127.0.0.1:23810 lease list"),
    ],
    "metrics come later": [("03", "A3", "curl -s http://127.0.0.1:23810/metrics")],
    "watches come later": [("03", "A4", "timeout 3 etcdctl --endpoints=127.0.0.1:23810 watch")],
    "an endpoint that answers nothing is asked for 90 s": [("01", "2", "curl -s -i http://127.0.0.1:23790/health")],
    "bytes of IDs and ports": [("01", "4", "etcdctl --endpoints=127.0.0.1:23790 member list -w protobuf")],
    "it is etcd's": [("01", "4", "etcd --version"), ("01", "5", "find infra0.etcd")],
    "a learner's snapshot is tried again without end": [("05", "B2", "etcdctl --endpoints=127.0.0.1:23892 snapshot save")],
    "which endpoint comes first is chance": [("05", "B2", "for i in 1 2 3 4 5 6")],
    "the JSON gateway comes later": [("05", "B2", "curl -s http://127.0.0.1:23892/v3")],
    # Differences on purpose; core/README.md has the reasons.
    "a leader that removes itself hands leadership on": [
        ("06", "F", "etcdctl --endpoints=127.0.0.1:23912,127.0.0.1:23914 endpoint status")],
    "an update keeps a learner a learner": [
        ("05b", "1", "etcdctl --endpoints=127.0.0.1:23890 member list -w table"),
        ("05b", "1", "etcdctl --endpoints=127.0.0.1:23890 member list"),
        ("05b", "1", "etcdctl --endpoints=127.0.0.1:23890 member add infra3"),
        ("05b", "1", "etcdctl --endpoints=127.0.0.1:23890,127.0.0.1:23892 endpoint status"),
        ("05b", "1", "etcdctl --endpoints=127.0.0.1:23892"),
        ("05b", "1", "etcdctl --endpoints=127.0.0.1:23890 member promote"),
    ],
    "it only looks at the server's log": [("03", "A5", "(time timeout 8 etcd ")],
}

# What quoratectl on stock etcd does not play, by why; a text may stand anywhere in a command.
SKIPPED_BY_CLIENT = {
    "quoratectl has no such command yet": [" lease ", " watch ", " txn", " defrag", " user "],
    "a learner refuses a snapshot: quoratectl says so, etcdctl asks again for ever": [" snapshot save l.db"],
    "no client is asked": ["curl ", "etcd --version", "find "],
    "it only looks at the server's log": ["(time timeout 8 etcd "],
    "bytes of IDs and ports": [" -w protobuf"],
    "which endpoint comes first is chance": ["for i in 1 2 3 4 5 6"],
}

# The wording of the log is ours: `| ` lines and the notes that introduce them are not compared.
LOG_NOTES = r"\w+\.log lines matching "

# (transcript, first section, sections)
SESSIONS = [
    ("03-one-member-stall", "A", ["A", "A1", "A2", "A3", "A4", "A5", "A6", "A7"]),
    ("03b-one-member-nonstrict-forcenew", "B", ["B", "B2", "B3", "C"]),
    ("03c-one-member-variants", "D", ["D"]),
    ("03c-one-member-variants", "E", ["E", "F", "F2", "F3"]),
    ("03c-one-member-variants", "G", ["G"]),
    ("03c-one-member-variants", "H", ["H"]),
    ("03c-one-member-variants", "I", ["I"]),
    ("03c-one-member-variants", "J", ["J"]),
    ("03c-one-member-variants", "K", ["K", "K2"]),
    ("01-bootstrap", "1", [str(n) for n in range(1, 10)]),
    ("01-bootstrap", "10", ["10"]),
    ("04-three-members-faults", "A", ["A", "B", "B1", "B2", "B3", "B4"]),
    ("04-three-members-faults", "C", ["C", "C2"]),
    ("04-three-members-faults", "D", ["D"]),
    ("04-three-members-faults", "E", ["E"]),
    ("05-learners", "A", ["A", "B", "B2", "C", "D", "E", "E2", "E3", "F"]),
    ("05-learners", "G", ["G", "H"]),
    ("05b-learner-update", "1", ["1"]),
    ("06-membership-edge-cases", "A", ["", "A", "B", "C", "D", "D2", "E", "F", "F2", "F3"]),
]

# Commands that the transcripts abridge.
SAME_URLS = ("--listen-peer-urls http://127.0.0.1:23801 --listen-client-urls http://127.0.0.1:23800 "
             "--advertise-client-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23801")
OWN_PORTS = ("--listen-peer-urls http://127.0.0.1:23901 --listen-client-urls http://127.0.0.1:23900 "
             "--advertise-client-urls http://127.0.0.1:23900 --initial-advertise-peer-urls http://127.0.0.1:23901")
INFRA6 = ",".join(f"infra{n}=http://127.0.0.1:{port}" for n, port in ((6, 23901), (5, 23899), (4, 23897), (3, 23895), (1, 23891)))

# The first client port of "three members infra0..2"; its peer port and the others follow.
BASE_PORTS = {"04": 23830, "06": 23910}

# Answers that are better than etcd's on purpose: (transcript, section, text) -> (output, errors, status, seconds).
BETTER = {
    # The others have a leader at once: nothing is lost.
    ("06", "F", "etcdctl --endpoints=127.0.0.1:23912 put k 1"): (["OK"], [], 0, 0.03),
}
# Ends of servers, likewise: (transcript, section, member, n-th start of it there) -> status.
BETTER_EXITS = {
    ("06", "D2", "infra2", 1): 1,  # refused with words; etcd panics
}

# Starts after which nobody waits for health: (transcript, section, member, n-th start of it there).
NOT_AWAITED = {
    ("03", "A5", "infra1", 0),  # it has no quorum
    ("03", "A6", "infra1", 0),  # likewise, until infra2 runs
    ("03", "A6", "infra2", 0),  # a note of the transcript waits
    ("03c", "D", "infra2", 0),  # it ends by itself
    ("03c", "E", "infra1", 1),  # it has no quorum
    ("03c", "K", "infra2", 0),  # it does not belong to the cluster
    ("01", "1", "infra0", 0),  # it has no quorum
    ("04", "B4", "infra2", 0),  # these end by themselves
    ("06", "C", "infra2", 0),
    ("06", "D2", "infra2", 0),
    ("06", "D2", "infra2", 1),
    ("06", "E", "infra2", 0),
    ("06", "E", "infra2", 1),
    ("06", "E", "infra2", 2),
    ("06", "E", "infra2", 3),  # another cluster for the others
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
    ("01", "4", "etcdctl --endpoints=127.0.0.1:23790 member list", 0): "leader infra0",
    ("01", "9", "etcdctl --endpoints=127.0.0.1:23790,127.0.0.1:23792,127.0.0.1:23794 endpoint status", 0): "leader infra0",
    ("01", "9", "etcdctl --endpoints=127.0.0.1:23792,127.0.0.1:23794 endpoint status", 0): "leader infra2",
    ("04", "A", "etcdctl --endpoints=127.0.0.1:23830 member add infra3", 0): "three members",
    ("04", "A", "etcdctl --endpoints=127.0.0.1:23830 member add infra3", 1): "connected",
    ("04", "E", "etcdctl --endpoints=127.0.0.1:23832,127.0.0.1:23834 endpoint status", 0): "leader infra1",
    ("04", "E", "etcdctl --endpoints=127.0.0.1:23830,127.0.0.1:23832,127.0.0.1:23834 endpoint status", 0): "infra0 follows",
    ("05", "A", "etcdctl --endpoints=127.0.0.1:23890 member add infra2b", 0): "a second begins",
    ("05", "B", "etcdctl --endpoints=127.0.0.1:23890 member add infra2", 0): "connected",
    ("05", "D", "etcdctl --endpoints=127.0.0.1:23890 member add infra3", 0): "connected",
    ("05", "E", "etcdctl --endpoints=127.0.0.1:23890 member add infra4", 1): "connected",
    ("05", "E2", "etcdctl --endpoints=127.0.0.1:23890 member promote", 1): "no leader",
    ("05", "E3", "etcdctl --endpoints=127.0.0.1:23890 member add infra5", 0): "connected",
    ("06", "A", "etcdctl --endpoints=127.0.0.1:23910 member add infra1", 0): "a second begins",
    ("06", "C", "etcdctl --endpoints=127.0.0.1:23910 member remove", 0): "connected",
    ("06", "E", "etcdctl --endpoints=127.0.0.1:23910 member add infra2", 1): "a second begins",
    ("06", "F", "etcdctl --endpoints=127.0.0.1:23910,127.0.0.1:23912,127.0.0.1:23914 endpoint status", 0): "connected",
    ("06", "F2", "etcdctl --endpoints=127.0.0.1:23912 member remove", 0): "connected",
    # The member that was removed may have led, and stock etcd hands nothing on.
    ("06", "F2", "etcdctl --endpoints=127.0.0.1:23912 put k 2", 0): "leader infra1",
}

# Requests that a leader took before it lost its quorum.
LOST_RACES = {
    ("03b", "B", "etcdctl --endpoints=127.0.0.1:23820 member add infra3"),
    ("03b", "C", "etcdctl --endpoints=127.0.0.1:23820 put k v --command-timeout=2s"),
    ("03c", "D", "etcdctl --endpoints=127.0.0.1:23810 member remove"),
    ("03c", "D", "etcdctl --endpoints=127.0.0.1:23810 put pending"),
    ("03c", "E", "etcdctl --endpoints=127.0.0.1:23810 put pending"),
    ("03c", "F2", "etcdctl --endpoints=127.0.0.1:23810 put k v3"),
    ("01", "9", "etcdctl --endpoints=127.0.0.1:23792,127.0.0.1:23794 put after-kill 1"),
    ("04", "C", "etcdctl --endpoints=127.0.0.1:23830 put k 2"),
    ("04", "E", "etcdctl --endpoints=127.0.0.1:23832 put k 1"),
    ("05", "G", "etcdctl --endpoints=127.0.0.1:23890 put k v"),
    ("04", "D", "etcdctl --endpoints=127.0.0.1:23832 put k 9"),
    ("06", "F", "etcdctl --endpoints=127.0.0.1:23912 put k 1"),
}

# Starts before which the captured session emptied the data directory, unseen.
EMPTIED = {
    ("03c", "K2", "infra2"), ("05", "G", "infra1"), ("05", "H", "infra1"), ("05", "H", "infra2"),
    ("06", "D", "infra2"), ("06", "D2", "infra2"), ("06", "E", "infra2"),
}


def key(step, transcript):
    return transcript.split("-")[0], step.section


def expand(step):
    """The command in full."""
    text = re.sub(r" +# .*$", "", step.text) if step.kind == "start" else step.text
    text = text.replace("(same URLs)", SAME_URLS).replace("(own ports)", OWN_PORTS)
    return re.sub(r"infra6=\.\.\.\S*", INFRA6, text)


def skip_reason(step, transcript, by_client=False):
    if by_client:
        return next((why for why, texts in SKIPPED_BY_CLIENT.items() if any(t in step.text for t in texts)), None)
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


def wait_range(step):
    """Waits are ranges: a deadline is never early, and a loaded machine is late. What is work, and no
    wait, may be as quick as it can."""
    elapsed = step.elapsed
    if elapsed < 0.2 or step.text.startswith("for i in $(seq 1 40)"):
        return 0, 4
    return elapsed - 0.15, elapsed * 1.1 + 4
