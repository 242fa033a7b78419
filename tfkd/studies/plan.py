"""From the configuration of a study to its jobs, in the order in which they are best done."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tfkd.config import Config, read_source, with_absolute_paths
from tfkd.config.errors import validated
from tfkd.config.source import ConfigError, Source
from tfkd.distillation import DistillationLoss
from tfkd.studies.checks import certain_layers, check_names, check_run, check_teaching, refused
from tfkd.studies.job import Job, cached_of
from tfkd.studies.merging import merged
from tfkd.studies.schema import GridConfig, PartConfig, StudyConfig


@dataclass(frozen=True)
class Cell:
    """A point of the grid: one student, trained alone or by one teacher, on one corpus."""

    corpus: str
    sentences: int | None
    seed: int
    student: str
    way: str
    teacher: str | None

    @property
    def name(self) -> str:
        """The name of its job."""
        taught = (self.teacher,) if self.teacher is not None else ()
        return ".".join([self.corpus, self.student, self.way, *taught, _size(self.sentences), str(self.seed)])

    @property
    def method(self) -> str:
        """What the report calls it."""
        return method_of(self.student, self.way, self.teacher)


def method_of(student: str, way: str, teacher: str | None = None) -> str:
    """Name a method as the report does.

    Example:
        >>> method_of("small", "alone"), method_of("small", "logits", "bilstm-crf")
        ('small alone', 'small logits of bilstm-crf')
    """
    return f"{student} {way}" + (f" of {teacher}" if teacher is not None else "")


def teacher_method(teacher: str) -> str:
    """Name the method of a teacher's own scores."""
    return f"{teacher} teacher"


def _size(sentences: int | None) -> str:
    return "all" if sentences is None else str(sentences)


@dataclass(frozen=True)
class Plan:
    """A study and its jobs.

    Attributes:
        config: The study's configuration.
        source: What it was read from.
        jobs: By name, in the order in which they are begun.
        methods: For each part of the study the methods in it, in the order of its table.
    """

    config: StudyConfig
    source: Source
    jobs: dict[str, Job]
    methods: dict[str, tuple[str, ...]]

    @cached_property
    def runs(self) -> dict[str, Job]:
        """The jobs that give scores."""
        return {name: job for name, job in self.jobs.items() if job.is_run}


