"""Reading of the vocabulary of a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfkd.pretrained.folder_files import read_json, read_optional_json
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError
from tfkd_base.files import split_lines

SETTINGS, TOKENIZER = "tokenizer_config.json", "tokenizer.json"
_SPECIAL_TOKENS = {"begin": "cls_token", "end": "sep_token", "padding": "pad_token", "unknown": "unk_token"}
_BERT = {"begin": "[CLS]", "end": "[SEP]", "padding": "[PAD]", "unknown": "[UNK]"}
_ROBERTA = {"begin": "<s>", "end": "</s>", "padding": "<pad>", "unknown": "<unk>"}


def read_word_pieces(folder: Path) -> PieceFeatures:
    """Read a WordPiece vocabulary from `vocab.txt` or `tokenizer.json`.

    `tokenizer_config.json` or `tokenizer.json` tells whether text is converted to lower case. If neither does, it is
    converted if the vocabulary has no capital letters.

    Raises:
        TfkdError: The vocabulary is missing or damaged, or needs a tokenizer setting that is not supported.
    """
    settings = read_optional_json(folder / SETTINGS)
    tokenizer = read_optional_json(folder / TOKENIZER)
    normalizer = _read_normalizer(tokenizer, folder)
    pieces = (
        _read_lines(folder / "vocab.txt")
        if (folder / "vocab.txt").is_file()
        else _read_model(tokenizer, "WordPiece", folder)
    )
    special_tokens = _read_special_tokens(folder, settings, _BERT)
    lowercase, strip_accents, split_ideographs = (
        _read_switch(settings, key, folder / SETTINGS, normalizer.get(name))
        for key, name in (
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        )
    )
    if lowercase is None:
        lowercase = not any(
            piece != piece.lower() for piece in pieces if piece not in special_tokens.values() and piece[:1] != "["
        )
    if split_ideographs is False:
        raise TfkdError(f"{folder}: expected tokenize_chinese_chars to be true, got false, which is not supported.")
    return _make_features(folder, pieces, lowercase=bool(lowercase), strip_accents=strip_accents, **special_tokens)


def read_byte_pairs(folder: Path) -> PieceFeatures:
    """Read a byte-pair vocabulary from `vocab.json` and `merges.txt`, or from `tokenizer.json`.

    Raises:
        TfkdError: The vocabulary is missing or damaged.
    """
    settings = read_optional_json(folder / SETTINGS)
    if (folder / "vocab.json").is_file():
        pieces = _sort_by_id(read_json(folder / "vocab.json"), folder / "vocab.json")
        lines = _read_lines(folder / "merges.txt")
        merges = [
            line for number, line in enumerate(lines) if line and not (number == 0 and line.startswith("#version"))
        ]
    else:
        tokenizer = read_optional_json(folder / TOKENIZER)
        pieces = _read_model(tokenizer, "BPE", folder)
        merges = _read_merges(tokenizer["model"].get("merges"), folder / TOKENIZER)
    return _make_features(folder, pieces, merges=merges, **_read_special_tokens(folder, settings, _ROBERTA))


def _make_features(folder: Path, pieces: list[str], **settings: Any) -> PieceFeatures:
    try:
        return PieceFeatures(pieces, **settings)
    except TfkdError as error:
        raise TfkdError(f"{folder}: {error}") from None


def _read_lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return split_lines(file.read())
    except FileNotFoundError:
        raise TfkdError(f"{path} is missing.") from None
    except UnicodeDecodeError as error:
        raise TfkdError(f"{path}: byte {error.start} is not UTF-8.") from None


def _read_model(tokenizer: Mapping[str, Any], kind: str, folder: Path) -> list[str]:
    """Read the vocabulary of `tokenizer.json`."""
    model = tokenizer.get("model")
    if not isinstance(model, dict):
        names = "vocab.txt" if kind == "WordPiece" else "vocab.json and merges.txt"
        raise TfkdError(f"{folder} has no vocabulary: expected {names}, or {TOKENIZER}.")
    # Older files do not name the type of a byte-pair model.
    if model.get("type", kind) != kind or not isinstance(model.get("vocab"), dict):
        raise TfkdError(f"{folder / TOKENIZER}: expected a vocabulary of {kind}, got {model.get('type')!r}.")
    added = tokenizer.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(t, Mapping) and {"content", "id"} <= t.keys() for t in added):
        raise TfkdError(f"{folder / TOKENIZER}: expected added_tokens to be objects with a content and an id.")
    return _sort_by_id(
        {**model["vocab"], **{str(token["content"]): token["id"] for token in added}}, folder / TOKENIZER
    )


def _read_merges(merges: Any, path: Path) -> list[str]:
    """Read the merges of `tokenizer.json`: texts in older files, pairs in newer ones."""
    if not isinstance(merges, list) or not all(
        isinstance(m, str) or (isinstance(m, list) and len(m) == 2) for m in merges
    ):
        raise TfkdError(f"{path}: expected the merges of the model to be a list of pairs of subwords.")
    return [merge if isinstance(merge, str) else " ".join(map(str, merge)) for merge in merges]


def _read_normalizer(tokenizer: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Read the settings of the normalizer of `tokenizer.json`; those of a sequence are joined."""
    value = tokenizer.get("normalizer") or {}
    parts = value.get("normalizers") if isinstance(value, Mapping) and value.get("type") == "Sequence" else [value]
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise TfkdError(f"{folder / TOKENIZER}: expected the normalizer to be an object, or a sequence of them.")
    normalizer: dict[str, Any] = {}
    simple: dict[str, Mapping[str, Any]] = {
        "Lowercase": {"lowercase": True},
        "StripAccents": {"strip_accents": True},
    }
    for part in parts:
        normalizer.update(simple.get(str(part.get("type"))) or part)
    return normalizer


def _read_switch(settings: Mapping[str, Any], key: str, path: Path, default: Any) -> bool | None:
    """Read a setting that is true, false or null."""
    value = settings.get(key, default)
    if value is not None and not isinstance(value, bool):
        raise TfkdError(f"{path}: expected {key} to be true, false or null, got {value!r}.")
    return value


def _sort_by_id(vocabulary: Mapping[str, Any], path: Path) -> list[str]:
    """Return the subwords in the order of their ids, which must be 0, 1, 2 and so on."""
    for piece, number in vocabulary.items():
        if not isinstance(number, int):
            raise TfkdError(f"{path}: expected the id of {piece!r} to be an integer, got {number!r}.")
    pieces = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    for number, piece in enumerate(pieces):
        if vocabulary[piece] != number:
            raise TfkdError(
                f"{path}: expected a subword with the id {number}, the next one is {piece!r} with {vocabulary[piece]}."
            )
    return pieces


def _read_special_tokens(folder: Path, settings: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the special tokens by their role."""
    token_map = read_optional_json(folder / "special_tokens_map.json")
    special_tokens = {}
    for name, key in _SPECIAL_TOKENS.items():
        value = settings.get(key) or token_map.get(key) or defaults[name]
        value = value.get("content") if isinstance(value, Mapping) else value
        if not isinstance(value, str):
            raise TfkdError(f"{folder / SETTINGS}: expected {key} to be a text, or an object with a content.")
        special_tokens[name] = value
    return special_tokens
