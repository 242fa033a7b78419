"""Seeds of streams: the same everywhere, and different for every seed, purpose and part."""

from __future__ import annotations

import numpy as np

from tfkd_base.seeds import derive_seed, make_generator


def test_a_seed_is_a_known_number_and_no_two_streams_share_one() -> None:
    assert derive_seed(1, "batches", 0) == 168542335
    streams = [(s, purpose, k) for s in range(40) for purpose in ("task", "batches", "model") for k in range(40)]
    assert len({derive_seed(*stream) for stream in streams}) == len(streams)
    assert derive_seed(1, "task", 1) == derive_seed(np.int64(1), "task", 1)
    assert max(derive_seed(*stream) for stream in streams) < 2**32


def test_streams_of_neighbouring_seeds_are_not_correlated() -> None:
    draws = np.array([make_generator(seed, "batches", part).normal(size=400) for seed in (1, 2) for part in (0, 1)])
    correlation = np.corrcoef(draws) - np.eye(4)
    assert np.abs(correlation).max() < 0.2
