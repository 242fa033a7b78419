"""Seeds of the random streams of a run, each derived from the run's seed by a hash.

Seeds that differ by a number are no separate streams: a run with seed 2 would shuffle its first task as a run with seed
1 its second one, if seeds were added.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, purpose: str, *parts: int | str) -> int:
    """Return the seed of one stream: a hash of the run's seed, of what the numbers are for, and of further parts.

    Args:
        seed: The seed that the user gave.
        purpose: What the numbers are for, such as `"batches"`.
        parts: What tells streams of one purpose apart, such as the number of an epoch.

    Returns:
        An integer from 0 to 2**32 - 1, as Keras and NumPy take it; the same on every machine.

    Example:
        >>> derive_seed(1, "task", 1), derive_seed(2, "task", 0)
        (4082617719, 1470357740)
    """
    digest = hashlib.blake2b(repr((int(seed), purpose, *parts)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def make_generator(seed: int, purpose: str, *parts: int | str) -> np.random.Generator:
    """Return the generator of one stream, see `derive_seed`.

    Example:
        >>> int(make_generator(1, "batches", 0).integers(100))
        53
    """
    return np.random.default_rng(derive_seed(seed, purpose, *parts))
