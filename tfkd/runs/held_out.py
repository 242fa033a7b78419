"""Which sentences that a run is scored on it is trained on, or its teacher was; a run keeps hashes of both.

The hashes let a later run check a finished teacher whose corpora are not there any more.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from tfkd.config import Config
from tfkd_base.corpora import Corpus, Match, SentenceHashes, held_out_hashes
from tfkd_base.corpora.corpus import SPLIT_WORDS
from tfkd_base.corpora.overlap import HELD_OUT, LEAST_TOKENS, drop_training_sentences
from tfkd_base.corpora.sentence_hashes import match_all
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.files import atomic_file

HASHES = "sentences.npz"
"""File with the hashes of a run's sentences, in the folder of the run or of a teacher's output cache."""
SHARE = 0.1
"""Share of the sentences of a development or test set above which short ones, such as headings, are warned about."""
TEACHER_SHARE = 0.01
"""Share of a task's training sentences above which a teacher of several tasks warns that they were excluded."""


@dataclass(frozen=True)
class TrainingOverlap:
    """Labelled training sentences of a task that are also in a development or test set of the run.

    Attributes:
        sentences: Number of training sentences before any was excluded.
        excluded: Those excluded from training.
        kept: Those that the run is trained on all the same.
        in_training_sets: Number of sentences of the task's development and test sets, by split, that were in a
            training set of the run before any was excluded.
        trained_on: Those that are still in one.
    """

    sentences: int
    excluded: int
    kept: int
    in_training_sets: dict[str, int]
    trained_on: dict[str, int]


