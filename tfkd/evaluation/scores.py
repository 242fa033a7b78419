"""Entity scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfkd_base.errors import TfkdError


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1, each from 0 to 1, and the number of gold entities."""

    precision: float
    recall: float
    f1: float
    entities: int


@dataclass(frozen=True)
class Scores:
    """Entity scores over all types (`micro`) and of each type, and the scheme they were read in.

    An entity counts as found if its first token, its last token and its type are right.
    """

    scheme: str
    micro: Score
    types: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        return asdict(self)


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "iob2") -> Scores:
    """Score predicted tags against gold tags with seqeval, strictly, in the scheme given.

    Args:
        gold: A sequence of tags for each sentence.
        predicted: As many, of the same lengths.
        scheme: Tag scheme of both: iob1, iob2, iobes or io.

    Raises:
        TfkdError: The lengths differ, or the scheme is unknown.

    Example:
        >>> score([["B-Gene", "I-Gene", "O"]], [["B-Gene", "O", "O"]]).micro.f1
        0.0
        >>> score([["B-Gene", "I-Gene", "O"]], [["B-Gene", "I-Gene", "B-Gene"]]).micro.precision
        0.5
    """
    from seqeval.metrics import classification_report

    lengths, others = [len(s) for s in gold], [len(s) for s in predicted]
    if lengths != others:
        raise TfkdError(
            f"gold and predicted tags must be of the same sentences: got {len(lengths)} and {len(others)} sentences, "
            f"{sum(lengths)} and {sum(others)} tags."
        )
    if not any(tag != "O" for sentence in (*gold, *predicted) for tag in sentence):
        return Scores(scheme, Score(0.0, 0.0, 0.0, 0), {})
    with warnings.catch_warnings():
        # seqeval warns of types that were never found; their scores say so already.
        warnings.simplefilter("ignore")
        report = classification_report(
            [list(s) for s in gold],
            [list(s) for s in predicted],
            mode="strict",
            scheme=_seqeval_scheme(scheme),
            output_dict=True,
            zero_division=0,
        )
    rows = {name: _row(row) for name, row in report.items() if not name.endswith(" avg")}
    return Scores(scheme, _row(report["micro avg"]), dict(sorted(rows.items())))


def _row(row: dict[str, Any]) -> Score:
    return Score(float(row["precision"]), float(row["recall"]), float(row["f1-score"]), int(row["support"]))


def _seqeval_scheme(scheme: str) -> Any:
    from seqeval import scheme as schemes

    known = {"iob1": schemes.IOB1, "iob2": schemes.IOB2, "iobes": schemes.IOBES}
    if scheme not in known:
        raise TfkdError(
            f"scores are taken in iob1, iob2 or iobes, got {scheme!r}: in io neighbouring entities cannot be told "
            "apart; convert the tags first."
        )
    return known[scheme]


def check_same_sentences(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse gold and predicted tags that are not of the same sentences.

    Raises:
        TfkdError: Naming the first sentence that differs, from 1.
    """
    if len(gold) != len(predicted):
        raise TfkdError(
            f"gold and predicted tags must be of the same sentences: got {len(gold)} and {len(predicted)} sentences."
        )
    for number, (one, other) in enumerate(zip(gold, predicted, strict=True), 1):
        if len(one) != len(other):
            raise TfkdError(
                f"gold and predicted tags must be of the same tokens: sentence {number} has {len(one)} gold and "
                f"{len(other)} predicted tags."
            )
