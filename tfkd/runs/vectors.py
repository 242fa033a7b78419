"""Word vectors from a transformer, for the words of corpora and text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfkd.models import MultiTaskTagger, Tagger, load_model, make_encoder_vectors
from tfkd.models.loading import MODEL_FILE
from tfkd.pretrained import open_pretrained
from tfkd.text import TextSentences, read_corpus, write_word_vectors
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress


@dataclass(frozen=True, kw_only=True)
class VectorsResult:
    """Content of a file of word vectors.

    Attributes:
        path: The file.
        words: Number of words.
        units: Width of the vectors.
    """

    path: Path
    words: int
    units: int


def write_encoder_vectors(
    encoder: str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    units: int = 100,
    min_count: int = 1,
    words: int | None = None,
    progress: Progress | None = None,
) -> VectorsResult:
    """Make word vectors for the words of corpora and text from a transformer, and write them to a file.

    Args:
        encoder: A pre-trained encoder, or a run whose model has a transformer.
        sources: Corpora, of which the training sentences are read, and text files (`.txt`, `.txt.gz`) with one
            document per line.
        out: The file, in the binary format of word2vec.
        units: Width of the vectors.
        min_count: Words that occur less often are skipped.
        words: Number of words, the most frequent ones. Default: all.
        progress: Receives the progress. Default: it is not reported.

    Raises:
        TfkdError: The encoder or a source cannot be read, or there are too few words, see
            `tfkd.models.make_encoder_vectors`.
    """
    progress = progress or Progress()
    path = Path(out)
    if not path.parent.is_dir():
        raise TfkdError(f"{path}: there is no folder {path.parent}: make it first.")
    opened = _open(encoder)
    counts: Counter[str] = Counter()
    for source in sources:
        for sentence in _read_sentences(source):
            counts.update(sentence)
    chosen = [word for word, count in counts.most_common(words) if count >= min_count]
    progress.message(f"{len(chosen):,} of {len(counts):,} different words")
    vectors = make_encoder_vectors(opened, chosen, units=units, progress=progress)
    write_word_vectors(vectors, path)
    return VectorsResult(path=path, words=len(vectors), units=vectors.width)


def _open(encoder: str | os.PathLike[str]) -> str | os.PathLike[str] | Tagger | MultiTaskTagger:
    if (Path(encoder) / MODEL_FILE).is_file():
        return load_model(os.fspath(encoder))
    open_pretrained(encoder)  # an error is raised before the text is read
    return encoder


def _read_sentences(source: str | os.PathLike[str]) -> Iterable[Sequence[str]]:
    if os.fspath(source).endswith((".txt", ".txt.gz")):
        return TextSentences(source)
    return [sentence.tokens for sentence in read_corpus(os.fspath(source)).train]
