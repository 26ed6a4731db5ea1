"""What a member holds, on disk and in memory, and for how long it is busy with itself."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from cluster import Cluster

MIB = 1 << 20
VALUE_BYTES = 32
CHURN_PUTS = 10_000_000
CHURN_KEYS = 1000
COMPACT_EVERY = 100_000
DATA_VALUE_BYTES = 1024
DATA_KEYS = 1 << 20
SNAPSHOT_COUNT = 100_000  # quorated's own
PIECE = 1000
PACE = 5000  # puts per second
KEY_BYTES = 23
BOOT_MAX_S = 10
STALL_MAX_MS = 50
SNAPSHOT_MEMORY_MAX = 1.3


class Report:
    """Figures beside the bounds that they have to keep; what breaks one is told again at the end."""

    def __init__(self):
        self.broken = []

    def line(self, label, text, kept=True):
        print(f"  {label:44} {text}{'' if kept else '   TOO MUCH'}", flush=True)
        if not kept:
            self.broken.append(label)

    def end(self):
        if self.broken:
            sys.exit("out of bounds: " + "; ".join(self.broken))


def load_program(build, *arguments):
    return [os.path.join(build, "bench", "bench_load"), *map(str, arguments)]


def put(build, cluster, count, keys, value_bytes, compact_every=0):
    """Puts per second; it is checked that they were really served."""
    before = cluster.revision()
    begin = time.monotonic()
    out = subprocess.run(load_program(build, "puts", cluster.leader, count, keys, value_bytes, compact_every), capture_output=True, text=True)
    took = time.monotonic() - begin
    if out.returncode != 0 or cluster.revision() - before != count:
        sys.exit(f"invalid: {out.stderr}, the revision grew by {cluster.revision() - before} in {count} puts; see {cluster.dir}")
    return count / took


class Gets:
    """Linearizable gets beside whatever else goes on: what they see of a loop that is busy."""

    def __init__(self, build, cluster, i=0):
        pid = cluster.processes[i].pid
        self.process = subprocess.Popen(load_program(build, "gets", cluster.clients[i], pid),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        """How many; the worst of them, and the most CPU time the loop used within one; in ms."""
        out, _ = self.process.communicate()
        if self.process.returncode != 0:
            sys.exit("the gets failed")
        count, worst, worst_cpu = out.split()
        return int(count), float(worst), float(worst_cpu)


def status(process, name):
    """A figure of /proc/PID/status, in bytes."""
    with open(f"/proc/{process.pid}/status") as f:
        return int(re.search(rf"^{name}:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def forget_peak(process):
    with open(f"/proc/{process.pid}/clear_refs", "w") as f:
        f.write("5")


def disk_bytes(directory):
    return sum(os.stat(os.path.join(path, name)).st_blocks * 512 for path, _, names in os.walk(directory) for name in names)


def boot(cluster, report, label, flags=()):
    """From the start of the processes to a leader that answers."""
    begin = time.monotonic()
    cluster.start_all(flags)
    took = time.monotonic() - begin
    cpu = max(cpu_seconds(p) for p in cluster.processes)
    report.line(label, f"{took:.2f} s, {cpu:.2f} s of CPU time", took < BOOT_MAX_S)


def snapshots_told(cluster, i=0):
    with open(cluster.log(i)) as f:
        return [line for line in f if "took a snapshot" in line]


def churn(build, scale):
    """Few keys, written over and over, compacted now and then."""
    count = max(10 * COMPACT_EVERY, int(CHURN_PUTS * scale) // (10 * COMPACT_EVERY) * 10 * COMPACT_EVERY)
    cluster = Cluster("quorated", os.path.join(build, "bin", "quorated"))
    report = Report()
    print(f"\n{count} puts over {CHURN_KEYS} keys, {VALUE_BYTES}-byte values, 3 members, one client with 256 in flight, "
          f"a physical\ncompaction every {COMPACT_EVERY}; the greatest member")
    print("          puts      puts/s    disk MiB    resident MiB")
    disks, memories = [], []
    for tenth in range(1, 11):
        rate = put(build, cluster, count // 10, CHURN_KEYS, VALUE_BYTES, COMPACT_EVERY)
        disks.append(max(disk_bytes(cluster.data(i)) for i in range(3)))
        memories.append(max(status(p, "VmHWM") for p in cluster.processes))
        print(f"  {tenth * count // 10:12} {rate:11.0f} {disks[-1] / MIB:11.1f} {memories[-1] / MIB:15.1f}", flush=True)
    cluster.end(signal.SIGKILL)
    boot(cluster, report, "boot of all three after SIGKILL")
    # The second tenth has seen every kind of file and work; nothing that grows with the puts may follow it.
    report.line("disk in the end / after a fifth", f"{disks[-1] / disks[1]:.2f}", disks[-1] < 2 * disks[1])
    report.line("peak memory in the end / after a fifth", f"{memories[-1] / memories[1]:.2f}", memories[-1] < 2 * memories[1])
    cluster.stop()
    report.end()


def watched(build, cluster, report, label, work):
    """Does the work while gets go on."""
    gets = Gets(build, cluster)
    begin = time.monotonic()
    result = work()
    took = time.monotonic() - begin
    count, worst, worst_cpu = gets.end()
    report.line(label, f"{took:6.1f} s, {count} gets beside it, worst {worst:.1f} ms, with {worst_cpu:.1f} ms of the loop's CPU",
                worst_cpu < STALL_MAX_MS)
    return result


def snapshot_beside_puts(build, cluster, keys, rate):
    """Puts until the member has taken a snapshot; how many. The log in memory holds what was put since the one
    before began, this one's own time included: so that the rate decides."""
    known = len(snapshots_told(cluster))
    count = 0
    begin = time.monotonic()
    while len(snapshots_told(cluster)) == known:
        put(build, cluster, PIECE, keys, DATA_VALUE_BYTES)
        count += PIECE
        time.sleep(max(0, begin + count / rate - time.monotonic()))
        if count > 4 * SNAPSHOT_COUNT:
            sys.exit(f"no snapshot within {count} puts; see {cluster.dir}")
    return count


