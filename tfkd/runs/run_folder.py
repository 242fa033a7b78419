"""The folder of a run: what stands in it, and how it is written."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfkd_base.files import atomic_file
from tfkd_base.errors import TfkdError
from tfkd.config import Config, dump_config, load_config
from tfkd_base.resumable import LOCK, flatten, hold

CONFIG, MODEL, HISTORY, SCORES, RUN = "config.yaml", "model.keras", "history.json", "scores.json", "run.json"
CHECKPOINT = "checkpoint.npz"
FILES = (SCORES, CONFIG, MODEL, HISTORY, RUN, CHECKPOINT)
"""The files of a run; the scores first, since a run without them is not finished, whatever else is there."""


class RunFolder:
    """A folder with the resolved configuration, the model, the history and the scores of one run.

    `scores.json` is written last: a folder that has it is finished. Until then a checkpoint stands there, from which
    the same run goes on. Files appear whole or not at all.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / SCORES).is_file()

    def check_free(self, config: Config, overwrite: bool = False) -> None:
        """Refuse a folder that this run must not be written to.

        Raises:
            TfkdError: Something that is no run stands there, or, and `overwrite` is false, a finished run or an
                unfinished one of another configuration.
        """
        if self.path.exists() and not self.path.is_dir():
            raise TfkdError(f"{self.path} is a file: give a folder for the run.")
        present = [p.name for p in self.path.iterdir()] if self.path.is_dir() else []
        others = [name for name in present if name not in FILES and not name.startswith(".")]
        if others:
            raise TfkdError(
                f"{self.path} holds other things than a run, such as {sorted(others)[0]!r}: name a new folder."
            )
        if overwrite:
            return
        if self.is_finished:
            raise TfkdError(f"{self.path} holds a finished run: name another folder, or say --overwrite to replace it.")
        if CONFIG in present:
            self._check_same(config)

    def _check_same(self, config: Config) -> None:
        there, here = flatten(load_config(self.path / CONFIG).model_dump()), flatten(config.model_dump())
        different = [key for key in {**there, **here} if there.get(key) != here.get(key)]
        if different:
            key = different[0]
            more = f", and {len(different) - 1} more keys differ" if len(different) > 1 else ""
            raise TfkdError(
                f"{self.path} holds an unfinished run of another configuration: {key} is {there.get(key)!r} there and "
                f"{here.get(key)!r} here{more}. Give the same to go on with it, name another folder, or say "
                "--overwrite to begin anew."
            )

    @contextlib.contextmanager
    def taken(self, config: Config, overwrite: bool = False) -> Iterator[None]:
        """Hold the folder for one process, which makes this run or goes on with it, and write the configuration.

        Raises:
            TfkdError: As `check_free`, or another process holds the folder.
        """
        self.check_free(config, overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        with hold(self.path):
            self.check_free(config, overwrite)
            if overwrite:
                for name in FILES:
                    (self.path / name).unlink(missing_ok=True)
            if not (self.path / CONFIG).exists():
                self.write_text(CONFIG, dump_config(config))
            yield

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run."""
        with atomic_file(self.path / name) as part:
            part.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        """Write a file of the run as JSON."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_model(self, model: Any) -> int:
        """Write the model without the state of its optimiser, which belongs to another epoch than the best.

        Returns:
            The size of the file in bytes.
        """
        bare = type(model).from_config(model.get_config())
        bare.set_weights(model.get_weights())
        with atomic_file(self.path / MODEL) as part:
            bare.save(part)
        return (self.path / MODEL).stat().st_size

    def finish(self, scores: Any) -> None:
        """Write the scores, which make the run a finished one, and remove its checkpoint."""
        self.write_json(SCORES, scores)
        (self.path / CHECKPOINT).unlink(missing_ok=True)
        (self.path / LOCK).unlink(missing_ok=True)

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run.

        Raises:
            TfkdError: The run is not finished, or this is no run.
        """
        self.require_finished()
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def require_finished(self) -> None:
        """Refuse a folder that is no finished run.

        Raises:
            TfkdError: Saying what is there instead.
        """
        if not self.path.is_dir():
            raise TfkdError(f"there is no run {self.path}: expected a folder that `tfkd train` or `tfkd distill` made.")
        if not self.is_finished:
            found = "a run that did not come to its end" if (self.path / CONFIG).is_file() else "no run"
            raise TfkdError(f"{self.path} holds {found}: expected {MODEL} and {SCORES} in it; run it again to the end.")

    def config(self) -> Config:
        """Read the resolved configuration of a finished run."""
        self.require_finished()
        return load_config(self.path / CONFIG)

    def model(self) -> Any:
        """Load the model of a finished run: a `Tagger` or a `MultiTaskTagger`."""
        import keras

        import tfkd.models  # noqa: F401 - registers what is loaded

        self.require_finished()
        return keras.models.load_model(self.path / MODEL)


def environment() -> dict[str, str]:
    """Name the versions that a run's numbers depend on."""
    from importlib.metadata import version

    names = ("tfkd", "tensorflow", "keras", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
