"""Models on a Hub: written, opened, damaged, and missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfkd_runtime
from tests.commands import call
from tests.serving.hub_server import Hub, serve_hub
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import Annotator, export_onnx
from tfkd.serving.backends import identify_model
from tfkd.serving.hub import push_model
from tfkd.text import WordFeatures
from tfkd_base.errors import TfkdError
from tfkd_runtime.hub import CHECKSUMS, MODEL_FILE, HubModel, download_model

pytest.importorskip("huggingface_hub", reason="needs huggingface_hub: pip install 'tfkd[hub]'")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        yield hub


def save_run(folder: Path, bias: float = 9.0) -> Path:
    tagger = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2, characters=None), head="softmax")
    tagger.head.bias.assign([0.0, bias, 0.0])
    folder.mkdir()
    tagger.save(folder / "model.keras")
    return folder


def test_a_run_is_written_and_opened(hub: Hub, tmp_path: Path) -> None:
    run = save_run(tmp_path / "run")
    done = call("push", run, "me/disease", "--licence", "CC BY 4.0", "--private")
    assert (done.returncode, done.stdout) == (0, "hf:me/disease\n"), done.stderr
    assert hub.created[0]["visibility"] == "private"
    (files,) = hub.commits["me/disease"]
    assert sorted(files) == ["README.md", CHECKSUMS, MODEL_FILE]
    page = files["README.md"].decode()
    assert page.startswith("---\nlibrary_name: tfkd\npipeline_tag: token-classification\n")
    assert 'license: other\nlicense_name: "CC BY 4.0"\n---\n\n# disease\n' in page
    assert "tfkd annotate hf:me/disease" in page
    text = "No cancer"
    expected = [(e.start, e.end, e.type) for e in next(Annotator(run).annotate([text])).entities]
    assert expected
    done = call("annotate", "hf:me/disease", stdin=text)
    assert [(e["start"], e["end"], e["type"]) for e in json.loads(done.stdout)["entities"]] == expected
    done = call("evaluate", "hf:me/disease", "--corpus", "demo:disease", "--map", "Disease=X")
    assert done.returncode == 0, done.stderr
    assert "hf:me/disease on demo:disease, test" in " ".join(done.stdout.split())
    (annotation,) = tfkd_runtime.load("hf:me/disease").annotate([text])
    assert [(e.start, e.end, e.type) for e in annotation.entities] == expected
    # Only the model and its checksums are read.
    assert {request.rpartition("/")[2] for request in hub.requests if "/resolve/" in request} == {CHECKSUMS, MODEL_FILE}


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = export_onnx(Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2)), tmp_path / "x.onnx")
    with pytest.raises(TfkdError, match="written as the newest revision: expected me/x, got me/x@v1"):
        push_model(file, "me/x@v1")
    done = call("push", file, "me/x", "--task", "disease")
    assert (done.returncode, "which is written as it is: omit --task" in done.stderr) == (2, True)


def test_revisions_checksums_and_the_cache(hub: Hub, tmp_path: Path) -> None:
    file = export_onnx(Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2)), tmp_path / "x.onnx")
    push_model(file, "me/x", licence="cc0-1.0")
    assert "\nlicense: cc0-1.0\n" in hub.commits["me/x"][0]["README.md"].decode()
    first = hub.commit_id("me/x", 0)
    identity = identify_model("hf:me/x")
    # A later commit with half a file.
    hub.commits["me/x"].append({**hub.commits["me/x"][0], MODEL_FILE: file.read_bytes()[:1000]})
    with pytest.raises(TfkdError, match=r"hf:me/x: model\.onnx is damaged: expected the SHA-256 [0-9a-f]{64}, got"):
        download_model("hf:me/x")
    assert identify_model(f"hf:me/x@{first}") == identity
    hub.commits["me/x"].append({**hub.commits["me/x"][0], CHECKSUMS: b"[]"})
    with pytest.raises(TfkdError, match=r"checksums\.json has no checksum of model\.onnx"):
        download_model("hf:me/x")
    with pytest.raises(TfkdError, match=r"hf:me/x@v9: the model has no such revision"):
        download_model("hf:me/x@v9")
    hub.commits["me/other"] = [{"pytorch_model.bin": b"x"}]
    with pytest.raises(TfkdError, match="which `tfkd push` writes: this is no model of tfkd"):
        download_model("hf:me/other")
    with pytest.raises(TfkdError, match="there is no such model on the Hub, or it is private"):
        download_model("hf:me/nothing")


def test_a_hub_that_does_not_answer_or_refuses(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = export_onnx(Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2)), tmp_path / "x.onnx")
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(TfkdError, match=r"me/x: (the Hub refused the request: .*401|there is no such model)"):
        push_model(file, "me/x")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the tries of the library
    with pytest.raises(TfkdError, match="me/x: the Hub cannot be reached"):
        push_model(file, "me/x")
    with pytest.raises(TfkdError, match="hf:me/x: the Hub cannot be reached, and the model is not in the cache"):
        download_model("hf:me/x")


@pytest.mark.parametrize("name", ["hf:disease", "hf:a/b/c", "hf:../x@", "a b/c", "hf:"])
def test_names(name: str) -> None:
    with pytest.raises(TfkdError, match="expected the name of a model on the Hub, such as hf:user/name, got"):
        HubModel.parse(name)
