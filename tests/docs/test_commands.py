"""The commands of all pages run, one after the other, in one folder and in this process.

The bundled configurations are replaced by small ones of the same names. A command that occurs again is run once.
"""

from __future__ import annotations

import gzip
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.docs.not_run import PROGRAMS, is_run
from tests.pages import all_pages, blocks_of, read_page
from tfkd_cli.main import COMMANDS, tfkd

CallTfkd = Callable[..., subprocess.CompletedProcess[str]]

TRAINING = """\
encoder: {units: 3, word_units: 3, characters: null}
head: softmax
training: {epochs: 1, batch_size: 16}
"""
DISEASE = "disease: {path: 'demo:disease', train_sentences: 16, devel_sentences: 8}"
CONFIGURATIONS = {
    "demo-teacher": f"kind: teacher\ntasks:\n  {DISEASE}\ntask_encoder: {{units: 2}}\n{TRAINING}",
    "demo-student": f"kind: tagger\ntasks:\n  {DISEASE}\n{TRAINING}distillation: {{losses: [{{logits: {{}}}}]}}\n",
}


def commands_of(code: str) -> list[str]:
    """Return the commands of a block, without comments."""
    lines = code.replace("\\\n", " ").splitlines()
    return [line for line in (re.split(r"\s+#|^#", line)[0].strip() for line in lines) if line]


def commands_of_pages(run: bool) -> list[str]:
    """Return the different commands of the pages, the README's first, without those of other programs."""
    blocks = [block for page in all_pages() for block in blocks_of(page) if block.language == "sh"]
    commands = [command for block in blocks if is_run(block) == run for command in commands_of(block.code)]
    return [command for command in dict.fromkeys(commands) if command.split()[0] not in PROGRAMS]


def run_command(command: str, folder: Path, call_tfkd: CallTfkd) -> None:
    """Run `tfkd`, with what is before a pipe or behind `>`."""
    before, _, after = command.rpartition(" | ")
    after, _, file = after.partition(" > ")
    stdin = subprocess.run(before, shell=True, capture_output=True, text=True, check=True).stdout if before else None
    _, *arguments = shlex.split(after)
    if arguments[0] in ("train", "distill") and (folder / arguments[arguments.index("--out") + 1]).exists():
        arguments.append("--overwrite")  # pages use the same names for their runs
    if arguments[:2] == ["corpus", "demo"]:
        arguments.append("--overwrite")
    if arguments[0] in ("train", "distill") and "six-corpora" not in command:
        arguments += ["--set", "training.epochs=1"]
    done = call_tfkd(*arguments, stdin=stdin, cwd=folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    if file:
        (folder / file).write_text(done.stdout, encoding="utf-8")


def write_inputs(folder: Path) -> None:
    """Write the files that commands of pages read and no command writes."""
    for name, text in CONFIGURATIONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, types in (
        ("NCBI-disease", ("Disease",)),
        ("BC5CDR-chem", ("Chemical",)),
        ("ncbi", ("SpecificDisease", "DiseaseClass", "Modifier")),
    ):
        (folder / "corpora" / name).mkdir(parents=True)
        for split in ("train", "devel", "test"):
            rows = "".join(f"{split}{kind}\tB-{kind}\n.\tO\n\n" for kind in types)
            (folder / "corpora" / name / f"{split}.tsv").write_text(rows, encoding="utf-8")
    (folder / "articles").mkdir()
    (folder / "train.csv").write_text("Cancer,B-Disease\n", encoding="utf-8")
    (folder / "articles.txt").write_text("One cancer.\nTwo.\n", encoding="utf-8")
    (folder / "abstracts.txt").write_text("One asthma.\nTwo.\n", encoding="utf-8")
    (folder / "articles" / "a.txt").write_text("Three.\n", encoding="utf-8")
    (folder / "corpus.pubtator").write_text("7|t|Title\n7|a|Abstract\n", encoding="utf-8")
    (folder / "more.jsonl.gz").write_bytes(gzip.compress(b'{"id": "m", "text": "More"}\n'))


@pytest.mark.slow
def test_the_commands(call_tfkd: CallTfkd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reason for the time: about fifty commands, ten of which train a small model."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    for command in commands_of_pages(run=True):
        if "tfkd" in command.split():
            run_command(command, tmp_path, call_tfkd)
        else:
            subprocess.run(command, shell=True, check=True)
        if not (tmp_path / "savedmodels" / "gene").exists() and (tmp_path / "savedmodels" / "disease").exists():
            shutil.copytree(tmp_path / "savedmodels" / "disease", tmp_path / "savedmodels" / "gene")
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["scheme"], scores["micro"]["entities"] > 100) == ("iob2", True)
    assert (tmp_path / "savedmodels" / "disease" / "1" / "saved_model.pb").is_file()
    assert (tmp_path / "reports" / "disease" / "curves.svg").is_file()
    assert (tmp_path / "gene-papers.pubtator").stat().st_size > 1000
    assert (tmp_path / "corpus.bioc.xml").read_bytes().startswith(b"<?xml")
    assert sorted(path.name for path in (tmp_path / "annotated").iterdir()) == ["a.ann", "a.txt", "m.ann", "m.txt"]
    assert len(list((tmp_path / "parts").glob("part-*.jsonl.gz"))) == 1
    assert (tmp_path / "train.tsv").read_text(encoding="utf-8") == "Cancer\tB-Disease\n"
    assert "<mark" in (tmp_path / "look.html").read_text(encoding="utf-8")
    assert 'base_path: "/models/disease"' in (tmp_path / "models.config").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [c for c in commands_of_pages(run=False) if c.startswith("tfkd ") and "$" not in c])
def test_a_command_that_is_not_run_has_right_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = shlex.split(command.partition(" > ")[0])[1:]
    if "--code" in arguments:  # the file would be run
        del arguments[arguments.index("--code") : arguments.index("--code") + 2]
    called = tfkd.get_command(click.Context(tfkd), arguments[0])
    for each in (called, *(called.commands.values() if isinstance(called, click.Group) else ())):
        monkeypatch.setattr(each, "callback", lambda **options: None)
    tfkd.main(arguments, prog_name="tfkd", standalone_mode=False)


def has_code_option(command: click.Command) -> bool:
    """Return whether a command, or one of its sub-commands, has the option `--code`."""
    commands = command.commands.values() if isinstance(command, click.Group) else ()
    return any("--code" in option.opts for option in command.params) or any(map(has_code_option, commands))


def test_the_page_lists_the_commands_that_run_own_code() -> None:
    (listed,) = re.findall(r"`--code` is an option of (.*?)\.", read_page("docs/extending.md"), re.DOTALL)
    commands = {name: tfkd.get_command(click.Context(tfkd), name) for name in COMMANDS}
    assert set(re.findall(r"`([\w-]+)`", listed)) == {
        name for name, command in commands.items() if has_code_option(command)
    }
