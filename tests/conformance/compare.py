"""Compares what a command printed with what the transcript says, word by word.

Everything is compared in the transcript's own terms: ports and IDs of the run are turned back into
the captured ones first (Names). What may differ is masked, and every mask has a name below; nothing
else may.
"""

import hashlib
import json
import re

# Each mask: (name, why, pattern, what stands in its place).
MASKS = [
    ("time", "when a line was written", r'"ts":("[^"]*"|[\d.]+)', '"ts":TIME'),
    ("client", "etcdctl draws a name for each of its runs", r"client-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
     "client-UUID"),
    ("took", "how long a health check took", r"took = [\d.]+(ns|us|µs|ms|s)", "took = DURATION"),
    ("id-padding", "etcdctl sets IDs 16 wide, and they are not of one length",
     r"(?<=Member) +(?=[0-9a-f]+ (?:added|removed|updated|promoted))|(?<=cluster) +(?=[0-9a-f]+$)", " "),
    ("date", "the HTTP Date header", r"^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "Date: DATE"),
    ("db-size", "bytes of another storage engine", r"(?<=3\.4\.23, )\d+(\.\d+)? (B|kB|MB)\b", "SIZE"),
    ("db-size", "the same in a table", r"(?<=3\.4\.23 \| )\d+(\.\d+)? (B|kB|MB)\b", "SIZE"),
    # Elections on the way here are as many as they are; the entries of a log depend on them.
    ("term-index", "terms and indexes in a status line",
     r"(SIZE, (?:true|false), (?:true|false)), \d+, (\d+), (\d+)",
     lambda m: f"{m.group(1)}, TERM, INDEX" + (", SAME" if m.group(2) == m.group(3) else ", OTHER")),
    ("term-index", "the same in a table",
     r"(SIZE \| (?:true|false) \| (?:true|false)) \| \d+ \| (\d+) \| (\d+) \|",
     lambda m: f"{m.group(1)} | TERM | INDEX |" + (" SAME |" if m.group(2) == m.group(3) else " OTHER |")),
    ("term-index", "the term in a JSON header", r'"raft_term":\d+', '"raft_term":TERM'),
    ("term-index", "the same of a status in JSON", r'"raft(Term|Index|AppliedIndex)":\d+', r'"raft\1":N'),
    ("term-index", "the same in fields", r'"Raft(Term|Index|AppliedIndex)" : \d+', r'"Raft\1" : N'),
    ("db-size", "the same in JSON", r'"dbSize(InUse)?":\d+', r'"dbSize\1":SIZE'),
    ("db-size", "the same in fields", r'"DBSize" : \d+', '"DBSize" : SIZE'),
    ("db-size", "of a snapshot, and how long it took", r'"size":"[^"]*","took":[\d.]+(e-\d+)?', '"size":SIZE,"took":DURATION'),
    ("took", "the same in a table", r"(?<=true \| )[\d.]+(µs|ms|s)(?= \|)|(?<=false \| )[\d.]+(µs|ms|s)(?= \|)", "DURATION"),
    ("took", "the same in JSON", r'"took":"[\d.]+(µs|ms|s)"', '"took":"DURATION"'),
    ("took", "the same in fields", r'"Took" : [\d.]+(µs|ms|s)', '"Took" : DURATION'),
]

# At a deadline of the client the answer of the server, whose deadline is the same, races with the
# client's own: either text is etcd's.
_DEADLINE = [
    (r"rpc error: code = (Unknown|DeadlineExceeded) desc = context deadline exceeded", "DEADLINE"),
    (r"\bcontext deadline exceeded", "DEADLINE"),
]
# A request that a leader took before it lost its quorum: the server names a reason if it knows one.
_LOST = _DEADLINE + [
    (r"rpc error: code = Unavailable desc = etcdserver: request timed out"
     r"(, possibly due to (connection lost|previous leader failure))?", "DEADLINE"),
    (r"etcdserver: request timed out(, possibly due to (connection lost|previous leader failure))?", "DEADLINE"),
]
RACES = {
    None: [],
    "deadline": _DEADLINE,
    "lost": _LOST,
    # A promotion that waits for a leader, or that the one which is lost had taken.
    "promote": _LOST + [
        (r"rpc error: code = Unavailable desc = etcdserver: no leader", "DEADLINE"),
        (r"etcdserver: no leader", "DEADLINE"),
    ],
}

# A table's columns are as wide as its longest cell, and IDs are not of one length.
PADDING = "table-padding"


def member_id(urls, token):
    """etcd: the first 8 bytes of SHA-1 over the sorted peer URLs and the cluster's token."""
    digest = hashlib.sha1(("".join(sorted(urls)) + token).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def cluster_id(members):
    """etcd: the same over the member IDs, ascending, 8 bytes each."""
    text = b"".join(m.to_bytes(8, "big") for m in sorted(members))
    return int.from_bytes(hashlib.sha1(text).digest()[:8], "big")


class Names:
    """Ports and IDs: captured ones on one side, the run's on the other."""

    def __init__(self, ports):
        self.ports = ports  # captured -> here
        self.ids = {}  # captured -> here, as hexadecimal text
        self.taken = {}

    def bind(self, captured, here):
        """True if these two may be one ID."""
        if captured in self.ids or here in self.taken:
            return self.ids.get(captured) == here and self.taken.get(here) == captured
        if not re.fullmatch(r"[1-9a-f][0-9a-f]{0,15}", here):
            return False
        self.ids[captured] = here
        self.taken[here] = captured
        return True

    def bind_bootstrap(self, captured_url, token="etcd-cluster"):
        """The IDs of a cluster of one, which its peer URL and token fix."""
        here_url = self.to_here(captured_url)
        captured, here = member_id([captured_url], token), member_id([here_url], token)
        ok = self.bind(f"{captured:x}", f"{here:x}")
        return self.bind(f"{cluster_id([captured]):x}", f"{cluster_id([here]):x}") and ok

    def bind_members(self, captured_urls, token="etcd-cluster"):
        """The IDs of a new cluster of several."""
        captured = [member_id([url], token) for url in captured_urls]
        here = [member_id([self.to_here(url)], token) for url in captured_urls]
        for a, b in zip(captured + [cluster_id(captured)], here + [cluster_id(here)]):
            self.bind(f"{a:x}", f"{b:x}")

    def _ports(self, text, table):
        return re.sub(r"127\.0\.0\.1:(\d+)", lambda m: "127.0.0.1:" + str(table.get(int(m.group(1)), m.group(1))), text)

    @staticmethod
    def _ids(text, table):
        both = dict(table)
        both.update({str(int(a, 16)): str(int(b, 16)) for a, b in table.items()})
        return re.sub(r"\b[0-9a-f]{10,20}\b", lambda m: both.get(m.group(0), m.group(0)), text)

    def to_here(self, text):
        return self._ids(self._ports(text, self.ports), self.ids)

    def to_captured(self, text):
        back = {here: captured for captured, here in self.ports.items()}
        return self._ids(self._ports(text, back), self.taken)


def masked(line, race):
    if line.startswith("+-"):
        return re.sub(r"-+", "-", line)
    if line.startswith("|"):
        line = re.sub(r" +", " ", line)
    for _, _, pattern, into in MASKS:
        line = re.sub(pattern, into, line)
    for pattern, into in RACES[race]:
        line = re.sub(pattern, into, line)
    return line


def _sorted_runs(lines, is_row):
    """Rows that etcd sorts by ID, or prints as they come, in an order of our own."""
    result, run = [], []
    for line in lines + [None]:
        if line is not None and is_row(line):
            run.append(line)
        else:
            result += sorted(run) + ([line] if line is not None else [])
            run = []
    return result


def _sorted_json(line):
    """Members are listed in the order of their IDs, health as it comes: both in one of our own."""
    if not line.startswith(("{", "[")) or line.startswith('{"level"'):
        return line
    try:
        value = json.loads(line)
    except ValueError:
        return line
    if isinstance(value, dict) and isinstance(value.get("members"), list):
        value["members"].sort(key=lambda m: str(m.get("ID")))
    elif isinstance(value, list) and all("health" in v for v in value):
        value.sort(key=lambda v: str(v.get("endpoint")))
    else:
        return line
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _sorted_blocks(lines):
    """Fields of several endpoints: blocks that end in an empty line."""
    blocks, block = [], []
    for line in lines:
        block.append(line)
        if line == "":
            blocks.append(block)
            block = []
    return [line for b in sorted(blocks) for line in b] + block


def _abridged(lines):
    """A hundred attempts, as the transcript has them: the first two, a number, and the last."""
    kept, dropped = [], 0
    for line in lines:
        attempt = re.search(r'"attempt":(\d+),', line)
        if attempt and 2 <= int(attempt.group(1)) < 99 and "not supported for learner" in line:
            dropped += 1
            continue
        if dropped:
            kept.append(f"[{dropped} more such lines, about 26 ms apart]")
        dropped = 0
        kept.append(line)
    return kept


def without_client_log(lines):
    """Etcd's client library logs every attempt that failed, and how a snapshot comes along; quoratectl has
    no log, and the error in the end is the same."""
    return [line for line in lines if not line.startswith(('{"level":"warn"', '{"level":"info"')) and not re.match(r"\[\d+ more such lines", line)]


def canonical(lines, command, race):
    lines = _abridged([_sorted_json(line) for line in lines])
    lines = [masked(line, race) for line in lines]
    lines = [re.sub(r'ETCD_INITIAL_CLUSTER="((?:[^"\\]|\\.)*)"',
                    lambda m: 'ETCD_INITIAL_CLUSTER="' + ",".join(sorted(m.group(1).split(","))) + '"', line)
             for line in lines]
    if "member list" in command:
        lines = _sorted_runs(lines, lambda line: re.match(r"(\| )?[0-9a-f]{10,16},? ", line))
    if "endpoint health" in command:
        lines = _sorted_runs(lines, lambda line: " is healthy" in line or " is unhealthy" in line)
        lines = _sorted_runs(lines, lambda line: line.startswith('{"level":"warn"'))
        lines = _sorted_runs(lines, lambda line: re.match(r"\| (127|http)", line))
        if "-w fields" in command:
            lines = _sorted_blocks(lines)
    if "member list -w fields" in command:
        lines = lines[:4] + _sorted_blocks(lines[4:])
    if "endpoint status --cluster" in command:
        lines = _sorted_runs(lines, lambda line: line.startswith("| http"))
    return lines


def learn(names, expected, actual):
    """IDs that `member add` made: the captured one and the one here are the same from now on."""
    pattern = re.compile(r"Member +([0-9a-f]+) added to cluster")
    in_json = re.compile(r'"member":\{"ID":(\d+)')
    captured, here = ["\n".join(lines) for lines in (expected, actual)]
    captured, here = [pattern.findall(text) + [f"{int(i):x}" for i in in_json.findall(text)] for text in (captured, here)]
    return len(captured) == len(here) and all(names.bind(a, b) for a, b in zip(captured, here))


def rows_ascend(lines):
    """The rows of a member list are in ascending order of their IDs."""
    ids = [int(m.group(1), 16) for m in (re.match(r"(?:\| +)?([0-9a-f]{10,16})[, ]", line) for line in lines) if m]
    return ids == sorted(ids)


def differences(names, command, expected, actual, race):
    """expected, actual: (standard output, standard error), lists of lines. Returns complaints."""
    problems = []
    if not learn(names, expected[0], actual[0]):
        problems.append("the IDs of added members do not match up")
    if "member list" in command and not rows_ascend(actual[0]):
        problems.append("the members are not in ascending order of their IDs")
    for what, want, got in (("standard output", expected[0], actual[0]), ("standard error", expected[1], actual[1])):
        want = canonical(want, command, race)
        got = canonical([names.to_captured(line) for line in got], command, race)
        if want != got:
            problems.append(f"{what} differs")
            problems += ["  expected: " + line for line in want] + ["  got:      " + line for line in got]
    return problems
