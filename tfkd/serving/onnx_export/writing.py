"""The ONNX file of a model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from tfkd.layers import CRFHead, SoftmaxHead, TagHead
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.card import describe_model
from tfkd.serving.onnx_export.layers import SUPPORTED, LayerConverter
from tfkd.text import WordFeatures
from tfkd.text.character_tables import make_character_tables
from tfkd.text.segmentation import NEVER_LAST, OPENERS, SELDOM_LAST
from tfkd_base.errors import TfkdError, nearest
from tfkd_base.files import atomic_file
from tfkd_runtime.decoding import Chain
from tfkd_runtime.model_file import FileContent
from tfkd_runtime.segmentation import SentenceRules
from tfkd_runtime.word_features import WordReader

Weights = Literal["int8", "float32"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)
"""How weights are stored. Biases, characters, casings and heads are always float32."""


def export_onnx(
    model: Tagger | MultiTaskTagger,
    path: str | Path,
    *,
    weights: Weights = "int8",
    about: Mapping[str, object] | None = None,
) -> Path:
    """Write a tagger or a teacher with a BiLSTM encoder as one ONNX file that `tfkd_runtime.load` opens.

    The file holds the vocabulary, the rules for splitting text, the tags and the model card. It appears complete or not
    at all.

    Args:
        model: A trained tagger or teacher.
        path: The file.
        weights: `int8` stores the word embedding and the weights of the LSTMs as integers of 8 bits, which takes a
            quarter of the space and is faster; `float32` gives the same scores as the model.
        about: More content for the model card, see `tfkd.serving.export`.

    Returns:
        The path.

    Raises:
        TfkdError: The model is neither a tagger nor a teacher, or has a part that an ONNX file cannot hold; the file
            exists or cannot be written; or the package `onnx` is not installed.

    Example:
        >>> import tempfile
        >>> from tfkd.models import BiLSTM
        >>> tagger = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2))
        >>> export_onnx(tagger, Path(tempfile.mkdtemp(), "x.onnx")).name
        'x.onnx'
    """
    path = Path(path)
    _check(model, path, weights)
    views = (
        {f"/{task}": model.for_task(task) for task in model.tasks}
        if isinstance(model, MultiTaskTagger)
        else {"": model}
    )
    chains = {suffix: _chain(view.head) for suffix, view in views.items()}
    graph = LayerConverter(model, is_int8=weights == "int8").graph
    assert isinstance(model.text, WordFeatures)
    content = FileContent(_card(model, weights, about or {}), *_text_parts(model.text), chains)
    serialized = graph.to_model(content.to_metadata()).SerializeToString()
    try:
        with atomic_file(path) as part:
            part.write_bytes(serialized)
    except OSError as error:
        raise TfkdError(f"{path}: the model cannot be written there: {error.strerror or error}") from None
    return path


def _check(model: Any, path: Path, weights: str) -> None:
    if not isinstance(model, Tagger | MultiTaskTagger):
        raise TfkdError(
            f"expected a tfkd.models.Tagger or MultiTaskTagger, got a {type(model).__name__}: open a run with "
            "`tfkd.load_model(path)`"
        )
    if weights not in WEIGHTS:
        raise TfkdError(f"there are no weights {weights!r}: {nearest(str(weights), WEIGHTS)}")
    if path.exists():
        raise TfkdError(f"{path} exists, and a model is never overwritten; choose another name, or remove it")
    if not path.parent.is_dir():
        raise TfkdError(f"{path}: there is no folder {path.parent}; create it first")
    if find_spec("onnx") is None:
        raise TfkdError("an ONNX file is written with the package onnx: install it with `pip install 'tfkd[onnx]'`")


def _chain(head: TagHead) -> Chain | None:
    """Return the scores of a CRF; `None` for a softmax."""
    if type(head) is SoftmaxHead:
        return None
    if type(head) is not CRFHead:
        raise TfkdError(f"the head {head.name!r} is of the type {type(head).__name__}: {SUPPORTED}")
    return Chain(*(weight.numpy().astype("float32") for weight in (head.start, head.transitions, head.end)))


def _text_parts(text: WordFeatures) -> tuple[SentenceRules, WordReader]:
    tables = make_character_tables()
    return (
        SentenceRules(tables, NEVER_LAST, SELDOM_LAST, OPENERS),
        WordReader(
            words=text.words,
            characters=text.characters,
            lowercase=text.lowercase,
            normalize_digits=text.normalize_digits,
            max_characters=text.max_characters,
            tables=tables,
        ),
    )


def _card(model: Tagger | MultiTaskTagger, weights: str, about: Mapping[str, object]) -> Any:
    card: dict[str, Any] = {**describe_model(model), **about, "weights": weights}
    card["versions"] = {**card["versions"], "onnx": installed_version("onnx")}
    card["sizes"] = {**card.get("sizes", {}), "parameters": model.count_params()}
    return card
