"""What an annotation run is asked to do: models, output and engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tfkd.engines import check_engine
from tfkd.serving import Annotator, ClientOptions
from tfkd_base.documents import DocumentFormat, get_format
from tfkd_base.errors import TfkdError
from tfkd_runtime.documents import DocumentOptions

BLOCK_BYTES = 4 << 20
"""Bytes of input in a block: about 2,500 abstracts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationOptions(DocumentOptions):
    """The models of an annotation run, and how to use them.

    Attributes:
        models: Runs, SavedModels and addresses of servers, see `tfkd.serving.Annotator`.
        tasks: Tasks of models that have several. Default: all.
        client: How long to wait for a server, and how often to ask again.

    The other attributes are those of `DocumentOptions`.

    Raises:
        TfkdError: There is no model, or a value is out of range.
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    client: ClientOptions = field(default_factory=ClientOptions)

    def __post_init__(self) -> None:
        """Check the values before any work."""
        if not self.models:
            raise TfkdError("expected a model or several, got none")
        DocumentOptions.__post_init__(self)

    def open_models(self) -> Annotator:
        """Open the models.

        Raises:
            TfkdError: There is no such model, or it lacks a task.
            ServerError: A server cannot be reached.
        """
        return Annotator(self.models, tasks=self.tasks, options=self.client)


@dataclass(frozen=True, slots=True)
class AnnotationOutput:
    """Where the annotated documents go: one file (for some formats a folder), or a folder of parts.

    Attributes:
        path: The file or folder.
        format: The name of its format.
        in_parts: Whether it is a folder of parts, each of which is a file of the format.
        gzip: Whether the parts are compressed. A single file is compressed if its name ends in `.gz`.

    Raises:
        TfkdError: There is no such format.
    """

    path: Path
    format: str = "jsonl"
    in_parts: bool = False
    gzip: bool = False

    def __post_init__(self) -> None:
        """Check the name of the format."""
        get_format(self.format)

    @property
    def errors(self) -> Path:
        """The default file of broken documents, beside the output."""
        return self.path.with_name(f"{self.path.name}.errors.jsonl")

    @property
    def report(self) -> Path:
        """The report of a folder of parts. It is written when all parts are."""
        return self.path / "report.json"

    @property
    def work(self) -> Path:
        """The folder that keeps the state of the work until the output is complete."""
        if self.in_parts:
            return self.path / ".progress"
        return self.path.with_name(f"{self.path.name}.progress")

    def check(self, inputs: Iterable[Path]) -> None:
        """Refuse an output that cannot be written, before any work.

        Args:
            inputs: The files and folders that are read.

        Raises:
            TfkdError: Its folder does not exist, it exists as something else, or it is part of the input.
        """
        path, format = self.path, get_format(self.format)
        if not path.parent.is_dir():
            raise TfkdError(f"{path}: there is no folder {path.parent}; create it first")
        for source in inputs:
            if path.resolve().is_relative_to(source.resolve()):
                place = f"in the input folder {source}, and would be read with it"
                raise TfkdError(
                    f"the output {path} is {place if source.is_dir() else 'an input file'}; choose another path"
                )
        if self.gzip and (not self.in_parts or format.is_folder):
            raise TfkdError(
                "gzip compresses the files of a folder of parts; a single file is compressed if its name ends in .gz"
            )
        self._check_existing(format)

    def _check_existing(self, format: DocumentFormat) -> None:
        path = self.path
        has_content = path.is_dir() and any(path.iterdir())
        if self.in_parts:
            if path.exists() and not path.is_dir():
                raise TfkdError(f"{path} is a file: expected a folder for the parts")
            if has_content and not self.work.is_dir():
                raise TfkdError(f"{path} is not empty, and holds no annotation to resume; choose a new folder")
        elif format.is_folder and (has_content or path.is_file()):
            raise TfkdError(f"{path} exists; the format {self.format} needs a new or an empty folder")
        elif path.is_dir() and not format.is_folder:
            example = path / ("documents" + format.endings[0])
            raise TfkdError(f"{path} is a folder; name a file, such as {example}, or pass --parts")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The engine of an annotation run.

    Attributes:
        name: `local`, this process; or `ray`.
        workers: With Ray, how many workers of one thread. Default: one for each core.
        address: With Ray, the address of a cluster, or `auto`. Default: Ray is started on this machine.
        block_bytes: Bytes of input in a block. Each block becomes a part.

    Raises:
        TfkdError: A value is out of range, or belongs to the other engine.
    """

    name: str = "local"
    workers: int | None = None
    address: str | None = None
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        """Check the values."""
        check_engine(self.name, workers=self.workers, address=self.address)
        if self.block_bytes < 1:
            raise TfkdError(f"expected a block of at least 1 byte, got {self.block_bytes}")
