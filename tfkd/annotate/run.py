"""Annotating files of documents."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tfkd.annotate.blocks import Block, cut_blocks
from tfkd.annotate.folder import AnnotationFolder, describe_run
from tfkd.annotate.options import AnnotationOptions, AnnotationOutput, EngineOptions
from tfkd.annotate.report import AnnotationProgress
from tfkd.annotate.work import BlockAnnotator, join_parts
from tfkd.engines import Engine, Outcome, open_engine
from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    DocumentFile,
    document_files,
)
from tfkd_base.documents.offsets import CHARACTERS
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file
from tfkd_base.registry import loaded_code
from tfkd_runtime.report import AnnotationReport

BLOCKS_PER_WORKER = 2
"""Blocks that are read and not yet annotated, for each worker."""
SECONDS = 1.0
"""How long to wait for a block before the keyboard is heard."""


def annotate_files(
    options: AnnotationOptions,
    inputs: Sequence[str | os.PathLike[str]],
    output: AnnotationOutput,
    *,
    format: str | None = None,
    offsets: str = CHARACTERS,
    errors: str | os.PathLike[str] | None = None,
    engine: EngineOptions | None = None,
    on_progress: Callable[[AnnotationProgress], None] | None = None,
    on_broken: Callable[[BrokenDocument], None] | None = None,
) -> AnnotationProgress:
    r"""Annotate the documents of files, and write them with the entities found to one output or to a folder of parts.

    The input is cut into blocks. Each block that is done is kept: if the run is interrupted or killed and started again
    with the same arguments, it resumes with the missing blocks, and writes the same bytes as a run without
    interruption. The output appears complete or not at all. Broken documents are set aside with their places.

    Args:
        options: The models and how to use them.
        inputs: Files and folders.
        output: The output.
        format: The name of the input's format. Default: detected for each file from its name and content.
        offsets: What offsets of entities count in the input, one of `OFFSETS`.
        errors: The file for broken documents, a JSON object each. Default: `OUTPUT.errors.jsonl` beside the output.
        engine: The engine. Default: this process.
        on_progress: Called after each change.
        on_broken: Called with each document that is set aside, without its content.

    Returns:
        What was done, and how fast.

    Raises:
        TfkdError: There is no such model or input, the output cannot be written, another process writes it, or a run
            with other models, inputs or options was started there; the message says what differs.
        ServerError: A server did not answer.
        OSError: Something cannot be written.

    Example:
        >>> import tempfile
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> folder = Path(tempfile.mkdtemp())
        >>> tagger = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2))
        >>> tagger.save(folder / "model.keras")
        >>> _ = (folder / "in.txt").write_text("One.\nTwo.\n")
        >>> output = AnnotationOutput(folder / "out.pubtator", "pubtator")
        >>> done = annotate_files(AnnotationOptions(models=(str(folder),)), [folder / "in.txt"], output)
        >>> done.report.documents, output.path.read_text().startswith("1|t|One.")
        (2, True)
    """
    engine = engine or EngineOptions()
    paths = [Path(one) for one in inputs]
    output.check(paths)
    counts = Counts()
    files = _list_files(paths, format, offsets, counts)
    folder = AnnotationFolder.of_output(output)
    errors_file = Path(errors) if errors is not None else output.errors
    progress = AnnotationProgress(sum(file.path.stat().st_size for file in files), on_progress)
    with folder.hold(describe_run(options, files, output, engine)) as progress.is_resumed:
        _annotate_blocks(options, files, output, engine, progress, on_broken)
        if output.in_parts:
            progress.report = folder.total()
            folder.write_errors(errors_file)
            with atomic_file(output.report) as part:
                part.write_text(progress.report.to_json(), encoding="utf-8")
        else:
            progress.report = join_parts(folder, output, errors_file, progress.write)
            shutil.rmtree(folder.path, ignore_errors=True)
    progress.report.changes.update(counts)
    return progress


def _list_files(paths: Sequence[Path], format: str | None, offsets: str, counts: Counts) -> list[DocumentFile]:
    files = [file for path in paths for file in document_files(path, format, counts, offsets)]
    seen: set[Path] = set()
    for file in files:
        resolved = file.path.resolve()
        if resolved in seen:
            raise TfkdError(f"{file.path} is given twice as input; name it once")
        seen.add(resolved)
    return files


def _annotate_blocks(
    options: AnnotationOptions,
    files: Sequence[DocumentFile],
    output: AnnotationOutput,
    engine_options: EngineOptions,
    progress: AnnotationProgress,
    on_broken: Callable[[BrokenDocument], None] | None,
) -> None:
    """Make the parts that are missing."""
    folder = AnnotationFolder.of_output(output)
    sizes: dict[str, int] = {}  # of the blocks under way

    def finish(outcome: Outcome[AnnotationReport]) -> None:
        report = outcome.unwrap()
        if on_broken is not None:
            for broken in folder.broken_documents(outcome.name):
                on_broken(broken)
        progress.finish_block(sizes.pop(outcome.name), report, is_resumed=False)

    with _open_engine(options, output, engine_options, progress) as engine:
        for block in cut_blocks(files, engine_options.block_bytes):
            if folder.is_done(block.name):
                progress.finish_block(block.size, folder.report(block.name), is_resumed=True)
                continue
            sizes[block.name] = block.size
            engine.submit(block.name, block)
            while len(sizes) >= BLOCKS_PER_WORKER * engine.slots:
                for outcome in engine.wait(SECONDS):
                    finish(outcome)
        while sizes:
            for outcome in engine.wait(SECONDS):
                finish(outcome)
    progress.stop_clock()


def _open_engine(
    options: AnnotationOptions, output: AnnotationOutput, engine: EngineOptions, progress: AnnotationProgress
) -> Engine[Block, AnnotationReport]:
    if engine.name == "local":

        def on_document(block: Block, report: AnnotationReport, resumed_words: int) -> None:
            progress.advance(block.size, report, resumed_words)

        def make_work() -> BlockAnnotator:
            work = BlockAnnotator(options, output, on_document=on_document)
            progress.start_clock()
            return work

        return open_engine(engine.name, make_work)
    # A worker of Ray takes one core.
    code = [file.path for file in loaded_code()]
    work = partial(BlockAnnotator, options, output, threads=1, code=code)
    opened = open_engine(engine.name, work, workers=engine.workers, address=engine.address)
    progress.start_clock()
    return opened
