"""The whole comparison, from tables of many kinds."""

from __future__ import annotations

import csv
import json
import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pages import code_blocks
from tfkd.studies.statistics import Spread, compare
from tfkd_base.errors import TfkdError


def grid(corpora=8, methods=("alone", "taught", "teacher"), seeds=(1, 2, 3)) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        {"corpus": f"c{c}", "method": m, "seed": s, "f1": 0.6 + 0.02 * c + 0.01 * i + 0.02 * rng.random()}
        for c in range(corpora)
        for i, m in enumerate(methods)
        for s in seeds
    ]


def test_every_kind_of_table_gives_the_same(tmp_path: Path):
    rows = grid()
    with (tmp_path / "scores.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["Corpus", "Method", "Seed", "F1", "note"])
        writer.writeheader()
        writer.writerows({key.title(): value for key, value in row.items()} | {"note": "x, y"} for row in rows)
    expected = compare(rows, baseline="alone").to_dict()
    for scores in (pd.DataFrame(rows), str(tmp_path / "scores.csv"), tmp_path / "scores.csv", iter(rows)):
        assert compare(scores, baseline="alone").to_dict() == expected


def test_means_deviations_and_gains_are_over_seeds():
    rows = grid()
    found = compare(rows, baseline="alone")
    taught = [row["f1"] for row in rows if (row["corpus"], row["method"]) == ("c3", "taught")]
    alone = [row["f1"] for row in rows if (row["corpus"], row["method"]) == ("c3", "alone")]
    assert found.scores["c3", "taught"] == Spread(statistics.mean(taught), statistics.stdev(taught), 3)
    gains = [one - other for one, other in zip(taught, alone, strict=True)]
    assert found.gains["c3", "taught"] == Spread(statistics.mean(gains), statistics.stdev(gains), 3)
    assert found.mean_gains["taught"] == pytest.approx(np.mean([found.gains[f"c{c}", "taught"].mean for c in range(8)]))
    assert ("c3", "alone") not in found.gains


def test_seeds_are_no_more_corpora():
    # Ten times the seeds with the same means: no test may become surer.
    few = grid(seeds=(1,))
    many = [{**row, "seed": seed} for row in few for seed in range(10)]
    one, ten = compare(few, baseline="alone"), compare(many, baseline="alone")
    assert [t.p for t in one.families["against alone"]] == [t.p for t in ten.families["against alone"]]
    assert one.friedman.p == ten.friedman.p
    assert all(len(test.corpora) == 8 for test in ten.families["against alone"])


def test_rounding_parts_no_ties():
    # 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in their last bit.
    rows = [{"corpus": "c", "method": "a", "seed": s, "f1": f} for s, f in enumerate((0.1, 0.2, 0.3))]
    rows += [{"corpus": "c", "method": "b", "seed": s, "f1": f} for s, f in enumerate((0.3, 0.2, 0.1))]
    assert sum((0.1, 0.2, 0.3)) != sum((0.3, 0.2, 0.1))
    assert compare(rows).friedman.average_ranks == {"a": 1.5, "b": 1.5}


def test_what_is_incomplete_is_left_out_and_counted():
    rows = [row for row in grid() if (row["corpus"], row["method"]) != ("c0", "teacher")]
    rows = [row for row in rows if (row["corpus"], row["method"], row["seed"]) != ("c1", "taught", 3)]
    found = compare(rows, baseline="alone")
    assert len(found.friedman.corpora) == 7
    assert found.notes == (
        "1 of 8 corpora are left out of comparing 3 methods: c0 (no score of teacher).",
        "Scores of seeds that not all methods compared have are left out, with their number: c1 (2).",
    )
    taught, teacher = found.families["against alone"]
    assert (len(taught.corpora), len(teacher.corpora)) == (8, 7)
    assert "c1 (1)" in taught.notes[0]
    # The mean of the two seeds that both have, by hand.
    both = {m: [r["f1"] for r in rows if (r["corpus"], r["method"]) == ("c1", m) and r["seed"] != 3] for m in
            ("alone", "taught")}  # fmt: skip
    assert taught.differences[1] == pytest.approx(np.mean(both["taught"]) - np.mean(both["alone"]))
    assert found.scores["c1", "taught"].seeds == 2
    assert found.scores["c1", "alone"].seeds == 3


def test_corpora_left_out_for_the_same_reason_are_told_together():
    lacking = {("c0", "teacher"), ("c2", "teacher"), ("c1", "taught"), ("c3", "taught"), ("c3", "teacher")}
    found = compare([row for row in grid() if (row["corpus"], row["method"]) not in lacking])
    assert found.notes == (
        "4 of 8 corpora are left out of comparing 3 methods: c0 and c2 (no score of teacher); c1 (no score of taught); "
        "c3 (no score of taught and teacher).",
    )


def test_without_a_seed_in_common_each_mean_is_over_a_methods_own():
    rows = grid(corpora=6, methods=("a", "b"))
    apart = [{**row, "seed": row["seed"] + 10 * (row["method"] == "b" and row["corpus"] != "c0")} for row in rows]
    found, paired = compare(apart, baseline="a"), compare(rows, baseline="a")
    (test,), (other,) = found.families["against a"], paired.families["against a"]
    assert test.differences == other.differences
    assert test.p == other.p
    note = "so that each mean is over a method's own seeds, on c1, c2, c3, c4 and c5."
    assert test.notes == (f"b and a have no seed in common, {note}",)
    assert found.means == paired.means
    assert found.gains["c0", "b"] == paired.gains["c0", "b"]
    gain = found.gains["c1", "b"]
    assert (gain.mean, gain.deviation, gain.seeds) == (pytest.approx(paired.gains["c1", "b"].mean), None, 0)
    three = compare([*apart, *({**row, "method": "c"} for row in rows if row["method"] == "a")])
    assert three.notes == (f"all methods compared have no seed in common, {note}",)
    assert len(three.friedman.corpora) == 6


def test_means_are_of_the_scores_that_are_ranked():
    # b's first seed is its best by far, and the only one that a has.
    rows = [{"corpus": f"c{c}", "method": "a", "seed": 1, "f1": 0.72} for c in range(6)]
    rows += [{"corpus": f"c{c}", "method": "b", "seed": s, "f1": f} for c in range(6) for s, f in [(1, 0.75), (2, 0.5)]]
    found = compare(rows)
    assert found.friedman.average_ranks == {"a": 2.0, "b": 1.0}
    assert found.means == pytest.approx({"a": 0.72, "b": 0.75})
    assert found.scores["c0", "b"].mean == pytest.approx(0.625)


def test_mean_gains_are_over_the_corpora_that_all_have():
    gains = {"b": (0.01, 0.01, 0.01), "c": (0.02, 0.02), "d": (0.5,)}
    rows = [{"corpus": f"c{c}", "method": "a", "f1": 0.1} for c in range(3)]
    rows += [{"corpus": f"c{c}", "method": m, "f1": 0.1 + g} for m, gs in gains.items() for c, g in enumerate(gs)]
    rows[1]["f1"] = 0.05  # of a on c1, which d lacks
    found = compare(rows, baseline="a")
    assert found.gain_corpora == found.common_corpora == ("c0",)
    assert found.mean_gains == pytest.approx({"b": 0.01, "c": 0.02, "d": 0.5})
    other = compare(rows, baseline="a", unranked=["d"])
    assert other.gain_corpora == ("c0", "c1")
    assert other.mean_gains == pytest.approx({"b": (0.01 + 0.06) / 2, "c": (0.02 + 0.07) / 2})
    fewer = compare([row for row in rows if (row["corpus"], row["method"]) != ("c0", "a")], baseline="a",
                    unranked=["a", "d"])  # fmt: skip
    assert ({*fewer.common_corpora}, fewer.gain_corpora) == ({"c0", "c1"}, ("c1",))
    assert fewer.mean_gains == pytest.approx({"b": 0.06, "c": 0.07})


def test_methods_corpora_and_families_can_be_chosen():
    found = compare(
        grid(),
        methods=["teacher", "alone"],
        corpora=["c2", "c1"],
        families={"one": [("taught", "alone")], "two": [("teacher", "alone"), ("teacher", "taught")], "none": []},
    )
    assert (found.methods, found.corpora) == (("teacher", "alone"), ("c2", "c1"))
    assert [len(tests) for tests in found.families.values()] == [1, 2, 0]
    assert found.families["two"][0].family_size == 2
    assert found.families["one"][0].corpora == ("c2", "c1")
    assert found.gains == {}


def test_unranked_methods_are_in_scores_and_families_and_not_in_ranks():
    rows = grid(methods=("alone", "taught", "half", "teacher"))
    rows = [row for row in rows if (row["corpus"], row["method"]) != ("c0", "teacher")]
    found = compare(rows, baseline="alone", unranked=["teacher"])
    students = compare([row for row in rows if row["method"] != "teacher"], baseline="alone")
    assert found.friedman == students.friedman
    assert found.nemenyi == students.nemenyi
    assert len(found.common_corpora) == 8
    assert found.notes == ()
    assert [test.method for test in found.families["against alone"]] == ["taught", "half", "teacher"]
    assert ("c1", "teacher") in found.scores
    # It lacks one of the corpora that the others' means are over.
    assert found.means == students.means
    only = compare(rows, unranked=["alone", "taught", "half", "teacher"])
    assert only.friedman.average_ranks == {}
    assert only.friedman.verdict.startswith("Not made")
    assert len(only.common_corpora) == 7
    expected = np.mean([r["f1"] for r in rows if r["method"] == "half" and r["corpus"] != "c0"])
    assert only.means["half"] == pytest.approx(expected)


def test_without_baseline_all_pairs_are_one_family():
    found = compare(grid())
    assert [(t.method, t.against) for t in found.families["all pairs"]] == [
        ("taught", "alone"),
        ("teacher", "alone"),
        ("teacher", "taught"),
    ]


@pytest.mark.parametrize("factor", [1, 100])
def test_sentences_speak_of_points_whatever_the_scale(factor):
    rows = [{**row, "f1": factor * row["f1"]} for row in grid()]
    (taught, _) = compare(rows, baseline="alone").families["against alone"]
    assert f"mean gain +{100 * taught.effect.mean_gain / factor:.2f} " in taught.verdict


def test_one_corpus_one_seed_two_methods_and_all_else_that_is_small():
    rows = grid(corpora=1, methods=("a", "b"), seeds=(1,))
    found = compare(rows, baseline="a")
    assert found.scores["c0", "a"].deviation is None
    assert [text.split(":")[0] for text in found.verdicts()] == ["Friedman", "Nemenyi", "b against a"]
    assert "too few corpora to decide" in found.verdicts()[2]
    alone = compare(grid(methods=("a",)))
    assert alone.families == {"all pairs": ()}
    assert "three methods" in alone.friedman.verdict


def test_twenty_methods():
    found = compare(grid(methods=[f"method {i}" for i in range(20)]))
    assert found.nemenyi.p.shape == (20, 20)
    assert found.friedman.rejected
    assert len(found.families["all pairs"]) == 190


def test_the_result_is_json():
    rows = [{"corpus": f"c{c}", "method": m, "f1": f} for c in range(6) for f, m in enumerate("xyz")]
    plain = json.loads(json.dumps(compare(rows, baseline="x").to_dict(), allow_nan=False))
    assert plain["friedman"]["f"] == "infinite"
    assert plain["scores"][0] == {"corpus": "c0", "method": "x", "mean": 0.0, "deviation": None, "seeds": 1}
    assert plain["families"]["against x"][1]["method"] == "z"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows + rows[3:4], r"row 73: corpus 'c0', method 'taught', seed 1 stands in row 4 already"),
        (lambda rows: [{**rows[0], "f1": math.nan}], "row 1: corpus 'c0', method 'alone': expected a finite number"),
        (lambda rows: [{**rows[0], "f1": "high"}], "got 'high'"),
        (lambda rows: [rows[0], {**rows[1], "f1": None}], "row 2: the value under 'f1' is missing"),
        (lambda rows: [rows[0], {**rows[1], "f1": " "}], "row 2: the value under 'f1' is missing"),
        (lambda rows: [{**rows[0], "seed": None}], "row 1: the value under 'seed' is missing"),
        (lambda rows: [{**rows[0], "method": None}], "row 1: the value under 'method' is missing"),
        (lambda rows: [{**rows[0], "F1": 0.5}], "row 1: there are several columns 'f1'"),
        (lambda rows: [{**rows[0], "f1": True}], "got True"),
        (lambda rows: [{**rows[0], "corpus": " "}], "row 1: expected a name under 'corpus', got ''"),
        (lambda rows: [{**rows[0], "method": 3}], "expected a name under 'method', got 3"),
        (lambda rows: [{"corpus": "c", "mehtod": "m", "f1": 0.5}], "no column 'method': did you mean 'mehtod'"),
        (lambda rows: [{"corpus": "c", "method": "m", "F": 0.5}], "no column 'f1'"),
        (lambda rows: [{**rows[0], "seed": math.nan}], "there is no seed"),
        (lambda rows: [("c", "m", 1, 0.5)], "row 1: expected a mapping"),
        (lambda rows: [], "no scores to compare"),
        (lambda rows: {"corpus": "c"}, "a sequence of rows, a data frame or the path of a CSV file, got dict"),
        (lambda rows: "no-such-file.csv", "no-such-file.csv: cannot be read: No such file"),
    ],
)
def test_bad_tables_are_refused(change: Callable, said: str):
    with pytest.raises(TfkdError, match=said):
        compare(change(grid()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("corpus,method,f1\nc,m,0.5,7\n", "line 2: more fields than the 3"),
        ("corpus,method,f1\nc,m,0.5\nc,n\n", "line 3: the value under 'f1' is missing; expected one in every row"),
        ("corpus,method,f1\nc,m,\n", "line 2: the value under 'f1' is missing"),
        ("corpus,method,f1\rc,m,0.5\rc,n\r", "line 3: the value under 'f1' is missing"),
        ('corpus,method,f1\nc,m,"0,5"\n', "expected a finite number under 'f1', got '0,5'; write a decimal point"),
        ("corpus;method;f1\nc;m;0,5\n", r"line 1: .* separated by semicolons, expected commas; .*sep=';', decimal=','"),
        ("corpus\tmethod\tf1\nc\tm\t0.5\n", r"line 1: .* separated by tabs, .*read_csv\('scores.csv', sep='.t'\)"),
        ("corpus,method,f1,F1\nc,m,0.5,0.6\n", "line 2: there are several columns 'f1'"),
        ('corpus,method,f1\nc,"m,0.5\n', "is no CSV file"),
        ("corpus,method,f1\n", "no scores to compare"),
        ("", "no scores to compare"),
    ],
)
def test_bad_files_are_refused_with_their_line(tmp_path: Path, content: str, said: str):
    (tmp_path / "scores.csv").write_text(content)
    with pytest.raises(TfkdError, match=said):
        compare(tmp_path / "scores.csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"baseline": "alon"}, "method 'alon': did you mean 'alone'"),
        ({"methods": ["alone", "taugt"]}, "did you mean 'taught'"),
        ({"corpora": ["c99"]}, "no scores on a corpus 'c99'"),
        ({"methods": []}, "nothing to compare"),
        ({"families": {"f": [("taught", "taught")]}}, "family 'f': 'taught' is set against itself"),
        ({"families": {"f": [("taught", "alone"), ("alone", "taught")]}}, "compared twice"),
        ({"families": {"f": ["ab"]}}, "expected pairs"),
        ({"families": {"f": [("taught", "nobody")]}}, "method 'nobody'"),
        ({"unranked": ["techer"]}, "did you mean 'teacher'"),
        ({"alpha": 5}, "alpha is a probability"),
    ],
)
def test_bad_options_are_refused(options: dict, said: str):
    with pytest.raises(TfkdError, match=said):
        compare(grid(), **options)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    for name in ("scipy", "scipy.stats"):
        monkeypatch.setitem(sys.modules, name, None)
    expected = r"comparing methods needs scipy, which is not installed: pip install 'tfkd\[study\]'"
    with pytest.raises(TfkdError, match=expected):
        compare([{"corpus": "c", "method": m, "f1": 0.5} for m in ("m", "n")])


def test_the_script_of_the_guide(capsys: pytest.CaptureFixture):
    (script,) = code_blocks("docs/statistics.md", "python")
    exec(script, {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("Friedman: Over 8 corpora and 3 methods")
    assert printed[2] == (
        "taught against alone: higher on 8 of 8 corpora, mean gain +1.20 (95 % interval +1.20 to +1.20); p = 0.0078: "
        "taught scores higher."
    )
