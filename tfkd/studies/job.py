"""Jobs of a study, each in a process of its own, which ends when its standard input ends.

So a job never outlives its study.
"""

from __future__ import annotations

import _thread
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tfkd.config import Config
from tfkd.evaluation import Scores, collect_entities, find_errors, score_seen_entities
from tfkd.runs import RunFolder, cache_teacher, distill, train
from tfkd.runs.assembly import read_data
from tfkd.runs.distilling import view_of, with_teachers
from tfkd.runs.run_folder import MODEL, RUN, SCORES
from tfkd.studies.folder import COMPLETE, STUDY, StudyFolder
from tfkd.studies.plan import Job, Plan, cache_identity, read_plan
from tfkd.studies.report import StudyRun
from tfkd.studies.statistics import pack_counts, sentence_counts
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError, describe_os_error
from tfkd_base.progress import LineProgress
from tfkd_base.registry import load_code
from tfkd_base.resumable import is_held
from tfkd_base.signals import STOP_SIGNALS, Interrupts

PROGRAM = (
    "from tfkd_base.quiet_start import import_tensorflow; import_tensorflow(); import sys; "
    "from tfkd.studies.job import main; sys.exit(main(sys.argv[1:]))"
)
FAILED = 2
"""Exit status of a process whose job failed; it has written the reason to the folder."""
PATIENCE = 60.0
"""Seconds that a job waits until its folder is free."""
SECONDS_TO_SAVE = 20.0
"""Seconds that a job has, when its study has ended, to write a checkpoint."""


class JobRunner:
    """Work of an engine: runs a job in a process of its own and returns its exit status.

    Args:
        folder: Folder of the study.
        threads: Number of threads of an operation.
        code: Files of the user's own parts, which the process runs first.
    """

    def __init__(self, folder: StudyFolder, threads: int, code: Sequence[str] = ()) -> None:
        self._folder = StudyFolder(folder.path.absolute(), folder.work.absolute())
        self._threads, self._code = str(threads), tuple(code)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def command(self, name: str) -> list[str]:
        """Return the command that runs a job."""
        paths = (self._folder.work / STUDY, self._folder.path, self._folder.work)
        # -P: files of the current folder must not replace modules.
        return [sys.executable, "-P", "-c", PROGRAM, *map(str, paths), name, *self._code]

    def __call__(self, name: str) -> int:
        """Run a job.

        Returns:
            The exit status of its process; a negative one is the signal that killed it or made it end.
        """
        environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # jobs share a GPU
        for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            environment[variable] = self._threads
        # Appended: an earlier process of the job may still be about to end, and writes to the same file.
        with self._folder.log(name).open("ab") as log:
            self._process = subprocess.Popen(
                self.command(name),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"COLUMNS": "120", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"} | environment,
                start_new_session=True,  # the study handles interrupts
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            )
        if self._is_stopped:
            self.stop()
        with self._process:
            status = self._process.wait()
        return 128 - status if status - 128 in STOP_SIGNALS else status

    def stop(self) -> None:
        """Ask the process of the running job to write a checkpoint and to end, by the end of its standard input."""
        self._is_stopped = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def has_model(folder: StudyFolder, plan: Plan, job: Job) -> bool:
    """Tell whether the model or the cache of a job is there, made with the present configuration."""
    if job.kind == "cache":
        mark = folder.place(job) / COMPLETE
        return mark.is_file() and mark.read_text(encoding="utf-8") == hash_cache(plan, job)
    return _is_complete(RunFolder(folder.place(job)), job.config)


def _is_complete(run: RunFolder, config: Config) -> bool:
    try:
        if not run.is_finished or not (run.path / MODEL).is_file():
            return False
        return run.config().result_settings() == config.result_settings()
    except TfkdError:  # the configuration cannot be read
        return False


def hash_cache(plan: Plan, job: Job) -> str:
    """Return a hash of everything that a cache depends on."""
    teacher = plan.jobs[job.needs[0]]
    return hashlib.sha256(json.dumps([cache_identity(job.config), teacher.identity()]).encode()).hexdigest()


def run_job(plan: Plan, folder: StudyFolder, job: Job) -> None:
    """Run a job, or resume it.

    Raises:
        TfkdError: The job cannot be done.
    """
    if job.kind == "cache":
        _fill_cache(plan, folder, job)
    else:
        _train(plan, folder, job)


def _fill_cache(plan: Plan, folder: StudyFolder, job: Job) -> None:
    place, teacher = folder.place(job), plan.jobs[job.needs[0]]
    _wait_until_free(place)
    # Written first: a cache that another model has begun must not be resumed. A teacher trained again is another model.
    model = hashlib.sha256((folder.place(teacher) / MODEL).read_bytes()).hexdigest()
    started, mark = place.with_name(f"{place.name}.begun"), f"{hash_cache(plan, job)} {model}"
    if not started.is_file() or started.read_text(encoding="utf-8") != mark:
        folder.discard(job)
        started.write_text(mark, encoding="utf-8")
    cache_teacher(folder.place(teacher), (), place, student=job.config, progress=JobLog())
    (place / COMPLETE).write_text(hash_cache(plan, job), encoding="utf-8")
    started.unlink()


