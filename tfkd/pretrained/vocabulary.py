"""Reading of the vocabulary of a Hugging Face folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfkd.pretrained.added_tokens import SETTINGS, TOKEN_MAP, TOKENIZER, read_added_tokens
from tfkd.pretrained.folder_files import read_json, read_optional_json
from tfkd.pretrained.folder_kinds import check_content
from tfkd.pretrained.tokenizer_rules import (
    check_byte_level,
    check_special_tokens,
    read_bert_normalizer,
    read_rules,
    read_steps,
    read_word_piece_options,
)
from tfkd.text import AddedToken, PieceFeatures
from tfkd.text.character_rules import Step, bert_steps
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.files import split_lines

_SPECIAL_TOKENS = {"begin": "cls_token", "end": "sep_token", "padding": "pad_token", "unknown": "unk_token"}
_BERT: dict[str, Any] = {
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}
_ROBERTA: dict[str, Any] = {
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": {"content": "<mask>", "lstrip": True},
}
_SWITCHES = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
_OTHER_TOKENIZERS = ("BertJapanese", "Bertweet", "Camembert", "Herbert", "Phobert", "XLMRoberta")


def read_word_pieces(folder: Path) -> PieceFeatures:
    """Read a WordPiece vocabulary from `tokenizer.json` or `vocab.txt`.

    `tokenizer_config.json` or `tokenizer.json` tells whether text is converted to lower case. If neither does, it is
    converted if the vocabulary has no capital letters.

    Raises:
        TfkdError: The vocabulary is missing or damaged, or needs a tokenizer setting that is not supported.
    """
    settings, tokenizer, path = _read_settings(folder)
    vocabulary = _read_vocabulary(folder, tokenizer, "WordPiece", "vocab.txt")
    special_tokens = _read_special_tokens(folder, settings, _BERT)
    options = read_word_piece_options(tokenizer, path)
    special_tokens |= {role: options.pop(role) for role in _SPECIAL_TOKENS if role in options}
    check_special_tokens(tokenizer, special_tokens, path)
    added = read_added_tokens(folder, settings, tokenizer, vocabulary, _BERT)
    pieces = _sort_by_id(vocabulary | {token.content: token.id for token in added}, folder)
    switches = {
        name: _read_switch(settings, key, folder / SETTINGS) for key, name in _SWITCHES.items() if key in settings
    }
    normalizer = read_bert_normalizer(tokenizer, path)
    if normalizer is None:
        steps = read_steps(tokenizer, path)
        _warn_of_difference(switches.get("lowercase"), "lowercase" in steps, "lowercase", folder, "tokenizer.json")
        return _make_features(
            folder, pieces, added, **special_tokens, lowercase="lowercase" in steps, normalization=steps,
            rules=read_rules(tokenizer, path), **options,
        )  # fmt: skip
    for name, value in switches.items():
        _warn_of_difference(value, normalizer.get(name, value), name, folder, SETTINGS)
    normalizer |= switches
    lowercase, strip_accents = normalizer.get("lowercase"), normalizer.get("strip_accents")
    if lowercase is None:
        names = {*special_tokens.values(), *(token.content for token in added)}
        lowercase = not any(piece != piece.lower() for piece in pieces if piece not in names and piece[:1] != "[")
    clean = normalizer.get("clean_text", True)
    ideographs = normalizer.get("handle_chinese_chars") is not False
    bert: tuple[Step, ...] | None = None
    if not (clean and ideographs):
        bert = bert_steps(lowercase, strip_accents, clean, ideographs)
    return _make_features(
        folder, pieces, added, **special_tokens, lowercase=lowercase, strip_accents=strip_accents, normalization=bert,
        rules=read_rules(tokenizer, path), **options,
    )  # fmt: skip


def read_byte_pairs(folder: Path) -> PieceFeatures:
    """Read a byte-pair vocabulary from `tokenizer.json`, or from `vocab.json` and `merges.txt`.

    Raises:
        TfkdError: The vocabulary is missing or damaged, or needs a tokenizer setting that is not supported.
    """
    settings, tokenizer, path = _read_settings(folder)
    vocabulary = _read_vocabulary(folder, tokenizer, "BPE", "vocab.json")
    check_byte_level(tokenizer, path)
    if isinstance(tokenizer.get("model"), Mapping):
        merges = _read_merges(tokenizer["model"].get("merges"), path)
    else:
        lines = _read_lines(folder / "merges.txt")
        merges = [
            line for number, line in enumerate(lines) if line and not (number == 0 and line.startswith("#version"))
        ]
    special_tokens = _read_special_tokens(folder, settings, _ROBERTA)
    check_special_tokens(tokenizer, special_tokens, path)
    added = read_added_tokens(folder, settings, tokenizer, vocabulary, _ROBERTA)
    pieces = _sort_by_id(vocabulary | {token.content: token.id for token in added}, folder)
    steps = read_steps(tokenizer, path) or None
    return _make_features(folder, pieces, added, merges=merges, normalization=steps, **special_tokens)


def _read_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """Return `tokenizer_config.json`, `tokenizer.json` and the path of the latter."""
    settings = read_optional_json(folder / SETTINGS)
    tokenizer = read_optional_json(folder / TOKENIZER)
    name = settings.get("tokenizer_class")
    if isinstance(name, str) and name.startswith(_OTHER_TOKENIZERS) and not tokenizer:
        raise TfkdError(
            f"{folder / SETTINGS}: tfkd does not support the tokenizer {name}. Expected that of BERT, DistilBERT or "
            "RoBERTa, or a tokenizer.json."
        )
    if settings.get("do_basic_tokenize") is False and not tokenizer:
        raise TfkdError(f"{folder / SETTINGS}: tfkd does not support do_basic_tokenize false.")
    return settings, tokenizer, folder / TOKENIZER


def _warn_of_difference(value: Any, other: Any, name: str, folder: Path, winner: str) -> None:
    """Warn that two files state different settings, as far as both state one."""
    if value is not None and other is not None and value != other:
        warnings.warn(
            f"{folder}: {SETTINGS} and {TOKENIZER} differ in {name} ({value} and {other}). {winner} counts.",
            TfkdWarning,
            stacklevel=5,
        )


def _make_features(folder: Path, pieces: list[str], added: list[AddedToken], **settings: Any) -> PieceFeatures:
    try:
        return PieceFeatures(pieces, added=added, **settings)
    except TfkdError as error:
        raise TfkdError(f"{folder}: {error}") from None


def _read_lines(path: Path) -> list[str]:
    check_content(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return split_lines(file.read())
    except FileNotFoundError:
        raise TfkdError(f"{path} is missing.") from None
    except UnicodeDecodeError as error:
        raise TfkdError(f"{path}: byte {error.start} is not UTF-8.") from None


def _read_vocabulary(folder: Path, tokenizer: Mapping[str, Any], kind: str, name: str) -> dict[str, int]:
    """Return the ids of the model's subwords, from `tokenizer.json` or from the file of the vocabulary."""
    model, path = tokenizer.get("model"), folder / name
    if not isinstance(model, dict):
        if path.is_file():
            return _read_vocabulary_file(path, folder)
        names = name if kind == "WordPiece" else f"{name} and merges.txt"
        raise TfkdError(f"{folder} has no vocabulary: expected {names}, or {TOKENIZER}.")
    # Older files do not name the type of a byte-pair model.
    if model.get("type", kind) != kind or not isinstance(model.get("vocab"), dict):
        raise TfkdError(f"{folder / TOKENIZER}: expected a vocabulary of {kind}, got {model.get('type')!r}.")
    vocabulary = _check_ids(model["vocab"], folder / TOKENIZER)
    if path.is_file():
        pieces = {number: piece for piece, number in vocabulary.items()}
        for piece, number in _read_vocabulary_file(path, folder).items():
            if vocabulary.get(piece, number) != number or pieces.get(number, piece) != piece:
                raise TfkdError(
                    f"{path} and {TOKENIZER} differ: the id {number} is {piece!r} in {name}, and "
                    f"{pieces.get(number)!r} in {TOKENIZER}. Remove the file that does not belong to the model."
                )
    return vocabulary