@dataclass(frozen=True, eq=False)
class RunSentences:
    """Hashes of the sentences of a run, those of its teachers included.

    Attributes:
        held_out: Sentences of the development and test sets of its corpora.
        labelled: Labelled sentences that it was trained on.
        unlabelled: Sentences that it was distilled on without labels.
    """

    held_out: SentenceHashes
    labelled: SentenceHashes
    unlabelled: SentenceHashes

    @classmethod
    def of(
        cls, corpora: Iterable[Corpus], unlabelled: Iterable[Sequence[str]] = (), teachers: Iterable[RunSentences] = ()
    ) -> RunSentences:
        """Hash the sentences of a run.

        Args:
            corpora: Its corpora, with the training sentences that are used.
            unlabelled: Its sentences without labels.
            teachers: The sentences of its teachers.
        """
        corpora, teachers = list(corpora), list(teachers)
        labelled = SentenceHashes.of(s.tokens for corpus in corpora for s in corpus.splits.get("train", ()))
        return cls(
            SentenceHashes.union([held_out_hashes(corpora), *(each.held_out for each in teachers)]),
            SentenceHashes.union([labelled, *(each.labelled for each in teachers)]),
            SentenceHashes.union([SentenceHashes.of(unlabelled), *(each.unlabelled for each in teachers)]),
        )

    def write(self, folder: Path) -> None:
        """Write the hashes into the folder of a run or a cache."""
        with atomic_file(folder / HASHES) as part:
            np.savez(part, **{f"{name}_{kind}": hashes for name, kind, hashes in self._arrays()})

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the hashes in the folder of a run or a cache; `None` if an earlier version wrote it, without them.

        Raises:
            TfkdError: The file is damaged.
        """
        file = folder / HASHES
        if not file.is_file():
            return None
        try:
            with np.load(file) as arrays:
                names = ("held_out", "labelled", "unlabelled")
                return cls(*(SentenceHashes(arrays[f"{n}_wholes"], arrays[f"{n}_windows"]) for n in names))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise TfkdError(
                f"{file} is damaged ({error}): restore it, or remove it to go without the checks for test sentences."
            ) from None

    def _arrays(self) -> Iterable[tuple[str, str, Any]]:
        for name in ("held_out", "labelled", "unlabelled"):
            hashes = getattr(self, name)
            yield name, "wholes", hashes.wholes
            yield name, "windows", hashes.windows


@dataclass(frozen=True)
class RunChecks:
    """What a run records of development and test sentences that training text holds.

    Attributes:
        training: For each task its training sentences that are also in a development or test set.
        sentences: Hashes of the sentences that the run was scored on and trained on.
        teachers: Returned by `check_teachers`.
        vocabulary: Unlabelled sentences in the development or test sets of a teacher. They are excluded from training,
            but their words are in the vocabulary, which is that of the baseline.
    """

    training: dict[str, TrainingOverlap]
    sentences: RunSentences
    teachers: Sequence[Mapping[str, Any]] = ()
    vocabulary: int = 0

    def facts(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        return {
            "training": {task: asdict(overlap) for task, overlap in self.training.items()},
            "teachers": list(self.teachers),
            "vocabulary": self.vocabulary,
        }

    def of_split(self, task: str, split: str) -> dict[str, int | None]:
        """Return how many sentences of a development or test set are in training text.

        Returns:
            `in_training_sets`, before any was excluded; `trained_on`; and for a student `teachers_trained_on`, the
            largest number of any teacher, `None` if a teacher could not be checked.
        """
        overlap = self.training[task]
        counts: dict[str, int | None] = {
            "in_training_sets": overlap.in_training_sets[split],
            "trained_on": overlap.trained_on[split],
        }
        if self.teachers:
            of_teachers = [fact["trained_on"][task][split] for fact in self.teachers if fact["checked"]]
            is_complete = len(of_teachers) == len(self.teachers)
            counts["teachers_trained_on"] = max(of_teachers) if is_complete else None
        return counts


def excludes_duplicates(config: Config, task: str) -> bool | None:
    """Return whether a task excludes training sentences that are in a development or test set.

    Args:
        config: The configuration of the run.
        task: The name of the task.

    Returns:
        `True` for all such sentences, `False` for none, `None` for those of at least six tokens.
    """
    setting = config.tasks[task].exclude_duplicates if task in config.tasks else None
    return config.training.exclude_duplicates if setting is None else setting


def exclude_held_out(
    config: Config, corpora: Mapping[str, Corpus]
) -> tuple[dict[str, Corpus], dict[str, TrainingOverlap]]:
    """Exclude the training sentences that are in a development or test set of the run's tasks.

    By default those with fewer than six tokens are kept: headings recur by chance. `exclude_duplicates` of a task, or
    else of `training`, excludes them too, or none at all.

    Args:
        config: The configuration of the run.
        corpora: The corpus of each task.

    Returns:
        The corpora, and what was excluded from the training set of each task.
    """
    held_out = [s.tokens for corpus in corpora.values() for split in HELD_OUT for s in corpus.splits.get(split, ())]
    long = SentenceHashes.of(tokens for tokens in held_out if len(tokens) >= LEAST_TOKENS)
    short = SentenceHashes.of(tokens for tokens in held_out if len(tokens) < LEAST_TOKENS)
    sets = [long, SentenceHashes.union([long, short])]
    without: dict[str, Corpus] = {}
    found, excluded = {}, {}
    for name, corpus in corpora.items():
        is_long, is_any = _are_known(corpus, "train", sets)
        choices = {None: is_long, True: is_any, False: np.zeros_like(is_any)}
        is_excluded = choices[excludes_duplicates(config, name)]
        without[name] = drop_training_sentences(corpus, is_excluded)
        found[name], excluded[name] = int(is_any.sum()), int(is_excluded.sum())
    trained = _hash_training_sets(corpora, without) if any(found.values()) else None
    overlaps = {}
    for name, corpus in corpora.items():
        counts = {
            split: _are_known(corpus, split, trained).sum(axis=1).tolist() if trained else (0, 0)
            for split in _scored_splits(corpus)
        }
        overlaps[name] = TrainingOverlap(
            sentences=len(corpus.splits.get("train", ())),
            excluded=excluded[name],
            kept=found[name] - excluded[name],
            in_training_sets={split: before for split, (before, _) in counts.items()},
            trained_on={split: after for split, (_, after) in counts.items()},
        )
    return without, overlaps


def _hash_training_sets(before: Mapping[str, Corpus], after: Mapping[str, Corpus]) -> list[SentenceHashes]:
    """Hash all training sentences before and after some were excluded."""
    hashes = {name: _hash_training_set(corpus) for name, corpus in before.items()}
    rest = {name: hashes[name] if after[name] is before[name] else _hash_training_set(after[name]) for name in before}
    return [SentenceHashes.union(hashes.values()), SentenceHashes.union(rest.values())]


def _hash_training_set(corpus: Corpus) -> SentenceHashes:
    return SentenceHashes.of(s.tokens for s in corpus.splits.get("train", ()))


def _scored_splits(corpus: Corpus) -> list[str]:
    return [split for split in HELD_OUT if split in corpus.splits]


def count_known(corpus: Corpus, *known: SentenceHashes) -> dict[str, int]:
    """Return how many sentences of the development and the test set of a corpus are in sets of sentences."""
    return {split: int(_are_known(corpus, split, known).any(axis=0).sum()) for split in _scored_splits(corpus)}


def describe_known(corpus: Corpus, known: SentenceHashes, splits: Sequence[str] = HELD_OUT) -> str | None:
    """Return how many development and test sentences are in a set of sentences, in words.

    Returns:
        `None` if there are only a few, with fewer than six tokens.
    """
    parts = []
    for split in splits:
        sentences = corpus.splits.get(split, ())
        (is_known,) = _are_known(corpus, split, [known])
        number = int(is_known.sum())
        longest = max((len(s.tokens) for s, known in zip(sentences, is_known, strict=True) if known), default=0)
        if longest >= LEAST_TOKENS or number > SHARE * len(sentences):
            parts.append(f"{number:,} of {len(sentences):,} {SPLIT_WORDS[split]} sentences")
    return " and ".join(parts) or None


def _are_known(corpus: Corpus, split: str, sets: Sequence[SentenceHashes]) -> np.ndarray:
    """Return whether each set has each sentence of a split, bool `[sets, sentences]`."""
    return match_all((s.tokens for s in corpus.splits.get(split, ())), sets)[0] >= Match.CONTAINED


def warn_of_training_overlap(
    corpora: Mapping[str, Corpus], overlaps: Mapping[str, TrainingOverlap], least_share: float = 0.0
) -> None:
    """Warn of training sentences that were excluded, and of many that are trained on all the same.

    Args:
        corpora: The corpora of the run, without the excluded sentences.
        overlaps: Returned by `exclude_held_out`.
        least_share: Share of a task's training sentences from which on excluded ones are warned about.

    Raises:
        TfkdError: All training sentences of a task are in development or test sets.
    """
    excluded = [
        f"{overlap.excluded:,} of {overlap.sentences:,} of {name}"
        for name, overlap in overlaps.items()
        if overlap.excluded > least_share * overlap.sentences
    ]
    for name, overlap in overlaps.items():
        if overlap.excluded and overlap.excluded + overlap.kept == overlap.sentences:
            raise TfkdError(
                f"all {overlap.sentences:,} training sentences of {name} are also in a development or test set: are "
                "two of its files the same? Give it other training sentences, or set training.exclude_duplicates to "
                "false to train on them all the same."
            )
    if excluded:
        _warn(
            f"training sentences excluded, since they are also in development or test sets: {', '.join(excluded)}; "
            "training.exclude_duplicates=false keeps them"
        )
    for name, overlap in overlaps.items():
        known = None
        if overlap.kept:
            learned = SentenceHashes.of(sentence.tokens for sentence in corpora[name].train)
            known = describe_known(corpora[name], learned)
        if known is not None:
            _warn(
                f"{name} is trained on {known} that it is scored on, with their labels: set "
                "training.exclude_duplicates to true to exclude them"
            )


def check_teachers(corpora: Mapping[str, Corpus], teachers: Mapping[str, RunSentences | None]) -> list[dict[str, Any]]:
    """Check whether finished teachers were trained on what a student is scored on, and warn if so.

    Args:
        corpora: The corpora of the student.
        teachers: The sentences of each teacher, by its name; `None` where they cannot be known.

    Returns:
        For each teacher, as plain values: its name; whether it could be checked; for each task and split of the
        student the number of sentences that it was trained on, in all, with labels, and without; and for each task the
        number of the student's training sentences that are in a development or test set of the teacher.
    """
    facts = []
    for name, sentences in teachers.items():
        if sentences is None:
            facts.append({"teacher": name, "checked": False})
            continue
        fact: dict[str, Any] = {"teacher": name, "checked": True}
        both = (sentences.labelled, sentences.unlabelled)
        fact["trained_on"] = {task: count_known(corpus, *both) for task, corpus in corpora.items()}
        for kind, phrase in (("labelled", "with their labels"), ("unlabelled", "without labels")):
            known = getattr(sentences, kind)
            fact[f"trained_on_{kind}"] = {task: count_known(corpus, known) for task, corpus in corpora.items()}
            for task, corpus in corpora.items():
                described = describe_known(corpus, known)
                if described is not None:
                    _warn(
                        f"the teacher {name} was trained on {described} of {task}, {phrase}: its outputs and the "
                        "scores of its student are not those of new text. Train a teacher without them; one that has "
                        f"{task} among its tasks excludes them"
                    )
        fact["training_sentences_in_its_held_out_sets"] = {
            task: int(_are_known(corpus, "train", [sentences.held_out]).sum()) for task, corpus in corpora.items()
        }
        facts.append(fact)
    return facts


def warn_of_known_sentences(run: str, sentences: RunSentences | None, corpus: Corpus, split: str) -> None:
    """Warn if a run was trained on sentences of a split that it is about to be scored on.

    Args:
        run: The name of the run.
        sentences: Its sentences; `None` where they are unknown.
        corpus: The corpus.
        split: The split.
    """
    for kind in ("labelled", "unlabelled") if sentences is not None else ():
        described = describe_known(corpus, getattr(sentences, kind), [split])
        if described is not None:
            _warn(f"{run} was trained on {described} of {corpus.name}, {kind}: the scores are not those of new text")


def _warn(text: str) -> None:
    warnings.warn(text, TfkdWarning, stacklevel=4)
