"""The files of a report: what they say, and that the page stands alone in a real browser."""

from __future__ import annotations

import csv
import random
import re
import statistics
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.studies.report import browser
from tfkd.studies.report import Study, StudyPart, StudyRun, write_report
from tfkd.studies.statistics import pack_counts, paired_bootstrap
from tfkd_base.errors import TfkdError

PICTURES = ["learning-curves", "main-gains", "main-ranks", "parameters", "small-sets-gains", "speed"]


class Text(HTMLParser):
    """The text of a page, and its tags, which must be closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "!doctype"):
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_every_file_is_there(written):
    assert sorted(p.name for p in written.iterdir()) == ["pictures", "report.html", "report.md", "tables"]
    assert sorted({p.stem for p in (written / "pictures").iterdir()}) == PICTURES
    for name in PICTURES:
        assert not (written / "pictures" / f"{name}.png").exists()
        assert "<text" not in (written / "pictures" / f"{name}.svg").read_text()  # letters are shapes


@pytest.mark.slow
def test_the_page_is_well_formed_and_shows_names_as_they_are(written):
    page = Text((written / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    for text in ("A <study> & its title", '<b>taught</b> & "quoted" | *starred*', "of <i>long</i> name, $5 & more"):
        assert text in page.text
    assert page.text.index("Main") < page.text.rindex("Does it <help>?") > page.text.rindex("Verdicts")


@pytest.mark.slow
def test_it_ends_with_the_verdicts(written):
    for name, heading in (("report.html", ">Verdicts</h2>"), ("report.md", "## Verdicts")):
        page = (written / name).read_text(encoding="utf-8")
        end = page[page.index(heading) :]
        assert "<h2" not in end[15:]
        assert "Once more without BC2GM: " in end
        assert "higher on 6 of 6 corpora" in end
        assert "too few corpora to decide, since with 2 p cannot go below 0.5" in end
        assert "There are no runs yet for: Later." in page
        assert "There are no runs yet of not yet run. Pairs with them are not tested" in page


@pytest.mark.slow
def test_tables_hold_the_numbers(written, full_study):
    rows = table(written, "main-scores")
    assert [row["method"] for row in rows] == ["alone", '<b>taught</b> & "quoted" | *starred*', "teacher"]
    f1 = [
        100 * r.test_f1
        for r in full_study.runs
        if (r.corpus, r.method, r.training_sentences) == ("BC2GM", "alone", 1000)
    ]
    assert (float(rows[0]["BC2GM mean"]), float(rows[0]["BC2GM sd"]), rows[0]["BC2GM n"]) == (
        pytest.approx(statistics.mean(f1)),
        pytest.approx(statistics.stdev(f1)),
        "2",
    )
    assert float(rows[2]["rank"]) == 1
    assert len(table(written, "runs")) == len(full_study.runs)
    (taught,) = table(written, "main-taught-against-alone")
    assert float(taught["p"]) == 2 / 2**6
    assert [taught[name] for name in ("corpora", "wins", "ties", "losses")] == ["6", "6", "0", "0"]
    assert float(taught["mean gain low"]) < float(taught["mean gain"]) < float(taught["mean gain high"])
    seen = table(written, "seen")[0]
    assert (float(seen["seen: recall"]), seen["unseen: precision"]) == (70, "")
    assert float(table(written, "errors")[0]["too short"]) == pytest.approx(50)
    assert len(table(written, "main-sentences")) == 12
    assert len(table(written, "learning-curves")) == 12


@pytest.mark.slow
def test_csv_files_hold_plain_numbers_under_names_of_their_own(written):
    for path in (written / "tables").iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert len({*header}) == len(header)
        assert [name.strip() for name in header] == header
        assert {len(row) for row in rows} == {len(header)}
        for name, column in zip(header, zip(*rows, strict=True), strict=True):
            if name not in ("method", "against", "other", "corpus", "type", "gold", "predicted", "better"):
                assert not [cell for cell in column if re.search("[−±:–]|[0-9] to ", cell)]
            if name.endswith((" n", "corpora", "sentences", "seeds", "entities", "parameters")):
                assert all(cell == "" or cell.isdigit() for cell in column)


@pytest.mark.slow
def test_markdown_says_the_same(written):
    markdown = (written / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith("# A \\<study\\> \\& its title\n")
    for link in re.findall(r"\]\((pictures/[^)]*)\)", markdown):
        assert (written / link).is_file()
    assert len(re.findall(r"!\[", markdown)) == len(PICTURES)
    # The cells of a row are as many as those of its table's head, whatever stands in a name.
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def small_study(corpora: int = 1) -> Study:
    runs = [StudyRun(f"c{c}", m, 1, 0.5) for c in range(corpora) for m in ("a", "b")]
    return Study("Small", (StudyPart("Main", ("a", "b"), baseline="a"),), tuple(runs))


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes(tmp_path):
    first, second = (write_report(small_study(7), tmp_path / name) for name in ("one", "two"))
    for one, two in [(first.html, second.html), (first.markdown, second.markdown),
                     *zip(first.pictures + first.tables, second.pictures + second.tables, strict=True)]:  # fmt: skip
        assert one.read_bytes() == two.read_bytes()


def test_the_smallest_study(tmp_path):
    files = write_report(small_study(), tmp_path)
    assert [path.name for path in files.pictures] == ["main-gains.svg"]
    assert "too few corpora to decide" in files.html.read_text()
    one = replace(small_study(), runs=small_study().runs[:1])
    assert write_report(one, tmp_path).pictures == ()


def test_unranked_methods_have_a_mean_and_no_rank(tmp_path):
    methods = ("teacher", "a", "b", "c", "later")
    runs = [StudyRun(f"c{c}", m, 1, 0.9 - 0.1 * i) for c in range(6) for i, m in enumerate(methods[:4])]
    family = {"taught": (("a", "teacher"), ("later", "a"))}
    part = StudyPart("Main", methods, families=family, unranked=("teacher",), leave_out={"without c1": ("c1",)})
    files = write_report(Study("S", (part,), tuple(runs)), tmp_path)
    rows = table(tmp_path, "main-scores")
    assert [(row["method"], row["rank"]) for row in rows] == [("teacher", ""), ("a", "1.0"), ("b", "2.0"), ("c", "3.0")]
    assert [float(row["mean"]) for row in rows] == pytest.approx([90, 80, 70, 60])
    said = files.markdown.read_text(encoding="utf-8")
    assert "**Not ranked:** teacher; in the tables and in pairs" in said
    assert "All methods at once, without teacher: Over 6 corpora and 3 methods" in said
    assert "a against teacher: higher on 0 of 6 corpora" in said
    # In its table and among the verdicts, and not once more without a corpus.
    assert said.count("later against a: not tested, there are no runs of later yet.") == 2


def test_what_changes_without_a_corpus_is_said(tmp_path):
    def said(corpora: int, gain: float) -> str:
        runs = [StudyRun(f"c{c}", m, 1, 0.5 + gain * c * (m == "b")) for c in range(1, corpora + 1) for m in ("a", "b")]
        part = StudyPart("Main", ("a", "b"), baseline="a", leave_out={"without c1": ("c1",)})
        markdown = write_report(Study("S", (part,), tuple(runs)), tmp_path).markdown.read_text(encoding="utf-8")
        return next(line for line in markdown.splitlines() if "Once more without c1: " in line).split(": ")[1]

    assert said(8, 0.0) == "none is rejected either."
    assert said(8, 0.01) == "the same null hypotheses are rejected."
    # With five corpora p cannot go below 0.0625.
    assert said(6, 0.01) == "b against a (against a) no longer rejected."


def test_ranks_that_the_friedman_test_did_not_part_are_not_to_be_read(tmp_path):
    def said(better: float) -> str:
        drawn = random.Random(0)
        runs = [
            StudyRun(f"c{c}", m, 1, 0.5 + 0.1 * drawn.random() + better * (m == "c")) for c in range(8) for m in "abc"
        ]
        return write_report(Study("S", (StudyPart("Main", tuple("abc")),), tuple(runs)), tmp_path).markdown.read_text(
            "utf-8"
        )

    alike, apart = said(0.0), said(0.3)
    assert "one bar joins all methods, and no pair is to be read as apart" in alike
    assert "Nemenyi test of all 3 pairs, not to be read, as the Friedman test did not reject:" in alike
    assert "A bar joins methods that the Nemenyi test cannot part" in apart
    assert "Nemenyi test of all 3 pairs:" in apart


def test_a_mean_that_is_missing_is_explained(tmp_path):
    runs = [StudyRun(f"c{c}", m, 1, 0.5) for c in range(6) for m in ("t", "a", "b") if (c, m) != (0, "t")]
    part = StudyPart("Main", ("t", "a", "b"), unranked=("t",))
    markdown = write_report(Study("S", (part,), tuple(runs)), tmp_path).markdown.read_text("utf-8")
    assert "over the 6 corpora that all ranked methods have" in markdown
    assert "; a method that lacks one of them has no mean:" in markdown
    assert [row["mean"] for row in table(tmp_path, "main-scores")] == ["", "50.0", "50.0"]


def test_intervals_that_are_missing_are_explained(tmp_path):
    def said(loss: float) -> str:
        runs = [
            StudyRun(f"c{c}", m, 1, 0.5 + (0.01 * c + loss * (c == 1)) * (m == "b")) for c in range(1, 9) for m in "ab"
        ]
        part = StudyPart("Main", ("a", "b"), baseline="a")
        return write_report(Study("S", (part,), tuple(runs)), tmp_path).markdown.read_text("utf-8")

    why = "where all corpora differ in one direction or none differs: there every resample of them gives the same value"
    assert "| 8 : 0 : 0 | 1.00 (0.63 to 1.00) | +4.50 (+2.45 to +6.55) | +1.00 (–) |" in said(0)
    assert why in said(0)
    assert "| 7 : 0 : 1 |" in said(-0.02)
    assert why not in said(-0.02)


def test_words_in_names_and_terms_are_explained_before_they_come(tmp_path):
    legend = {"posteriors": "learns what the teacher's CRF thinks | of a tag"}
    text = write_report(replace(small_study(6), legend=legend, alpha=0.01), tmp_path).markdown.read_text("utf-8")
    top = text[: text.index("## Main")]
    assert "| posteriors | learns what the teacher's CRF thinks \\| of a tag |" in top
    assert "with a probability of 1 % at most any true null hypothesis" in top
    assert table(tmp_path, "legend") == [{"word": "posteriors", "meaning": legend["posteriors"]}]
    files = write_report(small_study(6), tmp_path / "without")
    assert "legend" not in [path.stem for path in files.tables]


def test_sentences_are_resampled_at_the_level_of_the_study_on_common_seeds(tmp_path):
    drawn = np.random.default_rng(0)
    counts = {}
    for method, seed, right in [("a", 1, 0.5), ("a", 2, 0.5), ("b", 1, 0.63), ("b", 2, 0.63), ("b", 3, 0.0)]:
        found = drawn.binomial(1, right, 150)
        counts[method, seed] = np.stack([found, 0 * found, 1 - found], axis=1)
    runs = [StudyRun("c", m, s, 0.5, sentence_counts=pack_counts(c)) for (m, s), c in counts.items()]
    for alpha in (0.05, 0.001):
        study = Study("S", (StudyPart("Main", ("a", "b"), baseline="a"),), tuple(runs), alpha=alpha)
        markdown = write_report(study, tmp_path).markdown.read_text("utf-8")
        (row,) = table(tmp_path, "main-sentences")
        summed = [counts[method, 1] + counts[method, 2] for method in "ba"]
        expected = paired_bootstrap(*summed, level=1 - alpha)
        assert 0.001 < expected.p < 0.05
        assert (row["seeds"], row["sentences"], float(row["p"])) == ("2", "150", expected.p)
        ends = [float(row[f"difference {end}"]) / 100 for end in ("low", "high")]
        assert ends == pytest.approx(list(expected.interval))
        assert row["better"] == ("b" if alpha == 0.05 else "not shown")
        assert f"| {100 - 100 * alpha:g} % interval |" in markdown


def test_headings_that_make_one_name_lose_no_table(tmp_path):
    families = {"scores": (("b", "a"),)}
    parts = (StudyPart("Runs", ("a", "b"), families=families), StudyPart("runs!", ("a", "b"), families=families))
    files = write_report(replace(small_study(), parts=parts), tmp_path)
    names = [path.stem for path in files.tables]
    assert names == ["runs-scores", "runs-scores-2", "runs-scores-3", "runs-scores-4", "runs"]
    assert [list(table(tmp_path, name)[0])[1] for name in names] == ["mean", "against", "mean", "against", "method"]
    ids = Text(files.html.read_text(encoding="utf-8")).ids
    assert len(ids) == len(set(ids))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TfkdError, match="the report cannot be written: Not a directory"):
        write_report(small_study(), tmp_path / "file" / "report")


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium: install the Debian package chromium")
@pytest.mark.parametrize("width", [360, 1200])
def test_in_a_browser(written, tmp_path, width):
    # Alone in a folder, so that nothing beside it can help.
    (tmp_path / "page.html").write_bytes((written / "report.html").read_bytes())
    with browser.opened(tmp_path / "page.html", width, tmp_path / "profile") as page:
        assert page.value("document.documentElement.scrollWidth") <= width
        boxes = page.value(
            "[...document.querySelectorAll('svg')].map(s => {const b = s.getBoundingClientRect(), d = s.getBBox();"
            "return [b.width, b.height, d.width, d.height, s.querySelectorAll('path').length]})"
        )
        assert len(boxes) == len(PICTURES)
        for shown_width, height, drawn_width, drawn_height, paths in boxes:
            assert min(shown_width, drawn_width) > 100
            assert min(height, drawn_height) > 50
            assert paths > 10
        # Wide tables and pictures can be scrolled, and stay within the page.
        assert (
            page.value("Math.max(...[...document.querySelectorAll('.scroll, .picture')].map(e => e.clientWidth))")
            <= width
        )
        wanted = [e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"]
        assert wanted == [(tmp_path / "page.html").as_uri()]
        sizes = "[...document.querySelectorAll('p, li, td, th')].map(e => parseFloat(getComputedStyle(e).fontSize))"
        assert page.value(f"Math.min(...{sizes})") >= 12


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium: install the Debian package chromium")
def test_dark_paper_in_a_browser(written, tmp_path):
    colours = []
    for dark in (False, True):
        with browser.opened(written / "report.html", 800, tmp_path / f"profile-{dark}", dark) as page:
            style = "getComputedStyle(document.body)"
            colours.append(page.value(f"[{style}.backgroundColor, {style}.color]"))
            assert (
                page.value("getComputedStyle(document.querySelector('.picture')).backgroundColor")
                == "rgb(255, 255, 255)"
            )
    assert colours == [["rgb(255, 255, 255)", "rgb(27, 27, 27)"], ["rgb(22, 24, 27)", "rgb(230, 230, 230)"]]
