"""The folder of a run: its files, how they are written and read, and what an exported model's card takes from it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from tfkd.config import Config, ConfigError, dump_config, load_config, parse_config
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.models.loading import MODEL_FILE, missing_code
from tfkd.parts import find_code
from tfkd.runs.held_out import HASHES
from tfkd.serving.card import GENERATED, RUN
from tfkd.serving.export import list_versions
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file
from tfkd_base.resumable import LOCK, ResumableFolder

CONFIG, MODEL, HISTORY, SCORES = "config.yaml", MODEL_FILE, "history.json", "scores.json"
CHECKPOINT = "checkpoint.npz"
CODE = "code"
"""Folder with copies of the user's files that define parts of the run."""
FILES = (SCORES, CONFIG, MODEL, HISTORY, RUN, HASHES, CHECKPOINT)
"""The files of a run. Removed in this order: without scores a run is unfinished, whatever else is there."""


class RunFolder:
    """Folder with the resolved configuration, the model, the history and the scores of one run.

    `scores.json` is written last: a folder that has it is finished. Until then a checkpoint is kept in the folder, from
    which the same run resumes. Each file appears whole or not at all.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def is_finished(self) -> bool:
        """Whether the run is complete."""
        return (self.path / SCORES).is_file()

    def check(self, config: Config, overwrite: bool = False) -> None:
        """Check that a run may be written to the folder; nothing is written.

        Args:
            config: The configuration of the run.
            overwrite: Whether a run in the folder is replaced.

        Raises:
            TfkdError: The folder holds other files than a run. Or, unless `overwrite` is true, it holds a finished
                run, or an unfinished one with another configuration.
        """
        if self.is_finished and not overwrite:
            raise TfkdError(f"{self.path} holds a finished run: use another folder, or pass --overwrite to replace it.")
        with self._naming_code():
            resumes = self._resumable(config).check(config.result_settings(), overwrite=overwrite)
        for code in find_code(config) if resumes and not overwrite else ():
            copy = self.path / CODE / code.path.name
            if copy.is_file() and copy.read_text(encoding="utf-8") != code.text:
                raise TfkdError(
                    f"{self.path} holds an unfinished run with another version of {code.path.name}: use {copy} to "
                    "resume it, use another folder, or pass --overwrite to start again."
                )

    @contextlib.contextmanager
    def hold(self, config: Config, overwrite: bool = False) -> Iterator[None]:
        """Hold the folder for this process, which starts or resumes the run, and write the configuration.

        Raises:
            TfkdError: As `check`, or another process holds the folder.
        """
        self.check(config, overwrite)
        with self._resumable(config).hold(config.result_settings(), remove=FILES if overwrite else ()):
            self.check(config)
            if overwrite:
                shutil.rmtree(self.path / CODE, ignore_errors=True)
            for code in find_code(config):
                (self.path / CODE).mkdir(exist_ok=True)
                self.write_text(f"{CODE}/{code.path.name}", code.text)
            yield

    @contextlib.contextmanager
    def _naming_code(self) -> Iterator[None]:
        """Name the user's files that the run was made with, if its configuration cannot be read."""
        try:
            yield
        except ConfigError as error:
            missing = missing_code(self.path)
            if not missing:
                raise
            raise TfkdError(f"{error}\n  {missing}") from error

    def _resumable(self, config: Config) -> ResumableFolder:
        name = str(self.path / CONFIG)
        return ResumableFolder(
            self.path,
            CONFIG,
            work="a run",
            read=lambda data: parse_config(data.decode("utf-8"), name=name).result_settings(),
            write=lambda _: dump_config(config),
            is_ours={*FILES, CODE}.__contains__,
            restart="pass --overwrite to start again",
        )

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run."""
        with atomic_file(self.path / name) as part:
            part.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        """Write a file of the run as JSON."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_model(self, model: Tagger | MultiTaskTagger) -> int:
        """Write the model without its optimizer's state, which belongs to the last epoch and not to the best.

        Returns:
            The size of the file in bytes.
        """
        bare = type(model).from_config(model.get_config())
        bare.set_weights(model.get_weights())
        with atomic_file(self.path / MODEL) as part:
            bare.save(part)
        return (self.path / MODEL).stat().st_size

    def finish(self, scores: dict[str, dict[str, Any]]) -> None:
        """Write the scores, which make the run a finished one, and remove its checkpoint.

        Args:
            scores: For each task and split the scores as plain values.
        """
        self.write_json(SCORES, scores)
        (self.path / CHECKPOINT).unlink(missing_ok=True)
        (self.path / LOCK).unlink(missing_ok=True)

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run.

        Raises:
            TfkdError: The folder holds no finished run.
        """
        self.require_finished()
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def require_finished(self) -> None:
        """Refuse a folder that is not a finished run.

        Raises:
            TfkdError: It is not; the message says what it is instead.
        """
        if not self.path.exists():
            raise TfkdError(
                f"there is no run {self.path}: expected a folder that `tfkd train` or `tfkd distill` wrote."
            )
        if not self.is_finished:
            raise TfkdError(f"{self.path} {describe_other_path(self.path)}.")

    def config(self) -> Config:
        """Read the resolved configuration of a finished run.

        Raises:
            TfkdError: The folder holds no finished run, or the run needs a user's file that was not given.
        """
        self.require_finished()
        with self._naming_code():
            return load_config(self.path / CONFIG)

    def model(self) -> Tagger | MultiTaskTagger:
        """Load the model of a finished run.

        Raises:
            TfkdError: As `config`.
        """
        self.config()
        return keras.models.load_model(self.path / MODEL)


def describe_other_path(path: Path) -> str:
    """Say what a path is that is not a finished run, and what works with it.

    Example:
        >>> import tempfile
        >>> describe_other_path(Path(tempfile.mkdtemp()))
        'holds no run: expected the folder that `tfkd train` or `tfkd distill` wrote, with model.keras and scores.json'
    """
    expected = f"expected the folder that `tfkd train` or `tfkd distill` wrote, with {MODEL} and {SCORES}"
    if not path.is_dir():
        return f"is a file: {expected}"
    names = {file.name for file in path.iterdir()}
    splits = {word for name in names for word in (name.partition(".")[0],) if word in ("train", "devel", "dev", "test")}
    if CONFIG in names:
        return "holds an unfinished run: finish it first, by the command that started it"
    if list_versions(path) or "saved_model.pb" in names:
        return (
            "is a SavedModel and not a run: score it with `tfkd evaluate SAVEDMODEL --corpus PATH`, tag documents with "
            "`tfkd annotate`; anything else needs the run that it was exported from"
        )
    if "cache.json" in names:
        return "is an output cache of a teacher and not a run: name the teacher's run, or pass the folder as --cache"
    if "study.yaml" in names:
        return f"is a study and not a run: its runs are in {path / 'work' / 'runs'}"
    if "config.json" in names:
        return f"is a pretrained model and not a run: train a tagger with `encoder: {{transformer: {path}}}` first"
    if splits:
        return f"is a corpus and not a run: {expected}"
    return f"holds no run: {expected}"


def environment() -> dict[str, str]:
    """Return the versions that a run's numbers depend on."""
    names = ("tfkd", "tensorflow", "keras", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def run_card(run: str | os.PathLike[str], tasks: Sequence[str] = ()) -> dict[str, Any]:
    """Return the corpora, scores, teachers and configuration of a run, as plain values for a model card.

    Args:
        run: The run's folder.
        tasks: The tasks of a teacher that are exported. Default: all.

    Returns:
        What `tfkd.serving.export` takes as `about`. Empty if the folder is not a finished run, or is a model's file.

    Example:
        >>> run_card("runs/no-such-run")
        {}
    """
    folder = RunFolder(run)
    if not folder.is_finished:
        return {}
    config, scores, facts = folder.config(), folder.read_json(SCORES), folder.read_json(RUN)
    teacher = config.distillation.teacher if config.distillation is not None else None
    teachers = [teacher] if isinstance(teacher, str) else list(teacher or ())
    return {
        **({GENERATED: True} if facts.get(GENERATED) else {}),
        "corpora": {
            name: ", ".join(Path(path).name for path in task.paths)
            for name, task in config.tasks.items()
            if not tasks or name in tasks
        },
        "scores": {name: splits for name, splits in scores.items() if not tasks or name in tasks},
        "sizes": {"model_bytes": facts["model_bytes"]},
        "teachers": [Path(path).name for path in teachers],
        "training_versions": facts["versions"],
        "configuration": config.model_dump(mode="json"),
    }
