"""Every code block of every page is run by a test, or is on the list of those that are not."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.docs.not_run import NOT_RUN, OWN_TESTS, PROGRAMS, is_run
from tests.docs.test_commands import commands_of
from tests.pages import ROOT, Block, all_pages, blocks_of, code_blocks
from tests.pretrained.tiny import tiny_bert
from tfkd.config import parse_config
from tfkd.config.source import parse_yaml

BLOCKS = [block for page in all_pages() for block in blocks_of(page)]


def test_every_block_is_run_or_listed() -> None:
    run_languages = {"python", "sh", "yaml", "json"}
    unknown = [block for block in BLOCKS if is_run(block) and block.language not in run_languages]
    assert not unknown, "give the blocks a language, or list them in tests/docs/not_run.py"


def test_the_list_has_no_entry_without_a_block() -> None:
    for page, part in NOT_RUN:
        assert [block for block in BLOCKS if block.page.startswith(page) and part in block.code], (page, part)
    for (page, language), test in OWN_TESTS.items():
        assert code_blocks(page, language), (page, language)
        assert page.rpartition("/")[2] in (ROOT / test).read_text(encoding="utf-8")
    programs = {command.split()[0] for block in BLOCKS if block.language == "sh" for command in commands_of(block.code)}
    assert programs >= PROGRAMS.keys()


def test_no_code_is_hidden_in_an_indented_block() -> None:
    for page in all_pages():
        lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
        for previous, line in itertools.pairwise(lines):
            assert previous or not line.startswith("    tfkd "), f"{page}: {line}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "yaml" and is_run(b)], ids=lambda b: b.page)
def test_a_configuration_of_a_page_can_be_read(
    block: Block, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section alone is read in a tagger's configuration."""
    folder = tmp_path_factory.mktemp("configuration")
    tiny_bert(folder / "models" / "biobert", num_hidden_layers=4)
    monkeypatch.chdir(folder)
    rest = "" if "kind:" in block.code else "kind: tagger\ntasks: {disease: {path: 'demo:disease'}}\n"
    if block.code.startswith("negatives:"):
        rest = "kind: teacher\ntasks: {chemical: {path: 'demo:chemical'}, gene: {path: 'demo:gene'}}\n"
    if "transfer:" in block.code and "losses:" not in block.code:
        rest += "distillation: {losses: [{logits: {}}]}\n"
    parse_config(rest + block.code)
    assert parse_yaml(block.code, block.page).data


def test_the_answer_of_a_server_fits_its_text() -> None:
    (answer,) = code_blocks("docs/serving.md", "json")
    (prediction,) = json.loads(answer)["predictions"]
    commands = "".join(code_blocks("docs/serving.md", "sh")).splitlines()
    (request,) = (line for line in commands if "-d '" in line)
    (text,) = json.loads(request.split("'")[1])["instances"]
    offsets: list[tuple[Any, Any]] = list(zip(prediction["starts"], prediction["ends"], strict=True))
    assert [text[start:end] for start, end in offsets] == prediction["tokens"]
    assert prediction["num_tokens"] == len(prediction["tokens"]) == len(prediction["tags"]) == len(prediction["scores"])
