"""Word vectors from a transformer, for the words of corpora and text."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tfkd.config import Config, EncoderVectorsConfig
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, load_model, make_encoder_vectors
from tfkd.models.loading import MODEL_FILE
from tfkd.pretrained import open_pretrained
from tfkd.text import TextSentences, WordVectors, read_corpus, write_word_vectors
from tfkd.text.text_files import is_text_file
from tfkd_base.corpora import Corpus, Match, held_out_hashes
from tfkd_base.errors import TfkdError, describe_os_error
from tfkd_base.files import atomic_file, user_cache
from tfkd_base.progress import Progress
from tfkd_base.wording import count_of

KEPT, KEPT_FILES = "encoder-vectors", 20
"""Folder in the user's cache with the vectors that runs made, and the number of them that are kept."""

_VERSION = 1
"""Number of the way in which vectors are made. Vectors of another number are not read."""

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
    check_encoder(encoder)
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
    vectors = make_encoder_vectors(_open(encoder), chosen, units=units, progress=progress)
    write_word_vectors(vectors, path)
    return VectorsResult(path=path, words=len(vectors), units=vectors.width)


def check_encoder(encoder: str | os.PathLike[str]) -> None:
    """Check that word vectors can be made from an encoder, without reading its weights.

    Raises:
        TfkdError: It is neither a pre-trained encoder nor a run.
    """
    if not (Path(encoder) / MODEL_FILE).is_file():
        open_pretrained(encoder)


def make_run_vectors(
    config: Config, corpora: Mapping[str, Corpus], text: Iterable[Sequence[str]] | None, progress: Progress
) -> WordVectors | None:
    """Make the word vectors of a run from the transformer that its configuration names, if it names one.

    The vectors are kept in the user's cache, under a hash of the encoder's files and of the words: further runs with
    the same training text read them.

    Args:
        config: The configuration of the run.
        corpora: Its corpora. Their training sentences give the words.
        text: Unlabelled text, which gives words too.
        progress: Receives the progress.

    Raises:
        TfkdError: The encoder cannot be read, or there are too few words for the width of the vectors.
    """
    source = config.text.vectors_source
    if not isinstance(source, EncoderVectorsConfig):
        return None
    assert isinstance(config.encoder, BiLSTM)
    units = config.encoder.word_units
    counts: Counter[str] = Counter()
    for tokens in itertools.chain((s.tokens for corpus in corpora.values() for s in corpus.train), text or ()):
        counts.update(tokens)
    words = tuple(word for word, _ in counts.most_common() if word)
    key = hashlib.blake2b(f"{_VERSION} {units} {_fingerprint(source.encoder)}\n".encode(), digest_size=16)
    for word in words:
        key.update(word.encode("utf-8", "surrogatepass") + b"\n")
    name = f"{key.hexdigest()}.npy"
    try:
        matrix = np.load(user_cache() / KEPT / name, allow_pickle=False)
        return WordVectors(words, matrix, source=source.encoder)
    except (OSError, ValueError, EOFError, TfkdError):
        pass
    try:
        vectors = make_encoder_vectors(_open(source.encoder), words, units=units, progress=progress)
    except TfkdError as error:
        raise TfkdError(f"text.vectors: {error} Or train without vectors: --set text.vectors=null.") from error
    try:
        path = user_cache() / KEPT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as part:
            np.save(part, vectors.matrix, allow_pickle=False)
        for old in sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime)[:-KEPT_FILES]:
            old.unlink(missing_ok=True)
    except OSError as error:
        progress.message(f"the word vectors could not be kept for further runs: {describe_os_error(error)}")
    return vectors


def _fingerprint(encoder: str) -> str:
    """Return a hash of the files of an encoder; of a preset of keras-hub its name and the version of the library."""
    folder = Path(encoder).expanduser()
    if (folder / MODEL_FILE).is_file():
        files = [folder / MODEL_FILE]
    elif folder.is_dir():
        files = sorted(file for file in folder.rglob("*") if file.is_file())
    else:
        return f"{encoder} {version('keras-hub')}"
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(os.fsencode(file.relative_to(folder)))
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()


def _open(encoder: str | os.PathLike[str]) -> str | os.PathLike[str] | Tagger | MultiTaskTagger:
    return load_model(os.fspath(encoder)) if (Path(encoder) / MODEL_FILE).is_file() else encoder
