"""A configuration that tests change, and the messages of those that are refused."""

from __future__ import annotations

import pytest

from tfkd.config import ConfigError, parse_config

TAGGER = """\
kind: tagger
tasks:
  disease:
    path: /corpora/ncbi
encoder:
  units: 64
distillation:
  losses:
    - logits: {temperature: 2.0}
    - features: {weight: 0.5}
"""


def refused(text: str, *overrides: str) -> str:
    """Return the message of a configuration that is refused."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, overrides, name="x.yaml")
    return str(caught.value)
