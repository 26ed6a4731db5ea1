#!/usr/bin/env python3
"""The comparison itself: each transcript agrees with itself, and disagrees as soon as one word that no
mask covers is another."""

import os
import re
import sys

import compare
import sessions
import transcript

HERE = os.path.dirname(os.path.abspath(__file__))


def identity(steps):
    text = "\n".join("\n".join([s.text] + s.out + s.err) for s in steps)
    names = compare.Names({int(p): int(p) for p in re.findall(r"127\.0\.0\.1:(\d{5})", text)})
    for found in re.findall(r"\b[0-9a-f]{14,16}\b", text):
        names.bind(found, found)
    return names


def spans(line, race):
    patterns = [pattern for _, _, pattern, _ in compare.MASKS if "SIZE" not in pattern]
    # These stand behind the mask of the size: written here as they are in the transcript.
    patterns += [r"(?<=3\.4\.23, )\d+ kB, (true|false), (true|false), \d+, \d+, \d+",
                 r"(?<=3\.4\.23 \| )\d+ kB \| (true|false) \| (true|false) \| \d+ \| \d+ \| \d+"]
    patterns += [pattern for pattern, _ in compare.RACES[race]]
    return [m.span() for pattern in patterns for m in re.finditer(pattern, line)]


def words(line, race):
    """(from, to) of every word that no mask covers."""
    covered = spans(line, race)
    for m in re.finditer(r"[A-Za-z0-9]+", line):
        if not any(a < m.end() and m.start() < b for a, b in covered):
            yield m.span()


def altered(line, a, b):
    last = line[b - 1]
    other = "8" if last.isdigit() and last != "8" else "q" if last != "q" else "x"
    return line[:b - 1] + other + line[b:]


def check_step(names, step, name):
    race = sessions.race(step, name)
    actual = (step.out, step.err)
    tried = 0
    if compare.differences(names, step.text, actual, actual, race):
        sys.exit(f"{name}: {step}: differs from itself")
    for which in (0, 1):
        for at, line in enumerate(actual[which]):
            line = re.sub(r" +", " ", line) if line.startswith("|") else line
            for a, b in words(line, race):
                expected = [list(step.out), list(step.err)]
                expected[which][at] = altered(line, a, b)
                if not compare.differences(names, step.text, expected, actual, race):
                    sys.exit(f"{name}: {step}: nobody noticed: {expected[which][at]}")
                tried += 1
    return tried


def main():
    for name in sorted({name for name, _, _ in sessions.SESSIONS}):
        steps = transcript.read(os.path.join(HERE, "transcripts", name + ".txt"))
        names = identity(steps)
        tried = 0
        for step in steps:
            if step.kind == "command" and sessions.skip_reason(step, name) is None:
                tried += check_step(names, step, name)
        if tried < 50:
            sys.exit(f"{name}: only {tried} words were tried")
        print(f"{name}: {tried} words changed, one at a time, each noticed")
    for reason, entries in sessions.SKIPPED.items():
        for name, section, text in entries:
            paths = [n for n, _, _ in sessions.SESSIONS if n.split("-")[0] == name]
            steps = transcript.read(os.path.join(HERE, "transcripts", paths[0] + ".txt"))
            if not any(s.section == section and s.text.startswith(text) for s in steps):
                sys.exit(f"skipped, but not there: {name} {section} {text} ({reason})")
    if compare.member_id(["http://127.0.0.1:23811"], "etcd-cluster") != 0xD8812D7CD4D463E:
        sys.exit("the formula of a member's ID does not give the captured one")


if __name__ == "__main__":
    main()
