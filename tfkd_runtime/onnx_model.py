"""Models in ONNX files, run by ONNX Runtime."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfkd_base.errors import TfkdError
from tfkd_runtime.decoding import Decoder, decode_tasks
from tfkd_runtime.description import ModelDescription
from tfkd_runtime.document_sentences import PassageTokens
from tfkd_runtime.model_file import EMISSIONS, FileContent
from tfkd_runtime.word_vectors import WordVectors

if TYPE_CHECKING:
    import onnxruntime

GROUP_TOKENS = 2048
"""Tokens, with padding, that go through the network at once; a longer sentence is a group of its own."""

Tagged = dict[str, tuple[np.ndarray, np.ndarray]]
"""Tags and their probabilities for all tokens, for each head: `/TASK`, or `""` in a model of one task."""


class OnnxModel:
    """A model in an ONNX file that `tfkd export` wrote: a `tfkd_runtime.backends.Backend`.

    The vector of a word, made of its embedding, its casing and its characters, is computed once and kept: most words of
    a text are repetitions.

    Args:
        path: The file.
        threads: Threads of ONNX Runtime. Default: one for each core.
        name: Its name in messages. Default: the path.

    Raises:
        TfkdError: There is no such file, `tfkd export` did not write it, or ONNX Runtime is not installed.
    """

    def __init__(self, path: str | Path, threads: int | None = None, *, name: str | None = None) -> None:
        self.name = name or str(path)
        self._session = _open_session(Path(path), threads)
        content = FileContent.from_metadata(self._session.get_modelmeta().custom_metadata_map, self.name)
        self.description: ModelDescription = content.card
        self._rules = content.rules
        tasks = content.card.get("tasks")
        heads = {f"/{task}": about["tags"] for task, about in tasks.items()} if tasks else {"": content.card["tags"]}
        scheme = content.card["scheme"]
        self._decoders = {suffix: Decoder(tags, scheme, content.chains[suffix]) for suffix, tags in heads.items()}
        self._tag_names = {suffix: np.array(["", *tags]).astype(np.bytes_) for suffix, tags in heads.items()}
        self._emissions = [f"{EMISSIONS}{suffix}" for suffix in heads]
        self._vectors = WordVectors(self._session, content.reader)
        self._lock = threading.Lock()  # of the vectors

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts."""
        segments = self._rules.segment([text.decode("utf-8", "replace") for text in texts])
        tagged = self._tag(segments.tokens, np.diff(segments.sentence_splits))
        lengths = np.diff(segments.passage_splits)
        real = np.arange(lengths.max(initial=0)) < lengths[:, np.newaxis]

        def pad(values: np.ndarray, padding: int | float) -> np.ndarray:
            padded = np.full(real.shape, padding, values.dtype)
            padded[real] = values
            return padded

        answer = {
            "starts": pad(segments.starts, -1),
            "ends": pad(segments.ends, -1),
            "sentences": pad(segments.sentences, -1),
            "num_tokens": lengths,
        }
        for suffix, (tags, scores) in tagged.items():
            answer[f"tags{suffix}"] = self._tag_names[suffix][pad(tags + 1, 0)]
            answer[f"scores{suffix}"] = pad(scores, 0.0)
        return answer

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens, padded with empty ones to one length."""
        tokens = [token.decode("utf-8", "replace") for sentence in sentences for token in sentence if token]
        real = np.array([[bool(token) for token in sentence] for sentence in sentences], bool)
        answer: dict[str, np.ndarray] = {}
        for suffix, (tags, scores) in self._tag(tokens, real.sum(axis=1)).items():
            ids, padded_scores = np.zeros(real.shape, np.int64), np.zeros(real.shape, np.float32)
            ids[real], padded_scores[real] = tags + 1, scores
            answer[f"tags{suffix}"] = self._tag_names[suffix][ids]
            answer[f"scores{suffix}"] = padded_scores
        return answer

    def segment(self, texts: Sequence[bytes]) -> PassageTokens:
        """Split texts into sentences and tokens."""
        segments = self._rules.segment([text.decode("utf-8", "replace") for text in texts])
        return PassageTokens(segments.starts, segments.ends, segments.sentence_splits, segments.passage_splits)

    def _tag(self, tokens: list[str], lengths: np.ndarray) -> Tagged:
        """Tag sentences in groups of similar length.

        Args:
            tokens: The tokens of all sentences, one after the other.
            lengths: The number of tokens of each sentence; it may be 0.
        """
        found = {
            suffix: (np.zeros(len(tokens), np.int64), np.zeros(len(tokens), np.float32)) for suffix in self._decoders
        }
        with self._lock:
            rows = self._vectors.look_up(tokens)
            # A token that is empty in the form of the vocabulary, such as a null character, is padding.
            real = np.flatnonzero(rows >= 0)
            if len(real) < len(tokens):
                sentences = np.repeat(np.arange(len(lengths)), lengths)
                lengths = np.bincount(sentences[real], minlength=len(lengths))
            firsts = np.cumsum(lengths) - lengths
            order = np.argsort(lengths, kind="stable")
            for group in _groups(order, lengths[order].tolist()):
                sizes = lengths[group]
                inside = np.arange(sizes[-1]) < sizes[:, np.newaxis]
                places = real[(firsts[group][:, np.newaxis] + np.arange(sizes[-1]))[inside]]
                ids = np.zeros(inside.shape, np.int32)
                ids[inside] = rows[places]
                emissions = self._session.run(self._emissions, self._vectors.inputs_for(ids, sizes))
                decoded = decode_tasks([*self._decoders.values()], [scores[inside] for scores in emissions], sizes)
                for (all_tags, all_scores), (tags, probabilities) in zip(found.values(), decoded, strict=True):
                    all_tags[places], all_scores[places] = tags, probabilities
        return found


def _groups(order: np.ndarray, lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Cut sentences, sorted by length, into groups of bounded size; those without tokens are skipped."""
    start = bisect.bisect_right(lengths, 0)
    for end in range(start, len(lengths)):
        if end > start and (end + 1 - start) * lengths[end] > GROUP_TOKENS:
            yield order[start:end]
            start = end
    if start < len(lengths):
        yield order[start:]


def _open_session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    if not path.is_file():
        state = "which is a folder" if path.is_dir() else "which does not exist"
        raise TfkdError(f"expected an ONNX file that `tfkd export RUN {path.name}` wrote, got {path}, {state}")
    try:
        import onnxruntime
    except ImportError:
        raise TfkdError(f"{path}: an ONNX file needs ONNX Runtime: install it with `pip install onnxruntime`") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise TfkdError(f"{path}: ONNX Runtime cannot load this file, which may be damaged: {error}") from None
