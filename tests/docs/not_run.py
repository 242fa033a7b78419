"""The code blocks and commands of pages that no test of pages runs, with the reason."""

from __future__ import annotations

from tests.pages import Block

NOT_RUN = {
    ("CONTRIBUTING.md", "make install"): "sets up the checkout that the tests run in",
    ("docs/results/", "benchmarks/results"): "hours; tests/test_results.py compares the tables with the scores",
    ("docs/results/", "tfkd"): "hours; tests/benchmarks and tests/cli run the commands on little data",
    ("docs/annotating.md", "--engine ray"): "starts Ray; tests/annotate/test_ray_engine.py",
    ("docs/annotating.md", "hours ="): "a formula",
    ("docs/annotating.md", "selected_entities.py"): "needs real corpora; tests/annotate/test_selection.py",
    ("docs/annotating.md", "tfkd push"): "needs an account; tests/serving/test_hub.py",
    ("docs/annotating.md", "tfkd demo-page"): "runs until Ctrl-C; tests/cli/test_demo_page.py",
    ("docs/annotating.md", "import spacy"): "needs spaCy; tests/annotate/test_spacy_component.py",
    ("docs/bundled-models.md", "make models"): "trains the model, which takes 40 minutes, on real corpora",
    ("docs/bundled-models.md", "earlier.onnx"): "needs real corpora; tests/models/test_negatives.py",
    (
        "docs/bundled-models.md",
        "tfkd train six-corpora-transformer",
    ): "needs real corpora and a pre-trained transformer",
    ("docs/bundled-models.md", "tfkd train biomedical"): "needs real corpora; tests/models/test_negatives.py",
    (
        "docs/bundled-models.md",
        "runs/distilled",
    ): "needs real corpora and an hour; tests/runs/test_multitask_students.py",
    ("docs/bundled-models.md", "DIR/CRAFT-IOB"): "needs a real corpus; tests/cli/test_evaluate.py",
    ("docs/bundled-models.md", "reference.txt"): "a long text; tests/cli/test_annotate.py",
    ("docs/corpora.md", "benchmarks/results"): "needs real corpora",
    ("docs/distillation.md", "loss = "): "a formula",
    ("docs/distillation.md", "runs/student/config.yaml"): "tests/runs/test_recipe.py",
    ("docs/distillation.md", "FoldTeachers("): "tests/distillation/test_folds.py, with teachers of its own",
    ("docs/distillation.md", "--folds 5"): "trains five teachers; tests/runs/test_cross_fitting.py",
    ("docs/distillation.md", "--teacher runs/six"): "three teachers; tests/distillation/test_multitask_distiller.py",
    ("docs/distillation.md", "folds-cache"): "needs a real corpus; tests/runs/test_cross_fitting.py",
    ("docs/documents.md", "<article><front>"): "a file; tests/base/documents/test_jats.py",
    ("docs/documents.md", "document,start,end"): "a file; tests/base/documents/test_tables.py",
    ("docs/documents.md", "NCBI-disease-pubtator"): "needs real corpora; tests/text/test_document_sentences.py",
    ("docs/documents.md", "<PubmedArticleSet>"): "a file; tests/base/documents/test_pubmed.py",
    ("docs/documents.md", "PMID- 7"): "a file; tests/base/documents/test_medline.py",
    ("docs/documents.md", "corpus.xml:7"): "a message; tests/base/documents/test_offsets.py",
    ("docs/gpu.md", "tfkd benchmark"): "needs a GPU; tests/benchmarks runs the benchmarks on little data",
    ("docs/onnx.md", "tfkd_runtime.load"): "tests/serving/test_onnx_export.py",
    ("docs/onnx.md", "pip wheel"): "builds a wheel",
    ("docs/onnx.md", "pytest"): "a test",
    ("docs/serving.md", "benchmarks/results"): "needs real corpora; tests/text/test_segmentation.py",
    ("docs/serving.md", "tfkd serve "): "runs until Ctrl-C; tests/cli/test_serve.py",
    ("docs/tutorials/serve.md", "tfkd serve "): "runs until Ctrl-C; tests/cli/test_serve.py",
    ("docs/tutorials/serve.md", "grpc://"): "needs a running server; tests/serving/test_client.py",
    ("docs/serving.md", "test_cpp_loader.py"): "a test",
    ("docs/studies.md", "tfkd study demo-study"): "a process for each job; tests/cli/test_study.py",
    ("docs/studies.md", "run_study"): "a process for each job; tests/docs/test_examples.py runs small_study.py",
    ("docs/text.md", "tfkd vectors"): "a large transformer; tests/cli/test_vectors.py",
    ("docs/training.md", "killed in epoch 3"): "tests/cli/test_killed.py kills and resumes",
    ("docs/training.md", "tfkd train ncbi-disease-student"): "needs a real corpus; tests/runs",
    ("docs/training.md", "six-corpora-teacher"): "needs GPUs; tests/training/test_replicas.py trains on two devices",
    ("docs/training.md", "MirroredStrategy"): "a large teacher; tests/training/test_replicas.py",
    ("docs/transformers.md", "tfkd train teacher.yaml"): "a large transformer; tests/runs and the block in Python",
    ("docs/tutorials/study.md", "tfkd study report"): "a process for each job; tests/cli/test_study.py",
}
"""Blocks, by the beginning of their page and a part of their code, and the reason."""

OWN_TESTS = {
    ("README.md", "python"): "tests/test_readme.py",
    ("CONTRIBUTING.md", "python"): "tests/docs/test_contributing.py",
    ("docs/callbacks.md", "python"): "tests/docs/test_examples.py",
    ("docs/configuration.md", "sh"): "tests/config/test_reference.py",
    ("docs/configuration.md", "yaml"): "tests/config/test_reference.py",
    ("docs/extending.md", "python"): "tests/config/test_extending.py",
    ("docs/extending.md", "sh"): "tests/config/test_extending.py",
    ("docs/extending.md", "yaml"): "tests/config/test_extending.py",
    ("docs/statistics.md", "python"): "tests/studies/statistics/test_comparison.py",
}
"""Tests that run all blocks of a page in one language."""

PROGRAMS = {
    "tfkd-runtime": "tests/runtime/test_command.py",
    "curl": "needs a running server; tests/serving/test_client.py sends such requests",
    "docker": "TensorFlow Serving is not installed",
    "pip": "installs from the network",
    "tensorboard": "is not installed with tfkd",
    "tensorflow_model_server": "is not installed",
}
"""Programs other than tfkd that commands of pages call, and why no test runs them."""


def is_run(block: Block) -> bool:
    """Return whether the tests of pages run a block."""
    if (block.page, block.language) in OWN_TESTS:
        return False
    return not any(block.page.startswith(page) and part in block.code for page, part in NOT_RUN)
