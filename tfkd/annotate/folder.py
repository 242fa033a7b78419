"""The folder that keeps the state of an annotation run: its description, and the parts that are done."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tfkd
from tfkd.annotate.options import AnnotationOptions, AnnotationOutput, EngineOptions
from tfkd.serving import identify_model
from tfkd_base.documents import BrokenDocument, DocumentFile, get_format
from tfkd_base.documents.offsets import CHARACTERS
from tfkd_base.files import atomic_file
from tfkd_base.resumable import ResumableFolder
from tfkd_runtime.report import AnnotationReport, error_lines

MANIFEST = "manifest.json"
_ATTEMPT = ".attempt-"
_UNJOINED = ".documents"
"""Ending of parts that are joined to one output in the end."""


@dataclass(frozen=True, slots=True)
class AnnotationFolder:
    """Parts that appear complete or not at all. The report of a part is written last and marks it as done.

    It can be pickled and sent to other machines that see the same disk.

    Attributes:
        path: The folder.
        parts: The folder of the parts: the same, or that of the output.
        ending: Ending of the names of the parts; empty if a part is a folder.
    """

    path: Path
    parts: Path
    ending: str

    @classmethod
    def of_output(cls, output: AnnotationOutput) -> AnnotationFolder:
        """Return the folder for an output."""
        if not output.in_parts:
            return cls(output.work, output.work, _UNJOINED)
        format = get_format(output.format)
        ending = "" if format.is_folder else format.endings[0] + (".gz" if output.gzip else "")
        return cls(output.work, output.path, ending)

    @contextlib.contextmanager
    def hold(self, description: Mapping[str, Any]) -> Iterator[bool]:
        """Hold the folder for this process.

        Args:
            description: What the output depends on, see `describe_run`.

        Returns:
            A context manager that gives whether a run that was interrupted is resumed.

        Raises:
            TfkdError: The folder holds a run with another description, or another process holds it.
            OSError: The folder cannot be written to.
        """
        folder = ResumableFolder(
            self.path,
            MANIFEST,
            work="an annotation",
            read=_read_description,
            write=lambda value: json.dumps(value, indent=1),
            restart=f"remove {self.path} to start again",
        )
        with folder.hold(description) as resumes:
            for attempt in self.path.glob(f"{_ATTEMPT}*"):  # left by a process that was killed
                shutil.rmtree(attempt, ignore_errors=True)
            yield resumes

    def part(self, name: str) -> Path:
        """Return the path of a block's part, which may not exist yet."""
        return self.parts / f"part-{name}{self.ending}"

    def errors(self, name: str) -> Path:
        """Return the path of a block's broken documents. It exists if there are any."""
        return self.path / f"errors-{name}.jsonl"

    def report(self, name: str) -> AnnotationReport:
        """Read the report of a block that is done.

        Raises:
            OSError: It is not done.
        """
        return AnnotationReport.from_json(self._report(name).read_text(encoding="utf-8"))

    def _report(self, name: str) -> Path:
        return self.path / f"report-{name}.json"

    def is_done(self, name: str) -> bool:
        """Tell whether the part of a block is complete."""
        return self._report(name).is_file()

    def list_done(self) -> list[str]:
        """List the names of the blocks that are done, in their order."""
        return sorted(file.stem.removeprefix("report-") for file in self.path.glob("report-*.json"))

    def total(self) -> AnnotationReport:
        """Add up the reports of all blocks that are done."""
        total = AnnotationReport()
        for name in self.list_done():
            total.add(self.report(name))
        return total

    @contextlib.contextmanager
    def attempt(self) -> Iterator[Path]:
        """Give an empty folder to make a part in. It is removed in the end.

        Each attempt has a folder of its own, named after its process: two processes may work on one block if one of
        them is believed to be dead.
        """
        with tempfile.TemporaryDirectory(
            prefix=f"{_ATTEMPT}{os.getpid()}-", dir=self.path, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)

    def publish(self, name: str, part: Path, errors: Path, report: AnnotationReport) -> None:
        """Move a part to its place, and write its report.

        Args:
            name: The block.
            part: The part, complete and on the disk.
            errors: The broken documents, if the file exists.
            report: The report.
        """
        place = self.part(name)
        if part.is_dir() and place.is_dir():
            shutil.rmtree(place)  # left by an attempt that was killed before it wrote its report
        part.replace(place)
        if errors.exists():
            errors.replace(self.errors(name))
        with atomic_file(self._report(name)) as file:
            file.write_text(report.to_json(), encoding="utf-8")

    def broken_documents(self, name: str) -> Iterator[BrokenDocument]:
        """Read the broken documents of a block that is done, without their content."""
        file = self.errors(name)
        lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.is_file() else []
        for value in map(json.loads, lines):
            yield BrokenDocument(value["source"], value["reason"], b"", value["line"], value["document"])

    def write_errors(self, path: Path, more: Sequence[BrokenDocument] = ()) -> None:
        """Write the broken documents of all blocks to one file, or remove the file if there are none.

        Args:
            path: The file.
            more: Broken documents that come after those of the blocks.
        """
        files = [file for file in map(self.errors, self.list_done()) if file.is_file()]
        if not files and not more:
            path.unlink(missing_ok=True)
            return
        with atomic_file(path) as part, part.open("wb") as stream:
            for file in files:
                stream.write(file.read_bytes())
            stream.write(error_lines(more))


def describe_run(
    options: AnnotationOptions, files: Sequence[DocumentFile], output: AnnotationOutput, engine: EngineOptions
) -> dict[str, Any]:
    """Describe an annotation run by all that its output depends on.

    A model is identified by a hash of its files, or, on a server, by its address. An input file is identified by its
    path, its size and its time of modification.

    Raises:
        OSError: A file cannot be read.
    """
    return {
        "tfkd": tfkd.__version__,
        "models": _number({"model": model, "content": identify_model(model)} for model in options.models),
        "inputs": _number({"file": str(file.path), "state": _state(file)} for file in files),
        "options": {
            "to": output.format,
            "tasks": list(options.tasks),
            "keep": options.keep,
            "batch_size": options.batch_size,
            "parts": output.in_parts,
            "gzip": output.gzip,
            "block": engine.block_bytes,
            **_describe_selection(options),
        },
    }


def _describe_selection(options: AnnotationOptions) -> dict[str, Any]:
    """Describe the settings that are not the default: runs of versions that had none of them are resumed."""
    values = {
        "min_score": options.min_score,
        "abbreviations": options.abbreviations or None,
        "resolve": options.resolve,
    }
    return {name: value for name, value in values.items() if value is not None}


def _number(values: Iterable[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {str(number): value for number, value in enumerate(values, start=1)}


def _state(file: DocumentFile) -> str:
    status = os.stat(file.path)
    offsets = "" if file.offsets == CHARACTERS else f", offsets {file.offsets}"
    return f"{file.format}, {status.st_size} bytes, changed {status.st_mtime_ns}{offsets}"


def _read_description(data: bytes) -> dict[str, Any]:
    """Read a manifest. Earlier versions wrote models and inputs by name, in their order; those runs are resumed."""
    value = json.loads(data)
    models, inputs = value["models"], value["inputs"]
    if not all(isinstance(one, dict) for one in (*models.values(), *inputs.values())):
        value["models"] = _number({"model": name, "content": content} for name, content in models.items())
        value["inputs"] = _number({"file": name, "state": state} for name, state in inputs.items())
    return value
