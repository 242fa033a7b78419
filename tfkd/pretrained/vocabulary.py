"""Reading the vocabulary of a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfkd.pretrained.json_files import read_json, read_json_if_there
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError

SETTINGS, WHOLE = "tokenizer_config.json", "tokenizer.json"
_MARKS = {"begin": "cls_token", "end": "sep_token", "padding": "pad_token", "unknown": "unk_token"}
_BERT = {"begin": "[CLS]", "end": "[SEP]", "padding": "[PAD]", "unknown": "[UNK]"}
_ROBERTA = {"begin": "<s>", "end": "</s>", "padding": "<pad>", "unknown": "<unk>"}


def read_word_pieces(folder: Path) -> PieceFeatures:
    """Read a vocabulary of WordPiece, from `vocab.txt` or `tokenizer.json`.

    Whether it is read in lower case `tokenizer_config.json` says, or `tokenizer.json`; where neither does, a vocabulary
    without a capital letter is.

    Raises:
        TfkdError: There is none, it is broken, or cuts text in a way that cannot be followed.
    """
    settings = read_json_if_there(folder / SETTINGS)
    whole = read_json_if_there(folder / WHOLE)
    normalizer = _normalizer(whole, folder)
    pieces = _lines(folder / "vocab.txt") if (folder / "vocab.txt").is_file() else _of_model(whole, "WordPiece", folder)
    marks = _marks(folder, settings, _BERT)
    said = [
        _switch(settings, key, folder / SETTINGS, normalizer.get(own))
        for key, own in (
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        )
    ]
    lowercase, strip_accents, apart = said
    if lowercase is None:
        lowercase = not any(
            piece != piece.lower() for piece in pieces if piece not in marks.values() and piece[:1] != "["
        )
    if apart is False:
        raise TfkdError(f"{folder}: tokenize_chinese_chars is false, which cannot be followed.")
    return _made(
        folder,
        pieces,
        lowercase=bool(lowercase),
        strip_accents=strip_accents,
        **marks,
    )


def read_byte_pairs(folder: Path) -> PieceFeatures:
    """Read a vocabulary of byte-pair encoding, from `vocab.json` and `merges.txt` or from `tokenizer.json`.

    Raises:
        TfkdError: There is none, or it is broken.
    """
    settings = read_json_if_there(folder / SETTINGS)
    if (folder / "vocab.json").is_file():
        pieces = _in_order(read_json(folder / "vocab.json"), folder / "vocab.json")
        lines = _lines(folder / "merges.txt")
        merges = [
            line for number, line in enumerate(lines) if line and not (number == 0 and line.startswith("#version"))
        ]
    else:
        whole = read_json_if_there(folder / WHOLE)
        pieces = _of_model(whole, "BPE", folder)
        merges = _merges(whole["model"].get("merges"), folder / WHOLE)
    return _made(folder, pieces, merges=merges, **_marks(folder, settings, _ROBERTA))


def _made(folder: Path, pieces: list[str], **settings: Any) -> PieceFeatures:
    try:
        return PieceFeatures(pieces, **settings)
    except TfkdError as error:
        raise TfkdError(f"{folder}: {error}") from None


def _lines(path: Path) -> list[str]:
    try:
        # Not splitlines: some pieces are characters that end a line to Python.
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise TfkdError(f"{path} is missing.") from None
    except UnicodeDecodeError as error:
        raise TfkdError(f"{path}: byte {error.start} is not UTF-8.") from None
    return lines[:-1] if lines and not lines[-1] else lines


def _of_model(whole: Mapping[str, Any], kind: str, folder: Path) -> list[str]:
    """Take the vocabulary out of `tokenizer.json`."""
    model = whole.get("model")
    if not isinstance(model, dict):
        names = "vocab.txt" if kind == "WordPiece" else "vocab.json and merges.txt"
        raise TfkdError(f"{folder} holds no vocabulary: expected {names}, or {WHOLE}.")
    # Older files do not name the model of byte pairs.
    if model.get("type", kind) != kind or not isinstance(model.get("vocab"), dict):
        raise TfkdError(f"{folder / WHOLE}: expected a vocabulary of {kind}, got {model.get('type')!r}.")
    added = whole.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(t, Mapping) and {"content", "id"} <= t.keys() for t in added):
        raise TfkdError(f"{folder / WHOLE}: expected added_tokens to be objects with a content and an id.")
    return _in_order({**model["vocab"], **{str(token["content"]): token["id"] for token in added}}, folder / WHOLE)


def _merges(given: Any, path: Path) -> list[str]:
    """Read the merges of `tokenizer.json`, older files' as texts, newer ones' as pairs."""
    if not isinstance(given, list) or not all(
        isinstance(m, str) or (isinstance(m, list) and len(m) == 2) for m in given
    ):
        raise TfkdError(f"{path}: expected the model's merges to be a list of pairs of pieces.")
    return [merge if isinstance(merge, str) else " ".join(map(str, merge)) for merge in given]


def _normalizer(whole: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Take out of `tokenizer.json` what is done to text before it is cut, the parts of a sequence together."""
    given = whole.get("normalizer") or {}
    parts = given.get("normalizers") if isinstance(given, Mapping) and given.get("type") == "Sequence" else [given]
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise TfkdError(f"{folder / WHOLE}: expected the normalizer to be an object, or a sequence of them.")
    found: dict[str, Any] = {}
    simple: dict[str, Mapping[str, Any]] = {
        "Lowercase": {"lowercase": True},
        "StripAccents": {"strip_accents": True},
    }
    for part in parts:
        found.update(simple.get(str(part.get("type"))) or part)
    return found


def _switch(settings: Mapping[str, Any], key: str, path: Path, otherwise: Any) -> bool | None:
    """Read a setting that is true, false or null."""
    value = settings.get(key, otherwise)
    if value is not None and not isinstance(value, bool):
        raise TfkdError(f"{path}: {key} must be true, false or null, got {value!r}.")
    return value


def _in_order(vocabulary: Mapping[str, Any], path: Path) -> list[str]:
    for piece, number in vocabulary.items():
        if not isinstance(number, int):
            raise TfkdError(f"{path}: expected the id of {piece!r} to be an integer, got {number!r}.")
    pieces = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    for number, piece in enumerate(pieces):
        if vocabulary[piece] != number:
            raise TfkdError(
                f"{path}: expected a piece of the id {number}, the next one is {piece!r}, {vocabulary[piece]}."
            )
    return pieces


def _marks(folder: Path, settings: Mapping[str, Any], usual: Mapping[str, str]) -> dict[str, str]:
    """Find out what the marks are called."""
    of_map = read_json_if_there(folder / "special_tokens_map.json")
    found = {}
    for name, key in _MARKS.items():
        value = settings.get(key) or of_map.get(key) or usual[name]
        value = value.get("content") if isinstance(value, Mapping) else value
        if not isinstance(value, str):
            raise TfkdError(f"{folder / SETTINGS}: expected {key} to be a text, or an object with a content.")
        found[name] = value
    return found
