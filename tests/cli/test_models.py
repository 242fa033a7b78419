"""`tfkd models`: the models that come with tfkd."""

from __future__ import annotations

import json
from collections.abc import Callable
from subprocess import CompletedProcess

from tfkd_base.bundled_models import list_bundled_models


def test_the_list_has_types_scores_size_and_licence(call_tfkd: Callable[..., CompletedProcess[str]]) -> None:
    done = call_tfkd("models")
    assert done.returncode == 0, done.stderr
    (model,) = list_bundled_models()
    assert f"{model.name}, the default: Anatomy, Chemical, Disease, Gene, Species" in done.stdout
    assert f"licence: {model.licence}" in done.stdout
    for score in model.scores:
        assert any(score.corpus in line and f"{score.f1:.1f}" in line for line in done.stdout.splitlines())
    facts = json.loads(call_tfkd("models", "--json").stdout)
    assert facts[0]["files"] == model.files
