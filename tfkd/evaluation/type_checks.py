"""Warnings about scores that can only be zero: a model and a corpus without a type in common, or no training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

from tfkd_base.corpora import Corpus
from tfkd_base.corpora.corpus import SPLIT_WORDS
from tfkd_base.corpora.schemes import split_tag
from tfkd_base.errors import TfkdWarning
from tfkd_base.wording import count_of

NEAR_ZERO = 0.01
"""F1 below which a training is reported to have failed"""
_SHOWN = 10


def warn_about_types(tagger: object, corpus: Corpus, split: str, *, stacklevel: int = 2) -> None:
    """Warn if a tagger cannot find any entity of a split, because they have no type in common.

    Args:
        tagger: A tagger with the attribute `tags`; any other is not checked.
        corpus: The corpus.
        split: The split. One that the corpus lacks is not checked.
        stacklevel: As in `warnings.warn`.

    Example:
        >>> from types import SimpleNamespace
        >>> from tfkd_base.corpora import Sentence
        >>> corpus = Corpus("x", "iob2", {"test": (Sentence(("flu",), ("B-SpecificDisease",)),)})
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warn_about_types(SimpleNamespace(tags=("O", "B-Disease")), corpus, "test")
        >>> print(str(caught[0].message).rpartition(". ")[0])
        the model has the types Disease, and the test set of 'x' has SpecificDisease (1): no type in common, so all \
scores are 0
    """
    types = _model_types(tagger)
    if types is None or split not in corpus.splits:
        return
    gold = _entities(corpus, split)
    where = f"the {SPLIT_WORDS[split]} set of {corpus.name!r}"
    if not gold:
        text = f"{where} has no entity, so all scores are 0; check the tag column of its file"
    elif types.isdisjoint(gold):
        text = (
            f"the model has the types {_join(sorted(types)) or 'none'}, and {where} has "
            f"{_join(f'{kind} ({number:,})' for kind, number in gold.items())}: no type in common, so all scores are "
            f"0. {_explain_mapping(gold, sorted(types))}"
        )
    else:
        return
    warnings.warn(text, TfkdWarning, stacklevel=stacklevel + 1)


def warn_about_tags(gold: Iterable[Iterable[str]], predicted: Iterable[Iterable[str]], *, stacklevel: int = 2) -> None:
    """Warn if gold and predicted tags have no type in common, though both have entities.

    Args:
        gold: Gold tags of sentences.
        predicted: Predicted tags.
        stacklevel: As in `warnings.warn`.
    """
    types, others = (sorted(_types({tag for tags in rows for tag in tags})) for rows in (gold, predicted))
    if types and others and set(types).isdisjoint(others):
        warnings.warn(
            f"the gold tags have the types {_join(types)}, and the predicted tags {_join(others)}: no type in common, "
            "so all scores are 0",
            TfkdWarning,
            stacklevel=stacklevel + 1,
        )


def warn_about_low_f1(
    f1: float, tagger: object, corpus: Corpus, split: str, training: str, *, stacklevel: int = 2
) -> None:
    """Warn if a finished training has an F1 near zero, with the likely reason.

    Nothing is said where `warn_about_types` warned already.

    Args:
        f1: The F1 of the best epoch.
        tagger: The tagger.
        corpus: The corpus, with its training sentences if it has any.
        split: The split that `f1` is of.
        training: How long the training was, such as `2 epochs of 3 batches`.
        stacklevel: As in `warnings.warn`.
    """
    gold, types = _entities(corpus, split), _model_types(tagger)
    if f1 >= NEAR_ZERO or not gold or (types is not None and types.isdisjoint(gold)):
        return
    learned = _entities(corpus, "train")
    reason = f"{training} may be too few, or the learning rate too low or too high"
    if learned and learned.keys().isdisjoint(gold):
        reason = (
            f"its training sentences have the types {_join(learned)}, and this set has {_join(gold)}: map the types"
        )
    elif learned:
        reason += f"; the training sentences have {count_of(sum(learned.values()), 'entity', 'entities')}"
    elif "train" in corpus.splits:
        reason = "its training sentences have no entity: check the tag column of its file"
    warnings.warn(
        f"the training ended with an F1 of {100 * f1:.2f} on the {SPLIT_WORDS[split]} set of {corpus.name!r}: {reason}",
        TfkdWarning,
        stacklevel=stacklevel + 1,
    )


def _model_types(tagger: object) -> set[str] | None:
    tags = getattr(tagger, "tags", None)
    return None if tags is None else _types(tags)


def _types(tags: Iterable[str]) -> set[str]:
    return {split_tag(tag)[1] for tag in tags if tag != "O"}


def _entities(corpus: Corpus, split: str) -> Mapping[str, int]:
    """Return the number of entities of each type in a split; none for one that the corpus lacks."""
    return corpus.report.splits[split].entities if split in corpus.splits else {}


def _join(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")


def _explain_mapping(gold: Iterable[str], types: list[str]) -> str:
    if not types:
        return "Train the model on a corpus with entities."
    pairs = {kind: next((t for t in types if t.casefold() in kind.casefold()), types[0]) for kind in gold}
    options = _join(f"--map {old}={new}" for old, new in pairs.items())
    first, new = next(iter(pairs.items()))
    return (
        f"If types mean the same, map them, as with {options.replace(', ', ' ')}; `map: {{{first}: {new}}}` in a "
        f"configuration; or corpus.map_types({{{first!r}: {new!r}}})"
    )
