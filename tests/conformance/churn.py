#!/usr/bin/env python3
"""Members come and go over sockets: what tests/story/churn does to simulated clusters, to processes.

    churn.py SERVER CLIENT [OPERATIONS]

Three members become two to seven by random changes of the list (add, add as a learner, promote, remove, update),
while processes are killed, stopped, wiped, started late, and writers put keys all the time. Only changes that were
made count as operations; what is refused is counted aside. Then everyone that is a member is started, and all
must have the same list and the same keys, with every put that was acknowledged. Without a number there are 40
operations, or with QUORATE_FULL 200; QUORATE_SEED draws the same operations, whose moments are the machine's.
"""

import base64
import collections
import json
import os
import random
import shutil
import sys
import threading
import time

import cluster

SHARE, FULL = 40, 200
PLACES = 7
WRITERS = 2
CHANGES = ("add", "learner", "promote", "remove", "update")
# Beside the changes: what is done to processes, and how often.
WEIGHTS = {"add": 16, "learner": 12, "promote": 24, "remove": 20, "update": 14,
           "kill": 9, "restart": 4, "down": 4, "wipe": 4, "move": 3}
PATIENCE = 10  # seconds for which an operator orders again what is refused
LIMIT = 60  # seconds for any one thing to happen; on a busy machine they take a few


class Place:
    """A machine on which a member may be. Its ports stay; the members on it change."""

    def __init__(self, number, client, peers):
        self.name = f"n{number}"
        self.client = f"127.0.0.1:{client}"
        self.peers = [f"http://127.0.0.1:{port}" for port in peers]  # `member update` moves between them
        self.first = number < 3
        self.wanted = False  # its process shall run
        self.wiped = None  # the ID under which it must not come back
        self.start_at = None  # the operation before which a stopped or late member is started


