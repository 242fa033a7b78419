"""Paired bootstrap over the sentences of a corpus, for two systems."""

from __future__ import annotations

import base64
import binascii
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfkd.evaluation.scores import check_same_sentences
from tfkd.studies.statistics.wording import p_text, signed
from tfkd_base.corpora import spans
from tfkd_base.corpora.schemes import check_scheme
from tfkd_base.errors import TfkdError

SAMPLES = 10_000

_BLOCK = 2**17
"""Number of counts drawn at once: few enough for the processor's cache."""


@dataclass(frozen=True)
class PairedBootstrap:
    """Difference of the F1 of two systems on one corpus, with its interval and p.

    Attributes:
        f1: Of both systems, from 0 to 1.
        difference: F1 of the first less that of the second.
        interval: Percentile interval of the difference over resampled sentences.
        level: Of the interval.
        p: Two-sided: how often resampling moves the difference by at least as much as it differs from zero.
        sentences: How many there were.
        samples: How often they were resampled.
        null_hypothesis: In a sentence.
        verdict: In a sentence.
    """

    f1: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    level: float
    p: float
    sentences: int
    samples: int
    null_hypothesis: str
    verdict: str


def sentence_counts(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "iob2"
) -> NDArray[np.int64]:
    """Count true positives, false positives and false negatives of each sentence.

    Args:
        gold: A sequence of tags for each sentence.
        predicted: As many, of the same lengths.
        scheme: Tag scheme of both.

    Returns:
        int64 `[sentences, 3]`: true positives, false positives, false negatives. Their sums are those of
        `score` where all tags are valid in the scheme, as the taggers' are.

    Raises:
        TfkdError: The lengths differ, or a tag is outside the scheme.

    Example:
        >>> sentence_counts([["B-Gene", "I-Gene"], ["O", "B-Gene"]], [["B-Gene", "O"], ["O", "B-Gene"]])
        array([[0, 1, 1],
               [1, 0, 0]])
    """
    known = check_scheme(scheme)
    check_same_sentences(gold, predicted)
    rows = []
    for gold_tags, found_tags in zip(gold, predicted, strict=True):
        right, found = set(spans(gold_tags, known)), set(spans(found_tags, known))
        both = len(right & found)
        rows.append((both, len(found) - both, len(right) - both))
    return np.array(rows, np.int64).reshape(len(rows), 3)


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    *,
    names: tuple[str, str] = ("the first", "the second"),
    samples: int = SAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> PairedBootstrap:
    """Test the difference of the F1 of two systems by resampling the sentences of a corpus, the same for both.

    The result holds for other sentences like these, not for other corpora or seeds. Sentences are assumed to be
    independent. Those of an article are not, so the interval can be much too narrow if there are few long articles.
    For several seeds of a system, add up its counts; F1 is then over all its seeds.

    Args:
        first: `[sentences, 3]` of one system, from `sentence_counts`.
        second: The same sentences of the other.
        names: What the verdict calls them.
        samples: How often to resample.
        level: Of the interval; one less this is the level of the verdict.
        seed: Of the resampling.

    Raises:
        TfkdError: The counts are not of the same number of sentences, are negative, or there are none; `samples` is
            below 1; or `level` is not between 0 and 1.

    Example:
        >>> better = [[1, 0, 0]] * 40 + [[0, 1, 1]] * 10
        >>> worse = [[1, 0, 0]] * 20 + [[0, 1, 1]] * 30
        >>> answer = paired_bootstrap(better, worse)
        >>> round(answer.difference, 3), answer.p < 0.001
        (0.4, True)
    """
    one, other = _checked(first, "first"), _checked(second, "second")
    if len(one) != len(other):
        raise TfkdError(
            f"the counts of both systems must be of the same sentences: got {len(one)} and {len(other)} of them"
        )
    if samples < 1 or not 0 < level < 1:
        raise TfkdError(
            f"expected at least one sample and a level between 0 and 1, such as 0.95, got {samples} and {level}."
        )
    counts = np.concatenate([one, other], axis=1)
    # Sentences with the same counts are the same to F1: drawing how often each kind comes is drawing sentences.
    kinds, numbers = np.unique(counts, axis=0, return_counts=True)
    # The draws take nearly all of the time. In blocks they are the same numbers, in less memory.
    generator, rows = np.random.default_rng(seed), max(_BLOCK // len(kinds), 1)
    sizes = [min(rows, samples - start) for start in range(0, samples, rows)]
    draws = (generator.multinomial(len(counts), numbers / len(counts), size=size) for size in sizes)
    differences = np.concatenate([_difference(drawn @ kinds) for drawn in draws])
    totals = counts.sum(axis=0)
    observed = float(_difference(totals))
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2]).tolist()
    # At least as far from what was observed as that is from zero; rounding must not part equal differences.
    far = np.abs(differences - observed) >= abs(observed) - 1e-12
    p = float((1 + far.sum()) / (1 + samples))
    f1 = (float(_f1(totals[:3])), float(_f1(totals[3:])))
    null = f"{names[0]} and {names[1]} have the same F1 on sentences like these."
    verdict = (
        f"{names[0]} against {names[1]}: F1 {100 * f1[0]:.2f} and {100 * f1[1]:.2f}, difference "
        f"{signed(100 * observed)} ({100 * level:g} % interval {signed(100 * low)} to {signed(100 * high)}), "
        f"{p_text(p)}: "
        + ("no difference is shown." if p > 1 - level else f"{names[0]} is {'better' if observed > 0 else 'worse'}.")
    )
    return PairedBootstrap(f1, observed, (low, high), level, p, len(counts), samples, null, verdict)


