"""Scores of jobs by exact fractions: 0.7 a training, 0.3 an inference, times the part of the time that was left, and
nothing above 90 % of it (Dippy Studio Architecture, 3.1); rounded down to 18 decimals.

    python tests/vectors/scores.py           writes scores.json beside this file
    python tests/vectors/scores.py --check   fails when scores.json is not what this script writes
"""

import random
from fractions import Fraction
from math import floor

from columns import write

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


jobs = ((kind, *job) for job in sorted(set(cases())) for kind in range(2))
write(__file__, ["kind", "latency", "timeout", "score"], (job + (score(*job),) for job in jobs))
