"""Configurations of runs: read from YAML, checked whole before any work, written back with every default."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tfkd.errors import nearest
from tfkd.experiments.config_base import BILSTM, NUMBER, RAMP, TRANSFORMER, RampConfig
from tfkd.experiments.config_schema import (
    KEY_ERROR,
    BiLSTMConfig,
    CharacterConfig,
    Config,
    TaskConfig,
    TaskEncoderConfig,
    TextConfig,
    TrainingConfig,
    TransformerConfig,
)
from tfkd.experiments.config_source import ConfigError, Key, Source, describe, dotted, override, parse_yaml
from tfkd.experiments.distillation_schema import (
    ONE,
    SEVERAL,
    DistillationConfig,
    LossConfig,
    TransferConfig,
)

__all__ = [
    "BiLSTMConfig",
    "CharacterConfig",
    "Config",
    "ConfigError",
    "DistillationConfig",
    "LossConfig",
    "RampConfig",
    "TaskConfig",
    "TaskEncoderConfig",
    "TextConfig",
    "TrainingConfig",
    "TransferConfig",
    "TransformerConfig",
    "bundled_configs",
    "dump_config",
    "load_config",
    "parse_config",
]

_MARKS = ("[key]", NUMBER, RAMP, BILSTM, TRANSFORMER, ONE, SEVERAL)
BUNDLED_CORPUS = "demo:"
"""How the path of a bundled corpus begins."""


def load_config(source: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Read a configuration from a file, or a bundled one by its name, and check all of it.

    Args:
        source: The path of a YAML file, or a name among `bundled_configs()`.
        overrides: `KEY=VALUE` settings laid over it in turn, such as `"encoder.units=128"`.

    Returns:
        The configuration, with every default filled in and every path absolute.

    Raises:
        ConfigError: If there is no such file or name, it is not YAML, or anything in it is not as the schema says;
            the message lists all problems, each with its key, file and line.

    Example:
        >>> config = load_config("demo-student", ["encoder.units=32", "training.learning_rate=2e-3"])
        >>> config.encoder.units, config.training.learning_rate, config.tasks["disease"].path
        (32, 0.002, 'demo:disease')
    """
    file = _find(source)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{source}: the file cannot be read: {error.strerror or error}") from error
    return parse_config(text, overrides, name=str(source))


def parse_config(text: str, overrides: Sequence[str] = (), name: str = "configuration") -> Config:
    r"""Read a configuration from YAML text; `load_config` says the rest.

    Example:
        >>> parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}").head
        'crf'
    """
    source = override(parse_yaml(text, name), overrides)
    try:
        config = Config.model_validate(source.data)
    except ValidationError as error:
        problems = [_problem(details, source) for details in error.errors(include_url=False) if not _follows(details)]
        if len(problems) > 1:
            problems.insert(0, f"{len(problems)} problems in the configuration {name}:")
        raise ConfigError("\n  ".join(problems)) from error
    return _with_absolute_paths(config)


