"""Input of a report: finished runs, and the comparisons to make between them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from tfkd.evaluation.entity_errors import EntityErrors
from tfkd.evaluation.scores import Score, SeenScores
from tfkd.studies.statistics.comparison import Comparison, compare, default_families
from tfkd.studies.statistics.score_table import ScoreTable
from tfkd_base.errors import TfkdError, nearest

_STRICT = {"extra": "forbid"}  # a key that is none is a mistake of whoever wrote the file


@dataclass(frozen=True)
class StudyRun:
    """Results of one finished run; what was not measured is `None` or empty.

    Attributes:
        corpus: The corpus it was trained and tested on.
        method: What the report calls the way it was trained.
        seed: Runs of one method on one corpus with as many training sentences differ in it.
        test_f1: Strict entity F1 on test, from 0 to 1.
        devel_f1: The same on the development set.
        training_sentences: Labelled sentences that it was trained on.
        whole: Whether these are the whole training set, whatever its size.
        parameters: Weights of the model.
        words_per_second: Speed of tagging.
        training_seconds: How long it was trained.
        types: Scores on test by entity type.
        seen: Scores of entities seen in training, and of the others.
        errors: What became of the entities.
        sentence_counts: Counts of each test sentence, in their order, as `pack_counts` packs them.
        overlap: Numbers of sentences: of training sentences that are also in a development or test set, `excluded` and
            `kept`; of test sentences, those `in_training_sets` before, those still `trained_on`, and for a student
            those that `teachers_trained_on`. Earlier versions did not count.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    corpus: str
    method: str
    seed: int
    test_f1: float
    devel_f1: float | None = None
    training_sentences: int | None = None
    whole: bool = False
    parameters: int | None = None
    words_per_second: float | None = None
    training_seconds: float | None = None
    types: dict[str, Score] = field(default_factory=dict)
    seen: SeenScores | None = None
    errors: EntityErrors | None = None
    sentence_counts: str | None = None
    overlap: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyPart:
    """A part of a study: one table, and the comparisons named for it before the runs.

    Attributes:
        name: Its heading.
        methods: The methods in it, in the order of the table.
        question: What it asks, in a sentence.
        baseline: The method that gains are taken over.
        families: Pairs `(method, against)` to test, under the name of their family; Holm corrects within each. By
            default each method against the baseline, or without a baseline all pairs.
        corpora: The corpora in it; all by default.
        training_sentences: Selects the runs on a sample of this size, or, with `"all"`, those on the whole training
            set. Default: all runs.
        unranked: Methods that stand in the table of scores and in the families, and not in ranks, Friedman's and
            Nemenyi's tests and the diagram.
        seeds: Takes the runs of these seeds; all by default.
        leave_out: Under a name such as `"without BC5CDR-chem"` the corpora to leave out when the tests are made once
            more.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    name: str
    methods: tuple[str, ...]
    question: str = ""
    baseline: str | None = None
    families: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    corpora: tuple[str, ...] = ()
    training_sentences: int | Literal["all"] | None = None
    leave_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unranked: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Study:
    """Runs, and the parts in which they are compared.

    Attributes:
        title: Of the report.
        parts: The first is the main one, whose methods are drawn against speed and parameters.
        runs: All finished runs.
        description: Paragraphs below the title.
        notes: Sentences on what a reader must know, such as which corpora share sentences and which runs failed.
        alpha: The level of every test and family.
        legend: What a word in the names of methods means.

    Example:
        >>> runs = [StudyRun(f"corpus {c}", method, 1, f1) for c in range(6) for method, f1 in [("a", 0.7), ("b", 0.8)]]
        >>> study = Study("A study", (StudyPart("Main", ("a", "b"), baseline="a"),), tuple(runs))
        >>> study.compare(study.parts[0]).families["against a"][0].p
        0.03125
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    title: str
    parts: tuple[StudyPart, ...]
    runs: tuple[StudyRun, ...]
    description: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    alpha: float = 0.05
    legend: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; `read_study` reads them again."""
        return asdict(self)

    def runs_of(self, part: StudyPart) -> list[StudyRun]:
        """Return the runs of a part."""
        return [
            run
            for run in self.runs
            if run.method in part.methods
            and (not part.corpora or run.corpus in part.corpora)
            and (part.seeds is None or run.seed in part.seeds)
            and part.training_sentences in (None, "all" if run.whole else run.training_sentences)
        ]

    def missing(self, part: StudyPart) -> list[str]:
        """Return the methods of a part that have no runs yet."""
        there = {run.method for run in self.runs_of(part)}
        return [method for method in part.methods if method not in there]

    def compare(self, part: StudyPart, leave_out: tuple[str, ...] = ()) -> Comparison:
        """Compare the methods of a part that have runs.

        Pairs with a method that has none are not tested, and count in their family.

        Args:
            part: The part.
            leave_out: Corpora to do without.

        Raises:
            TfkdError: No run is left, or two are the same run.
        """
        runs = self.runs_of(part)
        kept = [run for run in runs if run.corpus not in leave_out]
        if not kept:
            raise TfkdError(
                f"part {part.name!r}: there are no runs of its methods, corpora, training sentences and seeds"
            )
        there = {run.method for run in kept}
        rows = [{"corpus": r.corpus, "method": r.method, "seed": r.seed, "f1": r.test_f1} for r in runs]
        try:
            return compare(
                replace(ScoreTable.read(rows), awaited=tuple(self.missing(part))),
                methods=[method for method in part.methods if method in there],
                corpora=[run.corpus for run in kept],
                baseline=part.baseline if part.baseline in there else None,
                families=part.families or default_families(part.methods, part.baseline),
                unranked=[method for method in part.unranked if method in there],
                alpha=self.alpha,
                scale=100,
            )
        except TfkdError as error:
            raise TfkdError(f"part {part.name!r}: {error}") from None


def read_study(source: dict[str, Any] | str | os.PathLike[str]) -> Study:
    """Read a study from a JSON file, or from its plain values.

    Args:
        source: The path, or the plain values of `Study.to_dict`.

    Raises:
        TfkdError: The file cannot be read, or something in it is missing, unknown, or of the wrong kind.

    Example:
        >>> read_study({"title": "T", "parts": [], "runs": []}).alpha
        0.05
    """
    import pydantic

    place = ""
    if isinstance(source, (str, os.PathLike)):
        place = f"{Path(source)}: "
        try:
            source = json.loads(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise TfkdError(f"{place}cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise TfkdError(f"{place}is no JSON in UTF-8: {error}") from None
    try:
        study = pydantic.TypeAdapter(Study).validate_python(source)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise TfkdError(f"{place}{where}: {first['msg']}; see tfkd.studies.report.Study.") from None
    check_study(study, place)
    return study


def check_study(study: Study, place: str = "") -> None:
    """Refuse a study with invalid parts.

    Args:
        study: The study.
        place: Where it stands, for the message.

    Raises:
        TfkdError: A part has no methods, a name that another has, or a family, a baseline or `unranked` that names a
            method outside it.
    """
    names = [part.name for part in study.parts]
    if len({*names}) < len(names):
        raise TfkdError(f"{place}two parts bear one name: {', '.join(names)}")
    for part in study.parts:
        if not part.methods:
            raise TfkdError(f"{place}part {part.name!r} has no methods")
        named = [method for pairs in part.families.values() for pair in pairs for method in pair]
        for method in [*([part.baseline] if part.baseline is not None else []), *named, *part.unranked]:
            if method not in part.methods:
                raise TfkdError(
                    f"{place}part {part.name!r}: {method!r} is none of its methods: {nearest(method, part.methods)}"
                )
