"""From the folder of a study to its report: finished or not, and where nothing but the folder is there."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests.studies.tiny import GRID, give_scores, planned
from tfkd.studies import StudyFolder, gather_study, read_plan, report_study
from tfkd.studies.folder import open_study
from tfkd.studies.report.contents import document
from tfkd.studies.report.markdown import markdown
from tfkd_base.errors import TfkdError

THREE = (
    "corpora={a: {path: /nowhere/a}, b: {path: /nowhere/b}, c: {path: /nowhere/c}}",
    "parts=[{name: Main, baseline: small alone, families: {taught: [[small logits of soft, small alone]]}, "
    "runs: [{distillation: [alone, logits], teachers: [soft, deep]}], leave_out: {without c: [c]}}, "
    "{name: Sizes, sentences: [10, null, 5], baseline: small alone, "
    "runs: [{distillation: [alone]}, {distillation: [logits], teachers: [soft]}]}]",
)
F1 = {"small alone": 0.5, "small logits of soft": 0.6, "small logits of deep": 0.7}


def made(path: Path, plan, chosen=lambda name: True) -> StudyFolder:
    folder = StudyFolder(path)
    with folder.hold(plan):
        for name, job in plan.runs.items():
            if chosen(name):
                size = next(iter(job.config.tasks.values())).train_sentences
                give_scores(
                    folder, job, F1.get(job.method, 0.8) + (0.01 if size is None else 0) + 0.001 * job.config.seed
                )
    return folder


def text_of(path: Path) -> str:
    """Return the report of a study as Markdown, without drawing its pictures."""
    folder, plan = open_study(path)
    return markdown(document(gather_study(plan, folder)), "pictures")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return made(tmp_path_factory.mktemp("report") / "s", planned(GRID, *THREE))


def test_a_study_is_gathered(whole: StudyFolder) -> None:
    plan = open_study(whole.path)[1]
    study = gather_study(plan, whole)
    teachers = sum(job.kind == "teacher" for job in plan.runs.values())
    assert len(study.runs) == len(plan.runs) + 2 * teachers, "a teacher gives a run for each of its three corpora"
    assert [part.name for part in study.parts] == [
        "Main",
        "Sizes, 10 sentences",
        "Sizes, all sentences",
        "Sizes, 5 sentences",
    ]
    assert study.parts[0].methods == plan.methods["Main"]
    assert study.parts[0].leave_out == {"without c": ("c",)}
    assert study.notes == ()
    assert [part.unranked for part in study.parts] == [("soft teacher", "deep teacher"), *[("soft teacher",)] * 3]


def test_a_part_has_its_own_seeds_and_words_are_explained(tmp_path: Path) -> None:
    parts = "parts=[{name: Pilot, seeds: [3]}, {name: Confirmation}]"
    plan = planned(GRID, parts, "legend={logits: what the teacher says}")
    study = gather_study(plan, made(tmp_path / "s", plan))
    assert [part.seeds for part in study.parts] == [(3,), (1, 2)]
    assert study.legend == {"logits": "what the teacher says"}
    pilot, confirmation = ({run.seed for run in study.runs_of(part)} for part in study.parts)
    assert (pilot, confirmation) == ({3}, {1, 2})
    page = text_of(tmp_path / "s")
    assert "| logits | what the teacher says |" in page


def test_only_like_is_compared_with_like(whole: StudyFolder) -> None:
    """Runs on all sentences and runs on a sample are in no table together."""
    study = gather_study(open_study(whole.path)[1], whole)
    found = {part.name: {(r.training_sentences, r.whole) for r in study.runs_of(part)} for part in study.parts}
    assert found == {
        "Main": {(10, False)},
        "Sizes, 10 sentences": {(10, False)},
        "Sizes, all sentences": {(40, True)},
        "Sizes, 5 sentences": {(5, False)},
    }
    for part in study.parts:
        scores = study.compare(part).scores
        expected = 50.15 + (1 if "all" in part.name else 0)
        assert scores["a", "small alone"].mean == pytest.approx(expected / 100)
        assert scores["a", "small alone"].seeds == 2


def test_the_report_is_written_beside_the_scores_or_elsewhere(whole: StudyFolder, tmp_path: Path) -> None:
    files = report_study(whole.path)
    assert files.html == whole.path / "report.html"
    html = files.html.read_text(encoding="utf-8")
    for text in ("A grid", "Sizes, all sentences", "small logits of soft", "Learning curves"):
        assert text in html
    elsewhere = report_study(whole.path, tmp_path / "r")
    assert elsewhere.html.read_bytes() == files.html.read_bytes()
    runs = next(file for file in elsewhere.tables if file.stem == "runs")
    with runs.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(gather_study(open_study(whole.path)[1], whole).runs)
    # It is still the folder of this study.
    StudyFolder(whole.path).check(open_study(whole.path)[1])


def test_of_a_study_of_which_a_part_is_finished(tmp_path: Path) -> None:
    plan = planned(GRID, *THREE)
    chosen = [name for name in plan.runs if name.startswith(("a.", "b.")) and ".deep." not in name and ".10." in name]
    folder = made(tmp_path / "s", plan, chosen.__contains__)
    folder.fail("teacher.deep.10.1", f"{tmp_path}/w/x is gone\nTraceback")
    folder.fail("cache.gone", "of a study that was")
    study = gather_study(plan, folder)
    missing = len(plan.runs) - len(chosen)
    first = next(name for name in plan.runs if name not in chosen)
    assert study.notes == (
        f"{missing} of {len(plan.runs)} runs are not finished, such as {first}: the results in this report may change.",
        "Teacher teacher.deep.10.1 failed: x is gone",
    )
    text = text_of(folder.path)
    assert "There are no runs yet for: Sizes, all sentences, Sizes, 5 sentences." in text
    assert "x is gone" in text
    assert str(tmp_path) not in text


def test_one_run_is_enough_and_none_is_said(tmp_path: Path) -> None:
    plan = planned(GRID, *THREE)
    folder = made(tmp_path / "s", plan, lambda name: False)
    with pytest.raises(TfkdError, match="a finished run at least, got 4 parts and 0 runs; make some runs first"):
        report_study(folder.path)
    give_scores(folder, plan.jobs["b.small.alone.10.2"])
    assert "small alone" in text_of(folder.path)


def test_a_teacher_alone_is_enough(tmp_path: Path) -> None:
    folder = made(tmp_path / "s", planned(GRID, *THREE), lambda name: name == "teacher.soft.10.1")
    assert "soft teacher" in text_of(folder.path)


def test_runs_that_are_no_longer_asked_for_are_left_out(whole: StudyFolder) -> None:
    plan = planned(GRID, THREE[0], "parts=[{name: P, corpora: [a], runs: [{distillation: [alone]}]}]")
    assert {(run.corpus, run.method) for run in gather_study(plan, whole).runs} == {("a", "small alone")}


def test_the_bundled_study_is_reported_where_it_was_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its corpora nor its encoders are there."""
    encoders = [f"teachers.transformer-{head}.encoder.transformer=/no/such/encoder" for head in ("softmax", "crf")]
    plan = read_plan("study", ["corpora_root=/no/such/corpora", *encoders])
    folder = made(tmp_path / "s", plan, lambda name: name.endswith(".1"))
    monkeypatch.chdir(tmp_path)
    text = text_of(Path("s"))
    for heading in ("Main comparison", "Which layers", "CRF students", "Fewer sentences"):
        assert heading in text
    assert not re.search(r"/no/such", text + (folder.path / "study.yaml").read_text())
    identity = StudyFolder(folder.path).results.identity("teacher.transformer-crf.1000.1")
    assert identity is not None
    assert identity["encoder"]["transformer"] == "encoder"
    assert identity["tasks"]["CRAFT"]["path"] == "CRAFT-IOB"
