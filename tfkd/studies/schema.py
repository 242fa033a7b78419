"""Configuration of a study: every key with its type, range, default and meaning.

The tables of keys in `docs/studies.md` are made from the descriptions here. After a change run
`python -c "from tfkd.studies.schema import update_page; update_page('docs/studies.md')"`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tfkd.config.schema import CorpusConfig, encoder_form
from tfkd.config.source import Key, Source
from tfkd.sections import Count, Name, NonEmpty, Section, Seed

Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
Texts = Annotated[tuple[NonEmpty, ...], Field(strict=False)]
Sizes = Annotated[tuple[Count | None, ...], Field(strict=False, min_length=1)]
Seeds = Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)]
Pair = Annotated[tuple[NonEmpty, NonEmpty], Field(strict=False)]
Pairs = Annotated[tuple[Pair, ...], Field(strict=False, min_length=1)]
RunKeys = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
"""Keys of a run's configuration; an empty section has none."""


class GridConfig(Section):
    """A grid of runs: each student, with each distillation method, with each teacher."""

    students: Names | None = Field(default=None, description="names from `students`; null: all")
    distillation: Names | None = Field(default=None, description="names from `distillation`; null: all")
    teachers: Names | None = Field(
        default=None, description="names from `teachers`; null: all. Runs without distillation ignore them"
    )


class PartConfig(Section):
    """A part of a study: runs that are compared, and the comparisons, which are named before the runs."""

    name: NonEmpty = Field(description="heading of the part in the report")
    question: str = Field(default="", description="the question that the part answers, in one sentence")
    corpora: Names | None = Field(default=None, description="names from `corpora`; null: all")
    sentences: Sizes | None = Field(default=None, description="sizes of the training set; null: those of the study")
    seeds: Seeds | None = Field(default=None, description="seeds; null: those of the study")
    runs: Annotated[tuple[GridConfig, ...], Field(strict=False, min_length=1)] = Field(
        default=(GridConfig(),), description="grids of runs; default: the whole grid"
    )
    show_teachers: bool = Field(default=True, description="show the scores of the teachers in the table of the part")
    baseline: NonEmpty | None = Field(
        default=None, description="method that gains are computed against, such as `small alone`"
    )
    families: dict[NonEmpty, Pairs] = Field(
        default={},
        description="pairs `[METHOD, AGAINST]` to test, under the name of their family; Holm's correction applies "
        "within each family. Default: each method against the baseline",
    )
    leave_out: dict[NonEmpty, Names] = Field(
        default={}, description="corpora to exclude when all tests are repeated, under a name such as `without X`"
    )


class StudyConfig(Section):
    """Configuration of a study: a grid of runs, and the comparisons to make between them."""

    title: NonEmpty = Field(description="title of the report")
    description: Texts = Field(default=(), description="paragraphs below the title")
    notes: Texts = Field(
        default=(), description="notes for readers of the report, such as which corpora share sentences"
    )
    legend: dict[NonEmpty, NonEmpty] = Field(
        default={}, description="meanings of the words in the names of methods, for readers of the report"
    )
    corpora_root: NonEmpty | None = Field(
        default=None, description="folder of the corpora whose paths are relative; null: the current folder"
    )
    corpora: Annotated[dict[Name, CorpusConfig], Field(min_length=1)] = Field(description="corpora by name")
    sentences: Sizes = Field(
        default=(None,),
        description="sizes of the training set, the same for each corpus; null: all sentences of the corpus",
    )
    seeds: Seeds = Field(
        default=(1, 2, 3), description="seeds of the runs; a student learns from the teacher of its own seed"
    )
    settings: RunKeys = Field(default={}, description="keys of a run's configuration that apply to all runs")
    teachers: dict[Name, RunKeys] = Field(
        default={},
        description="teachers by name: keys of a run's configuration, and `tasks`, names from `corpora`; "
        "default of `tasks`: all corpora",
    )
    students: Annotated[dict[Name, RunKeys], Field(min_length=1)] = Field(
        description="students by name: keys of a run's configuration"
    )
    distillation: Annotated[dict[Name, RunKeys], Field(min_length=1)] = Field(
        default={"alone": {}},
        description="distillation methods by name: the keys `distillation`, `transfer`, `augmentation` and `training` "
        "of a student's configuration. A section without `distillation` trains the student alone",
    )
    parts: Annotated[tuple[PartConfig, ...], Field(strict=False, min_length=1)] = Field(
        default=(PartConfig(name="Everything"),), description="what is compared; the first part is the main one"
    )
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="significance level of each test and of each family of tests"
    )


def update_page(path: str | os.PathLike[str]) -> None:
    """Write the tables of keys into a page, between its two marks."""
    page = Path(path)
    from tfkd.config.reference import with_reference  # a program of its own, not needed by `import tfkd`

    page.write_text(with_reference(page.read_text(encoding="utf-8"), StudyConfig), encoding="utf-8")


def merge_sections(source: Source, keys: Sequence[Key]) -> Source:
    r"""Merge sections of a study into the configuration of a run. Later sections win, key by key.

    A list replaces a list, and an encoder of another kind replaces an encoder. The keys of the result keep the lines
    they were read from, for error messages.

    Args:
        source: The study.
        keys: Keys of the sections; a missing section counts as empty.

    Example:
        >>> from tfkd.config.source import parse_yaml
        >>> source = parse_yaml("a: {training: {epochs: 1, seed: 2}}\nb:\n  training: {epochs: 3}", "x.yaml")
        >>> both = merge_sections(source, [("a",), ("b",)])
        >>> both.data, both.origin(("training", "epochs"))
        ({'training': {'epochs': 3, 'seed': 2}}, 'x.yaml:3')
    """
    result = Source(source.name, {})
    for key in keys:
        section: Any = source.data
        for part in key:
            section = (section or {}).get(part)
        _merge_section(result, result.data, section or {}, (), key, source)
    return result


def _merge_section(
    result: Source, target: dict[str, Any], section: Mapping[str, Any], place: Key, key: Key, source: Source
) -> None:
    for name, value in section.items():
        target_key, source_key = (*place, name), (*key, name)
        current = target.get(name)
        is_same_kind = name != "encoder" or encoder_form(value) == encoder_form(current)
        if isinstance(value, Mapping) and isinstance(current, dict) and is_same_kind:
            _merge_section(result, current, value, target_key, source_key, source)
            continue
        target[name] = copy.deepcopy(value)
        for old in [old for old in result.origins if old[: len(target_key)] == target_key]:
            del result.origins[old]
        for read, line in source.origins.items():
            if read[: len(source_key)] == source_key:
                result.origins[target_key + read[len(source_key) :]] = line
