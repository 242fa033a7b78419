"""The page of the configuration's keys: that it is the schema's, and that what it shows works."""

from __future__ import annotations

import re

from tests.pages import code_blocks, read_page
from tfkd.config import Config, TextConfig, TrainingConfig, bundled_configs, load_config, parse_config
from tfkd.config import reference as config_reference

PAGE = read_page("docs/configuration.md")


def test_the_tables_are_those_of_the_schema() -> None:
    command = "python -m tfkd.config.reference docs/configuration.md"
    assert config_reference.with_reference(PAGE) == PAGE, f"run: {command}"


def test_every_key_is_described() -> None:
    for name in [*Config.model_fields, *TextConfig.model_fields, *TrainingConfig.model_fields]:
        assert re.search(rf"^\| `{name}` \| .+ \| .+ \| .+ \|$", PAGE, re.MULTILINE), name


def test_the_examples_can_be_read() -> None:
    examples = code_blocks("docs/configuration.md", "yaml")
    assert len(examples) == 3
    for example in examples:
        parse_config(example)


def test_the_bundled_configurations_are_listed() -> None:
    before = PAGE.partition("## All keys")[0]
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \|$", before, re.MULTILINE)) == set(bundled_configs())


def test_every_set_in_it_is_taken() -> None:
    commands = re.findall(r"^tfkd (?:train|distill) (\S+) (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for name, rest in commands:
        load_config(name, [a or b for a, b in re.findall(r"--set (?:'([^']+)'|(\S+))", rest)])
