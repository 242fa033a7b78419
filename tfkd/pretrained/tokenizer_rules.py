"""Reading of the rules in `tokenizer.json`: normalisation, splitting of words, and options of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tfkd.text.character_rules import Step, bert_steps
from tfkd_base.errors import TfkdError, nearest

_SIMPLE_STEPS = {
    "Lowercase": "lowercase",
    "StripAccents": "remove_marks",
    "NFC": "nfc",
    "NFD": "nfd",
    "NFKC": "nfkc",
    "NFKD": "nfkd",
}
_SIMPLE_RULES = {"BertPreTokenizer": "bert", "Whitespace": "whitespace", "WhitespaceSplit": "whitespace_split"}
_NORMALIZERS = ("BertNormalizer", "Sequence", "Replace", *_SIMPLE_STEPS)
_BERT_DEFAULTS = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
_REMEDY = "The subwords would differ from those of the model's own tokenizer."

Tokenizer = Mapping[str, Any]
"""Content of `tokenizer.json`; empty if there is no such file."""


def read_bert_normalizer(tokenizer: Tokenizer, path: Path) -> dict[str, Any] | None:
    """Return the settings of a `BertNormalizer` that is the whole normaliser.

    Returns:
        The settings that the file states; none if it has no normaliser. None if its normaliser is another one.

    Raises:
        TfkdError: The normaliser is not an object, or a setting is not true, false or null.

    Example:
        >>> read_bert_normalizer({"normalizer": {"type": "BertNormalizer", "lowercase": False}}, Path("t.json"))
        {'lowercase': False}
    """
    value = tokenizer.get("normalizer")
    if value is None:
        return None if "normalizer" in tokenizer and "model" in tokenizer else {}
    _require_object(value, "the normalizer to be an object, or a sequence of them", path)
    if value.get("type", "BertNormalizer") != "BertNormalizer":
        return None
    return _read_switches(value, path)


def read_steps(tokenizer: Tokenizer, path: Path) -> tuple[Step, ...]:
    """Return the steps of the normaliser.

    Raises:
        TfkdError: A normaliser is not supported.

    Example:
        >>> sequence = {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]}
        >>> read_steps({"normalizer": sequence}, Path("t.json"))
        ('nfd', 'lowercase')
    """
    steps: list[Step] = []
    for part in _flatten(tokenizer.get("normalizer"), "normalizer", "normalizers", path):
        kind = part.get("type", "BertNormalizer")
        if kind == "BertNormalizer":
            switches = {**_BERT_DEFAULTS, **_read_switches(part, path)}
            steps += bert_steps(
                bool(switches["lowercase"]),
                switches["strip_accents"],
                switches["clean_text"],
                switches["handle_chinese_chars"],
            )
        elif kind == "Replace":
            steps.append(_read_replacement(part, path))
        elif kind in _SIMPLE_STEPS:
            steps.append(_SIMPLE_STEPS[kind])
        else:
            _refuse(path, f"the normalizer {kind!r}: {nearest(str(kind), _NORMALIZERS)}")
    return tuple(steps)


def read_rules(tokenizer: Tokenizer, path: Path) -> tuple[str, ...]:
    """Return the rules by which a WordPiece tokenizer splits words into parts.

    Raises:
        TfkdError: A pre-tokenizer is not supported.

    Example:
        >>> read_rules({}, Path("t.json")), read_rules({"pre_tokenizer": {"type": "Whitespace"}}, Path("t.json"))
        (('bert',), ('whitespace',))
    """
    if "pre_tokenizer" not in tokenizer:
        return ("bert",)
    rules = []
    for part in _flatten(tokenizer["pre_tokenizer"], "pre_tokenizer", "pretokenizers", path):
        kind = part.get("type")
        if kind in _SIMPLE_RULES:
            rules.append(_SIMPLE_RULES[kind])
        elif kind == "Punctuation" and part.get("behavior", "Isolated") == "Isolated":
            rules.append("punctuation")
        elif kind == "Digits":
            rules.append("digits" if part.get("individual_digits") else "digit_runs")
        else:
            behaviour = f" with the behavior {part['behavior']!r}" if kind == "Punctuation" else ""
            names = [*_SIMPLE_RULES, "Punctuation (Isolated)", "Digits", "Sequence"]
            _refuse(path, f"the pre-tokenizer {kind!r}{behaviour} of WordPiece: expected {', '.join(names)}")
    return tuple(rules)


def check_byte_level(tokenizer: Tokenizer, path: Path) -> None:
    """Refuse a byte-pair tokenizer that does not split words as GPT-2 and RoBERTa do.

    Raises:
        TfkdError: The pre-tokenizer is not `ByteLevel`, or an option of the model is not supported.
    """
    if "pre_tokenizer" in tokenizer:
        parts = _flatten(tokenizer["pre_tokenizer"], "pre_tokenizer", "pretokenizers", path)
        kinds = [part.get("type") for part in parts]
        if kinds != ["ByteLevel"]:
            names = " and ".join(map(repr, kinds)) or "null"
            _refuse(path, f"the pre-tokenizer {names} of byte-pair encoding: expected 'ByteLevel'")
        if not parts[0].get("use_regex", True):
            _refuse(path, "the pre-tokenizer 'ByteLevel' with use_regex false")
    model = tokenizer.get("model") or {}
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"):
        if model.get(name):
            _refuse(path, f"the option {name} of the model, which is {model[name]!r}")


def read_word_piece_options(tokenizer: Tokenizer, path: Path) -> dict[str, Any]:
    """Return the options of a WordPiece model that the file states, by their names in `PieceFeatures`.

    Raises:
        TfkdError: An option has a wrong type, or is out of its range.

    Example:
        >>> read_word_piece_options({"model": {"max_input_chars_per_word": 50}}, Path("t.json"))
        {'max_part_length': 50}
    """
    model = tokenizer.get("model") or {}
    checks: dict[str, tuple[str, Callable[[Any], bool], str]] = {
        "unk_token": ("unknown", lambda value: isinstance(value, str), "a text"),
        "continuing_subword_prefix": ("prefix", lambda value: isinstance(value, str), "a text"),
        "max_input_chars_per_word": ("max_part_length", _is_positive, "an integer of at least 1"),
    }
    options = {}
    for key, (name, check, expected) in checks.items():
        if model.get(key) is not None:
            if not check(model[key]):
                raise TfkdError(f"{path}: expected {key} of the model to be {expected}, got {model[key]!r}.")
            options[name] = model[key]
    return options


def check_special_tokens(tokenizer: Tokenizer, special_tokens: Mapping[str, str], path: Path) -> None:
    """Refuse a tokenizer that puts other special tokens around a text than those that were read.

    Args:
        tokenizer: Content of `tokenizer.json`.
        special_tokens: The special tokens by their role.
        path: The file, for messages.

    Raises:
        TfkdError: The post-processor has other special tokens.
    """
    processor = tokenizer.get("post_processor")
    if not isinstance(processor, Mapping):
        return
    stated: list[Any] = []
    if processor.get("type") in ("BertProcessing", "RobertaProcessing"):
        stated = [(processor.get(key) or [None])[0] for key in ("cls", "sep")]
    elif processor.get("type") == "TemplateProcessing" and isinstance(processor.get("single"), list):
        parts = [part.get("SpecialToken", {}).get("id") for part in processor["single"] if isinstance(part, Mapping)]
        stated = parts[::2] if len(parts) == 3 and parts[1] is None else parts
    expected = [special_tokens["begin"], special_tokens["end"]]
    if stated and stated != expected:
        raise TfkdError(
            f"{path}: expected the post-processor to put {expected[0]!r} before a text and {expected[1]!r} after it "
            f"(cls_token and sep_token), got {', '.join(map(repr, stated))}."
        )


def _read_switches(part: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the settings of a `BertNormalizer`."""
    switches = {key: part[key] for key in _BERT_DEFAULTS if key in part}
    for key, value in switches.items():
        allowed = (True, False, None) if key in ("strip_accents", "lowercase") else (True, False)
        if not any(value is other for other in allowed):
            raise TfkdError(f"{path}: expected {key} to be true, false or null, got {value!r}.")
    return switches


