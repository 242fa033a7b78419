"""Draws F1 against words per second, and prints the table of speed and size, of docs/results/transformers.md.

    python benchmarks/results/plot.py

F1 on the test set of NCBI-disease is the mean over the seeds of the runs' scores, speed the median of speed.json.
"""

import json
import statistics
from pathlib import Path

from tables import scores

from tfkd.studies.figures import Point, save_figure, trade_off

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results" / "transformers"
CORPUS = "NCBI-disease"
METHODS = {
    "student alone": ("alone", "student"),
    "student of the BiLSTM": ("logits", "student"),
    "student of the transformer": ("transformer-logits", "student"),
    "student of the transformer, with text": ("transformer-transfer-8000", "student with text"),
    "BiLSTM teacher": ("softmax-teacher", "BiLSTM teacher"),
    "transformer": ("transformer-teacher", "transformer"),
    "student alone, whole corpus": ("whole-alone", "student of the whole corpus"),
    "student of the transformer, whole corpus": ("whole-transfer", "student of the whole corpus"),
    "transformer, whole corpus": ("whole-teacher", "transformer"),
}


def main() -> None:
    """Draw and print."""
    found = scores(["distillation", "transformers"], "test")
    speed = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8"))
    slowest = speed["transformer"]["words_per_second"]
    points = []
    print("| model | F1 | words/s | times the transformer's | weights | size |")
    print("|---|---|---|---|---|---|")
    for method, (kind, model) in METHODS.items():
        f1 = statistics.mean(found[CORPUS, kind].values())
        about = speed[model]
        rate = statistics.median(about["words_per_second"])
        ratio = statistics.median(a / b for a, b in zip(about["words_per_second"], slowest, strict=True))
        points.append(Point(method, rate, f1))
        size = f"{about['weights']:,} | {about['bytes'] / 1e6:.1f} MB"
        print(f"| {method} | {f1:.1f} | {rate:,.0f} | {ratio:.1f} | {size} |")
    save_figure(trade_off(points, "words per second", f"F1 on the test set of {CORPUS}"), RESULTS / "speed.png")


if __name__ == "__main__":
    main()
