#!/usr/bin/env python3
"""Holds tests/campaign/unreached against what tests have passed: `./dev probes` runs it behind the tests of a
build with coverage counters.

A probe that no scenario has to reach is to be reached by the test that its line names. A line whose reason
begins with `untested:` says that nothing reaches it, and why; it is to go as soon as something does.

    covered.py SOURCE BUILD
"""

import collections
import fnmatch
import os
import re
import subprocess
import sys


def probe_sites(source):
    """name -> [(file, line)] of every PROBE in the product."""
    sites = collections.defaultdict(list)
    for base in ("core", "sim"):
        for folder, _, names in os.walk(os.path.join(source, base)):
            for name in sorted(n for n in names if n.endswith(".c")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as lines:
                    for number, line in enumerate(lines, 1):
                        for probe in re.findall(r'PROBE\("([^"]+)"\)', line):
                            sites[probe].append((os.path.relpath(path, source), number))
    return sites


def passes(source, build, path):
    """line -> how often it was passed, over all programs that hold the file."""
    counts = collections.Counter()
    for folder, _, names in os.walk(build):
        if os.path.basename(path) + ".gcda" not in names:
            continue
        data = os.path.join(folder, os.path.basename(path) + ".gcda")
        text = subprocess.run(["gcov", "-t", "-o", folder, data], cwd=source, check=True,
                              capture_output=True, text=True).stdout
        here = False
        for line in text.split("\n"):
            match = re.match(r"\s*([^:]+):\s*(\d+):(.*)", line)
            if match is None:
                continue
            count, number, rest = match.group(1).strip(), int(match.group(2)), match.group(3)
            if number == 0 and rest.startswith("Source:"):
                here = rest[len("Source:"):].endswith(path)
            elif here and number > 0 and count[0].isdigit():
                counts[number] += int(re.match(r"\d+", count).group())
    return counts


def main():
    source, build = (os.path.abspath(a) for a in sys.argv[1:3])
    sites = probe_sites(source)
    files = {path: passes(source, build, path) for path in {p for at in sites.values() for p, _ in at}}
    if not any(files.values()):
        sys.exit("no counters: run the tests of a build with the preset `cov` first")
    reached = {name: sum(files[path][line] for path, line in at) > 0 for name, at in sites.items()}
    complaints, untested = [], set()
    with open(os.path.join(source, "tests/campaign/unreached"), encoding="utf-8") as lines:
        entries = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    for pattern, reason in entries:
        names = fnmatch.filter(reached, pattern)
        if reason.startswith("untested:"):
            untested.update(names)
            complaints += [f"{n} is called untested, but a test reaches it" for n in names if reached[n]]
    for pattern, reason in entries:
        if not reason.startswith("untested:"):
            complaints += [f"{n} is reached by no test that ran; its line says: {reason.strip()}"
                           for n in fnmatch.filter(reached, pattern) if not reached[n] and n not in untested]
    print(f"{len(reached)} probes, {sum(reached.values())} reached by these tests, {len(untested)} called untested")
    print("\n".join(sorted(complaints)))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