class Churn:
    def __init__(self, machine, client, rng):
        ports = cluster.free_ports(3 * PLACES)
        self.machine = machine
        self.client = os.path.abspath(client)
        self.rng = rng
        self.places = [Place(i, ports[3 * i], ports[3 * i + 1:3 * i + 3]) for i in range(PLACES)]
        self.members = {}  # ID -> what the list says
        self.told_removed = set()
        self.sums = collections.Counter()
        self.refusals = collections.Counter()
        self.refused = ""
        self.done = 0
        self.turn = 0
        self.story = []

    # What the cluster says

    def ctl(self, places, command, limit=3):
        endpoints = ",".join(p.client for p in places)
        return self.machine.shell(f"{self.client} --endpoints={endpoints} --command-timeout={limit}s {command}")[:3]

    def up(self):
        return [p for p in self.places if p.name in self.machine.running]

    def await_that(self, what, step):
        """Calls step until it returns something; each call waits for a cluster itself, or pauses for a tenth."""
        end = time.monotonic() + LIMIT
        while True:
            result = step()
            if result is not None:
                return result
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {LIMIT} s")
            time.sleep(0.1)

    def look(self):
        """Takes the list of a member that has just applied an entry, so that it has all changes before it."""
        def step():
            self.tend()
            place = self.rng.choice(self.voters_up() or self.up())
            if self.ctl([place], "put churn/look x")[2] != 0:
                return None
            out, _, status = self.ctl([place], "-w json member list")
            return json.loads(out[0])["members"] if status == 0 else None
        self.members = {m["ID"]: m for m in self.await_that("a put and a list", step)}
        self.expect("members that ended as removed", self.told_removed & set(self.members), set())
        self.told_removed.clear()

    def place_of(self, member_id):
        url = self.members[member_id]["peerURLs"][0]
        return next(p for p in self.places if url in p.peers)

    def id_of(self, place):
        return next((i for i in self.members if self.place_of(i) is place), None)

    def voters(self):
        return [i for i, m in self.members.items() if not m.get("isLearner")]

    def learners(self):
        return [i for i, m in self.members.items() if m.get("isLearner")]

    def voters_up(self):
        return [self.place_of(i) for i in self.voters() if self.place_of(i) in self.up()]

    def leader(self):
        for place in self.voters_up():
            out, _, status = self.ctl([place], "-w json endpoint status")
            if status == 0:
                return json.loads(out[0])[0]["Status"].get("leader")
        return None

    def keeps_quorum(self, without):
        """Whether these may go: the voters that stay and run are a quorum even of the list as it is now."""
        voters = self.voters()
        stay = sum(1 for i in voters if i not in without and self.place_of(i) in self.up())
        return stay >= len(voters) // 2 + 1

    # Processes

    def data_dir(self, place):
        return os.path.join(self.machine.directory, place.name + ".data")

    def start(self, place):
        joins = not place.first
        members = self.members.values() if self.members else ()
        named = [f"{next(p for p in self.places if m['peerURLs'][0] in p.peers).name}={m['peerURLs'][0]}"
                 for m in members] if joins else [f"{p.name}={p.peers[0]}" for p in self.places[:3]]
        client = f"http://{place.client}"
        place.wanted = True
        place.start_at = None
        self.machine.start(place.name, [
            "--name", place.name, "--data-dir", place.name + ".data", "--listen-peer-urls", ",".join(place.peers),
            "--initial-advertise-peer-urls", self.advertised(place), "--listen-client-urls", client,
            "--advertise-client-urls", client, "--initial-cluster", ",".join(named),
            "--initial-cluster-state", "existing" if joins else "new", "--snapshot-count", "100",
            "--experimental-snapshot-catchup-entries", "20", "--strict-reconfig-check=true"])

    def advertised(self, place):
        member_id = self.id_of(place)
        joined = member_id is not None and not place.first
        return self.members[member_id]["peerURLs"][0] if joined else place.peers[0]

    def stop(self, place, signal):
        place.wanted = False
        status = self.machine.kill(place.name, cluster.SIGNALS[signal])
        joined = "name" in self.members.get(self.id_of(place), {})
        if joined or status not in (0, 1):  # who was removed or could not join may have ended a moment ago
            self.expect(f"the status of {place.name} after SIG{signal}", status, {"KILL": 137, "TERM": 143}[signal])

    def empty(self, place):
        """The next member here is another one, and joins."""
        shutil.rmtree(self.data_dir(place), ignore_errors=True)
        place.first = False
        place.wanted = False
        place.wiped = None
        place.start_at = None

    def tend(self):
        """Starts whom the quorum needs or whose time has come, and sees that nobody ended by itself."""
        for place in self.up():
            status = self.machine.wait_exit(place.name, 0)
            member_id = self.id_of(place)
            if status is None:
                continue
            place.wanted = False
            if status == 0:
                # Removed, then; the next list must say so.
                self.told_removed.add(member_id)
                place.wanted = True
                continue
            if member_id is not None and "name" in self.members[member_id]:
                raise AssertionError(f"{place.name}, a member, ended by itself with status {status}")
            # The list that it was started with was not that of whom it asked: a change came in between.
            self.expect(f"the status of {place.name}, which could not join", status, 1)
            self.sums["joined again"] += 1
            place.start_at = self.turn
        down = [self.place_of(i) for i in self.members if not self.place_of(i).wanted and not self.place_of(i).wiped]
        for place in down:
            if self.turn >= (place.start_at or 0) or not self.keeps_quorum([]):
                self.start(place)

    @staticmethod
    def expect(what, got, want):
        if got != want:
            raise AssertionError(f"{what}: got {got}, expected {want}")

    # Operations

    def change(self, kind, command, made):
        """One command at the list; True if it changed. What a client is told must be true."""
        through = self.up() if self.rng.random() < 0.6 else [self.rng.choice(self.up())]
        _, err, status = self.ctl(through, command, 5)
        self.look()
        is_made = made()
        self.story.append(f"{self.turn}: {command}: {status} {' '.join(err)}")
        if status == 0 and not is_made:
            raise AssertionError(f"{command}: acknowledged, and not in the list: {self.members}")
        if is_made:
            self.sums[kind] += 1
            self.done += 1
        else:
            self.refusals[err[-1].removeprefix("Error: ") if err else str(status)] += 1
        self.refused = "" if is_made or not err else err[-1]
        return is_made

    def healthy_soon(self):
        """Whether the last change was refused for what passes by itself, with everybody running."""
        return "unhealthy cluster" in self.refused and all(self.place_of(i) in self.up() for i in self.members)

    def do_add(self, kind="add"):
        free = [p for p in self.places if self.id_of(p) is None and p not in self.up()]
        if not free or len(self.members) >= PLACES:
            return
        place = self.rng.choice(free)
        late = self.rng.choice([0, 0, 0, 2, 6])
        url = self.rng.choice(place.peers)
        again = os.path.exists(os.path.join(self.machine.directory, place.name + ".log"))
        self.empty(place)
        flag = " --learner" if kind == "learner" else ""
        place.start_at = self.turn + late
        command = f"member add {place.name} --peer-urls={url}{flag}"
        # Members are added only when all have been connected for 5 s: mostly that is waited for.
        end = time.monotonic() + (PATIENCE if self.rng.random() < 0.7 else 0)
        made = self.change(kind, command, lambda: self.id_of(place))
        while not made and self.healthy_soon() and time.monotonic() < end:
            time.sleep(0.5)
            made = self.change(kind, command, lambda: self.id_of(place))
        if made:
            self.sums["added again"] += again
            self.sums["started late"] += late > 0

    def do_learner(self):
        if self.learners() and self.rng.random() < 0.7:
            self.do_promote()
        else:
            self.do_add("learner")

    def do_promote(self):
        if self.learners():
            member_id = self.learners()[0]
            self.change("promote", f"member promote {member_id:x}",
                        lambda: member_id in self.members and member_id not in self.learners())

    def do_update(self):
        member_id = self.rng.choice(list(self.members))
        place = self.place_of(member_id)
        # Enough of what nothing ever refuses; and who has not joined yet does so by the URL of its `member add`.
        if "name" not in self.members[member_id] or self.sums["update"] > self.done * 3 // 10:
            return
        url = next(u for u in place.peers if u not in self.members[member_id]["peerURLs"])
        self.change("update", f"member update {member_id:x} --peer-urls={url}",
                    lambda: url in self.members.get(member_id, {"peerURLs": []})["peerURLs"])

    def do_remove(self):
        wiped = [i for i in self.members if self.place_of(i).wiped]
        down = [i for i in self.members if self.place_of(i) not in self.up()]
        leader = [i for i in (self.leader(),) if i in self.members]
        drawn = self.rng.random()
        chosen = wiped or (down if drawn < 0.3 else leader if drawn < 0.6 else []) or list(self.members)
        member_id = self.rng.choice(chosen)
        if not self.keeps_quorum([member_id]) or (len(self.members) <= 3 and not wiped):
            return
        place = self.place_of(member_id)
        was_up = place in self.up()
        joined = "name" in self.members[member_id]
        if not self.change("remove", f"member remove {member_id:x}", lambda: member_id not in self.members):
            return
        self.sums["removed leader"] += leader == [member_id]
        self.sums["removed while down"] += not was_up
        if place not in self.up() and not was_up and joined and not place.wiped and self.rng.random() < 0.5:
            self.start(place)
            self.sums["returned, and was told"] += 1
        if place in self.up() and joined and not self.has_log(place):
            # Killed before the leader's snapshot was in its log, it knows nobody who could tell it.
            self.stop(place, "KILL")
            self.sums["removed before it had a log"] += 1
        elif place in self.up():
            status = self.machine.wait_exit(place.name, LIMIT)
            # One that was still asking to join is told that it is not in the list: that is a 1.
            if status is None or (joined and status != 0):
                raise AssertionError(f"{place.name} was removed: exit {status}")
        self.empty(place)

    def has_log(self, place):
        """Whether the member that was last made here has served: its name is in the list before that."""
        said = self.machine.messages(place.name, 0)
        made = max((i for i, line in enumerate(said) if line == "started with a new log"), default=0)
        return "published; ready to serve client requests" in said[made:]

    def do_kill(self):
        """Mostly one; now and then two, or all of them, as when the power fails."""
        up = self.up()
        count = min(self.rng.choices([1, 2, len(up)], weights=[7, 2, 1])[0], len(up))
        victims = self.rng.sample(up, count)
        for place in victims:
            self.stop(place, "KILL")
        for place in victims:
            self.start(place)
        self.sums["SIGKILL"] += count

    def do_restart(self):
        place = self.rng.choice(self.up())
        self.stop(place, "TERM")
        self.start(place)
        self.sums["restart"] += 1

    def do_down(self):
        """Left down for some operations, so that others go on without it and it comes back behind."""
        member_id = self.rng.choice(list(self.members))
        place = self.place_of(member_id)
        if place in self.up() and self.keeps_quorum([member_id]):
            self.stop(place, self.rng.choice(["TERM", "KILL"]))
            place.start_at = self.turn + self.rng.randrange(2, 8)
            self.sums["left down"] += 1

    def do_wipe(self):
        """Its log is gone, and with it its votes: it must not come back under the old ID."""
        able = [i for i, m in self.members.items() if "name" in m and self.place_of(i) in self.up()]
        if any(p.wiped for p in self.places) or len(self.members) <= 3 or not able:
            return
        member_id = self.rng.choice(able)
        place = self.place_of(member_id)
        if not self.keeps_quorum([member_id]):
            return
        self.stop(place, "KILL")
        shutil.rmtree(self.data_dir(place))
        # With `new` it only ever asks those of the first three that are left; with `existing`, whom it is told of.
        others = [p for p in self.voters_up() if p.first and p is not place]
        place.first = place.first and bool(others)
        self.start(place)
        status = self.machine.wait_exit(place.name, LIMIT)
        self.expect(f"the status of {place.name}, whose data directory was emptied", status, 1)
        said = self.machine.messages(place.name, 0)[-20:]
        if not any("remove it (member remove) and add it again" in line for line in said):
            raise AssertionError(f"{place.name}, wiped, does not say what to do: {said}")
        place.wanted = False
        place.wiped = member_id
        self.sums["wiped and refused"] += 1

    def do_move(self):
        voters = [i for i in self.voters() if self.place_of(i) in self.up()]
        status = self.ctl(self.voters_up(), f"move-leader {self.rng.choice(voters):x}")[2]
        self.sums["leader moved"] += status == 0

    def operate(self, operations):
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        last_done, last_at = 0, time.monotonic()
        while self.done < operations:
            self.turn += 1
            self.look()
            wiped = any(p.wiped for p in self.places)
            kind = self.rng.choices(kinds, weights=weights)[0]
            kind = "remove" if wiped and self.rng.random() < 0.5 else kind
            kind = "add" if len(self.members) < 4 and kind == "remove" and not wiped else kind
            self.story.append(f"{self.turn}: {kind} of {len(self.members)}")
            getattr(self, "do_" + kind)()
            if self.done > last_done:
                last_done, last_at = self.done, time.monotonic()
            elif time.monotonic() - last_at > 2 * LIMIT:
                raise AssertionError(f"no change of the list is made any more: refused {dict(self.refusals)}")

    # The end

    def heal(self):
        self.turn += 1000
        self.look()
        for member_id in [i for i in self.members if self.place_of(i).wiped]:
            self.await_that("the removal of a wiped member", lambda m=member_id: self.order(f"member remove {m:x}"))
            self.place_of(member_id).wanted = True
            self.look()
        self.look()
        for member_id in self.learners():
            self.await_that("a promotion", lambda m=member_id: self.order(f"member promote {m:x}"))
        self.look()

    def order(self, command):
        self.tend()
        return True if self.ctl(self.voters_up(), command)[2] == 0 else None

    def all_equal(self, acknowledged):
        places = [self.place_of(i) for i in self.members]

        def step():
            self.tend()
            states = []
            for place in places:
                out, _, status = self.ctl([place], "-w json endpoint status")
                if status != 0:
                    return None
                state = json.loads(out[0])[0]["Status"]
                states.append((state["header"]["revision"], state["raftAppliedIndex"], state["raftIndex"]))
            return states if len(set(states)) == 1 else None
        states = self.await_that("the same revision and applied index everywhere", step)
        for what, command in (("keys", "get '' --prefix --consistency=s"), ("list", "member list"),
                              ("hash", "endpoint hashkv")):
            answers = [self.answer(place, command) for place in places]
            for place, answer in zip(places, answers):
                self.expect(f"the {what} of {place.name}, beside {places[0].name}'s", answer, answers[0])
            if what == "keys":
                there = {kv["key"] for kv in answers[0]["kvs"]}
                self.expect("acknowledged and lost", sorted(acknowledged - there), [])
        return states[0]

    def answer(self, place, command):
        out, err, status = self.ctl([place], f"-w json {command}", 20)
        self.expect(f"{command} at {place.name} ({err})", status, 0)
        answer = json.loads(out[0])
        if isinstance(answer, list):
            answer = {"hash": answer[0]["HashKV"]["hash"]}
        answer.pop("header", None)
        return answer


