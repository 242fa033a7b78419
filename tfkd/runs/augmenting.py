"""From a configuration to variants of its labelled training sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfkd.config import Config
from tfkd.config.distillation import several
from tfkd.runs.held_out import RunSentences
from tfkd.text import Terms, read_terms
from tfkd_base.corpora import Augmenter, Corpus, SentenceHashes, Variants
from tfkd_base.errors import CorpusError
from tfkd_base.progress import Progress


@dataclass(frozen=True)
class AugmentedSentences:
    """The variants of the labelled sentences of a run.

    Attributes:
        of_task: The variants of each task.
        terms: The terms of each file.
        share: Share of the labelled sentences that an epoch replaces by a variant.
    """

    of_task: Mapping[str, Variants]
    terms: Mapping[str, Terms]
    share: float

    def tokens(self) -> list[tuple[str, ...]]:
        """Return the tokens of all variants."""
        return [sentence.tokens for variants in self.of_task.values() for sentence in variants]

    def pairs(self, corpora: Mapping[str, Corpus]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return the tokens of each variant and those of its labelled sentence.

        Args:
            corpora: The corpora that the variants were made from.
        """
        return [
            (variant.tokens, corpora[name].train[owner].tokens)
            for name, variants in self.of_task.items()
            for variant, owner in zip(variants, variants.owners, strict=True)
        ]

    def drawn_terms(self) -> list[tuple[str, ...]]:
        """Return the tokens of the terms that were drawn, once for each use."""
        return [term for variants in self.of_task.values() for term in variants.terms]

    def extend(self, corpora: Mapping[str, Corpus]) -> list[Corpus]:
        """Return the corpora of the tasks with the variants among their training sentences."""
        return [corpus.with_split("train", [*corpus.train, *self.of_task[name]]) for name, corpus in corpora.items()]

    def facts(self) -> dict[str, Any]:
        """Return the numbers of variants and of terms as plain values."""
        terms = {
            path: {"kept": terms.kept, "empty": terms.empty, "repeated": terms.repeated}
            for path, terms in self.terms.items()
        }
        return {"variants": {task: asdict(variants.report) for task, variants in self.of_task.items()}, "terms": terms}


class JoinedSentences(Iterable[Sequence[str]]):
    """The sentences of several sources, one source after the other; each iteration reads them again.

    Args:
        *sources: Token sequences of each source; each must restart with every iteration.
    """

    def __init__(self, *sources: Iterable[Sequence[str]]) -> None:
        self._sources = sources

    def __iter__(self) -> Iterator[Sequence[str]]:
        """Read the sentences one by one."""
        return itertools.chain.from_iterable(self._sources)


def make_variants(
    config: Config,
    corpora: Mapping[str, Corpus],
    teachers: Iterable[RunSentences | None] = (),
    progress: Progress | None = None,
) -> AugmentedSentences | None:
    """Make the variants of labelled sentences that a configuration asks for, if it asks for any.

    Mentions and tokens come from the training sentences of the task. Variants are dropped that are in a development or
    test set of the run or of a teacher.

    Args:
        config: The configuration of the run.
        corpora: The corpus of each task, without the training sentences that are excluded.
        teachers: The sentences of the teachers.
        progress: Receives the numbers of variants. Default: they are not reported.

    Raises:
        TfkdError: A file of terms cannot be read, or no variant remains.

    Warns:
        TfkdWarning: Lines of a file of terms were skipped.
    """
    settings = config.augmentation
    if settings is None:
        return None
    progress = progress or Progress()
    held_out: list[Corpus | SentenceHashes] = [*corpora.values()]
    held_out += [teacher.held_out for teacher in teachers if teacher is not None]
    types = sorted({kind for corpus in corpora.values() for kind in corpus.types})
    with progress.counted("augmenting the training sentences"):
        terms = {path: read_terms(path, types) for path in several(settings.terms)}
        of_task = {}
        for name, corpus in corpora.items():
            augmenter = Augmenter(
                corpus.train,
                corpus.scheme,
                mentions=settings.mentions,
                tokens=settings.tokens,
                shuffle=settings.shuffle,
                terms=_join(terms.values(), corpus.types),
                term_share=settings.term_share,
                seed=settings.sample_seed,
            )
            try:
                of_task[name] = Variants(augmenter, settings.variants, held_out)
            except CorpusError as error:
                raise CorpusError(f"{name}: {error}") from None
    for name, variants in of_task.items():
        progress.message(f"{name}: {variants.report}")
    return AugmentedSentences(of_task, terms, settings.share)


def _join(files: Iterable[Terms], types: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Join the terms of several files for some entity types."""
    joined: dict[str, list[tuple[str, ...]]] = {}
    for terms in files:
        for kind, of_type in terms.of_type.items():
            if kind in types:
                joined.setdefault(kind, []).extend(of_type)
    return joined
