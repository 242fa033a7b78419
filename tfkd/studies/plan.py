"""Plan of a study: its jobs, in order, each with the configuration of its run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tfkd.config import Config, read_source, with_absolute_paths
from tfkd.config.distillation import several
from tfkd.config.errors import validated
from tfkd.config.source import ConfigError, Key, Source
from tfkd.distillation import DistillationLoss
from tfkd.models import Head
from tfkd.parts import describe_code
from tfkd.studies.checks import check_comparisons, check_names, check_student, error_at
from tfkd.studies.schema import GridConfig, PartConfig, StudyConfig, merge_sections
from tfkd_base.corpora import BUNDLED


@dataclass(frozen=True)
class Job:
    """A teacher to train, a cache of teacher outputs to fill, or a student to train, in a process of its own.

    Attributes:
        name: Unique name, also of its files.
        kind: What the job makes.
        config: Configuration of the run. For a cache: that of its students, with the losses of all of them.
        needs: Jobs that must be done before it: the teacher of a cache, the teacher or the cache of a student.
        method: Name of the method in the report.
        teacher: Name of the teacher in the study.
    """

    name: str
    kind: Literal["teacher", "cache", "student"]
    config: Config
    needs: tuple[str, ...] = ()
    method: str = ""
    teacher: str | None = None

    @property
    def is_run(self) -> bool:
        """Whether the job produces scores."""
        return self.kind != "cache"

    def identity(self) -> dict[str, Any]:
        """Return everything that the scores depend on, without the locations of files on one machine."""
        code = describe_code(self.config)
        return portable_config(self.config) | ({"code": code} if code else {})


_LATER_KEYS: dict[str, Any] = {"also": [], "map": {}, "offsets": "characters", "exclude_duplicates": None}
"""Keys of a corpus that studies of earlier versions lack, and the values that change nothing"""


def portable_config(config: Config) -> dict[str, Any]:
    """Return a configuration as plain values, with the names of files in place of their paths.

    Example:
        >>> from tfkd.config import load_config
        >>> config = load_config("ncbi-disease-student", ["corpora_root=/data"])
        >>> portable_config(config)["tasks"]["NCBI-disease"]["path"]
        'NCBI-disease-IOB'
    """
    plain = config.result_settings("json", "corpora_root", "name")
    for task in plain["tasks"].values():
        task["path"], task["also"] = _name_of(task["path"]), [_name_of(path) for path in task["also"]]
        for key, default in _LATER_KEYS.items():
            if task[key] == default:
                del task[key]
    for key in ("exclude_duplicates", "updates"):
        if plain["training"][key] is None:
            del plain["training"][key]
    if "transformer" in plain["encoder"]:
        plain["encoder"]["transformer"] = Path(plain["encoder"]["transformer"]).name
    vectors = plain["text"]["vectors"]
    if isinstance(vectors, dict):
        vectors["encoder"] = Path(vectors["encoder"]).name
    elif vectors is not None:
        plain["text"]["vectors"] = Path(vectors).name
    if plain["transfer"] is not None:
        for name in ("corpora", "texts"):
            plain["transfer"][name] = [_name_of(path) for path in plain["transfer"][name]]
    plain["held_out"] = [_name_of(path) for path in plain["held_out"]]
    if not plain["held_out"]:
        del plain["held_out"]
    if plain["augmentation"] is None:
        del plain["augmentation"]
    elif config.augmentation is not None:
        plain["augmentation"]["terms"] = [Path(path).name for path in several(config.augmentation.terms)]
    return plain


def _name_of(path: str) -> str:
    return path if path.startswith(BUNDLED) else Path(path).name


def cache_identity(config: Config) -> dict[str, Any]:
    """Return everything that the output cache of a student depends on: its sentences and its losses."""
    plain = portable_config(config)
    identity = {key: plain[key] for key in ("seed", "scheme", "tasks", "transfer")}
    if identity["transfer"] is not None:
        del identity["transfer"]["share"]
        identity["excluded_text"] = "parts of held-out sentences"  # earlier versions excluded whole ones only
    if config.augmentation is not None:
        identity["augmentation"] = {k: v for k, v in plain["augmentation"].items() if k not in ("share", "gold")}
    if config.training.exclude_duplicates is not None:
        identity["exclude_duplicates"] = config.training.exclude_duplicates
    # The order of the students that share a cache does not matter.
    return identity | {"losses": sorted(plain["distillation"]["losses"], key=json.dumps)}


@dataclass(frozen=True)
class GridPoint:
    """A student of the grid, trained alone or with one teacher, on one corpus."""

    corpus: str
    sentences: int | None
    seed: int
    student: str
    distillation: str
    teacher: str | None

    @property
    def name(self) -> str:
        """Name of its job."""
        teacher = (self.teacher,) if self.teacher is not None else ()
        parts = [self.corpus, self.student, self.distillation, *teacher, _size_name(self.sentences), str(self.seed)]
        return ".".join(parts)

    @property
    def method(self) -> str:
        """Name of its method in the report."""
        return student_method(self.student, self.distillation, self.teacher)


def student_method(student: str, distillation: str, teacher: str | None = None) -> str:
    """Return the name of a student's method in the report.

    Example:
        >>> student_method("small", "alone"), student_method("small", "logits", "bilstm-crf")
        ('small alone', 'small logits of bilstm-crf')
    """
    return f"{student} {distillation}" + (f" of {teacher}" if teacher is not None else "")


def teacher_method(teacher: str) -> str:
    """Return the name that a teacher's own scores have in the report."""
    return f"{teacher} teacher"


