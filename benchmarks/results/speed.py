"""Measures the models of docs/results/transformers.md in turns: words tagged a second, weights, size.

    PYTHONPATH=. python benchmarks/results/speed.py DIR ENCODER

Give the folder of the corpora and that of the pre-trained encoder. The models are built as the configurations say and
not trained: what a weight is makes no difference to the speed. Each tags the same sentences, the test set of
NCBI-disease, given as tokens; a turn is one pass of each. Writes docs/results/transformers/speed.json.
"""

import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What suits the transformer; a BiLSTM is a little faster with one thread for each operation.
for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, str(os.cpu_count() or 1))

from benchmarks._turns import seconds_in_turns, warm_up  # noqa: E402
from tfkd.config import load_config  # noqa: E402
from tfkd.models import MultiTaskTagger  # noqa: E402
from tfkd.runs.assembly import make_model, make_text, read_data  # noqa: E402
from tfkd.runs.distilling import read_transfer  # noqa: E402

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results" / "transformers"
TASK = "NCBI-disease"
TEXTS = [f"{name}-IOB" for name in ("NCBI-disease", "BC5CDR-disease", "BC5CDR-chem", "BC2GM", "linnaeus", "AnatEM")]
TURNS = 9


def configurations(encoder: str) -> dict[str, tuple[str, list[str]]]:
    """Return the configuration and the settings of each kind of model."""
    transfer = f"transfer={{corpora: [{', '.join(TEXTS)}], share: 0.5, sentences: %s}}"
    common = ["text.min_count=2", "training.batch_size=64"]
    whole = [f"tasks.{TASK}.train_sentences=null", "head=crf", "encoder.units=200"]
    return {
        "student": ("ncbi-disease-student", []),
        "student with text": ("ncbi-disease-student", [*common, transfer % 8000]),
        "student of the whole corpus": ("ncbi-disease-student", [*common, *whole, transfer % "null"]),
        "BiLSTM teacher": ("six-corpora-teacher", []),
        "transformer": ("six-corpora-transformer", [f"encoder.transformer={encoder}"]),
    }


def main(corpora: str, encoder: str) -> None:
    """Measure and write."""
    taggers, about = {}, {}
    for name, (config_name, settings) in configurations(encoder).items():
        config = load_config(config_name, [*settings, f"corpora_root={corpora}"])
        data = read_data(config).corpora
        model = make_model(config, make_text(config, data, transfer=read_transfer(config, data) or ()), data)
        taggers[name] = model.for_task(TASK) if isinstance(model, MultiTaskTagger) else model
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder, "model.keras"))
            about[name] = {"weights": model.count_params(), "bytes": Path(folder, "model.keras").stat().st_size}
    sentences = data[TASK].test
    words = sum(len(sentence.tokens) for sentence in sentences)
    steps = [warm_up(partial(tagger.tag, sentences), times=2) for tagger in taggers.values()]
    for name, seconds in zip(taggers, seconds_in_turns(steps, turns=TURNS, steps_a_turn=1), strict=True):
        about[name]["words_per_second"] = [round(words / one) for one in seconds]
    (RESULTS / "speed.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
