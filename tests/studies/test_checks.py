"""What is refused before anything is run: each message names the place and the remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.models.small import small_corpus
from tests.pretrained.tiny import tiny_bert
from tests.studies.tiny import GRID, planned, refused
from tfkd.studies import CorpusSize, read_corpus_sizes
from tfkd.studies.plan import Plan
from tfkd_base.corpora import write_corpus
from tfkd_base.errors import TfkdError


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        # A grid of nothing.
        ("corpora={}", "--set corpora={}: corpora: expected at least one item, got none"),
        ("students={}", "--set students={}: students: expected at least one item, got none"),
        ("distillation={}", "distillation: expected at least one item, got none"),
        ("seeds=[]", "seeds: expected at least one item, got none"),
        ("sentences=[]", "sentences: expected at least one item, got none"),
        ("parts=[]", "parts: expected at least one item, got none"),
        ("parts=[{name: P, runs: []}]", "parts.0.runs: expected at least one item, got none"),
        ("parts=[{name: P, runs: [{students: []}]}]", "parts.0.runs.0.students: expected at least one item, got none"),
        (
            "teachers={}",
            "x.yaml: parts.0.runs.0: part 'Everything' uses the distillation 'logits', which needs a teacher, and "
            "the study has none. Add one under `teachers`, or list only distillations that need none",
        ),
        # Names of nothing.
        ("parts=[{name: P, corpora: [c]}]", "parts.0.corpora: unknown name 'c': expected one of 'a', 'b'"),
        ("parts=[{name: P, runs: [{students: [smal]}]}]", "parts.0.runs.0.students: unknown name 'smal': did you"),
        ("parts=[{name: P, runs: [{distillation: [logit]}]}]", "runs.0.distillation: unknown name 'logit'"),
        ("parts=[{name: P, runs: [{teachers: [softy]}]}]", "runs.0.teachers: unknown name 'softy': did you mean"),
        (
            "parts=[{name: P, baseline: alone}]",
            "parts.0.baseline: unknown name 'alone': did you mean 'small alone'",
        ),
        (
            "parts=[{name: P, families: {F: [[small logits of sof, small alone]]}}]",
            "parts.0.families.F.0: unknown name 'small logits of sof': did you mean 'small logits of soft'?",
        ),
        ("parts=[{name: P, corpora: [a], leave_out: {x: [b]}}]", "parts.0.leave_out.x: unknown name 'b'"),
        # Twice.
        ("seeds=[1, 1]", "--set seeds=[1, 1]: seeds: 1 is listed twice; remove one"),
        ("sentences=[5, null, null]", "sentences: None is listed twice; remove one"),
        ("parts=[{name: P}, {name: P}]", "parts: 'P' is listed twice; remove one"),
        ("parts=[{name: P, corpora: [a, a]}]", "parts.0.corpora: 'a' is listed twice"),
        (
            "parts=[{name: P, families: {F: [[small alone, small alone]]}}]",
            "parts.0.families.F.0: 'small alone' is listed twice; remove one",
        ),
        # Keys that are the study's own.
        ("settings.seed=3", "--set settings.seed=3: settings.seed: the study sets this key of its runs; remove it"),
        ("students.small.tasks={a: {path: b}}", "students.small.tasks: the study sets this key of its runs"),
        (
            "distillation.logits.distillation.teacher=x",
            "distillation.logits.distillation.teacher: the study sets the teacher; remove the key",
        ),
        ("teachers.soft.tasks=a", "teachers.soft.tasks: expected a list of names from `corpora`, got 'a'"),
        ("teachers.soft.tasks=[]", "teachers.soft.tasks: expected a list of names from `corpora`, got []"),
        ("teachers.soft.tasks=[a, c]", "teachers.soft.tasks: unknown name 'c': expected one of 'a', 'b'"),
        # Teachers that cannot teach.
        (
            "teachers.soft.tasks=[a]",
            "--set teachers.soft.tasks=[a]: teachers.soft.tasks: b is missing, and a student of this teacher learns "
            "it; add it here, or remove the corpus from the `corpora` of the part",
        ),
        (
            "teachers.soft.scheme=iobes",
            "x.yaml:16: distillation.logits: the student has the tag scheme iob2 and its teacher soft has iobes; set "
            "the same scheme for both, under `settings`",
        ),
        (
            "distillation.both.distillation.losses.1.features.teacher_layer=task_encoder",
            "teacher deep has no task_encoder; list the teachers that have one under `runs` of the part",
        ),
        ("settings.transfer={texts: [x]}", "transfer: only a student learns from a teacher"),
        ("distillation.logits.transfer={corpora: [[a]]}", "transfer.corpora.0: expected a string, got a list of 1"),
        # Wrong forms.
        ("title=", "title: expected a string, got null"),
        ("alpha=1", "--set alpha=1: alpha: expected less than 1, got 1"),
        ("seeds=[-1]", "seeds.0: expected greater than or equal to 0, got -1"),
        ("corpora.1st={path: x}", "expected a letter, then letters, digits, '_' or '-', got '1st'"),
        ("students=[a]", "students: expected a mapping of keys to values, got a list of 1"),
        ("students.small=3", "students.small: expected a mapping of keys to values, got 3"),
    ],
)
def test_a_study_that_cannot_be(setting: str, message: str) -> None:
    assert message in refused(GRID, setting)


def test_a_mistake_in_the_file_is_said_with_its_line() -> None:
    text = GRID.replace("soft: {", "soft: {tasks: [a], ")
    assert refused(text).startswith(
        "x.yaml:10: teachers.soft.tasks: b is missing, and a student of this teacher learns it"
    )


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    for name, seed in (("a", 0), ("b", 1)):
        write_corpus(small_corpus(name.upper(), seed, sentences=20 if name == "a" else 10), folder / name)
    tiny_bert(folder / "bert")
    return folder


def of_files(corpora: Path, *settings: str) -> Plan:
    places = (f"corpora_root={corpora}", f"teachers.deep.encoder.transformer={corpora}/bert")
    return planned(GRID.replace("/corpora/", ""), *places, *settings)


def unfit(corpora: Path, *settings: str) -> str:
    with pytest.raises(TfkdError) as caught:
        read_corpus_sizes(of_files(corpora, *settings))
    return str(caught.value)


class TestCorpora:
    def test_their_sizes(self, corpora: Path) -> None:
        found = read_corpus_sizes(of_files(corpora))
        assert list(found) == ["a", "b"]
        for name, seed, sentences in (("a", 0, 20), ("b", 1, 10)):
            corpus = small_corpus(name.upper(), seed, sentences=sentences)
            tokens = {split: sum(len(s.tokens) for s in corpus.split(split)) for split in ("train", "devel", "test")}
            there = {"train": sentences, "devel": sentences // 2, "test": sentences // 2}
            assert found[name] == CorpusSize(there, tokens)

    def test_one_that_is_missing(self, corpora: Path) -> None:
        said = unfit(corpora, "corpora.b.path=nowhere")
        assert said.startswith("--set corpora.b.path=nowhere: corpora.b.path: ")
        assert str(corpora / "nowhere") in said
        assert "did you mean 'demo:gene'" in unfit(corpora, "corpora.b.path='demo:genes'").replace(
            "'gene'", "'demo:gene'"
        )

    def test_one_without_a_split(self, corpora: Path, tmp_path: Path) -> None:
        write_corpus(small_corpus("B").with_split("test", []), tmp_path / "b")
        (tmp_path / "b" / "test.tsv").unlink(missing_ok=True)
        said = unfit(corpora, f"corpora.b.path={tmp_path / 'b'}")
        assert "corpora.b.path: " in said
        assert "test" in said

    @pytest.mark.parametrize(
        ("setting", "place"),
        [
            ("sentences=[11]", "--set sentences=[11]: sentences: "),
            ("parts=[{name: P}, {name: Q, sentences: [5, 11]}]", "parts.1.sentences: "),
        ],
    )
    def test_a_size_larger_than_one(self, corpora: Path, setting: str, place: str) -> None:
        said = unfit(corpora, setting)
        assert place in said
        assert "11 is more than the 10 training sentences of b; use fewer, or exclude the corpus" in said

    def test_a_teacher_learns_from_corpora_that_its_part_leaves_out(self, corpora: Path) -> None:
        part = "parts=[{name: P, corpora: [a], runs: [{distillation: [logits], teachers: [soft]}]}]"
        said = unfit(corpora, "sentences=[11]", part)
        assert said.endswith("of b; use fewer, or list the `tasks` of teacher soft without it")

    def test_text_without_labels(self, corpora: Path, tmp_path: Path) -> None:
        needed = "x.yaml: a.small.logits.soft.10.1 needs a file that "
        said = unfit(corpora, f"distillation.logits.transfer={{texts: [{tmp_path}/no.txt]}}")
        assert said == f"{needed}is missing: {tmp_path}/no.txt"
        assert unfit(corpora, f"distillation.logits.transfer={{corpora: [b, {tmp_path}/no]}}").startswith(needed)
        (tmp_path / "some.txt.gz").write_bytes(gzip.compress(b"A sentence.\n"))
        way = f"distillation.logits.transfer={{corpora: [b], texts: [{tmp_path}/some.txt.gz]}}"
        assert read_corpus_sizes(of_files(corpora, way))

    def test_word_vectors_and_encoders(self, corpora: Path, tmp_path: Path) -> None:
        said = unfit(corpora, f"students.small.text.vectors={tmp_path}/no.bin")
        assert said == f"x.yaml: a.small.alone.10.1 needs a file that is missing: {tmp_path}/no.bin"
        said = unfit(corpora, f"teachers.deep.encoder.transformer={tmp_path}/no")
        needed = "x.yaml: teacher.deep.10.1 needs a file that cannot be used: "
        assert said == f"{needed}the folder {tmp_path}/no does not exist"
        (tmp_path / "empty").mkdir()
        assert "teacher.deep.10.1 needs a file that cannot be used" in unfit(
            corpora, f"teachers.deep.encoder.transformer={tmp_path}/empty"
        )
