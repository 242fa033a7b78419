"""Configurations of runs: read from YAML, checked whole before any work, written back with every default."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from tfkd.config.distillation import AUTO, TransferConfig, several
from tfkd.config.errors import validated
from tfkd.config.schema import MOVED, Config
from tfkd.config.source import ConfigError, Source, override, parse_yaml
from tfkd.config.text import EncoderVectorsConfig
from tfkd.models import Transformer
from tfkd_base.corpora import BUNDLED
from tfkd_base.errors import nearest


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
    return _checked(read_source(source, overrides))


def parse_config(text: str, overrides: Sequence[str] = (), name: str = "configuration") -> Config:
    r"""Read a configuration from YAML text; `load_config` says the rest.

    Example:
        >>> parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}").head
        CRF()
    """
    return _checked(override(parse_yaml(text, name), overrides, MOVED))


def _checked(source: Source) -> Config:
    if "title" in source.data and "kind" not in source.data:
        raise ConfigError(f"{source.name}: this is the configuration of a study: run it by `tfkd study`")
    return with_absolute_paths(validated(Config, source))


def read_source(source: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Source:
    """Read a YAML file, or a bundled one by its name, and lay settings over it; its schema is left to the caller.

    Raises:
        ConfigError: There is no such file or name, or it is not YAML.
    """
    try:
        text = _find(source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{source}: the file cannot be read: {error.strerror or error}") from error
    return override(parse_yaml(text, str(source)), overrides, MOVED)


def dump_config(config: BaseModel) -> str:
    """Write a configuration as YAML, every default included; reading it gives an equal one.

    Example:
        >>> config = load_config("demo-teacher")
        >>> parse_config(dump_config(config)) == config
        True
    """
    return dump_yaml(config.model_dump(mode="json"))


def dump_yaml(data: dict[str, Any]) -> str:
    """Write plain values as YAML, their keys in order; reading it gives the same."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    pass


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes Unicode's line breaks as they are, and reads them as line feeds; escaped they stay what they are.
    style = '"' if any(character in text for character in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def bundled_configs() -> tuple[str, ...]:
    """Name the configurations of runs that come with the package.

    Example:
        >>> "demo-teacher" in bundled_configs()
        True
    """
    return tuple(name for name in _bundled_names() if not _is_study(name))


def bundled_studies() -> tuple[str, ...]:
    """Name the configurations of studies that come with the package.

    Example:
        >>> bundled_studies()
        ('demo-study', 'study')
    """
    return tuple(name for name in _bundled_names() if _is_study(name))


def _is_study(name: str) -> bool:
    return name == "study" or name.endswith("-study")


def _bundled_names() -> list[str]:
    return sorted(item.name.removesuffix(".yaml") for item in _bundled() if item.name.endswith(".yaml"))


def _bundled() -> Iterator[Traversable]:
    return importlib.resources.files("tfkd.configs").iterdir()


def _find(source: str | os.PathLike[str]) -> Traversable:
    """Find a configuration, as a file first and then by a bundled one's name; the run may be called the same."""
    path = Path(source).expanduser()
    if path.exists() and not path.is_dir():
        return path
    name = str(source).removesuffix(".yaml")
    for item in _bundled():
        if item.name == f"{name}.yaml":
            return item
    if path.is_dir():
        own = next(
            (path / own for own in ("study.yaml", "config.yaml") if (path / own).is_file()), path / "config.yaml"
        )
        raise ConfigError(f"{source}: this is a folder; expected a YAML file, such as {own}")
    raise ConfigError(
        f"{source}: there is no such file, nor a bundled configuration; {nearest(name, _bundled_names())}"
    )


def with_absolute_paths(config: Config) -> Config:
    """Return the configuration with each path absolute, corpora taken from `corpora_root`."""
    root = Path(config.corpora_root or ".").expanduser().absolute()

    def of_corpus(path: str) -> str:
        return path if path.startswith(BUNDLED) else os.path.normpath(root / Path(path).expanduser())

    def of_file(path: str) -> str:
        return os.path.normpath(Path(path).expanduser().absolute())

    def of_source(source: str) -> str:
        # A name of a preset is none of a folder.
        return of_file(source) if os.sep in source or Path(source).expanduser().is_dir() else source

    encoder = config.encoder
    if isinstance(encoder, Transformer) and encoder.transformer is not None:
        encoder = encoder.model_copy(update={"transformer": of_source(encoder.transformer)})
    tasks = {
        name: task.model_copy(update={"path": of_corpus(task.path), "also": tuple(map(of_corpus, task.also))})
        for name, task in config.tasks.items()
    }
    vectors, transfer = config.text.vectors, config.transfer
    if isinstance(vectors, EncoderVectorsConfig):
        vectors = vectors.model_copy(update={"encoder": of_source(vectors.encoder)})
    elif vectors is not None and vectors != AUTO:
        vectors = of_file(vectors)
    if isinstance(transfer, TransferConfig):
        absolute = {
            "corpora": tuple(map(of_corpus, transfer.corpora)),
            "texts": tuple(map(of_file, transfer.texts)),
        }
        transfer = transfer.model_copy(update=absolute)
    augmentation = config.augmentation
    if augmentation is not None and augmentation.terms is not None:
        files = tuple(map(of_file, several(augmentation.terms)))
        augmentation = augmentation.model_copy(update={"terms": files})
    return config.model_copy(
        update={
            "tasks": tasks,
            "held_out": tuple(map(of_corpus, config.held_out)),
            "encoder": encoder,
            "corpora_root": config.corpora_root and os.path.normpath(root),
            "text": config.text.model_copy(update={"vectors": vectors}),
            "transfer": transfer,
            "augmentation": augmentation,
        }
    )