def dump_config(config: Config) -> str:
    """Write a configuration as YAML, every default included; reading it gives an equal one.

    Example:
        >>> config = load_config("demo-teacher")
        >>> parse_config(dump_config(config)) == config
        True
    """
    return yaml.dump(config.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    pass


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes Unicode's line breaks as they are, and reads them as line feeds; escaped they stay what they are.
    style = '"' if any(character in text for character in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def bundled_configs() -> tuple[str, ...]:
    """Name the configurations that come with the package.

    Example:
        >>> "demo-teacher" in bundled_configs()
        True
    """
    return tuple(sorted(item.name.removesuffix(".yaml") for item in _bundled() if item.name.endswith(".yaml")))


def _bundled() -> Iterator[Traversable]:
    return importlib.resources.files("tfkd.configs").iterdir()


def _find(source: str | os.PathLike[str]) -> Traversable:
    """Find a configuration, as a file first and then by a bundled one's name."""
    path = Path(source).expanduser()
    if path.is_dir():
        raise ConfigError(f"{source}: this is a folder; expected a YAML file, such as {path / 'config.yaml'}")
    if path.exists():
        return path
    name = str(source).removesuffix(".yaml")
    for item in _bundled():
        if item.name == f"{name}.yaml":
            return item
    raise ConfigError(
        f"{source}: there is no such file, nor a bundled configuration; {nearest(name, bundled_configs())}"
    )


def _with_absolute_paths(config: Config) -> Config:
    root = Path(config.corpora_root or ".").expanduser().absolute()

    def of_corpus(path: str) -> str:
        return path if path.startswith(BUNDLED_CORPUS) else os.path.normpath(root / Path(path).expanduser())

    def of_file(path: str) -> str:
        return os.path.normpath(Path(path).expanduser().absolute())

    def of_source(source: str) -> str:
        # A name of a preset is none of a folder.
        return of_file(source) if os.sep in source or Path(source).expanduser().is_dir() else source

    encoder = config.encoder
    if isinstance(encoder, TransformerConfig):
        encoder = encoder.model_copy(update={"transformer": of_source(encoder.transformer)})
    tasks = {name: task.model_copy(update={"path": of_corpus(task.path)}) for name, task in config.tasks.items()}
    vectors, transfer = config.text.vectors, config.transfer
    if transfer is not None:
        absolute = {
            "corpora": tuple(map(of_corpus, transfer.corpora)),
            "texts": tuple(map(of_file, transfer.texts)),
        }
        transfer = transfer.model_copy(update=absolute)
    return config.model_copy(
        update={
            "tasks": tasks,
            "encoder": encoder,
            "corpora_root": config.corpora_root and os.path.normpath(root),
            "text": config.text.model_copy(update={"vectors": vectors and of_file(vectors)}),
            "transfer": transfer,
        }
    )


def _follows(details: ErrorDetails) -> bool:
    """Tell whether an error only repeats others: a list counts as too short once its items have been refused."""
    return details["type"] == "too_short" and bool(details["input"])


def _problem(details: ErrorDetails, source: Source) -> str:
    """Write one error of the schema as `PLACE: KEY: what was expected and what came`."""
    context = details.get("ctx", {})
    kind = details["type"]
    key = (context["key"],) if kind == KEY_ERROR else tuple(str(part) for part in details["loc"])
    # So the schema marks an error of a key itself, not of the value under it.
    is_key, key = key[-1:] == ("[key]",), tuple(part for part in key if part not in _MARKS)
    got = details["input"]
    match kind:
        case "extra_forbidden":
            said = f"unknown key; {nearest(key[-1], _valid_keys(key[:-1]))}"
        case "missing":
            said = "this key is required and missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            said = f"expected a mapping of keys to values, got {describe(got)}"
        case "literal_error":
            said = f"expected {context['expected']}, got {describe(got)}"
            near = get_close_matches(str(got), context["expected"].replace(" or ", ", ").split(", "), n=1)
            said += f"; did you mean {near[0]}?" if near else ""
        case "string_pattern_mismatch":
            said = f"expected a letter, then letters, digits, '_' or '-', got {describe(got)}"
        case "string_type" | "invalid_key" if is_key or kind == "invalid_key":
            said = f"expected a text as a key, got {describe(got)}; put it in quotation marks"
        case "too_short":
            said = "expected at least one item, got none"
        case "key_error" | "value_error":
            said = details["msg"].removeprefix("Value error, ")
        case _:
            expected = (
                details["msg"].removeprefix("Input should be ").replace("a valid ", "a ").replace("a int", "an int")
            )
            said = f"expected {expected}, got {describe(got)}"
    place = source.origin(key)
    return f"{place}: {dotted(key)}: {said}" if key else f"{place}: {said}"


def _valid_keys(section: Key) -> list[str]:
    """List the keys that the schema has in a section, given by its path; names of tasks and indices are passed over."""
    models: list[type[BaseModel]] = [Config]
    for part in section:
        inner = [
            model
            for outer in models
            if part in outer.model_fields
            for model in _models_in(outer.model_fields[part].annotation)
        ]
        models = inner or models
    return [name for model in models for name in model.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
