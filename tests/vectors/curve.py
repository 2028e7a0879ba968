"""Writes curve.json: the exact reward and price of the curve, to 90 digits, for Solidity and Rust to be held against.

    pip install mpmath==1.3.0
    python tests/vectors/curve.py           writes curve.json beside this file
    python tests/vectors/curve.py --check   fails when curve.json is not what this script writes

A case is a pool R (base units), units u and alpha (both WAD: 1e18 is one). With x = u * alpha / 1e36:
    reward = floor(R * (1 - exp(-x)))      what the exact curve pays, rounded down
    price  = ceil(R * (1 - exp(-x)))       what the exact curve charges, rounded up
Neither knows of the contract's own rounding of x and of exp: how far the contract may be off is the tests' business.
The file holds one list for each quantity; case i is the i-th entry of each. All numbers are decimal strings: they do
not fit a JSON number.
"""

import random

from mpmath import mp, mpf

from columns import write

mp.dps = 90

WAD = 10**18
SEED = 20260101  # any constant: the cases must not change between runs
MIN_ALPHA = 10**12  # the factory's bounds
MAX_ALPHA = 693_147_180_559_945_309
MIN_POOL = 1
MAX_POOL = 2**120
MAX_UNITS = (2**32 - 1) * WAD  # all of a uint32 of steps, at one step per reference training
EXPONENT_OF_ZERO = 41_446_531_673_892_822_313  # where the contract's exp gives zero


def exact(pool, units, alpha):
    """Floor and ceiling of R * (1 - exp(-x)), and a proof that 90 digits were enough to know them."""
    if pool == 0 or units == 0 or alpha == 0:
        return 0, 0
    value = mpf(pool) * -mp.expm1(-mpf(units) * mpf(alpha) / mpf(10) ** 36)
    floor = int(mp.floor(value))
    # Beyond x of about 207, 90 digits cannot tell the value from R, but it is below R all the same.
    if floor == pool:
        return pool - 1, pool
    fraction = value - floor
    digits_left = mpf(10) ** (-mp.dps + len(str(pool)) + 3)
    assert digits_left < fraction < 1 - digits_left or value > pool - 1, (pool, units, alpha)
    return floor, floor + 1


def cases():
    """Edges first, then random cases, each number drawn evenly over its orders of magnitude."""
    pools = [0, 1, 2, WAD - 1, WAD, 950_000 * WAD, MAX_POOL - 1, MAX_POOL]
    at_zero = [(0, WAD), (1, MIN_ALPHA), (1, WAD - 1), (1, WAD), (1, WAD + 1), (WAD, 1), (2, WAD), (WAD - 1, 1)]
    at_one = [(WAD, MIN_ALPHA), (WAD, WAD // 10), (WAD, MAX_ALPHA), (WAD, WAD - 1), (WAD, WAD), (WAD, WAD + 1)]
    far = [
        (EXPONENT_OF_ZERO - 2, WAD),
        (EXPONENT_OF_ZERO - 1, WAD),
        (EXPONENT_OF_ZERO, WAD),
        (EXPONENT_OF_ZERO + 1, WAD),
        (60 * WAD, MAX_ALPHA),
        (MAX_UNITS, MAX_ALPHA),
    ]
    for pool in pools:
        for units, alpha in at_zero + at_one + far:
            yield pool, units, alpha

    rng = random.Random(SEED)

    def spread(low, high):
        bits = rng.randrange(low.bit_length(), high.bit_length() + 1)  # integers only: floats differ by platform
        return min(high, max(low, 2 ** (bits - 1) + rng.randrange(2 ** (bits - 1))))

    for _ in range(240):
        yield spread(MIN_POOL, MAX_POOL), spread(1, 100 * WAD), spread(MIN_ALPHA, MAX_ALPHA)
    for _ in range(60):  # the exponents that ordinary models use
        yield spread(WAD, MAX_POOL), spread(WAD // 1000, 20 * WAD), spread(WAD // 1000, MAX_ALPHA)


write(__file__, ["pool", "units", "alpha", "reward", "price"], (case + exact(*case) for case in cases()))