def _train(plan: Plan, folder: StudyFolder, job: Job) -> None:
    start, run = time.perf_counter(), RunFolder(folder.place(job))
    _wait_until_free(run.path)
    needs = [folder.place(plan.jobs[name]).absolute() for name in job.needs]
    is_cached = any(plan.jobs[name].kind == "cache" for name in job.needs)
    teachers, caches = ([], needs) if is_cached else (needs, [])
    config = with_teachers(job.config, [*map(str, teachers)], [*map(str, caches)]) if needs else job.config
    if _is_complete(run, config):
        outcome = _read_finished(run)
    else:
        overwrite = _has_other_config(run, config)
        if needs:
            result = distill(config, teachers, run.path, cache=caches, overwrite=overwrite, progress=JobLog())
        else:
            result = train(config, run.path, overwrite=overwrite, progress=JobLog())
        outcome = (result.corpora, result.scores, result.predicted, run.read_json(RUN))
    if not folder.is_finished(job.name):
        # A resumed run took longer than this process.
        seconds = max(time.perf_counter() - start, outcome[-1]["training_seconds"])
        folder.finish(job, measure(job, *outcome), seconds)


def _wait_until_free(place: Path) -> None:
    """Wait until a process whose study has ended, and which is about to end too, releases a folder."""
    end = time.monotonic() + PATIENCE
    while place.is_dir() and is_held(place) and time.monotonic() < end:
        time.sleep(0.1)


def _has_other_config(run: RunFolder, config: Config) -> bool:
    """Tell whether a folder holds a run of another configuration, which is to be replaced."""
    try:
        run.check(config)
    except TfkdError:
        return True
    return False


def measure(
    job: Job,
    corpora: Mapping[str, Corpus],
    scores: Mapping[str, Mapping[str, Scores]],
    predicted: Mapping[str, Sequence[Sequence[str]]],
    facts: Mapping[str, Any],
) -> list[StudyRun]:
    """Return what a study keeps of a run, for each of its tasks.

    Args:
        job: The job.
        corpora: Corpus of each task, with the training sentences of the run and in its tag scheme.
        scores: Scores of each task on `devel` and `test`.
        predicted: Predicted tags of the test sentences of each task.
        facts: Content of `run.json`: `parameters`, `words_per_processor_second`, `training_seconds` and `overlap`.
    """
    scheme, runs = job.config.scheme, []
    for task, corpus in corpora.items():
        gold, tags, test = [sentence.tags for sentence in corpus.test], predicted[task], scores[task]["test"]
        runs.append(
            StudyRun(
                corpus=task,
                method=job.method,
                seed=job.config.seed,
                test_f1=test.micro.f1,
                devel_f1=scores[task]["devel"].micro.f1,
                training_sentences=job.config.tasks[task].train_sentences or len(corpus.train),
                whole=job.config.tasks[task].train_sentences is None,
                parameters=int(facts["parameters"]),
                # Processor time, since several runs share the machine.
                words_per_second=facts.get("words_per_processor_second"),
                training_seconds=facts["training_seconds"],
                types=test.types,
                seen=score_seen_entities(corpus.test, tags, collect_entities(corpus.train, scheme), scheme),
                errors=find_errors(gold, tags, scheme),
                sentence_counts=pack_counts(sentence_counts(gold, tags, scheme)),
                overlap=_overlap_of(facts, task),
            )
        )
    return runs


def _overlap_of(facts: Mapping[str, Any], task: str) -> dict[str, int]:
    """Return the numbers of a task that `StudyRun.overlap` holds; empty for a run of an earlier version."""
    if "overlap" not in facts:
        return {}
    training = facts["overlap"]["training"][task]
    counts = {name: training[name] for name in ("excluded", "kept")}
    counts |= {name: training[name]["test"] for name in ("in_training_sets", "trained_on")}
    teachers = [each["trained_on"][task]["test"] for each in facts["overlap"]["teachers"] if each["checked"]]
    return counts | ({"teachers_trained_on": max(teachers)} if teachers else {})


def _read_finished(
    run: RunFolder,
) -> tuple[dict[str, Corpus], dict[str, dict[str, Scores]], dict[str, list[list[str]]], dict[str, Any]]:
    """Return the corpora, scores, predicted test tags and facts of a run that has finished."""
    scores = TypeAdapter(dict[str, dict[str, Scores]]).validate_python(run.read_json(SCORES))
    model, corpora = run.model(), read_data(run.config()).corpora
    predicted = {task: view_of(model, task).tag(corpus.test) for task, corpus in corpora.items()}
    return corpora, scores, predicted, run.read_json(RUN)


class JobLog(LineProgress):
    """Prints progress to standard output, which is the log of the job."""

    def __init__(self) -> None:
        super().__init__(lambda line: print(line, flush=True))


def _end_with_standard_input() -> None:
    """End this process when its standard input ends: as after SIGTERM, or at once if that takes too long."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):  # Python's buffered reader would hold a lock at exit
            pass
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(SECONDS_TO_SAVE)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(arguments: Sequence[str]) -> int:
    """Run a job, and return the exit status.

    Args:
        arguments: The configuration of the study, its folder, the folder of models, the name of the job, and the files
            of the user's own parts.
    """
    study, path, work, name, *code = arguments
    interrupts = Interrupts()
    interrupts.install()
    _end_with_standard_input()
    folder = StudyFolder(path, work)
    try:
        for file in code:
            load_code(file)
        plan = read_plan(Path(study))
        run_job(plan, folder, plan.jobs[name])
    except (TfkdError, OSError) as error:
        reason = str(error) if isinstance(error, TfkdError) else describe_os_error(error)
        print(f"tfkd: {reason}", flush=True)
        folder.fail(name, reason)
        return FAILED
    except KeyboardInterrupt as error:
        print(f"tfkd: interrupted by {interrupts.name}; {error}", flush=True)
        return interrupts.status
    return 0
