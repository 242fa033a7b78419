"""Recognition of folders and files that are not what they should be, with the remedy for each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfkd_base.errors import TfkdError

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

_OTHER_WEIGHTS = {
    "pytorch_model.bin": ("PyTorch's older format", ""),
    "pytorch_model.bin.index.json": ("PyTorch's older format", ""),
    "tf_model.h5": ("TensorFlow's format", ", from_tf=True"),
    "flax_model.msgpack": ("Flax's format", ", from_flax=True"),
}
_ARCHITECTURES = {"Bert": "bert", "Roberta": "roberta", "DistilBert": "distilbert"}


def check_content(path: Path) -> None:
    """Refuse a file that stands in place of another one: a Git LFS pointer or a web page.

    Raises:
        TfkdError: The file is one of them.
    """
    try:
        with path.open("rb") as file:
            head = file.read(200)
    except OSError:
        return
    if head.startswith(_LFS_POINTER):
        raise TfkdError(
            f"{path} is a pointer of Git LFS, not the file itself. Run `git lfs pull` in the folder, or download the "
            "file."
        )
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise TfkdError(f"{path} is a web page, not the file itself. Download the file again.")


def describe_missing_config(folder: Path) -> str:
    """Return what a folder without `config.json` looks like, and the remedy.

    Example:
        >>> describe_missing_config(Path("no-such-folder"))
        ''
    """
    if (folder / "adapter_config.json").is_file():
        base = _read_text_key(folder / "adapter_config.json", "base_model_name_or_path")
        return (
            f" The folder holds an adapter (PEFT){f' of {base}' if base else ''}, not an encoder. Merge it: "
            "`AutoPeftModel.from_pretrained(folder).merge_and_unload().save_pretrained(new_folder)`."
        )
    if (folder / "bert_config.json").is_file():
        return (
            " The folder holds a BERT in the format of its original release. Convert it with `transformers convert "
            "--model_type bert` (transformers 4), and save it with `save_pretrained`."
        )
    inner = sorted(path.parent for path in folder.glob("*/config.json")) + sorted(
        path.parent for path in folder.glob("snapshots/*/config.json")
    )
    if inner:
        return f" Did you mean the folder {inner[-1]}?"
    if (folder / "config.yaml").is_file():
        return " The folder looks like a run of tfkd: give it as a teacher, not as an encoder."
    if next(folder.glob("*.safetensors"), None) or any((folder / name).is_file() for name in _OTHER_WEIGHTS):
        return " The folder holds weights only. Download config.json and the files of the tokenizer, too."
    return ""


def describe_missing_weights(folder: Path) -> str:
    """Return which other weights a folder without `model.safetensors` holds, and the remedy.

    Example:
        >>> describe_missing_weights(Path("no-such-folder"))
        ''
    """
    for name, (form, option) in _OTHER_WEIGHTS.items():
        if (folder / name).is_file():
            version = " with transformers 4" if option else ""
            return (
                f"; {name} has another format ({form}). Convert it{version}: "
                f"`AutoModel.from_pretrained({str(folder)!r}{option}).save_pretrained({str(folder)!r}, "
                "safe_serialization=True)`"
            )
    if (folder / "adapter_model.safetensors").is_file():
        return "; the folder holds an adapter (PEFT) only. Merge it into its encoder with `merge_and_unload`"
    others = sorted(path.name for pattern in ("*.safetensors", "*.bin", "*.ckpt*") for path in folder.glob(pattern))
    if others and others[0].endswith(".safetensors"):
        return f"; if {others[0]} holds the weights, rename it"
    return f"; {others[0]} has another format: save the model with `safe_serialization=True`" if others else ""


def describe_missing_folder(name: str) -> str:
    """Return a hint if a name looks like one of the Hugging Face hub.

    Example:
        >>> describe_missing_folder("a/b/c"), describe_missing_folder("dmis-lab/biobert-v1.1").split(":")[0]
        ('', '. It looks like a name on the Hugging Face hub')
    """
    path = Path(name)
    if path.parent.parent.is_dir() and not path.parent.exists():
        name = "/".join(path.parts[-2:])  # a configuration makes paths absolute
    if not _HUB_NAME.fullmatch(name):
        return ""
    local = f"models/{name.rpartition('/')[2]}"
    return (
        f". It looks like a name on the Hugging Face hub: download it, `hf download {name} --local-dir {local}`, and "
        f"give the folder {local}"
    )


def infer_model_type(config: Mapping[str, Any]) -> str | None:
    """Return the type of model that `architectures` names; None if it names none of the supported ones.

    Example:
        >>> infer_model_type({"architectures": ["BertForMaskedLM"]}), infer_model_type({"architectures": ["T5Model"]})
        ('bert', None)
    """
    architectures = config.get("architectures")
    names = architectures if isinstance(architectures, list) else []
    match = re.match(r"(Bert|Roberta|DistilBert)(For|Model|PreTrained|LMHead)", str(names[0])) if names else None
    return _ARCHITECTURES[match[1]] if match else None


def describe_missing_model_type(config: Mapping[str, Any], folder: Path) -> str:
    """Return what to add to a `config.json` without a model type.

    Example:
        >>> describe_missing_model_type({"dim": 8, "n_layers": 2}, Path("no-such-folder"))
        '. The keys are those of DistilBERT: add "model_type": "distilbert"'
    """
    if {"dim", "n_layers"} <= config.keys():
        return '. The keys are those of DistilBERT: add "model_type": "distilbert"'
    if "hidden_size" not in config or "embedding_size" in config:
        return ". Add the model_type that the source of the encoder names"
    if (folder / "vocab.txt").is_file():
        return '. The folder looks like a BERT (vocab.txt): add "model_type": "bert"'
    if (folder / "merges.txt").is_file():
        return '. The folder looks like a RoBERTa (merges.txt): add "model_type": "roberta"'
    return ". Add the model_type that the source of the encoder names"


def _read_text_key(path: Path, key: str) -> str:
    try:
        value = json.loads(path.read_text(encoding="utf-8")).get(key)
    except (OSError, ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""
