"""Writing models to the Hugging Face Hub."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfkd.serving.card import card_page
from tfkd_base.errors import TfkdError
from tfkd_base.files import hash_file
from tfkd_runtime.hub import CHECKSUMS, MODEL_FILE, PREFIX, HubModel, hub_endpoint, hub_errors, import_hub
from tfkd_runtime.onnx_model import OnnxModel

PAGE = "README.md"


def push_model(model: Path, name: str, *, licence: str | None = None, private: bool = False) -> str:
    """Write an ONNX file to the Hub, with a model card and its checksum. A model that exists gets a new commit.

    Args:
        model: The file, which `export_onnx` wrote.
        name: The owner and the name: `user/name`.
        licence: The licence of the model, for its card, such as `cc-by-4.0`.
        private: Create a model that others cannot see. One that exists stays as it is.

    Returns:
        The name by which the model is opened: `hf:user/name`.

    Raises:
        TfkdError: There is no such file, the name is wrong, you may not write there, the Hub cannot be reached, or
            `huggingface_hub` is not installed.
    """
    target = HubModel.parse(name)
    if target.revision is not None:
        raise TfkdError(f"a model is written as the newest revision: expected {target.repository}, got {name}")
    repository = target.repository
    card = OnnxModel(model).description
    hub = import_hub()
    api = hub.HfApi(endpoint=hub_endpoint(), library_name="tfkd")
    with tempfile.TemporaryDirectory() as folder, hub_errors(repository):
        shutil.copy(model, Path(folder, MODEL_FILE))
        checksums = {MODEL_FILE: hash_file(model)}
        Path(folder, CHECKSUMS).write_text(json.dumps(checksums, indent=1) + "\n", encoding="utf-8")
        Path(folder, PAGE).write_text("\n".join(_hub_page(card, repository, licence)) + "\n", encoding="utf-8")
        api.create_repo(repository, private=private or None, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Model written by tfkd push")
    return f"{PREFIX}{repository}"


def _hub_page(card: Mapping[str, Any], repository: str, licence: str | None) -> Iterator[str]:
    """Yield the lines of the model card: facts for the Hub, how to use the model, and the page of its export."""
    # A string of JSON is one of YAML.
    yield from ("---", "library_name: tfkd", "pipeline_tag: token-classification", "language: en")
    yield from ("tags:", *(f"- {tag}" for tag in ("biomedical", "named-entity-recognition", "onnx")))
    if licence and re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        yield f"license: {licence}"
    elif licence:
        yield from ("license: other", f"license_name: {json.dumps(licence)}")
    yield from ("---", "")
    title, *rest = card_page(card, repository.partition("/")[2])
    yield from (title, "", "```sh", "pip install 'tfkd[hub]'")
    yield f"echo 'Loss of BRCA1 causes cancer.' | tfkd annotate {PREFIX}{repository}"
    yield from ("```", *rest)
