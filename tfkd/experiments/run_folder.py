"""The folder of a run: what stands in it, and how it is written."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from tfkd.errors import TfkdError
from tfkd.experiments.config import Config, dump_config, load_config

CONFIG, MODEL, HISTORY, SCORES, RUN = "config.yaml", "model.keras", "history.json", "scores.json", "run.json"


class RunFolder:
    """A folder with the resolved configuration, the model, the history and the scores of one run.

    `scores.json` is written last: a folder that has it is finished. Files appear whole or not at all.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / SCORES).is_file()

    def check_free(self, overwrite: bool = False) -> None:
        """Refuse a folder that must not be written to.

        Raises:
            TfkdError: A finished run stands there and `overwrite` is false, or something that is no run.
        """
        if self.path.exists() and not self.path.is_dir():
            raise TfkdError(f"{self.path} is a file: give a folder for the run.")
        known = {CONFIG, MODEL, HISTORY, SCORES, RUN}
        present = [p.name for p in self.path.iterdir()] if self.path.is_dir() else []
        others = [name for name in present if name not in known and not name.startswith(".")]
        if others:
            raise TfkdError(
                f"{self.path} holds other things than a run, such as {sorted(others)[0]!r}: name a new folder."
            )
        if self.is_finished and not overwrite:
            raise TfkdError(f"{self.path} holds a finished run: name another folder, or say --overwrite to replace it.")

    def prepare(self, config: Config, overwrite: bool = False) -> None:
        """Make the folder anew and write the configuration.

        Raises:
            TfkdError: As `check_free`.
        """
        self.check_free(overwrite)
        if self.is_finished:
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_text(CONFIG, dump_config(config))

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run."""
        part = self.path / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(self.path / name)

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
        part = self.path / f".part-{MODEL}"
        bare.save(part)
        part.replace(self.path / MODEL)
        return (self.path / MODEL).stat().st_size

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
