from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tfkd.studies.report import Study, StudyPart, StudyRun, read_study, write_report
from tfkd_base.errors import TfkdError

RUNS = tuple(StudyRun(f"c{c}", m, 1, 0.5 + 0.01 * c) for c in range(3) for m in ("a", "b"))
STUDY = Study("T", (StudyPart("Main", ("a", "b"), baseline="a"),), RUNS)


def test_a_study_is_json_and_comes_back(full_study, tmp_path):
    plain = json.dumps(full_study.to_dict(), allow_nan=False)
    (tmp_path / "study.json").write_text(plain)
    assert read_study(tmp_path / "study.json") == full_study == read_study(json.loads(plain))


def test_a_part_takes_its_runs(full_study):
    main, small, later = full_study.parts
    assert {run.training_sentences for run in full_study.runs_of(main)} == {1000}
    assert len(full_study.runs_of(main)) == 36
    assert len(full_study.runs_of(small)) == 12
    assert full_study.missing(small) == ["not yet run"]
    assert full_study.runs_of(later) == []
    assert "BC2GM" not in full_study.compare(main, ("BC2GM",)).corpora
    assert len(full_study.compare(main, ("BC2GM",)).corpora) == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("title"), "title: Field required"),
        (lambda d: d.update(titel="x"), "titel: "),
        (lambda d: d["runs"][1].update(test_f1="high"), "runs.1.test_f1: Input should be a valid number"),
        (lambda d: d["runs"][1].update(f1=0.5), "runs.1.f1: "),
        (lambda d: d["parts"][0].update(methods=[]), "part 'Main' has no methods"),
        (lambda d: d["parts"][0].update(baseline="aa"), "part 'Main': 'aa' is none of its methods"),
        (lambda d: d["parts"][0].update(families={"f": [["a", "c"]]}), "'c' is none of its methods"),
        (lambda d: d["parts"][0].update(unranked=["c"]), "'c' is none of its methods"),
        (lambda d: d["parts"].append(d["parts"][0]), "two parts bear one name"),
    ],
)
def test_wrong_input_is_refused_with_its_place(change, said):
    plain = json.loads(json.dumps(STUDY.to_dict()))
    change(plain)
    with pytest.raises(TfkdError, match=said):
        read_study(plain)


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(TfkdError, match=r"broken\.json: is no JSON"):
        read_study(tmp_path / "broken.json")
    with pytest.raises(TfkdError, match=r"none\.json: cannot be read: No such file"):
        read_study(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (replace(STUDY, runs=()), "a finished run at least, got 1 parts and 0 runs"),
        (replace(STUDY, parts=()), "got 0 parts and 6 runs"),
        (replace(STUDY, parts=(StudyPart("Main", ("c",)),)), "none of its 6 runs belongs to one of its parts"),
        (replace(STUDY, runs=RUNS + RUNS[:1]), "part 'Main': row 7: corpus 'c0', method 'a', seed 1 stands in row 1"),
        (replace(STUDY, runs=(StudyRun("c", "a", 1, float("nan")),)), "part 'Main': row 1: .* a finite number"),
    ],
)
def test_what_cannot_be_reported_is_refused(study, said, tmp_path):
    with pytest.raises(TfkdError, match=said):
        write_report(study, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def seven(*methods: str) -> tuple[StudyRun, ...]:
    """`a` is higher on each of seven corpora."""
    return tuple(StudyRun(f"c{c}", m, 1, 0.5 + 0.01 * c * (m == "a")) for c in range(1, 8) for m in methods)


def test_pairs_without_runs_count_in_their_family():
    # 2 / 2^7 = 0.016; in a family of four, whatever has finished, 4 * 0.016 = 0.0625.
    family = {"taught": (("a", "b"), ("c", "b"), ("d", "b"), ("d", "c"))}
    study = Study("T", (StudyPart("Main", ("a", "b", "c", "d"), families=family),), seven("a", "b"))
    found = study.compare(study.parts[0])
    first, *others = found.families["taught"]
    assert (first.p, first.holm_p, first.family_size, first.rejected) == (2 / 2**7, 4 * 2 / 2**7, 4, False)
    assert [(test.p, test.holm_p, test.notes) for test in others] == [(1.0, 1.0, ())] * 3
    assert [test.verdict for test in others] == [
        "c against b: not tested, there are no runs of c yet.",
        "d against b: not tested, there are no runs of d yet.",
        "d against c: not tested, there are no runs of d and c yet.",
    ]
    whole = replace(study, runs=seven("a", "b", "c", "d"))
    assert whole.compare(study.parts[0]).families["taught"][0].holm_p == first.holm_p


def test_a_baseline_without_runs_makes_no_other_pairs():
    study = Study("T", (StudyPart("Main", ("a", "b", "c"), baseline="c"),), seven("a", "b"))
    found = study.compare(study.parts[0])
    assert {name: [(t.method, t.against, t.awaited) for t in tests] for name, tests in found.families.items()} == {
        "against c": [("a", "c", ("c",)), ("b", "c", ("c",))]
    }
    assert found.baseline is None


def test_a_part_takes_the_runs_of_its_seeds(full_study):
    main = full_study.parts[0]
    assert {run.seed for run in full_study.runs_of(main)} == {1, 2}
    some = replace(main, seeds=(2, 7))
    assert full_study.runs_of(some) == [run for run in full_study.runs_of(main) if run.seed == 2]
    assert full_study.compare(some).scores["BC2GM", "alone"].seeds == 1
    none = replace(full_study, parts=(replace(main, seeds=(7,)),))
    assert none.runs_of(none.parts[0]) == []
    with pytest.raises(TfkdError, match="no runs of its methods, corpora, training sentences and seeds"):
        none.compare(none.parts[0])


def test_a_method_with_runs_on_the_corpora_left_out_alone_is_not_awaited():
    runs = (*seven("a", "b"), StudyRun("other", "c", 1, 0.5))
    study = Study("T", (StudyPart("Main", ("a", "b", "c"), baseline="b"),), runs)
    _, other = study.compare(study.parts[0], ("other",)).families["against b"]
    assert other.verdict == "c against b: not tested, there is no corpus on which both have scores."
