"""Comparison of methods over corpora: means, gains, ranks and tests."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tfkd.studies.statistics.paired_tests import PairedTest, wilcoxon_holm
from tfkd.studies.statistics.rank_tests import FriedmanTest, NemenyiTest, friedman, nemenyi
from tfkd.studies.statistics.score_table import CompletePart, Scores, ScoreTable
from tfkd_base.errors import TfkdError, nearest


@dataclass(frozen=True)
class Spread:
    """A mean over seeds, its standard deviation (n - 1; None for one seed) and the number of seeds."""

    mean: float
    deviation: float | None
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of values.

        Example:
            >>> Spread.of([1.0, 2.0, 3.0])
            Spread(mean=2.0, deviation=1.0, seeds=3)
        """
        return cls(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`.

    Attributes:
        corpora: All corpora of the methods compared.
        methods: The methods compared.
        baseline: The method that gains are taken over; None without one.
        scores: Mean and deviation over all seeds of each corpus and method; no entry where there is no score.
        gains: The same of the difference to the baseline, paired by seed; empty without a baseline. Where there is no
            seed in common it is the difference of the means, without a deviation and of 0 seeds.
        common_corpora: The corpora that all ranked methods have; that all have, where none is ranked.
        means: For each method the mean over the common corpora: of the scores that are ranked, which are those of
            common seeds, and for an unranked method of all its seeds. No entry where one of the corpora is missing.
        gain_corpora: Those of the common corpora that the baseline has.
        mean_gains: For each method the mean of its gains over these corpora; no entry where one is missing.
        unranked: The methods that stand in the scores, gains and families, and not in the next two tests.
        friedman: The test of all other methods at once; holds the average ranks.
        nemenyi: The test of all pairs after it.
        families: Wilcoxon's tests, corrected by Holm within each family.
        notes: What the tests of all methods exclude, in sentences with counts.
        scale: What scores are multiplied by in sentences: 100 for scores from 0 to 1, to speak of points, else 1.
        alpha: The level of each test or family.
    """

    corpora: tuple[str, ...]
    methods: tuple[str, ...]
    baseline: str | None
    scores: Mapping[tuple[str, str], Spread]
    gains: Mapping[tuple[str, str], Spread]
    common_corpora: tuple[str, ...]
    means: Mapping[str, float]
    gain_corpora: tuple[str, ...]
    mean_gains: Mapping[str, float]
    unranked: tuple[str, ...]
    friedman: FriedmanTest
    nemenyi: NemenyiTest
    families: Mapping[str, tuple[PairedTest, ...]]
    notes: tuple[str, ...]
    scale: float
    alpha: float

    def verdicts(self) -> list[str]:
        """Return the verdict of each test, a sentence or two each."""
        paired = [test.verdict for tests in self.families.values() for test in tests]
        return [f"Friedman: {self.friedman.verdict}", f"Nemenyi: {self.nemenyi.verdict}", *paired]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        named = asdict(replace(self, scores={}, gains={}, nemenyi=replace(self.nemenyi, p=None)))
        for name in ("scores", "gains"):
            cells: Mapping[tuple[str, str], Spread] = getattr(self, name)
            named[name] = [{"corpus": c, "method": m, **asdict(spread)} for (c, m), spread in cells.items()]
        named["nemenyi"]["p"] = None if self.nemenyi.p is None else self.nemenyi.p.tolist()
        if named["friedman"]["f"] == float("inf"):
            named["friedman"]["f"] = "infinite"  # which JSON has no number for
        return named


def compare(
    scores: Scores,
    *,
    baseline: str | None = None,
    methods: Sequence[str] | None = None,
    corpora: Sequence[str] | None = None,
    families: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    unranked: Sequence[str] = (),
    score: str = "f1",
    alpha: float = 0.05,
    scale: float | None = None,
) -> Comparison:
    """Compare methods over corpora.

    The unit of analysis is a corpus, with scores averaged over seeds: more seeds make its score surer, but no second
    corpus. Tests of all methods use the corpora and seeds that all of them have, those of a pair what both have;
    `notes` counts what is excluded.

    Args:
        scores: Rows with `corpus`, `method`, `seed` (may be absent) and the score; a pandas data frame with these
            columns; or the path of a CSV file.
        baseline: The method that gains are taken over.
        methods: The methods to compare, in this order; all of the table by default.
        corpora: The corpora to compare them on; all by default.
        families: Pairs `(method, against)` to test by Wilcoxon's test, under the name of their family; Holm corrects
            within each. Name few, before the scores are seen. Pairs may name methods outside `methods`. By default
            one family: each method against the baseline, or without a baseline all pairs.
        unranked: Methods to leave out of the tests of all methods at once, and so of the ranks, such as teachers
            where students are compared.
        score: The column of the score; more is better.
        alpha: The level of each test and each family.
        scale: What scores are multiplied by in sentences; by default 100 if all lie within -1 and 1, else 1.

    Raises:
        TfkdError: The table cannot be read, a name is unknown, a method is compared with itself, or the extra
            `study` is not installed.

    Example:
        >>> rows = [
        ...     {"corpus": f"c{i}", "method": method, "seed": seed, "f1": 0.7 + 0.01 * i * gain + 0.001 * seed}
        ...     for i in range(1, 7) for method, gain in [("alone", 0), ("taught", 1)] for seed in (1, 2, 3)
        ... ]
        >>> found = compare(rows, baseline="alone")
        >>> print(found.families["against alone"][0].verdict)
        taught against alone: higher on 6 of 6 corpora, mean gain +3.50 (95 % interval +1.54 to +5.46); p = 0.031:
        taught scores higher.
    """
    table = ScoreTable.read(scores, score)
    chosen = _chosen(table, methods, corpora)
    table.check_methods([*([] if baseline is None else [baseline]), *unranked])
    if not 0 < alpha < 1:
        raise TfkdError(f"alpha is a probability between 0 and 1, such as 0.05, got {alpha!r}")
    named = default_families(chosen.methods, baseline) if families is None else families
    wide = _chosen(table, table.methods, corpora)
    if scale is None:
        scale = 100.0 if all(abs(v) <= 1 for cell in table.cells.values() for v in cell.values()) else 1.0
    left = tuple(method for method in chosen.methods if method in unranked)
    part = chosen.complete([method for method in chosen.methods if method not in left] or left)
    ranked_part = part if left != chosen.methods else CompletePart.nothing()
    ranked = friedman(ranked_part, alpha)
    cells = {cell: Spread.of(list(seeds.values())) for cell, seeds in chosen.cells.items()}
    gains = _gains(wide, chosen.methods, baseline)
    gain_corpora = tuple(corpus for corpus in part.corpora if (corpus, baseline) in wide.cells)
    return Comparison(
        chosen.corpora,
        chosen.methods,
        baseline,
        cells,
        gains,
        part.corpora,
        _means(part, cells, left),
        gain_corpora,
        _mean_gains(gains, chosen.methods, gain_corpora),
        left,
        ranked,
        nemenyi(ranked_part, ranked),
        {name: wilcoxon_holm(wide, _pairs(name, pairs), alpha, scale) for name, pairs in named.items()},
        part.notes,
        scale,
        alpha,
    )


def _chosen(table: ScoreTable, methods: Sequence[str] | None, corpora: Sequence[str] | None) -> ScoreTable:
    """Return the part of a table with some methods and corpora, in their order."""
    methods, corpora = (tuple(dict.fromkeys(names)) if names is not None else None for names in (methods, corpora))
    table.check_methods(methods or ())
    for corpus in corpora or ():
        if corpus not in table.corpora:
            raise TfkdError(f"there are no scores on a corpus {corpus!r}: {nearest(corpus, table.corpora)}")
    methods = table.methods if methods is None else methods
    corpora = table.corpora if corpora is None else corpora
    if not methods or not corpora:
        raise TfkdError("there is nothing to compare: expected at least one method and one corpus")
    keys = [(corpus, method) for corpus in corpora for method in methods if (corpus, method) in table.cells]
    return ScoreTable(corpora, methods, {key: table.cells[key] for key in keys}, table.awaited)


def default_families(methods: Sequence[str], baseline: str | None) -> dict[str, list[tuple[str, str]]]:
    """Return the default family of tests: each method against the baseline, or without a baseline all pairs.

    Example:
        >>> default_families(["a", "b", "c"], "a")
        {'against a': [('b', 'a'), ('c', 'a')]}
    """
    if baseline is not None:
        return {f"against {baseline}": [(method, baseline) for method in methods if method != baseline]}
    return {"all pairs": [(one, other) for i, one in enumerate(methods) for other in methods[:i]]}


def _pairs(family: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    checked: list[tuple[str, str]] = []
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise TfkdError(
                f"family {family!r}: expected pairs of a method and the one it is set against, got {pair!r}"
            )
        if pair[0] == pair[1]:
            raise TfkdError(
                f"family {family!r}: {pair[0]!r} is set against itself; name another method to compare with"
            )
        if {*pair} in [{*other} for other in checked]:
            raise TfkdError(f"family {family!r}: {pair[0]!r} and {pair[1]!r} are compared twice; name each pair once")
        checked.append((pair[0], pair[1]))
    return checked


def _means(part: CompletePart, cells: Mapping[tuple[str, str], Spread], unranked: Sequence[str]) -> dict[str, float]:
    if not part.corpora:
        return {}
    means = dict(zip(part.methods, part.means.mean(axis=0).tolist(), strict=True))
    for method in unranked:
        if all((corpus, method) in cells for corpus in part.corpora):
            means[method] = statistics.mean(cells[corpus, method].mean for corpus in part.corpora)
    return means


def _gains(table: ScoreTable, methods: Sequence[str], baseline: str | None) -> dict[tuple[str, str], Spread]:
    gains: dict[tuple[str, str], Spread] = {}
    for corpus in table.corpora:
        base = table.cells.get((corpus, baseline or ""), {})
        for method in methods:
            scores = table.cells.get((corpus, method), {})
            if not scores or not base or method == baseline:
                continue
            differences = [value - base[seed] for seed, value in scores.items() if seed in base]
            apart = Spread(statistics.mean(scores.values()) - statistics.mean(base.values()), None, 0)
            gains[corpus, method] = Spread.of(differences) if differences else apart
    return gains


def _mean_gains(
    gains: Mapping[tuple[str, str], Spread], methods: Sequence[str], corpora: Sequence[str]
) -> dict[str, float]:
    by_method = {method: [gains.get((corpus, method)) for corpus in corpora] for method in methods}
    return {
        method: statistics.mean(gain.mean for gain in found if gain is not None)
        for method, found in by_method.items()
        if found and None not in found
    }
