"""Blocks that were interrupted resume behind their last chunk, with the same bytes in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.annotate.conftest import StoppedError, lines
from tfkd.annotate import AnnotationOptions, AnnotationOutput, AnnotationProgress, AnnotationReport, partial
from tfkd.annotate.blocks import Block, cut_blocks
from tfkd.annotate.folder import AnnotationFolder
from tfkd.annotate.partial import Chunk, PartialBlock
from tfkd.annotate.work import BlockAnnotator
from tfkd_base.documents import Document, DocumentFile
from tfkd_runtime.placed import PlacedDocument


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_block_that_was_stopped_resumes_behind_its_last_chunk(
    in_parts: bool, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial.cut_chunks, "__defaults__", (40,))
    source = tmp_path / "in.jsonl"
    source.write_text("".join(f'{{"text": "{line}"}}\n' for line in lines(40).split("\n")[:-1]) + "{broken\n")
    (block,) = cut_blocks([DocumentFile(source, "jsonl")], 1 << 20)
    options = AnnotationOptions(models=(model,), min_score=0.6)
    annotated: list[int] = []
    words: list[int] = []

    def annotate(name: str, stop_after: int | None = None) -> tuple[AnnotationReport, bytes]:
        output = AnnotationOutput(tmp_path / name, "jsonl", in_parts=in_parts)
        folder = AnnotationFolder.of_output(output)
        folder.path.mkdir(parents=True, exist_ok=True)
        annotated.clear()

        def on_document(block: Block, report: AnnotationReport, resumed_words: int) -> None:
            annotated.append(report.documents)
            progress.advance(block.size, report, resumed_words)
            if len(annotated) == stop_after:
                raise StoppedError

        progress = AnnotationProgress(block.size)
        report = BlockAnnotator(options, output, on_document=on_document)(block)
        progress.finish_block(block.size, report, is_resumed=False)
        words.append(progress.words)
        assert not list(folder.path.glob("partial-*"))
        return report, folder.part(block.name).read_bytes()

    unbroken = annotate("unbroken")
    assert (unbroken[0].documents, unbroken[0].broken) == (40, 1)
    assert unbroken[0].entities.total() > 5
    assert unbroken[0].changes["entities dropped, with a score below 0.6"] > 1, "counted in every chunk"
    with pytest.raises(StoppedError):
        annotate("out", stop_after=25)
    (left,) = (AnnotationFolder.of_output(AnnotationOutput(tmp_path / "out", in_parts=in_parts)).path).glob("partial-*")
    left.write_bytes(left.read_bytes() + b'{"source": "half a li')  # as a kill in a write leaves it
    resumed = annotate("out")
    assert resumed == unbroken
    assert 15 < annotated[0] <= 25, "documents of finished chunks"
    assert annotated[-1] == 40
    assert words[0] == unbroken[0].words
    assert 0 < words[1] < words[0], "those that this process annotated"


def test_only_complete_chunks_of_the_longest_file_are_taken(tmp_path: Path) -> None:
    placed = [PlacedDocument("a", number, Document(str(number), "text")) for number in range(4)]
    with PartialBlock(tmp_path, "1") as first:
        first.append(Chunk(2, tuple(one.to_line() for one in placed[:2])))
        with PartialBlock(tmp_path, "1") as second:
            assert second.read == 2
            second.append(Chunk(1, (placed[2].to_line(),)))
            first.append(Chunk(1, (placed[3].to_line(),)))  # a worker believed to be dead
            assert list(second.documents()) == placed[:3]
        with PartialBlock(tmp_path, "10") as other:
            assert other.read == 0
        second.remove()
    assert [path.name[:10] for path in tmp_path.iterdir()] == ["partial-10"]