def _size_name(sentences: int | None) -> str:
    return "all" if sentences is None else str(sentences)


@dataclass(frozen=True)
class Plan:
    """A study and its jobs.

    Attributes:
        config: Configuration of the study.
        source: File that it was read from.
        jobs: Jobs by name, in the order in which they start.
        methods: Methods of each part of the study, in the order of its table.
    """

    config: StudyConfig
    source: Source
    jobs: dict[str, Job]
    methods: dict[str, tuple[str, ...]]

    @cached_property
    def runs(self) -> dict[str, Job]:
        """The jobs that produce scores."""
        return {name: job for name, job in self.jobs.items() if job.is_run}


def read_plan(source: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Plan:
    """Read and check the configuration of a study, and list its jobs.

    Args:
        source: Path of a YAML file, or the name of a bundled study, such as `study`.
        overrides: `KEY=VALUE` settings, applied in order.

    Raises:
        ConfigError: The file is missing, or the configuration of the study or of one of its runs is invalid.

    Example:
        >>> plan = read_plan("demo-study")
        >>> [job.name for job in plan.jobs.values()][:2]
        ['gene.small.alone.100.1', 'disease.small.alone.100.1']
    """
    return make_plan(read_source(source, overrides))


def make_plan(source: Source) -> Plan:
    """Check the configuration of a study, and list its jobs, as `read_plan` does.

    Raises:
        ConfigError: The configuration of the study or of one of its runs is invalid.
    """
    if "kind" in source.data and "students" not in source.data:
        raise ConfigError(
            f"{source.name}: this is the configuration of a run; use it with `tfkd train` or `tfkd distill`"
        )
    config = validated(StudyConfig, source)
    check_names(config, source)
    methods: dict[str, tuple[str, ...]] = {}
    points: dict[str, GridPoint] = {}
    for index, part in enumerate(config.parts):
        _check_teachers(config, part, source, index)
        part_points = list(_grid_points(config, part))
        points.update({point.name: point for point in part_points})
        methods[part.name] = _list_methods(part, part_points)
    check_comparisons(config, source, methods)
    return Plan(config, source, _Planner(config, source).list_jobs(list(points.values())), methods)


def _list_methods(part: PartConfig, points: Sequence[GridPoint]) -> tuple[str, ...]:
    methods = [point.method for point in points]
    if part.show_teachers:
        methods += [teacher_method(point.teacher) for point in points if point.teacher is not None]
    return tuple(dict.fromkeys(methods))


def _check_teachers(config: StudyConfig, part: PartConfig, source: Source, index: int) -> None:
    for number, grid in enumerate(part.runs):
        distilled = [name for name in grid.distillation or config.distillation if _has_teacher(config, name)]
        if distilled and not config.teachers:
            raise error_at(
                source,
                ("parts", str(index), "runs", str(number)),
                f"part {part.name!r} uses the distillation {distilled[0]!r}, which needs a teacher, and the study has "
                "none. Add one under `teachers`, or list only distillations that need none",
            )


def _grid_points(config: StudyConfig, part: PartConfig) -> Iterator[GridPoint]:
    """Yield the points of a part's grids, seed by seed."""
    for seed in part.seeds or config.seeds:
        for sentences in part.sentences or config.sentences:
            for corpus in part.corpora or config.corpora:
                for grid in part.runs:
                    for student, distillation, teacher in _combinations(config, grid):
                        yield GridPoint(corpus, sentences, seed, student, distillation, teacher)


def _has_teacher(config: StudyConfig, distillation: str) -> bool:
    # An empty `distillation:` section has its defaults, and so needs a teacher; a missing one does not.
    return config.distillation[distillation].get("distillation") is not None


def _combinations(config: StudyConfig, grid: GridConfig) -> Iterator[tuple[str, str, str | None]]:
    for student in grid.students or config.students:
        for distillation in grid.distillation or config.distillation:
            if not _has_teacher(config, distillation):
                yield student, distillation, None
                continue
            for teacher in grid.teachers or config.teachers:
                yield student, distillation, teacher


@dataclass
class _Planner:
    """Makes the jobs of grid points; points that share a teacher or a cache share its job."""

    config: StudyConfig
    source: Source
    _configs: dict[tuple[Any, ...], Config] = field(default_factory=dict)

    def list_jobs(self, points: Sequence[GridPoint]) -> dict[str, Job]:
        """List the jobs. For each seed: the students without a teacher, then each teacher with its students."""
        jobs: dict[str, Job] = {}
        for seed in dict.fromkeys(point.seed for point in points):
            of_seed = [point for point in points if point.seed == seed]
            for point in of_seed:
                if point.teacher is None:
                    jobs[point.name] = Job(point.name, "student", self._student(point), (), point.method)
            groups = dict.fromkeys((p.teacher, p.sentences) for p in of_seed if p.teacher is not None)
            for teacher, sentences in groups:
                assert teacher is not None
                group = [p for p in of_seed if (p.teacher, p.sentences) == (teacher, sentences)]
                jobs.update(self._list_teacher(teacher, sentences, seed, group))
        return jobs

    def _list_teacher(
        self, teacher: str, sentences: int | None, seed: int, points: Sequence[GridPoint]
    ) -> dict[str, Job]:
        """List the jobs of a teacher and, corpus by corpus, of its caches and students."""
        name = f"teacher.{teacher}.{_size_name(sentences)}.{seed}"
        teacher_job = Job(
            name, "teacher", self._teacher(teacher, sentences, seed), (), teacher_method(teacher), teacher
        )
        jobs = {name: teacher_job}
        groups: dict[tuple[str, ...], list[GridPoint]] = {}
        for point in sorted(points, key=lambda point: list(self.config.corpora).index(point.corpus)):
            student = self._student(point)
            check_student(self.source, point.distillation, student, teacher_job)
            source = student.transfer_source
            transfer = None if source is None else source.model_dump(exclude={"share"})
            # Students of a layer that the teacher may lack have their own cache, so that others do not fail with them.
            layers = sorted(_teacher_layers(student) - _certain_layers(teacher_job.config))
            variants = student.augmentation and student.augmentation.model_dump(exclude={"share", "gold"})
            learned = json.dumps([transfer, student.training.exclude_duplicates, variants])
            groups.setdefault((point.corpus, learned, *layers), []).append(point)
        for (corpus, *_), group in groups.items():
            cached = [p for p in group if not _needs_teacher_itself(self._student(p), teacher_job.config.head)]
            if cached:
                cache = self._cache(f"{teacher}.{corpus}.{_size_name(sentences)}.{seed}", teacher_job, cached)
                same_name = sum(job == cache.name or job.startswith(f"{cache.name}-") for job in jobs)
                if same_name:  # files of the same name in two folders
                    cache = replace(cache, name=f"{cache.name}-{same_name + 1}")
                jobs[cache.name] = cache
            for point in group:
                needs = (cache.name,) if point in cached else (name,)
                jobs[point.name] = Job(point.name, "student", self._student(point), needs, point.method, teacher)
        return jobs

    def _cache(self, name: str, teacher: Job, points: Sequence[GridPoint]) -> Job:
        """Return the job of the cache that several students share, with the losses of all of them."""
        config = self._student(points[0])
        assert config.distillation is not None
        losses: dict[str, DistillationLoss] = {}
        for point in points:
            distillation = self._student(point).distillation
            assert distillation is not None
            plain = distillation.model_dump(mode="json", include={"losses"})["losses"]
            losses.update({json.dumps(key): loss for key, loss in zip(plain, distillation.losses, strict=True)})
        distillation = config.distillation.model_copy(update={"losses": tuple(losses.values())})
        config = config.model_copy(update={"distillation": distillation})
        digest = hashlib.sha256(json.dumps(cache_identity(config), sort_keys=True).encode()).hexdigest()[:8]
        return Job(f"cache.{name}.{digest}", "cache", config, (teacher.name,), "", teacher.teacher)

    def _teacher(self, name: str, sentences: int | None, seed: int) -> Config:
        tasks = self.config.teachers[name].get("tasks") or list(self.config.corpora)
        return self._run("teacher", [("teachers", name)], tuple(tasks), sentences, seed)

    def _student(self, point: GridPoint) -> Config:
        sections = [("students", point.student), ("distillation", point.distillation)]
        return self._run("tagger", sections, (point.corpus,), point.sentences, point.seed)

    def _run(self, kind: str, sections: Sequence[Key], tasks: tuple[str, ...], size: int | None, seed: int) -> Config:
        """Return the configuration of a run, made once for each set of arguments."""
        arguments = (kind, *sections, tasks, size, seed)
        if arguments not in self._configs:
            source = merge_sections(self.source, [("settings",), *sections])
            source.data |= {"kind": kind, "seed": seed, "corpora_root": self.config.corpora_root}
            source.data["tasks"] = {
                task: self.config.corpora[task].model_dump() | {"train_sentences": size} for task in tasks
            }
            self._resolve_corpora(source)
            # Methods differ in what the study names alone: nothing comes from a teacher's run.
            self._configs[arguments] = with_absolute_paths(validated(Config, source)).with_choices()
        return self._configs[arguments]

    def _resolve_corpora(self, source: Source) -> None:
        """Replace names of the study's corpora among the unlabelled text by their paths."""
        transfer = source.data.get("transfer")
        if isinstance(transfer, dict) and isinstance(transfer.get("corpora"), list):
            corpora = self.config.corpora
            transfer["corpora"] = [
                corpora[name].path if isinstance(name, str) and name in corpora else name
                for name in transfer["corpora"]
            ]


def _teacher_layers(config: Config) -> set[str]:
    """Return the teacher's layers whose outputs a student's losses need."""
    assert config.distillation is not None
    return {str(need.of) for loss in config.distillation.losses for need in loss.needs if need.kind == "features"}


def _certain_layers(teacher: Config) -> set[str]:
    """Return the layers that a teacher with a configuration certainly has."""
    return {"shared_encoder"} | ({"task_encoder"} if teacher.task_encoder is not None else set())


def _needs_teacher_itself(config: Config, head: Head) -> bool:
    """Tell whether a student needs outputs that no cache of a teacher with a head holds."""
    distillation = config.distillation
    assert distillation is not None
    return distillation.initialize or not all(loss.cacheable(head) for loss in distillation.losses)