def hash_of(ctl, revision):
    """What Maintenance.HashKV says of the whole history up to that revision."""
    out = subprocess.run([*ctl, "endpoint", "hashkv", "--rev", revision, "-w", "json"], check=True, capture_output=True, text=True)
    answer = json.loads(out.stdout)[0]["HashKV"]
    return answer["hash"], answer["compact_revision"]


def there_and_back(build, cluster, report, ctl, revision):
    """Saved beside gets, restored into the place of the member that is gone, and booted: still the same."""
    before = hash_of(ctl, revision)
    backup = os.path.join(cluster.dir, "backup.db")
    watched(build, cluster, report, "snapshot save of it",
            lambda: subprocess.run([*ctl, "snapshot", "save", backup], check=True, stdout=subprocess.DEVNULL))
    report.line("backup", f"{os.path.getsize(backup) / MIB:.0f} MiB")
    cluster.end(signal.SIGKILL)
    shutil.rmtree(cluster.data(0))
    begin = time.monotonic()
    subprocess.run([*ctl, "snapshot", "restore", backup, "--data-dir", cluster.data(0), "--name", "m0",
                    "--initial-cluster", f"m0={cluster.peers[0]}", "--initial-advertise-peer-urls", cluster.peers[0]],
                   check=True, stdout=subprocess.DEVNULL)
    report.line("snapshot restore of it", f"{time.monotonic() - begin:.2f} s")
    boot(cluster, report, "boot of what was restored")
    after = hash_of(ctl, revision)
    report.line("hash of all keys and revisions, before and after", f"{before[0]} and {after[0]}", before == after)


def data(build, scale):
    """Much data that is live, in one member."""
    keys = max(1000, int(DATA_KEYS * scale))
    size = keys * (DATA_VALUE_BYTES + KEY_BYTES)
    flags = ("--log-level", "info")
    report = Report()
    print(f"\n{keys} keys with {DATA_VALUE_BYTES}-byte values, {size / MIB:.0f} MiB live, one member; gets: one a millisecond")
    cluster = Cluster("quorated", os.path.join(build, "bin", "quorated"), 1, flags)
    watched(build, cluster, report, "load, with the snapshots that it takes", lambda: put(build, cluster, keys, keys, DATA_VALUE_BYTES))
    report.line("peak memory during it / data", f"{status(cluster.processes[0], 'VmHWM') / size:.2f}")
    puts = snapshot_beside_puts(build, cluster, keys, PACE)
    cluster.end(signal.SIGKILL)
    boot(cluster, report, "boot after SIGKILL", flags)
    process = cluster.processes[0]
    # Their revisions are data too: nothing has compacted them.
    size += puts * (DATA_VALUE_BYTES + KEY_BYTES)
    report.line("resident after it / data", f"{status(process, 'VmRSS') / size:.2f}")
    forget_peak(process)
    puts = watched(build, cluster, report, f"{PACE} puts per second until a snapshot is taken",
                   lambda: snapshot_beside_puts(build, cluster, keys, PACE))
    peak = status(process, "VmHWM") / (size + puts * (DATA_VALUE_BYTES + KEY_BYTES))
    report.line("peak memory during it / data", f"{peak:.2f}", peak <= SNAPSHOT_MEMORY_MAX)
    ctl = [os.path.join(build, "bin", "quoratectl"), "--endpoints", cluster.leader, "--command-timeout", "60s"]
    revision = str(cluster.revision())
    watched(build, cluster, report, "HashKV of it", lambda: subprocess.run([*ctl, "endpoint", "hashkv"], check=True, stdout=subprocess.DEVNULL))
    watched(build, cluster, report, "compaction of it, physical",
            lambda: subprocess.run([*ctl, "compaction", revision, "--physical"], check=True, stdout=subprocess.DEVNULL))
    report.line("disk", f"{disk_bytes(cluster.data(0)) / MIB:.0f} MiB")
    put(build, cluster, PIECE, keys, DATA_VALUE_BYTES)  # only revisions behind the compaction can be hashed
    there_and_back(build, cluster, report, ctl, str(cluster.revision()))
    cluster.stop()
    report.end()
