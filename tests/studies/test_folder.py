"""The folder of a study: what is written, who may write, and that a study goes on anywhere."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.studies.tiny import GRID, give_model, give_scores, planned
from tfkd.runs.run_folder import RunFolder
from tfkd.studies import JobQueue, StudyFolder, read_plan
from tfkd.studies.folder import COMPLETE, open_study
from tfkd.studies.job import has_model, hash_cache
from tfkd.studies.statistics import unpack_counts
from tfkd_base.errors import TfkdError


def details(file: Path) -> str:
    with np.load(file) as arrays:
        return arrays["details"].tobytes().decode()


ONE = "parts=[{name: P, corpora: [a], runs: [{distillation: [alone, logits], teachers: [deep]}]}]"


def begun(folder: StudyFolder, plan, *finished: str) -> StudyFolder:
    with folder.hold(plan):
        for name in finished:
            give_scores(folder, plan.jobs[name])
    return folder


def refusal(folder: StudyFolder, plan) -> str:
    before = sorted(folder.path.parent.rglob("*"))
    with pytest.raises(TfkdError) as caught, folder.hold(plan):
        pass
    with pytest.raises(TfkdError, match=re.escape(str(caught.value))):
        folder.check(plan)
    assert sorted(folder.path.parent.rglob("*")) == before
    return str(caught.value)


class TestScores:
    def test_what_was_written_is_read_again(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        folder = begun(StudyFolder(tmp_path / "s"), plan, "teacher.deep.10.1", "a.small.alone.10.1")
        assert folder.is_finished("teacher.deep.10.1")
        assert not folder.is_finished("a.small.logits.deep.10.1")
        runs = folder.results.runs("teacher.deep.10.1")
        assert [(run.corpus, run.method, run.seed, run.test_f1) for run in runs] == [
            ("a", "deep teacher", 1, 0.5),
            ("b", "deep teacher", 1, 0.5),
        ]
        assert runs[0].whole is False
        assert unpack_counts(runs[0].sentence_counts).tolist() == [[1, 0, 1], [0, 1, 0], [2, 0, 0]]
        assert folder.results.seconds("teacher.deep.10.1") == 10.0
        assert folder.results.identity("teacher.deep.10.1") == plan.jobs["teacher.deep.10.1"].identity()
        assert sorted(folder.results.names()) == ["a.small.alone.10.1", "teacher.deep.10.1"]

    def test_nothing_right_is_a_score_too(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        folder = begun(StudyFolder(tmp_path / "s"), plan)
        give_scores(folder, plan.jobs["a.small.alone.10.1"], f1=0.0)
        (run,) = folder.results.runs("a.small.alone.10.1")
        assert (run.test_f1, run.whole) == (0.0, False)

    def test_half_a_file_is_no_score_and_no_study(self, tmp_path: Path) -> None:
        """Such as a kill leaves while scores are written."""
        plan = planned(GRID, ONE)
        folder = begun(StudyFolder(tmp_path / "s"), plan)
        (folder.path / "scores").mkdir()
        (folder.path / "scores" / ".part-a.small.alone.10.1.json").write_text('{"runs": [')
        assert not folder.is_finished("a.small.alone.10.1")
        folder.check(plan)
        begun(folder, plan, "a.small.alone.10.1")
        assert folder.results.names() == ["a.small.alone.10.1"]

    def test_keys_that_came_later_have_their_defaults(self, tmp_path: Path) -> None:
        plan, folder = planned(GRID, ONE), StudyFolder(tmp_path / "s")
        name = "a.small.alone.10.1"
        with folder.hold(plan):
            pass
        give_scores(folder, plan.jobs[name])
        file = folder.path / "scores" / f"{name}.json"
        written = json.loads(file.read_text())
        del written["identity"]["training"]["layer_decay"], written["identity"]["encoder"]["casing_units"]
        file.write_text(json.dumps(written))
        folder.check(plan)
        begun(folder, plan)
        assert not file.exists()
        folder.check(plan)
        written["identity"]["training"]["layer_decay"] = None
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(written))
        message = refusal(folder, plan)
        assert f"in its run {name}, training.layer_decay was None and is now 1.0" in message
        assert f"To repeat this run, remove {file}." in message


class TestElsewhere:
    PATHS = (
        "corpora={a: {path: /only/here/data/sub/a}, b: {path: /other/b}}",
        "corpora_root=/only/here/data",
        "settings.text.vectors=null",
        "teachers.deep.encoder.transformer=/only/here/bert",
        "distillation.logits.transfer={corpora: [b, /only/here/data/c], texts: [/only/here/x.txt]}",
    )

    def test_no_file_that_is_kept_names_a_place_of_this_machine(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE, *self.PATHS)
        folder = begun(StudyFolder(tmp_path / "s", tmp_path / "w"), plan, *plan.runs)
        folder.fail("cache.x", f"{tmp_path}/w/caches/x holds other things\nFile '/usr/lib/python3/site.py', line 3")
        kept = [file for file in folder.path.rglob("*") if file.is_file()]
        assert {file.name for file in kept} == {"study.yaml", "runs.csv", "details.npz", "cache.x.txt", ".lock"}
        for file in kept:
            text = details(file) if file.name == "details.npz" else file.read_text()
            assert "/only/here" not in text
            assert str(tmp_path) not in text
            assert not re.search(r"(?<![\w.])/\w", text), file
        assert folder.failures() == {"cache.x": "x holds other things\nFile 'site.py', line 3"}

    def test_from_the_scores_and_study_yaml_alone_it_goes_on(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE, *self.PATHS)
        done = [name for name in plan.runs if name.endswith(".1")]
        one = begun(StudyFolder(tmp_path / "s"), plan, *done)
        there = tmp_path / "there"
        there.mkdir()
        for name in ("study.yaml", "runs.csv", "details.npz"):
            shutil.copy(one.path / name, there)
        again = read_plan(there / "study.yaml", ["corpora_root=/mnt", "teachers.deep.encoder.transformer=/mnt/m/bert"])
        assert again.jobs["teacher.deep.10.1"].config.tasks["a"].path == "/mnt/sub/a"
        assert list(again.jobs) == list(plan.jobs)
        other = StudyFolder(there)
        other.check(again)
        left = JobQueue(again, other)
        assert left.finished == len(done)
        assert [name for name in left.remaining if name in again.runs] == [n for n in plan.runs if n.endswith(".2")]
        # The first configuration goes on with it too.
        other.check(plan)

    def test_it_is_opened_where_neither_corpora_nor_encoders_are(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE, *self.PATHS)
        folder = begun(StudyFolder(tmp_path / "s"), plan)
        _, again = open_study(folder.path)
        assert list(again.jobs) == list(plan.jobs)
        with pytest.raises(TfkdError, match=r"holds no study: expected study\.yaml, which `tfkd study CONFIG"):
            open_study(tmp_path)


class TestWhoMayWrite:
    def test_a_study_may_grow(self, tmp_path: Path) -> None:
        small, grown = planned(GRID, ONE, "seeds=[1]"), planned(GRID)
        folder = begun(StudyFolder(tmp_path / "s"), small, *small.runs)
        begun(folder, grown)
        again = open_study(folder.path)[1]
        assert list(again.jobs) == list(grown.jobs)
        assert JobQueue(again, folder).finished == len(small.runs)

    def test_another_study(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        folder = begun(StudyFolder(tmp_path / "s"), plan)
        other = planned(GRID.replace("small:", "tiny:").replace("deep:", "tall:").replace("soft:", "hard:"))
        said = refusal(folder, other)
        assert (
            "holds another study, 'A grid': none of its runs, such as a.small.alone.10.1, belongs to this study" in said
        )
        begun(folder, plan, "a.small.alone.10.1")
        assert "holds another study: none of its 1 finished runs, such as a.small.alone.10.1, belongs" in refusal(
            folder, other
        )
        assert "Use another folder." in refusal(folder, other)

    def test_the_same_names_and_other_settings(self, tmp_path: Path) -> None:
        folder = begun(StudyFolder(tmp_path / "s"), planned(GRID, ONE), "a.small.alone.10.1", "a.small.alone.10.2")
        said = refusal(folder, planned(GRID, ONE, "settings.training.epochs=9"))
        assert (
            f"{folder.path} holds another study: in its run a.small.alone.10.1, training.epochs was 3 and is now 9. "
            "Use the same settings to resume it, or use another folder."
        ) in said
        assert f"To repeat this run, remove its rows from {folder.path}/runs.csv." in said
        # What no finished run was made with may change.
        folder.check(planned(GRID, ONE, "teachers.deep.training.epochs=9"))

    def test_what_is_no_study(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        (tmp_path / "s").mkdir()
        (tmp_path / "s" / "thesis.tex").touch()
        assert "holds other files than a study, such as 'thesis.tex': use a new folder" in refusal(
            StudyFolder(tmp_path / "s"), plan
        )
        assert "is a file: expected a folder for the study" in refusal(StudyFolder(tmp_path / "s" / "thesis.tex"), plan)

    def test_a_configuration_of_the_users_is_not_replaced(self, tmp_path: Path) -> None:
        plan, file = planned(GRID, ONE), tmp_path / "study.yaml"
        file.write_text("# mine\n" + GRID)
        for folder, option in ((StudyFolder(tmp_path), "--out"), (StudyFolder(tmp_path / "s", tmp_path), "--work")):
            assert (
                f"{file} was not written by a study and would be replaced: use another folder for {option}"
                in refusal(folder, plan)
            )
        assert file.read_text() == "# mine\n" + GRID

    def test_a_folder_of_an_earlier_version_is_known_by_its_scores(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        folder = begun(StudyFolder(tmp_path), plan, "a.small.alone.10.1")
        for file in (tmp_path / "study.yaml", tmp_path / "work" / "study.yaml"):
            mark, _, rest = file.read_text().partition("\n")
            assert mark == "# Written by `tfkd study`, which replaces it at each start."
            file.write_text(rest)
        folder.check(plan)

    def test_two_at_once(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        folder = StudyFolder(tmp_path / "s", tmp_path / "w")
        with folder.hold(plan):
            for other in (folder, StudyFolder(tmp_path / "s"), StudyFolder(tmp_path / "t", tmp_path / "w")):
                with pytest.raises(TfkdError, match="is in use by process"), other.hold(plan):
                    pass
        with folder.hold(plan):
            pass
        assert not list(tmp_path.rglob(".lock-owner"))

    def test_work_in_a_folder_of_its_own(self, tmp_path: Path) -> None:
        plan = planned(GRID, ONE)
        begun(StudyFolder(tmp_path / "s", tmp_path / "s" / "models" / "big"), plan, "a.small.alone.10.1")
        assert (tmp_path / "s" / "models" / "big" / "runs").is_dir()
        assert "cannot be the folder of the study and its --work" in refusal(
            StudyFolder(tmp_path / "t", tmp_path / "t"), plan
        )


class TestModels:
    def test_a_run_is_one_if_whole_and_of_this_configuration(self, tmp_path: Path) -> None:
        plan, folder = planned(GRID, ONE), StudyFolder(tmp_path)
        job = plan.jobs["teacher.deep.10.1"]
        assert not has_model(folder, plan, job)
        run = give_model(folder, job)
        assert has_model(folder, plan, job)
        other = planned(GRID, ONE, "teachers.deep.training.epochs=5")
        assert not has_model(folder, other, other.jobs[job.name])
        for name, text in (("model.keras", None), ("scores.json", None), ("config.yaml", "kind: [")):
            kept = (run.path / name).read_text()
            (run.path / name).unlink() if text is None else (run.path / name).write_text(text)
            assert not has_model(folder, plan, job), name
            (run.path / name).write_text(kept)
        folder.discard(job)
        assert not RunFolder(folder.place(job)).path.exists()

    def test_a_cache_is_one_if_whole_and_of_this_teacher(self, tmp_path: Path) -> None:
        plan, folder = planned(GRID, ONE), StudyFolder(tmp_path)
        job = plan.jobs[plan.jobs["a.small.logits.deep.10.1"].needs[0]]
        folder.place(job).mkdir(parents=True)
        assert not has_model(folder, plan, job)
        (folder.place(job) / COMPLETE).write_text(hash_cache(plan, job))
        assert has_model(folder, plan, job)
        other = planned(GRID, ONE, "teachers.deep.training.epochs=5")
        assert not has_model(folder, other, other.jobs[job.name])
