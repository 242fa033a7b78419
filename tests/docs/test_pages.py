"""The Python code of the pages runs as it stands, on small corpora and models, with one epoch instead of many."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

import tfkd
from tests.models.small import small_encoder

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ["corpora", "models", "distillation", "documents", "serving", "statistics", "text", "training"]
ELSEWHERE = {
    'tfkd.load_config("demo-student")': "tests/runs trains configurations",
    "MirroredStrategy": "tests/training/test_replicas.py trains under a strategy",
    "read_word_vectors": "needs a file of vectors; tests/text reads them",
    "server import serve": "tests/serving/test_server.py",
    "FoldTeachers(": "tests/distillation/test_folds.py, with teachers of its own",
}
"""Parts of blocks that would take minutes or need files, and the tests that run the same calls."""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the names that pages take for granted, and make the files that they read, in a new folder."""
    folder = tmp_path_factory.mktemp("pages")
    tasks = tfkd.demo_corpora(seed=1, train=24, devel=8, test=8)
    text = tfkd.WordFeatures.adapt(tasks.values())
    teacher = tfkd.MultiTaskTagger(text, tasks, encoder=small_encoder(), head="softmax")
    tagger, student = (tfkd.Tagger(text, tasks["disease"], encoder=small_encoder(), head="softmax") for _ in range(2))
    tagger.compile("adam")
    tfkd.export(tagger, folder / "savedmodels" / "disease")
    tfkd.corpora.write_corpus(tasks["disease"], folder / "corpora" / "NCBI-disease")
    (folder / "pubmed").mkdir()
    (folder / "pubmed" / "1.txt").write_text("1|t|BRCA1 binds.\n1|a|It does.\n", encoding="utf-8")
    data = tfkd.batches(tasks["disease"].train, text, tagger.tags)
    sentences = [sentence.tokens for sentence in tasks["disease"].train]
    return {
        "folder": folder,
        **{
            "tfkd": tfkd,
            "tf": tf,
            "keras": keras,
            "tasks": tasks,
            "text": text,
            "batches": data,
            "sentences": sentences,
        },
        **{"teacher": teacher, "tagger": tagger, "model": tagger, "student": student, "texts": ["BRCA1 binds."]},
        **{"corpus": tasks["disease"], "diseases": tasks["disease"], "chemicals": tasks["chemical"]},
        "losses": [tfkd.LogitsDistillation(temperature=2.0)],
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(names["folder"])
    content = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", content, re.DOTALL)
    run = [block for block in blocks if not any(part in block for part in ELSEWHERE)]
    assert run
    own_names = dict(names)
    for block in run:
        code = re.sub(r"epochs=\d+", "epochs=1", block).replace("callbacks=[...]", "callbacks=[]")
        code = code.replace("sample(1000", "sample(10")
        exec(compile(code, f"{page}.md", "exec"), own_names)
