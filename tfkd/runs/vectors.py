"""Word vectors from a transformer, for the words of corpora and text."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfkd.models import MultiTaskTagger, Tagger, load_model, make_encoder_vectors
from tfkd.models.loading import MODEL_FILE
from tfkd.pretrained import open_pretrained
from tfkd.runs.caching import is_text_file
from tfkd.text import TextSentences, read_corpus, write_word_vectors
from tfkd_base.corpora import Match, held_out_hashes
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress
from tfkd_base.wording import count_of

CHUNK = 4096
"""Number of sentences that are compared with development and test sets at once."""


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
            document per line. Sentences of text that are in a development or test set of these corpora, as a whole or
            in part, are skipped, so that they have no part in the choice of words.
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
    corpora = [read_corpus(os.fspath(source)) for source in sources if not is_text_file(source)]
    for corpus in corpora:
        for sentence in corpus.train:
            counts.update(sentence.tokens)
    held_out, skipped = held_out_hashes(corpora), 0
    for source in sources:
        text = iter(TextSentences(source) if is_text_file(source) else ())
        while chunk := list(itertools.islice(text, CHUNK)):
            for tokens, match in zip(chunk, held_out.match(chunk), strict=True):
                if match == Match.NONE:
                    counts.update(tokens)
                else:
                    skipped += 1
    if skipped:
        progress.message(
            f"{count_of(skipped, 'sentence')} of text skipped: in a development or test set of the corpora"
        )
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
