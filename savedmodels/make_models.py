"""Makes the bundled models: trains them, exports them here, and writes their facts.

A run that is finished is not repeated, and an interrupted one is resumed. `make models CORPORA=DIR` calls this.
"""

from __future__ import annotations

import importlib.resources
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import tensorflow as tf
import yaml

from tfkd.config import load_config
from tfkd.runs import RunFolder, evaluate_run, train
from tfkd.runs.run_folder import run_card
from tfkd.serving import Annotator, export, export_onnx
from tfkd_base.bundled_models import ONNX_FILE, write_model_index
from tfkd_base.progress import Progress

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """How a bundled model is made and scored.

    Attributes:
        config: The name of its configuration.
        licence: The licence of the model.
        tests: For each corpus of the scores the task, and new names of the corpus' entity types.
    """

    config: str
    licence: str
    tests: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)


RECIPES = {
    "biomedical": Recipe(
        "biomedical",
        "CC BY-SA 4.0",
        {
            "NCBI-disease-IOB": ("disease", {}),
            "BC5CDR-disease-IOB": ("disease", {}),
            "BC5CDR-chem-IOB": ("chemical", {}),
            "BC2GM-IOB": ("gene", {"GENE": "Gene"}),
            "linnaeus-IOB": ("species", {}),
            "AnatEM-IOB": ("anatomy", {}),
        },
    )
}
MEASURED_WORDS = 20_000
"""Words of the text with which the speed of a model is measured."""


def make_model(name: str, corpora: Path, encoder: str, runs: Path) -> dict[str, Any]:
    """Make a model, and return its facts for the index.

    Args:
        name: The model.
        corpora: Folder of the corpora.
        encoder: The transformer that makes the word vectors.
        runs: Folder of the runs.
    """
    recipe = RECIPES[name]
    config = load_config(recipe.config, [f"corpora_root={corpora}", f"text.vectors.encoder={encoder}"])
    run = runs / name
    if not RunFolder(run).is_finished:
        train(config, run, progress=Progress())
    model = RunFolder(run).model()
    place = HERE / name
    shutil.rmtree(place, ignore_errors=True)
    # The configuration as it was written, without the folders of this machine.
    written = importlib.resources.files("tfkd.configs").joinpath(f"{recipe.config}.yaml").read_text(encoding="utf-8")
    portable = yaml.safe_load(written)
    about = {**run_card(run), "data_license": recipe.licence, "configuration": portable}
    export(model, place, version=1, weights="int8", about=about)
    export_onnx(model, place / ONNX_FILE, about=about)
    scores = [
        {
            "task": task,
            "corpus": corpus.removesuffix("-IOB"),
            "f1": round(100 * evaluate_run(place, corpus=str(corpora / corpus), task=task, types=types).micro.f1, 1),
        }
        for corpus, (task, types) in recipe.tests.items()
    ]
    return {
        "types": list(Annotator(place).types),
        "scores": scores,
        "words_per_second": measure_speed(place, corpora / "NCBI-disease-IOB" / "test.tsv"),
        "licence": recipe.licence,
    }


def measure_speed(model: Path, column_file: Path) -> int:
    """Return how many words a model annotates in a second of CPU time."""
    lines = column_file.read_text(encoding="utf-8").splitlines()
    words = [line.split("\t")[0] for line in lines if line][:MEASURED_WORDS]
    texts = [" ".join(words[start : start + 200]) for start in range(0, len(words), 200)]
    annotator = Annotator(model)
    list(annotator.annotate(texts))  # the first pass allocates memory
    started = time.process_time()  # of all threads
    list(annotator.annotate(texts))
    return round(len(words) / (time.process_time() - started))


@click.command()
@click.option("--corpora", required=True, type=click.Path(path_type=Path, exists=True), help="Folder of the corpora.")
@click.option("--encoder", required=True, help="Folder or preset of the transformer that makes the word vectors.")
@click.option("--runs", default=Path("runs"), type=click.Path(path_type=Path), help="Folder of the runs.")
def main(corpora: Path, encoder: str, runs: Path) -> None:
    """Make the bundled models, and write them into the folder of this file."""
    tf.config.threading.set_intra_op_parallelism_threads(1)  # a BiLSTM has many small operations
    facts = {name: make_model(name, corpora, encoder, runs) for name in RECIPES}
    write_model_index(HERE, facts)


if __name__ == "__main__":
    main()
