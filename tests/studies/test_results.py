"""Results of a study: handed over as files, merged into a table, converted from earlier versions, damaged."""

from __future__ import annotations

import csv
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.studies.tiny import GRID, give_scores, planned
from tfkd.studies import Job, Plan, StudyFolder, gather_study
from tfkd.studies.folder import open_study
from tfkd.studies.results import COLUMNS, StudyResults, hash_configuration
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import hold

STUDENT, TEACHER = "a.small.alone.10.1", "teacher.soft.10.1"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned(GRID, "seeds=[1]")


def handed_over(path: Path, plan: Plan, *names: str) -> StudyFolder:
    """Make a folder as an earlier version left it, with a file for each run."""
    folder = StudyFolder(path)
    with folder.hold(plan):
        pass
    for name in names or plan.runs:
        give_scores(folder, plan.jobs[name])
    return folder


def all_runs(folder: StudyFolder) -> dict[str, object]:
    results = folder.results
    return {n: (results.runs(n), results.seconds(n), results.identity(n)) for n in results.names()}


def rows(folder: StudyFolder) -> list[dict[str, str]]:
    with (folder.path / "runs.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_run_and_task(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan, STUDENT, TEACHER)
    assert folder.convert() == 2
    table = rows(folder)
    assert tuple(table[0]) == COLUMNS
    assert [(row["run"], row["corpus"], row["method"]) for row in table] == [
        (STUDENT, "a", "small alone"),
        (TEACHER, "a", "soft teacher"),
        (TEACHER, "b", "soft teacher"),
    ]
    assert [table[0][key] for key in ("seed", "test_f1", "devel_f1", "whole", "seconds")] == [
        "1",
        "0.5",
        "",
        "false",
        "10.0",
    ]
    assert table[0]["configuration"] == hash_configuration(plan.jobs[STUDENT].identity())


def test_nothing_is_lost_when_results_are_converted(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan)
    before = all_runs(folder)
    assert folder.convert() == len(plan.runs)
    assert not (tmp_path / "scores").exists()
    assert all_runs(folder) == all_runs(StudyFolder(tmp_path)) == before
    assert folder.convert() == 0


def test_a_study_converts_the_results_of_an_earlier_version_when_it_starts(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan)
    with folder.hold(plan):
        assert not (tmp_path / "scores").exists()
        assert set(folder.results.names()) == set(plan.runs)


def test_a_report_reads_both_forms(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan, STUDENT)
    folder.convert()
    give_scores(folder, plan.jobs[TEACHER])
    study = gather_study(open_study(tmp_path)[1], StudyFolder(tmp_path))
    assert [run.method for run in study.runs] == ["small alone", "soft teacher", "soft teacher"]
    assert (tmp_path / "scores").is_dir(), "a report changes no results"


def test_a_run_that_was_repeated_replaces_its_rows(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan, STUDENT, TEACHER)
    folder.convert()
    give_scores(folder, plan.jobs[STUDENT], f1=0.75)
    assert [run.test_f1 for run in folder.results.runs(STUDENT)] == [0.75]
    folder.convert()
    assert [row["test_f1"] for row in rows(folder)] == ["0.75", "0.5", "0.5"]


def test_a_run_whose_rows_are_removed_is_repeated(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan, STUDENT, TEACHER)
    folder.convert()
    table = folder.path / "runs.csv"
    table.write_text("".join(line for line in table.open() if STUDENT not in line))
    assert not folder.is_finished(STUDENT)
    assert folder.results.names() == [TEACHER]
    give_scores(folder, plan.jobs[STUDENT], f1=0.25)
    folder.convert()
    assert [row["test_f1"] for row in rows(folder)] == ["0.25", "0.5", "0.5"]


@pytest.mark.parametrize("step", ["details", "table"])
def test_a_kill_between_the_writes_loses_nothing(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = handed_over(tmp_path, plan, STUDENT, TEACHER)
    folder.convert()
    give_scores(folder, plan.jobs["b.small.alone.10.1"])
    before = all_runs(folder)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"tfkd.studies.results._write_{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.convert()
    assert all_runs(StudyFolder(tmp_path)) == before
    assert StudyFolder(tmp_path).convert() == 1
    assert all_runs(StudyFolder(tmp_path)) == before


def test_two_processes_do_not_merge_at_once(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan, STUDENT)
    with hold(tmp_path), pytest.raises(TfkdError, match="is in use by process"):
        folder.convert()


def test_a_table_that_another_process_replaced_is_read_again(tmp_path: Path, plan: Plan) -> None:
    folder, other = handed_over(tmp_path, plan, STUDENT), StudyFolder(tmp_path)
    folder.convert()
    assert other.results.names() == [STUDENT]
    give_scores(folder, plan.jobs[TEACHER])
    folder.convert()
    assert set(other.results.names()) == {STUDENT, TEACHER}


class TestDamage:
    def test_a_file_of_a_run(self, tmp_path: Path, plan: Plan) -> None:
        folder = handed_over(tmp_path, plan, STUDENT)
        file = tmp_path / "scores" / f"{STUDENT}.json"
        file.write_text(file.read_text()[:-20])
        for action in (lambda: folder.check(plan), folder.convert, lambda: folder.results.runs(STUDENT)):
            with pytest.raises(TfkdError) as caught:
                action()
            assert str(caught.value).startswith(f"{file} cannot be read")
            assert str(caught.value).endswith("remove it to repeat the run.")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("0.5", "half", "runs.csv:2: could not convert string to float: 'half': correct the row, or remove it"),
            ("false", "no", "runs.csv:2: expected true or false in column whole, got 'no'"),
            ("small alone", "", "runs.csv:2: column method is empty"),
            ("test_f1", "f1", "runs.csv: expected the columns run, corpus"),
        ],
    )
    def test_the_table(self, tmp_path: Path, plan: Plan, old: str, new: str, message: str) -> None:
        folder = handed_over(tmp_path, plan, STUDENT)
        folder.convert()
        table = tmp_path / "runs.csv"
        table.write_text(table.read_text().replace(old, new, 1))
        with pytest.raises(TfkdError) as caught:
            folder.check(plan)
        assert message in str(caught.value)

    def test_the_file_of_details(self, tmp_path: Path, plan: Plan) -> None:
        folder = handed_over(tmp_path, plan, STUDENT, TEACHER)
        folder.convert()
        file = tmp_path / "details.npz"
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(TfkdError, match=r"details\.npz is damaged .*: restore it, or remove it to continue"):
            folder.results.runs(STUDENT)
        file.unlink()
        (run,) = folder.results.runs(STUDENT)
        assert (run.test_f1, run.sentence_counts, run.types) == (0.5, None, {})
        folder.check(plan)
        with pytest.raises(TfkdError, match=rf"in its run {STUDENT}, its configuration has changed"):
            folder.check(planned(GRID, "seeds=[1]", "settings.training.epochs=9"))


def test_hundreds_of_runs_are_read_in_a_moment(tmp_path: Path, plan: Plan) -> None:
    folder = handed_over(tmp_path, plan, STUDENT)
    first = plan.jobs[STUDENT]
    for number in range(300):
        give_scores(folder, Job(f"{STUDENT}-{number}", "student", first.config, (), first.method))
    folder.convert()
    shutil.copy(tmp_path / "runs.csv", tmp_path / "copy.csv")
    os.replace(tmp_path / "copy.csv", tmp_path / "runs.csv")
    results, start = StudyResults(tmp_path), time.monotonic()
    assert len([run for name in results.names() for run in results.runs(name)]) == 301
    assert time.monotonic() - start < 3
