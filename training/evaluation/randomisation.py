"""How often chance alone would bring as much: a paired randomisation test (Fisher 1935; for systems: Yeh 2000)."""

from __future__ import annotations

import numpy as np
from scipy import special

DRAWS = 9_999
_EXACT = 13
_CHUNK = 4_000_000  # signs held at once: 32 MB


def p_value(gains: np.ndarray, seed: int) -> float:
    """The chance of a sum as large as that of `gains`, (examples,), if each could as well have had the other sign.

    Where all gains are of one size it is the exact sign test. Otherwise all signs are tried of up to 13 gains, and
    9,999 draws of more; what is rarer than these can show is bounded by Hoeffding's inequality (1963).
    """
    gains = gains[np.abs(gains) > 1e-12]
    count = len(gains)
    if not count:
        return 1.0
    sizes = np.abs(gains)
    if np.ptp(sizes) < 1e-9:
        return float(special.bdtrc(int((gains > 0).sum()) - 1, count, 0.5))
    observed = gains.sum() - 1e-9 * sizes.sum()
    if count <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float((signs @ sizes >= observed).mean())
    generator, hits, done = np.random.default_rng(seed), 0, 0
    while done < DRAWS:
        rows = min(DRAWS - done, max(1, _CHUNK // count))
        signs = 1.0 - 2.0 * generator.integers(0, 2, (rows, count))
        hits, done = hits + int((signs @ sizes >= observed).sum()), done + rows
    drawn = (hits + 1) / (DRAWS + 1)
    bound = float(np.exp(-(max(observed, 0.0) ** 2) / (2 * (gains**2).sum())))
    return min(drawn, bound)


def least(errors: int) -> float:
    """What `p_value` is at the least where there are so many examples to gain anything on."""
    return 0.5**errors