def _read_vocabulary_file(path: Path, folder: Path) -> dict[str, int]:
    """Return the ids of the subwords of `vocab.txt` or `vocab.json`."""
    if path.suffix == ".json":
        return _check_ids(read_json(path), path)
    ids: dict[str, int] = {}
    for number, piece in enumerate(_read_lines(path)):
        if piece in ids:
            raise TfkdError(f"{folder}: the vocabulary holds {piece!r} twice, with the ids {ids[piece]} and {number}.")
        ids[piece] = number
    return ids


def _check_ids(vocabulary: Mapping[str, Any], path: Path) -> dict[str, int]:
    for piece, number in vocabulary.items():
        if not isinstance(number, int) or isinstance(number, bool):
            raise TfkdError(f"{path}: expected the id of {piece!r} to be an integer, got {number!r}.")
    return dict(vocabulary)


def _read_merges(merges: Any, path: Path) -> list[str]:
    """Read the merges of `tokenizer.json`: texts in older files, pairs in newer ones."""
    if not isinstance(merges, list) or not all(
        isinstance(m, str) or (isinstance(m, list) and len(m) == 2) for m in merges
    ):
        raise TfkdError(f"{path}: expected the merges of the model to be a list of pairs of subwords.")
    return [merge if isinstance(merge, str) else " ".join(map(str, merge)) for merge in merges]


def _read_switch(settings: Mapping[str, Any], key: str, path: Path) -> bool | None:
    """Read a setting that is true, false or null."""
    value = settings.get(key)
    if value is not None and not isinstance(value, bool):
        raise TfkdError(f"{path}: expected {key} to be true, false or null, got {value!r}.")
    return value


def _sort_by_id(vocabulary: Mapping[str, int], folder: Path) -> list[str]:
    """Return the subwords in the order of their ids, which must be 0, 1, 2 and so on."""
    pieces = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    for number, piece in enumerate(pieces):
        if vocabulary[piece] != number:
            raise TfkdError(
                f"{folder}: expected a subword with the id {number}, the next one is {piece!r} with "
                f"{vocabulary[piece]}."
            )
    return pieces


def _read_special_tokens(folder: Path, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the special tokens by their role."""
    token_map = read_optional_json(folder / TOKEN_MAP)
    special_tokens = {}
    for name, key in _SPECIAL_TOKENS.items():
        value = settings.get(key) or token_map.get(key) or defaults[key]
        value = value.get("content") if isinstance(value, Mapping) else value
        if not isinstance(value, str):
            raise TfkdError(f"{folder / SETTINGS}: expected {key} to be a text, or an object with a content.")
        special_tokens[name] = value
    return special_tokens
