"""How `tfkd evaluate` shows scores."""

from __future__ import annotations

from rich.console import Console

from tfkd.evaluation import Score, Scores
from tfkd_cli.evaluate import scores_table


def test_the_table_has_a_row_for_each_type_and_one_for_all() -> None:
    disease, gene = Score(0.5, 0.25, 1 / 3, 8), Score(1.0, 0.75, 6 / 7, 4)
    scores = Scores("iob2", micro=Score(0.7, 5 / 12, 0.5223, 12), types={"Disease": disease, "Gene": gene})
    console = Console(width=100)
    with console.capture() as captured:
        console.print(scores_table(scores, title="run on its corpus, test"))
    lines = captured.get().splitlines()
    cells = [line.replace("│", " ").split() for line in lines if "│" in line]
    assert cells == [
        ["Disease", "50.00", "25.00", "33.33", "8"],
        ["Gene", "100.00", "75.00", "85.71", "4"],
        ["all", "(micro)", "70.00", "41.67", "52.23", "12"],
    ]
    assert "strict, scheme iob2" in captured.get()
