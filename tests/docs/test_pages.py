"""The Python code of the pages runs as it stands, on small corpora and models, with one epoch instead of many."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfkd
from tests.docs.not_run import OWN_TESTS, is_run
from tests.docs.test_commands import CONFIGURATIONS
from tests.models.small import small_encoder
from tests.pages import all_pages, blocks_of, code_blocks
from tests.pretrained.tiny import tiny_bert
from tfkd.text import WordVectors, write_word_vectors

PAGES = [page for page in all_pages() if code_blocks(page, "python") and (page, "python") not in OWN_TESTS]
REPLACED = {
    r"epochs=\d+": "epochs=1",
    re.escape("callbacks=[...]"): "callbacks=[]",
    re.escape("sample(1000"): "sample(10",
    re.escape('EngineOptions("ray")'): 'EngineOptions("local")',
    re.escape('"demo-student")'): '"demo-student", ["training.epochs=1"])',
}
"""Parts of the code that would take long, or need a cluster, and what is run instead."""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the names that pages take for granted, and make the files that they read, in a new folder."""
    folder = tmp_path_factory.mktemp("pages")
    corpora = tfkd.demo_corpora(seed=1, train=24, devel=8, test=8)
    diseases = corpora["disease"]
    tasks = {"disease": diseases}  # each task costs the tracing of a step
    text = tfkd.WordFeatures.adapt(tasks.values())
    teacher = tfkd.MultiTaskTagger(text, tasks, encoder=small_encoder(), head="softmax")
    tagger, student = (tfkd.Tagger(text, diseases, encoder=small_encoder(), head="softmax") for _ in range(2))
    tagger.compile("adam")
    tfkd.export(tagger, folder / "savedmodels" / "disease")
    tfkd.corpora.write_corpus(diseases, folder / "corpora" / "NCBI-disease")
    tiny_bert(folder / "models" / "biobert")
    for name in ("pubmed", "articles", "vectors"):
        (folder / name).mkdir()
    for file in ("pubmed/1.txt", "articles/1.txt", "corpus.pubtator"):
        (folder / file).write_text("1|t|BRCA1 binds.\n1|a|It does.\n", encoding="utf-8")
    write_word_vectors(WordVectors(("binds",), np.ones((1, 6), "float32")), folder / "vectors" / "pubmed.bin")
    (folder / "demo-student").write_text(CONFIGURATIONS["demo-student"], encoding="utf-8")
    return {
        "folder": folder,
        **{"tfkd": tfkd, "tf": tf, "keras": keras},
        **{"tasks": tasks, "corpus": diseases, "diseases": diseases, "chemicals": corpora["chemical"]},
        **{"teacher": teacher, "tagger": tagger, "model": tagger, "student": student},
        **{"text": text, "texts": ["BRCA1 binds."], "sentences": [sentence.tokens for sentence in diseases.train]},
        "batches": tfkd.batches(diseases.train, text, tagger.tags),
        "losses": [tfkd.LogitsDistillation(temperature=2.0)],
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(names["folder"])
    own_names = dict(names)
    for block in blocks_of(page):
        if block.language == "python" and is_run(block):
            code = block.code
            for part, replacement in REPLACED.items():
                code = re.sub(part, replacement, code)
            exec(compile(code, page, "exec"), own_names)
