"""Scores of jobs by exact fractions: 0.7 a training, 0.3 an inference, times the part of the time that was left, and
nothing above 90 % of it (Dippy Studio Architecture, 3.1); rounded down to 18 decimals.

    python tests/vectors/scores.py           writes scores.json beside this file
    python tests/vectors/scores.py --check   fails when scores.json is not what this script writes
"""

import json
import pathlib
import random
import sys
from fractions import Fraction
from math import floor

WAD = 10**18
MOST = 2**32 - 1
WEIGHTS = [Fraction(7, 10), Fraction(3, 10)]
SEED = 360


def score(kind, latency, timeout):
    if timeout == 0 or latency > Fraction(9, 10) * timeout:
        return 0
    return floor(WEIGHTS[kind] * Fraction(timeout - latency, timeout) * WAD)


def cases():
    for timeout in [0, 1, 3, 7, 10, 11, 100, 1009, 3600, MOST - 1, MOST]:
        limit = timeout * 9 // 10
        for latency in {0, 1, limit - 1, limit, limit + 1, timeout - 1, timeout, MOST}:
            if 0 <= latency <= MOST:
                yield latency, timeout
    rng = random.Random(SEED)
    for _ in range(600):
        timeout = rng.randrange(1, 2 ** rng.randrange(1, 33))
        yield rng.randrange(timeout + 1), timeout


def main():
    columns = {"kind": [], "latency": [], "timeout": [], "score": []}
    for latency, timeout in sorted(set(cases())):
        for kind in range(2):
            for column, value in zip(columns.values(), (kind, latency, timeout, score(kind, latency, timeout))):
                column.append(str(value))
    text = json.dumps(columns, indent=2) + "\n"
    path = pathlib.Path(__file__).with_name("scores.json")
    if "--check" in sys.argv:
        if path.read_text() != text:
            sys.exit("stale: tests/vectors/scores.json\nrun: python tests/vectors/scores.py")
    else:
        path.write_text(text)
    print(f"{len(columns['kind'])} cases")


main()