def read_plan(source: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Plan:
    """Read the configuration of a study from a file, or a bundled one by its name, check it, and list its jobs.

    Args:
        source: The path of a YAML file, or a bundled one's name, `study`.
        overrides: `KEY=VALUE` settings laid over it in turn.

    Raises:
        ConfigError: There is no such file, or something in it, or in a run that it makes, is not as it should be.

    Example:
        >>> plan = read_plan("demo-study")
        >>> [job.name for job in plan.jobs.values()][:2]
        ['gene.small.alone.100.1', 'disease.small.alone.100.1']
    """
    return plan_study(read_source(source, overrides))


def plan_study(source: Source) -> Plan:
    """Check the configuration of a study, and list its jobs; `read_plan` says the rest."""
    if "kind" in source.data and "students" not in source.data:
        raise ConfigError(
            f"{source.name}: this is the configuration of a run: run it by `tfkd train` or `tfkd distill`"
        )
    config = validated(StudyConfig, source)
    check_names(config, source)
    planner = _Planner(config, source)
    methods: dict[str, list[str]] = {}
    cells: dict[str, Cell] = {}
    for index, part in enumerate(config.parts):
        found = list(_cells(config, part, source, index))
        cells.update({cell.name: cell for cell in found})
        methods[part.name] = _methods(part, found)
    check_teaching(config, source, methods)
    return Plan(config, source, planner.jobs(list(cells.values())), {k: tuple(v) for k, v in methods.items()})


def _methods(part: PartConfig, cells: Sequence[Cell]) -> list[str]:
    methods = [cell.method for cell in cells]
    if part.show_teachers:
        methods += [teacher_method(cell.teacher) for cell in cells if cell.teacher is not None]
    return list(dict.fromkeys(methods))


def _cells(config: StudyConfig, part: PartConfig, source: Source, index: int) -> Iterator[Cell]:
    """List the points of a part's grids; a seed is done before the next one."""
    for number, grid in enumerate(part.runs):
        teaching = [way for way in grid.distillation or config.distillation if distils(config, way)]
        if teaching and not config.teachers:
            raise refused(
                source,
                ("parts", str(index), "runs", str(number)),
                f"part {part.name!r} has no run of {teaching[0]!r}, which needs a teacher: the study has none under "
                "`teachers`. Add one, or name the ways to distil that need none",
            )
    for seed in part.seeds or config.seeds:
        for sentences in part.sentences or config.sentences:
            for corpus in part.corpora or config.corpora:
                for grid in part.runs:
                    for student, way, teacher in _combinations(config, grid):
                        yield Cell(corpus, sentences, seed, student, way, teacher)


def distils(config: StudyConfig, way: str) -> bool:
    """Tell whether a way to distil needs a teacher; a section that is there and empty has its defaults."""
    return config.distillation[way].get("distillation") is not None


def _combinations(config: StudyConfig, grid: GridConfig) -> Iterator[tuple[str, str, str | None]]:
    for student in grid.students or config.students:
        for way in grid.distillation or config.distillation:
            if not distils(config, way):
                yield student, way, None
                continue
            for teacher in grid.teachers or config.teachers:
                yield student, way, teacher


@dataclass
class _Planner:
    """Makes jobs of cells; what several cells need is made once."""

    config: StudyConfig
    source: Source
    _configs: dict[tuple[Any, ...], Config] = field(default_factory=dict)

    def jobs(self, cells: Sequence[Cell]) -> dict[str, Job]:
        """List the jobs: of each seed the students alone, then each teacher with its students."""
        made: dict[str, Job] = {}
        seeds = list(dict.fromkeys(cell.seed for cell in cells))
        for seed in seeds:
            of_seed = [cell for cell in cells if cell.seed == seed]
            for cell in of_seed:
                if cell.teacher is None:
                    made[cell.name] = Job(cell.name, "student", self.student(cell), (), cell.method)
            groups = dict.fromkeys((c.teacher, c.sentences) for c in of_seed if c.teacher is not None)
            for teacher, sentences in groups:
                assert teacher is not None
                taught = [c for c in of_seed if (c.teacher, c.sentences) == (teacher, sentences)]
                made.update(self._taught(teacher, sentences, seed, taught))
        return made

    def _taught(self, teacher: str, sentences: int | None, seed: int, cells: Sequence[Cell]) -> dict[str, Job]:
        """List a teacher, and corpus by corpus its caches and students."""
        name = f"teacher.{teacher}.{_size(sentences)}.{seed}"
        first = Job(name, "teacher", self.teacher(teacher, sentences, seed), (), teacher_method(teacher), teacher)
        made = {name: first}
        sharing: dict[tuple[str, ...], list[Cell]] = {}
        for cell in sorted(cells, key=lambda cell: list(self.config.corpora).index(cell.corpus)):
            student = self.student(cell)
            check_run(self.source, cell.way, student, first)
            transfer = None if student.transfer is None else student.transfer.model_dump(exclude={"share"})
            # A layer that the teacher may lack must not stop other students: they get another cache.
            layers = sorted(_teacher_layers(student) - certain_layers(first.config))
            sharing.setdefault((cell.corpus, json.dumps(transfer), *layers), []).append(cell)
        for (corpus, *_), users in sharing.items():
            cached = [cell for cell in users if not _needs_teacher_itself(self.student(cell), first.config.head)]
            if cached:
                cache = self._cache(f"{teacher}.{corpus}.{_size(sentences)}.{seed}", name, teacher, cached)
                others = sum(each == cache.name or each.startswith(f"{cache.name}-") for each in made)
                if others:  # folders of one name in two places
                    cache = replace(cache, name=f"{cache.name}-{others + 1}")
                made[cache.name] = cache
            for cell in users:
                needs = (cache.name,) if cell in cached else (name,)
                made[cell.name] = Job(cell.name, "student", self.student(cell), needs, cell.method, teacher)
        return made

    def _cache(self, of: str, needs: str, teacher: str, cells: Sequence[Cell]) -> Job:
        """Make the cache of several students: of all that their losses need."""
        config = self.student(cells[0])
        assert config.distillation is not None
        losses: dict[str, DistillationLoss] = {}
        for cell in cells:
            settings = self.student(cell).distillation
            assert settings is not None
            plain = settings.model_dump(mode="json", include={"losses"})["losses"]
            losses.update({json.dumps(each): loss for each, loss in zip(plain, settings.losses, strict=True)})
        kept = config.distillation.model_copy(update={"losses": tuple(losses.values())})
        config = config.model_copy(update={"distillation": kept})
        mark = json.dumps(cached_of(config), sort_keys=True)
        name = f"cache.{of}.{hashlib.sha256(mark.encode()).hexdigest()[:8]}"
        return Job(name, "cache", config, (needs,), "", teacher)

    def teacher(self, name: str, sentences: int | None, seed: int) -> Config:
        """Make the configuration of a teacher's run."""
        tasks = self.config.teachers[name].get("tasks") or list(self.config.corpora)
        return self._run("teacher", ("teachers", name), (), tuple(tasks), sentences, seed)

    def student(self, cell: Cell) -> Config:
        """Make the configuration of a student's run."""
        way = ("distillation", cell.way)
        return self._run("tagger", ("students", cell.student), way, (cell.corpus,), cell.sentences, cell.seed)

    def _run(self, kind: str, section: Any, way: Any, tasks: tuple[str, ...], size: int | None, seed: int) -> Config:
        mark = (kind, section, way, tasks, size, seed)
        if mark not in self._configs:
            keys = [("settings",), section, *([way] if way else [])]
            source = merged(self.source, keys)
            source.data |= {"kind": kind, "seed": seed, "corpora_root": self.config.corpora_root}
            source.data["tasks"] = {
                task: self.config.corpora[task].model_dump() | {"train_sentences": size} for task in tasks
            }
            self._name_corpora(source)
            self._configs[mark] = with_absolute_paths(validated(Config, source))
        return self._configs[mark]

    def _name_corpora(self, source: Source) -> None:
        """Take the study's corpora by their names where text without labels is named."""
        transfer = source.data.get("transfer")
        if isinstance(transfer, dict) and isinstance(transfer.get("corpora"), list):
            known = self.config.corpora
            transfer["corpora"] = [
                known[c].path if isinstance(c, str) and c in known else c for c in transfer["corpora"]
            ]


def _teacher_layers(config: Config) -> set[str]:
    """Return the teacher's layers whose outputs a student's losses need."""
    assert config.distillation is not None
    return {str(need.of) for loss in config.distillation.losses for need in loss.needs if need.kind == "features"}


def _needs_teacher_itself(config: Config, head: str) -> bool:
    """Return whether a student learns what no cache of a teacher with this head holds."""
    settings = config.distillation
    assert settings is not None
    return settings.initialize or not all(loss.cacheable(head) for loss in settings.losses)
