"""One job of a study in a process of its own: `python -m tfkd.studies.process STUDY FOLDER WORK NAME`.

The process ends when its standard input does, so that it does not outlive the study, however that ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tfkd.studies.folder import COMPLETE, STUDY, StudyFolder
from tfkd.studies.job import Job, cached_of
from tfkd.studies.plan import Plan, read_plan
from tfkd_base.errors import TfkdError, describe_os_error
from tfkd_base.progress import Progress
from tfkd_base.quiet_start import import_tensorflow
from tfkd_base.resumable import is_held

if TYPE_CHECKING:
    from tfkd.config import Config
    from tfkd.runs import RunFolder

FAILED = 2
"""Status of a process whose job cannot be done, which has written down why."""
PATIENCE = 60.0
"""Seconds that a job waits for its folder."""


def command(folder: StudyFolder, job: Job) -> list[str]:
    """Return the command that does a job of a study."""
    places = (folder.work / STUDY, folder.path, folder.work)
    # -P: a file of the current folder does not take the place of a module of its name.
    return [sys.executable, "-P", "-m", "tfkd.studies.process", *(str(place.absolute()) for place in places), job.name]


def start(folder: StudyFolder, job: Job, threads: int) -> subprocess.Popen[bytes]:
    """Begin a job in a process of its own.

    Args:
        folder: The study's folder.
        job: The job.
        threads: How many threads an operation may take.
    """
    count = str(threads)
    environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # jobs share a GPU
    environment |= {"TF_NUM_INTRAOP_THREADS": count, "TF_NUM_INTEROP_THREADS": count, "OMP_NUM_THREADS": count}
    with folder.log(job).open("wb") as log:
        return subprocess.Popen(
            command(folder, job),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "120", "PYTHONUNBUFFERED": "1"} | environment,
            start_new_session=True,  # an interrupt is the study's to handle
        )


def has_model(folder: StudyFolder, plan: Plan, job: Job) -> bool:
    """Tell whether the model or the cache of a job is there, made with the configuration of now."""
    if job.kind == "cache":
        mark = folder.place(job) / COMPLETE
        return mark.is_file() and mark.read_text(encoding="utf-8") == cache_mark(plan, job)
    from tfkd.runs import RunFolder

    return _is_whole(RunFolder(folder.place(job)), job.config)


def _is_whole(run: RunFolder, config: Config) -> bool:
    """Tell whether a finished run of a configuration stands in a folder, with its model."""
    from tfkd.runs.run_folder import MODEL

    try:
        return run.is_finished and (run.path / MODEL).is_file() and run.config() == config
    except TfkdError:  # what stands there cannot be read
        return False


def cache_mark(plan: Plan, job: Job) -> str:
    """Return a mark of all that a cache is made of."""
    teacher = plan.jobs[job.needs[0]]
    return hashlib.sha256(json.dumps([cached_of(job.config), teacher.identity()]).encode()).hexdigest()


def do(plan: Plan, folder: StudyFolder, job: Job) -> None:
    """Do a job, or go on with it.

    Raises:
        TfkdError: It cannot be done.
    """
    if job.kind == "cache":
        _do_cache(plan, folder, job)
    else:
        _do_run(plan, folder, job)


def _do_cache(plan: Plan, folder: StudyFolder, job: Job) -> None:
    from tfkd.runs import cache_teacher
    from tfkd.runs.run_folder import MODEL

    place, teacher = folder.place(job), plan.jobs[job.needs[0]]
    _wait_until_free(place)
    made_of = cache_mark(plan, job)
    # Written before the work, so that what another teacher has begun is not gone on with: one made again is another.
    model = hashlib.sha256((folder.place(teacher) / MODEL).read_bytes()).hexdigest()
    begun, mark = place.with_name(f"{place.name}.begun"), f"{made_of} {model}"
    if not begun.is_file() or begun.read_text(encoding="utf-8") != mark:
        folder.discard(job)
        begun.write_text(mark, encoding="utf-8")
    cache_teacher(folder.place(teacher), (), place, student=job.config, progress=_Log())
    (place / COMPLETE).write_text(made_of, encoding="utf-8")
    begun.unlink()


def _do_run(plan: Plan, folder: StudyFolder, job: Job) -> None:
    from tfkd.runs import RunFolder, distill, train
    from tfkd.runs.distilling import with_teachers
    from tfkd.runs.run_folder import RUN
    from tfkd.studies.measuring import measured, read_again

    began, run = time.perf_counter(), RunFolder(folder.place(job))
    _wait_until_free(run.path)
    needed = [folder.place(plan.jobs[name]).absolute() for name in job.needs]
    is_cached = any(plan.jobs[name].kind == "cache" for name in job.needs)
    teachers, caches = ([], needed) if is_cached else (needed, [])
    config = with_teachers(job.config, [*map(str, teachers)], [*map(str, caches)]) if needed else job.config
    if _is_whole(run, config):
        result = read_again(run)
    else:
        overwrite = _is_another(run, config)
        if needed:
            made = distill(config, teachers, run.path, cache=caches, overwrite=overwrite, progress=_Log())
        else:
            made = train(config, run.path, overwrite=overwrite, progress=_Log())
        result = (made.corpora, made.scores, made.predicted, run.read_json(RUN))
    if not folder.is_finished(job.name):
        # Of a run that was gone on with this process knows a part of the time alone.
        seconds = max(time.perf_counter() - began, result[-1]["training_seconds"])
        folder.finish(job, measured(job, *result), seconds)


def _wait_until_free(place: Path) -> None:
    """Wait until a process that has lost its study, and is about to end, has let a folder go."""
    until = time.monotonic() + PATIENCE
    while place.is_dir() and is_held(place) and time.monotonic() < until:
        time.sleep(0.1)


def _is_another(run: RunFolder, config: Config) -> bool:
    """Tell whether what stands in a run's folder is of another configuration, and is to be replaced."""
    try:
        run.check(config)
    except TfkdError:
        return True
    return False


class _Log(Progress):
    """Writes messages to standard output, which is the job's log."""

    def message(self, text: str) -> None:
        print(f"  {text}", flush=True)


def _end_with_standard_input() -> None:
    """Wait for the end of standard input, and end the process then."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):  # not Python's buffer, whose lock is asked for at exit
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(arguments: list[str]) -> int:
    """Do the job that the arguments name; return the status of the process."""
    study, path, work, name = arguments
    _end_with_standard_input()
    import_tensorflow()
    folder = StudyFolder(path, work)
    try:
        plan = read_plan(Path(study))
        do(plan, folder, plan.jobs[name])
    except (TfkdError, OSError) as error:
        reason = str(error) if isinstance(error, TfkdError) else describe_os_error(error)
        print(f"tfkd: {reason}", flush=True)
        folder.fail(name, reason)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
