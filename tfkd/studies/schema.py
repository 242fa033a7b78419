"""What the configuration of a study may hold: every key with its type, range, default and meaning.

`docs/studies.md` has its tables of keys from the descriptions here.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tfkd.config.schema import CorpusConfig
from tfkd.sections import Count, Name, NonEmpty, Section, Seed

Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
Texts = Annotated[tuple[NonEmpty, ...], Field(strict=False)]
Sizes = Annotated[tuple[Count | None, ...], Field(strict=False, min_length=1)]
Seeds = Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)]
Pair = Annotated[tuple[NonEmpty, NonEmpty], Field(strict=False)]
Pairs = Annotated[tuple[Pair, ...], Field(strict=False, min_length=1)]
Settings = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
"""Keys of a run's configuration; a name with nothing behind it has none."""


class GridConfig(Section):
    """Runs: each student, with each way to distil, by each teacher."""

    students: Names | None = Field(None, description="names from `students`; null is all")
    distillation: Names | None = Field(None, description="names from `distillation`; null is all")
    teachers: Names | None = Field(
        None, description="names from `teachers`; null is all. Where nothing is distilled they do not count"
    )


class PartConfig(Section):
    """A part of a study: runs that are compared with each other, and the comparisons named before they are made."""

    name: NonEmpty = Field(description="its heading in the report")
    question: str = Field("", description="what it asks, in a sentence")
    corpora: Names | None = Field(None, description="names from `corpora`; null is all")
    sentences: Sizes | None = Field(None, description="sizes of the training set; null is those of the study")
    seeds: Seeds | None = Field(None, description="its seeds; null is those of the study")
    runs: Annotated[tuple[GridConfig, ...], Field(strict=False, min_length=1)] = Field(
        (GridConfig(),), description="which runs; by default the whole grid"
    )
    show_teachers: bool = Field(True, description="whether the teachers' own scores stand in its table")
    baseline: NonEmpty | None = Field(None, description="the method over which gains are taken, such as `small alone`")
    families: dict[NonEmpty, Pairs] = Field(
        {},
        description="pairs `[METHOD, AGAINST]` to test, under the name of their family; Holm corrects within each. "
        "By default each method against the baseline",
    )
    leave_out: dict[NonEmpty, Names] = Field(
        {}, description="corpora to leave out when all tests are made once more, under a name such as `without X`"
    )


class StudyConfig(Section):
    """The configuration of a study: a grid of runs, and the questions asked of them."""

    title: NonEmpty = Field(description="the report's title")
    description: Texts = Field((), description="paragraphs below the title")
    notes: Texts = Field((), description="what a reader of the report must know, such as which corpora share sentences")
    legend: dict[NonEmpty, NonEmpty] = Field(
        {}, description="what words in the names of methods mean, for a reader of the report"
    )
    corpora_root: NonEmpty | None = Field(
        None, description="folder from which the corpora's relative paths are taken; null is the current folder"
    )
    corpora: Annotated[dict[Name, CorpusConfig], Field(min_length=1)] = Field(
        description="the corpora, each under its name"
    )
    sentences: Sizes = Field(
        (None,), description="sizes of the training set, of each corpus alike; null is all of its sentences"
    )
    seeds: Seeds = Field((1, 2, 3), description="seeds of the runs; a student learns from the teacher of its own seed")
    settings: Settings = Field({}, description="keys of a run's configuration that hold for all runs")
    teachers: dict[Name, Settings] = Field(
        {},
        description="under each teacher's name the keys of its run's configuration, and `tasks`, names from `corpora`; "
        "by default all of them",
    )
    students: Annotated[dict[Name, Settings], Field(min_length=1)] = Field(
        description="under each student's name the keys of its run's configuration"
    )
    distillation: Annotated[dict[Name, Settings], Field(min_length=1)] = Field(
        {"alone": {}},
        description="under each name a way to distil, as keys of a student's configuration: `distillation`, "
        "`transfer`, `training`. One without `distillation` distils nothing: the student is trained alone",
    )
    parts: Annotated[tuple[PartConfig, ...], Field(strict=False, min_length=1)] = Field(
        (PartConfig(name="Everything"),), description="what is compared; the first part is the main one"
    )
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(0.05, description="level of every test and family of tests")