class Load:
    """Writers that put keys of their own through whoever runs; what was acknowledged is remembered."""

    def __init__(self, churn):
        self.churn = churn
        self.keys = [set() for _ in range(WRITERS)]
        self.failed = [collections.Counter() for _ in range(WRITERS)]
        self.ended = [False] * WRITERS
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(w,)) for w in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        count = 0
        while not self.over.is_set():
            key = f"load/{writer}/{count:06d}"
            count += 1
            places = [p for p in self.churn.places if p.name in self.churn.machine.running]
            if not places:
                continue
            _, err, status = self.churn.ctl(places, f"put {key} {count}")
            if status == 0:
                self.keys[writer].add(base64.b64encode(key.encode()).decode())
            else:
                self.failed[writer][err[-1].removeprefix("Error: ") if err else str(status)] += 1
        self.ended[writer] = True

    def finish(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        return set().union(*self.keys)


def run(churn, operations):
    for place in churn.places[:3]:
        churn.start(place)
    churn.look()
    load = Load(churn)
    try:
        churn.operate(operations)
        churn.heal()
    finally:
        acknowledged = load.finish()
    churn.expect("writers that ended in good order", load.ended, [True] * WRITERS)
    revision, applied, _ = churn.all_equal(acknowledged)
    failed = dict(sum(load.failed, collections.Counter()))
    if len(acknowledged) < operations:
        raise AssertionError(f"only {len(acknowledged)} puts were acknowledged: {failed}")
    installed = sum(churn.machine.messages(p.name, 0).count("installed a snapshot") for p in churn.places
                    if churn.machine.log_size(p.name) > 0)
    print(f"{churn.done} operations in {churn.turn - 1000} turns: {dict(churn.sums)}")
    print(f"refused or without an answer: {dict(churn.refusals)}")
    print(f"{len(acknowledged)} puts acknowledged, not {failed}")
    print(f"{installed} snapshots installed; {len(churn.members)} members at revision {revision}, applied {applied}")
    for place in churn.up():
        churn.stop(place, "TERM")
    churn.expect("what no log may say", churn.machine.broken_promises(), [])


def main():
    server, client, *rest = sys.argv[1:]
    operations = int(rest[0]) if rest else FULL if os.environ.get("QUORATE_FULL") else SHARE
    seed = int(os.environ.get("QUORATE_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}: {operations} operations", flush=True)
    begin = time.monotonic()
    with cluster.Cluster(server) as machine:
        churn = Churn(machine, client, random.Random(seed))
        try:
            run(churn, operations)
        except BaseException:
            print(f"seed {seed}, after {churn.done} operations: {dict(churn.sums)}", *churn.story[-20:], sep="\n")
            print(machine.logs(30, "took a snapshot"), flush=True)
            raise
    print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
