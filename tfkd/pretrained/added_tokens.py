"""Reading of the added tokens of a Hugging Face folder, from all files that may hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfkd.pretrained.folder_files import read_optional_json
from tfkd.text import AddedToken
from tfkd_base.errors import TfkdError

ADDED, SETTINGS, TOKENIZER, TOKEN_MAP = (
    "added_tokens.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
)
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")
_ROLES = ("unk_token", "bos_token", "eos_token", "sep_token", "pad_token", "cls_token", "mask_token")


def read_added_tokens(
    folder: Path,
    settings: Mapping[str, Any],
    tokenizer: Mapping[str, Any],
    vocabulary: Mapping[str, int],
    defaults: Mapping[str, str | Mapping[str, Any]],
) -> list[AddedToken]:
    """Read the added tokens of a folder.

    `tokenizer.json` states all tokens of a tokenizer; `tokenizer_config.json` (`added_tokens_decoder`) and
    `added_tokens.json` may hold more. If there is no `tokenizer.json`, the special tokens are added tokens, too, as in
    the tokenizer that Hugging Face makes of the other files.

    Args:
        folder: The folder.
        settings: The content of `tokenizer_config.json`.
        tokenizer: The content of `tokenizer.json`.
        vocabulary: The ids of the subwords of the model.
        defaults: The special tokens of the type of model by their keys in `tokenizer_config.json`.

    Returns:
        The tokens in the order of their ids.

    Raises:
        TfkdError: A token is malformed, or its id contradicts another one.
    """
    special = dict(_read_special(folder, settings, defaults))
    tokens: dict[str, tuple[AddedToken, Path]] = {}
    sources = [
        *((folder / TOKENIZER, entry) for entry in _read_list(tokenizer, folder / TOKENIZER)),
        *((folder / SETTINGS, entry) for entry in _read_decoder(settings, folder / SETTINGS)),
        *((folder / ADDED, entry) for entry in _read_added(folder / ADDED, special)),
    ]
    if not isinstance(tokenizer.get("model"), Mapping):
        stated = {**vocabulary, **{str(entry["content"]): entry["id"] for _, entry in sources}}
        sources += [
            (folder / SETTINGS, {**entry, "content": content, "id": stated[content]})
            for content, entry in special.items()
            if content in stated
        ]
    for path, entry in sources:
        token = _make_token(entry, vocabulary, path)
        other, origin = tokens.setdefault(token.content, (token, path))
        if other.id != token.id:
            raise TfkdError(
                f"{path}: the added token {token.content!r} has the id {token.id}, but {origin} says {other.id}. Do "
                "the files belong to the same model?"
            )
    _refuse_shared_ids(tokens, vocabulary)
    return sorted((token for token, _ in tokens.values() if token.content), key=lambda token: token.id)


def _read_list(tokenizer: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    """Return the tokens of `tokenizer.json`."""
    added = tokenizer.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(t, Mapping) and {"content", "id"} <= t.keys() for t in added):
        raise TfkdError(f"{path}: expected added_tokens to be objects with a content and an id.")
    return added


def _read_decoder(settings: Mapping[str, Any], path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the tokens of `added_tokens_decoder`: objects with a content, by their ids."""
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise TfkdError(f"{path}: expected added_tokens_decoder to be an object.")
    for number, entry in decoder.items():
        if not number.isdecimal() or not isinstance(entry, Mapping) or "content" not in entry:
            raise TfkdError(f"{path}: expected added_tokens_decoder to hold objects with a content, by their ids.")
        yield {**entry, "id": int(number)}


def _read_added(path: Path, special: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the tokens of `added_tokens.json`, which are ids by their contents."""
    for content, number in read_optional_json(path).items():
        flags = special.get(content) or {"normalized": True}
        yield {**flags, "content": content, "id": number}


def _read_special(
    folder: Path, settings: Mapping[str, Any], defaults: Mapping[str, str | Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the contents and the flags of the special tokens."""
    token_map = read_optional_json(folder / TOKEN_MAP)
    values = [settings.get(role) or token_map.get(role) or defaults.get(role) for role in _ROLES]
    further = settings.get("additional_special_tokens") or token_map.get("additional_special_tokens") or []
    for value in [*values, *(further if isinstance(further, list) else [])]:
        entry = value if isinstance(value, Mapping) else {"content": value}
        if isinstance(entry.get("content"), str):
            flags = {name: bool(entry.get(name, False)) for name in _FLAGS}
            yield entry["content"], flags


def _make_token(entry: Mapping[str, Any], vocabulary: Mapping[str, int], path: Path) -> AddedToken:
    content, number = entry["content"], entry["id"]
    if not isinstance(content, str):
        raise TfkdError(f"{path}: expected the content of an added token to be a text, got {content!r}.")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise TfkdError(f"{path}: expected the id of {content!r} to be an integer, got {number!r}.")
    flags = {name: entry.get(name, False) for name in _FLAGS[:-1]}
    flags["normalized"] = entry.get("normalized", not entry.get("special", False))
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TfkdError(f"{path}: expected {name} of the added token {content!r} to be true or false.")
    if vocabulary.get(content, number) != number:
        raise TfkdError(
            f"{path}: the added token {content!r} has the id {number}, but the vocabulary says {vocabulary[content]}. "
            "Do the files belong to the same model?"
        )
    return AddedToken(content, number, in_vocabulary=content in vocabulary, **flags)


def _refuse_shared_ids(tokens: Mapping[str, tuple[AddedToken, Path]], vocabulary: Mapping[str, int]) -> None:
    by_id = {number: piece for piece, number in vocabulary.items()}
    for token, path in tokens.values():
        other = by_id.setdefault(token.id, token.content)
        if other != token.content:
            raise TfkdError(
                f"{path}: the added token {token.content!r} has the id {token.id}, which is that of {other!r}. Do the "
                "files belong to the same model?"
            )
