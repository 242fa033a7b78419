"""Annotating files of documents: work that can be stopped, continued, and spread over machines."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfkd.annotate.blocks import BLOCK_BYTES, units
from tfkd.annotate.local_engine import run_here
from tfkd.annotate.manifest import manifest
from tfkd.annotate.output import Output
from tfkd.annotate.parts import PartMaker, join_parts, total, write_errors
from tfkd.annotate.progress import Progress
from tfkd.annotate.ray_engine import run_on_ray
from tfkd.annotate.settings import Settings
from tfkd_base.documents import BrokenDocument, Counts, DocumentFile, document_files
from tfkd_base.errors import TfkdError, nearest
from tfkd_base.files import atomic_file
from tfkd_base.resumable import hold

ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Engine:
    """What does the work.

    Attributes:
        name: `local`, this process; or `ray`, Ray Data.
        workers: On Ray, how many workers of one thread; by default one for each core.
        address: On Ray, the address of a cluster, or `auto`; by default Ray is started on this machine.
        block_bytes: Bytes of input that are worked on at once, and make a part.

    Raises:
        TfkdError: A value is out of range, or belongs to the other engine.
    """

    name: str = "local"
    workers: int | None = None
    address: str | None = None
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        """Check the values."""
        if self.name not in ENGINES:
            raise TfkdError(f"there is no engine {self.name!r}: {nearest(self.name, ENGINES)}")
        if self.name == "local" and (self.workers or self.address):
            raise TfkdError("workers and an address are for the engine ray; add --engine ray")
        if self.block_bytes < 1 or (self.workers is not None and self.workers < 1):
            raise TfkdError("expected a block of 1 byte or more, and 1 worker or more")

    def run(self, maker: PartMaker, files: Sequence[DocumentFile], progress: Progress) -> None:
        """Make the parts that are missing.

        Args:
            maker: Makes a part.
            files: The input.
            progress: Is told what is done.
        """
        cut = units(files, self.block_bytes)
        if self.name == "ray":
            run_on_ray(maker, cut, self.block_bytes, progress, workers=self.workers, address=self.address)
        else:
            run_here(maker, cut, self.block_bytes, progress)


def annotate_files(
    settings: Settings,
    inputs: Sequence[str | os.PathLike[str]],
    out: Output,
    *,
    format: str | None = None,
    errors: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
    show: Callable[[Progress], None] | None = None,
    on_broken: Callable[[BrokenDocument], None] | None = None,
) -> Progress:
    r"""Annotate the documents of files, and write them with the entities found to one output, or to a folder of parts.

    The input is worked on in blocks. What has been done of it is kept: if the work is stopped, however that happens,
    and begun again with the same arguments, it goes on with the blocks that are missing, and gives the same bytes as if
    it had not been stopped. An output appears whole or not at all. A broken document is set aside with its place, and
    the others go on.

    Args:
        settings: With which models and how.
        inputs: Files and folders.
        out: The output.
        format: The name of the input's format; told for each file by its name and content if not given.
        errors: Where broken documents go, a JSON object each; by default beside the output, in `OUT.errors.jsonl`.
        engine: What does the work; by default this process.
        show: Is called whenever something is done.
        on_broken: Is called with each document that is set aside, without its content.

    Returns:
        What was done, and how fast.

    Raises:
        TfkdError: There is no such model or input, the output cannot be written, another process writes it, or a work
            was begun there with other models, inputs or settings; the message says what differs.
        ServerError: A server has not answered.
        OSError: Something cannot be written.

    Example:
        >>> import tempfile
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> folder = Path(tempfile.mkdtemp())
        >>> Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2)).save(folder / "model.keras")
        >>> _ = (folder / "in.txt").write_text("One.\nTwo.\n")
        >>> settings = Settings((str(folder),), to="pubtator")
        >>> done = annotate_files(settings, [folder / "in.txt"], Output(folder / "out.pubtator", "pubtator"))
        >>> done.report.documents, (folder / "out.pubtator").read_text().startswith("1|t|One.")
        (2, True)
    """
    engine = engine or Engine()
    if out.format != settings.to:
        raise TfkdError(f"the output's format is {out.format}, but that of the settings {settings.to}; name one")
    paths = [Path(one) for one in inputs]
    out.check(paths)
    found = Counts()
    files = _files(paths, format, found)
    for_errors = Path(errors) if errors is not None else out.errors
    folder = out.folder
    layout = {"parts": out.in_parts, "gzip": out.gzip, "block": engine.block_bytes}
    here = manifest(settings, files, layout)
    folder.path.mkdir(parents=True, exist_ok=True)
    progress = Progress(sum(file.path.stat().st_size for file in files), show, on_broken)
    with hold(folder.path):
        folder.open(here)
        engine.run(PartMaker(settings, folder, out.in_parts), files, progress)
        if out.in_parts:
            progress.report = total(folder)
            write_errors(folder, for_errors, [])
            with atomic_file(out.report) as part:
                part.write_text(progress.report.to_json(), encoding="utf-8")
        else:
            progress.report = join_parts(folder, out.path, out.format, for_errors)
            shutil.rmtree(folder.path, ignore_errors=True)
    progress.report.changes.update(found)
    return progress


def _files(paths: Sequence[Path], format: str | None, counts: Counts) -> list[DocumentFile]:
    """Find the files of the input, each once."""
    files = [file for path in paths for file in document_files(path, format, counts)]
    seen: set[Path] = set()
    for file in files:
        resolved = file.path.resolve()
        if resolved in seen:
            raise TfkdError(f"{file.path} is given twice as input; name it once")
        seen.add(resolved)
    return files
