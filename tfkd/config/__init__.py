"""Configurations of runs: read from YAML, checked before any work, written back with every default."""

from tfkd.config.augmentation import AugmentationConfig
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
from tfkd.config.schema import Config, CorpusConfig, TaskConfig, TaskEncoderConfig
from tfkd.config.source import ConfigError
from tfkd.config.text import CharacterConfig, EncoderVectorsConfig, TextConfig
from tfkd.config.training import TrainingConfig

__all__ = [
    "AUTO",
    "AugmentationConfig",
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
