"""Contents of a report, in order."""

from __future__ import annotations

from tfkd.studies.report.comparisons import ComparedPart, part_section
from tfkd.studies.report.document import Block, Cell, Listing, Paragraph, Report, ReportSection, Table, with_own_names
from tfkd.studies.report.entities import errors_section, seen_section
from tfkd.studies.report.measurements import cost_section, curves_section, runs_section, types_section
from tfkd.studies.report.study import Study, StudyPart, StudyRun, check_study
from tfkd.studies.statistics.comparison import Comparison
from tfkd.studies.statistics.wording import join_names
from tfkd_base.errors import TfkdError

HOW_TO_READ = (
    "The unit of analysis is a corpus, with scores averaged over seeds: more seeds make a corpus' score surer, but are "
    "no more corpora. Entities count as found if both boundaries and the type are right. That a null hypothesis is not "
    "rejected means that no difference was shown, not that there is none."
)
TERMS = (
    "Points are percentage points: from an F1 of 80.0 to one of 81.5 the gain is 1.5 points. Holm's correction raises "
    "each p of a family of tests, so that with a probability of {level:g} % at most any true null hypothesis of the "
    "family is rejected. The rank-biserial correlation is 1 where a method scores higher on every corpus, −1 where it "
    "scores lower on all, and 0 where gains and losses weigh the same."
)


def document(study: Study) -> Report:
    """Return the report of a study.

    Args:
        study: The study.

    Raises:
        TfkdError: It has no parts or no runs, or a part cannot be compared.
    """
    check_study(study)
    if not study.runs or not study.parts:
        raise TfkdError(
            f"study {study.title!r}: expected a part and a finished run at least, got {len(study.parts)} parts and "
            f"{len(study.runs)} runs; make some runs first."
        )
    compared = [ComparedPart.of(study, part) for part in study.parts if study.runs_of(part)]
    if not compared:
        raise TfkdError(f"study {study.title!r}: none of its {len(study.runs)} runs belongs to one of its parts.")
    blocks: list[Block] = [*map(Paragraph, study.description), Paragraph(HOW_TO_READ, "How to read this.")]
    blocks.append(Paragraph(TERMS.format(level=100 * study.alpha), "Terms."))
    if study.legend:
        words: list[list[Cell]] = [[word, meaning] for word, meaning in study.legend.items()]
        blocks.append(Table("legend", "Words in the names of methods", ["word", "meaning"], words))
    if study.notes:
        blocks.append(Listing(study.notes))
    waiting = [part.name for part in study.parts if not study.runs_of(part)]
    if waiting:
        blocks.append(Paragraph(f"There are no runs yet for: {', '.join(waiting)}."))
    sections = [part_section(study, part) for part in compared]
    sections += _measurements(study, compared[0].part, compared[0].comparison)
    sections += [runs_section(study.runs), _verdicts(compared)]
    taken: set[str] = set()
    blocks = with_own_names(blocks, taken)
    sections = [ReportSection(section.title, with_own_names(section.blocks, taken)) for section in sections]
    return Report(study.title, blocks, sections)


def _measurements(study: Study, main: StudyPart, comparison: Comparison) -> list[ReportSection]:
    runs: list[StudyRun] = study.runs_of(main)
    found = [
        curves_section(study.runs, {method for part in study.parts for method in part.unranked}),
        cost_section(runs, comparison),
        types_section(runs, comparison.methods),
        seen_section(runs, comparison.methods),
        errors_section(runs, comparison.methods),
    ]
    return [section for section in found if section is not None]


def _verdicts(compared: list[ComparedPart]) -> ReportSection:
    blocks: list[Block] = []
    for part in compared:
        blocks.append(Paragraph(part.part.question, f"{part.part.name}."))
        comparison = part.comparison
        without = f", without {join_names(comparison.unranked)}" if comparison.unranked else ""
        lines = [f"All methods at once{without}: {comparison.friedman.verdict}"]
        for family, tests in comparison.families.items():
            lines += [f"{family}: {test.verdict}" for test in tests]
        blocks.append(Listing(lines + [_changes(name, comparison, other) for name, other in part.without.items()]))
    return ReportSection("Verdicts", blocks)


def _changes(name: str, whole: Comparison, other: Comparison) -> str:
    """Describe which rejections change when some corpora are excluded."""
    before, after = _rejected(whole), _rejected(other)
    lost = [hypothesis for hypothesis in before if before[hypothesis] and not after.get(hypothesis, False)]
    won = [hypothesis for hypothesis in after if after[hypothesis] and not before.get(hypothesis, False)]
    changes = [
        f"{', '.join(names)} {words}" for names, words in [(lost, "no longer rejected"), (won, "now rejected")] if names
    ]
    same = "the same null hypotheses are rejected" if any(before.values()) else "none is rejected either"
    return f"Once more {name}: {'; '.join(changes) or same}."


def _rejected(comparison: Comparison) -> dict[str, bool]:
    answers = {"all methods alike": comparison.friedman.rejected}
    for family, tests in comparison.families.items():
        answers |= {f"{test.method} against {test.against} ({family})": test.rejected for test in tests}
    return answers
