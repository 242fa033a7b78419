"""Configurations of runs: read from YAML, checked before any work, written back with every default."""

from tfkd.config.distillation import AUTO, DistillationConfig, TransferConfig
from tfkd.config.loading import (
    bundled_configs,
    bundled_studies,
    dump_config,
    dump_yaml,
    load_config,
    parse_config,
    read_source,
    with_absolute_paths,
)
from tfkd.config.schema import (
    CharacterConfig,
    Config,
    CorpusConfig,
    EncoderVectorsConfig,
    TaskConfig,
    TaskEncoderConfig,
    TextConfig,
    TrainingConfig,
)
from tfkd.config.source import ConfigError

__all__ = [
    "AUTO",
    "CharacterConfig",
    "Config",
    "ConfigError",
    "CorpusConfig",
    "DistillationConfig",
    "EncoderVectorsConfig",
    "TaskConfig",
    "TaskEncoderConfig",
    "TextConfig",
    "TrainingConfig",
    "TransferConfig",
    "bundled_configs",
    "bundled_studies",
    "dump_config",
    "dump_yaml",
    "load_config",
    "parse_config",
    "read_source",
    "with_absolute_paths",
]