def _read_replacement(part: Mapping[str, Any], path: Path) -> Step:
    pattern, content = part.get("pattern"), part.get("content")
    old = pattern.get("String") if isinstance(pattern, Mapping) else None
    if not isinstance(old, str) or len(old) != 1 or not isinstance(content, str):
        _refuse(path, f"the normalizer 'Replace' with the pattern {pattern!r}: expected a String of one character")
    return ("replace", old, content)


def _flatten(value: Any, name: str, key: str, path: Path) -> list[Mapping[str, Any]]:
    """Return the parts of a sequence, or the only part; none for null or an empty object."""
    if not value and not isinstance(value, str):
        return []
    _require_object(value, f"the {name} to be an object, or a sequence of them", path)
    if value.get("type") != "Sequence":
        return [value]
    parts = value.get(key)
    if not isinstance(parts, list):
        raise TfkdError(f"{path}: expected the {name} to be an object, or a sequence of them.")
    for part in parts:
        _require_object(part, f"the {name} to be an object, or a sequence of them", path)
    return [inner for part in parts for inner in _flatten(part, name, key, path)]


def _require_object(value: Any, expected: str, path: Path) -> None:
    if not isinstance(value, Mapping):
        raise TfkdError(f"{path}: expected {expected}.")


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _refuse(path: Path, what: str) -> NoReturn:
    raise TfkdError(f"{path}: tfkd does not support {what}. {_REMEDY}")