def _checked(counts: ArrayLike, which: str) -> NDArray[np.int64]:
    array = np.asarray(counts)
    if array.ndim != 2 or array.shape[1] != 3 or not len(array) or array.dtype.kind not in "iu" or (array < 0).any():
        raise TfkdError(
            f"the counts of the {which} system: expected whole numbers [sentences, 3] from 0, one sentence at least, "
            f"got {array.dtype} {list(array.shape)}; see sentence_counts."
        )
    return array.astype(np.int64)


def _difference(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    return _f1(totals[..., :3]) - _f1(totals[..., 3:])


def _f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    right, wrong, missed = np.moveaxis(totals, -1, 0)
    return 2 * right / np.maximum(2 * right + wrong + missed, 1)


def pack_counts(counts: ArrayLike) -> str:
    """Return counts as a short string for a JSON file, about a byte for each sentence.

    Args:
        counts: `[sentences, 3]`, from `sentence_counts`.

    Example:
        >>> unpack_counts(pack_counts([[1, 0, 0], [0, 2, 1]]))
        array([[1, 0, 0],
               [0, 2, 1]])
    """
    array = np.ascontiguousarray(counts, np.int64).reshape(-1, 3)
    file = io.BytesIO()
    np.save(file, array.astype(np.min_scalar_type(array.max(initial=0))))
    return base64.b64encode(zlib.compress(file.getvalue())).decode()


def unpack_counts(packed: str) -> NDArray[np.int64]:
    """Return the counts in a string that `pack_counts` made, in this version or in an earlier one.

    Returns:
        int64 `[sentences, 3]`.

    Raises:
        TfkdError: The string is damaged.
    """
    try:
        plain = zlib.decompress(base64.b64decode(packed, validate=True))
        if plain.startswith(b"["):  # JSON, of earlier versions
            return np.array(json.loads(plain), np.int64).reshape(-1, 3)
        return np.load(io.BytesIO(plain), allow_pickle=False).astype(np.int64).reshape(-1, 3)
    except (binascii.Error, zlib.error, ValueError, EOFError) as error:
        raise TfkdError(f"expected counts of sentences from pack_counts, got {packed[:20]!r}: {error}") from None
