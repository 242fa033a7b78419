"""What a configuration may hold: every key with its type, range, default and meaning.

`docs/configuration.md` has its tables of keys from the descriptions here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from tfkd.config.distillation import DistillationConfig, TransferConfig
from tfkd.config.errors import KEY_ERROR
from tfkd.sections import (
    Count,
    Name,
    NonEmpty,
    Positive,
    RampedRate,
    Rate,
    Section,
    Seed,
    Units,
    Weight,
)
from tfkd.training.devices import parse_devices

BILSTM, TRANSFORMER = "[bilstm]", "[transformer]"
"""Marks for the form of an encoder in the location of an error; they are no part of its key."""


def _names_devices(named: str) -> str:
    parse_devices(named)
    return named


DeviceNames = Annotated[str, AfterValidator(_names_devices)]


class CorpusConfig(Section):
    """A corpus, and by how much of it the best epoch is chosen."""

    path: NonEmpty = Field(
        description="the corpus: a folder with `train`, `devel` and `test` files, taken from `corpora_root`, column "
        "files or annotated documents (PubTator, BioC, BRAT, JSON lines); "
        "or `demo:disease`, `demo:chemical`, `demo:gene`, a bundled one"
    )
    devel_sentences: Count | None = Field(
        None,
        description="choose the best epoch on a random sample of so many development sentences; null is all of them",
    )
    sample_seed: Seed = Field(1, description="fixes which sentences are sampled")


class TaskConfig(CorpusConfig):
    """One task: a corpus, and how much of it to train on."""

    train_sentences: Count | None = Field(
        None, description="train on a random sample of so many training sentences; null is all of them"
    )


class CharacterConfig(Section):
    """What a word's characters tell about it."""

    kind: Literal["cnn", "bilstm", "none"] = Field("cnn", description="the network that reads a word's characters")
    units: Units = Field(50, description="width of what it tells about a word")
    embedding_units: Units = Field(25, description="width of a character's vector")
    max_length: Annotated[int, Field(ge=2)] = Field(
        20, description="characters of a word that are read: of a longer word the first and the last half of so many"
    )


class TextConfig(Section):
    """How tokens become numbers."""

    min_count: Count = Field(
        2, description="words rarer than this in the training sentences have no vector of their own"
    )
    lowercase: bool = Field(True, description="look words up in lower case; casing is a feature of its own")
    normalize_digits: bool = Field(True, description="look words up with every digit read as 0")
    word_units: Units = Field(100, description="width of a word's vector")
    word_dropout: Rate = Field(0.05, description="share of words taken for unknown in training")
    casing_units: Annotated[int, Field(ge=0)] = Field(8, description="width of the casing feature's vector; 0 is none")
    characters: CharacterConfig = Field(CharacterConfig(), description="what is read of a word's characters")
    vectors: NonEmpty | None = Field(
        None,
        description="a file of pre-trained word vectors (word2vec or fastText, text or binary), taken from the current "
        "folder; its width must be `word_units`",
    )
    vector_words: Annotated[int, Field(ge=0)] = Field(
        50_000,
        description="so many of the file's words, the first and so the most frequent ones, are known although they are "
        "rare in training or absent from it",
    )


class BiLSTMConfig(Section):
    """A bidirectional LSTM over the words of a sentence."""

    units: Units = Field(200, description="width of each direction")
    layers: Count = Field(1, description="how many lie on each other")
    dropout: Rate = Field(0.5, description="share of its inputs and outputs dropped in training")


class TransformerConfig(Section):
    """A pre-trained transformer over the pieces of a sentence's words, in place of a BiLSTM."""

    transformer: NonEmpty = Field(
        description="a folder as Hugging Face's `transformers` saves it (BERT, RoBERTa, DistilBERT), taken from the "
        "current folder; or a preset of keras-hub, by its name or in a folder"
    )
    layers: Count | None = Field(
        None, description="how many of its layers to take, evenly over its depth; null is all of them"
    )
    pooling: Literal["first", "mean"] = Field(
        "first", description="a word's vector: that of its first piece, or the mean of its pieces"
    )
    dropout: Rate = Field(0.1, description="share of units dropped in training, within its layers and above them")
    frozen_layers: Annotated[int, Field(ge=0)] = Field(
        0, description="so many of the first layers, and the embedding below them, are not trained; 0 trains all"
    )


def _kind_of_encoder(value: Any) -> str:
    if isinstance(value, Mapping):
        return TRANSFORMER if "transformer" in value else BILSTM
    return TRANSFORMER if isinstance(value, TransformerConfig) else BILSTM


EncoderConfig = Annotated[
    Annotated[BiLSTMConfig, Tag(BILSTM)] | Annotated[TransformerConfig, Tag(TRANSFORMER)],
    Discriminator(_kind_of_encoder),
]

FINE_TUNING: dict[str, Any] = {
    "optimizer": "adamw",
    "learning_rate": {"start": 1e-4, "end": 0},
    "warmup": 0.1,
    "clip_norm": 1.0,
    "batch_size": 16,
    "epochs": 8,
}
"""The defaults of `training` where the encoder is a transformer."""
FINE_TUNING_SAID = f"`{json.dumps(FINE_TUNING)}`".replace('"', "")


class TaskEncoderConfig(Section):
    """A teacher's layer for one task: a bidirectional LSTM above the shared encoder, with its rate of dropout."""

    units: Units = Field(100, description="width of each direction")


class TrainingConfig(Section):
    """How the weights are found."""

    epochs: Count = Field(20, description="passes over the training sentences")
    batch_size: Count = Field(32, description="sentences in a batch")
    optimizer: Literal["adam", "adamw"] = Field("adam", description="the optimiser; `adamw` lets weights decay")
    learning_rate: RampedRate = Field(
        1e-3, description="its rate; or a ramp: `{start: 2e-3, end: 0}` lets it fall to nothing"
    )
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the training in which the rate climbs from nothing; a ramp begins after it"
    )
    weight_decay: Weight = Field(
        0.01, description="what `adamw` takes from weights in a step at a rate of 1; not from biases and normalisations"
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="with `adamw`, the rate of a transformer's last layer is this times that of what stands above it, "
        "the rate of the layer below this times its own, and so on",
    )
    clip_norm: Positive | None = Field(5.0, description="gradients are cut to this global norm; null leaves them alone")
    gradient_accumulation_steps: Count = Field(1, description="batches whose gradients make one update")
    patience: Count | None = Field(
        None,
        description="stop after so many epochs without a better F1 on the development sets; null never stops early",
    )
    task_power: Annotated[float, Field(ge=0, le=1)] = Field(
        0.75, description="a teacher draws a task in proportion to its training sentences to this power"
    )
    checkpoint_steps: Count | None = Field(
        500,
        description="a checkpoint is written at the beginning of each epoch and, within it, after so many batches; "
        "null writes none within",
    )
    jit_compile: bool = Field(False, description="compile the training step with XLA; not with several devices")
    dtype: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="Keras' dtype policy of the layers; the mixed ones are for GPUs"
    )
    devices: DeviceNames = Field(
        "auto",
        description="what to train on: `auto` is the first GPU, or the CPU if there is none; `cpu`, `gpu`, or so many "
        "of a kind, `gpu:2`, each of which takes a part of every batch",
    )

    @property
    def number_of_devices(self) -> int:
        """How many devices share a batch."""
        return parse_devices(self.devices)[1]


class Config(Section):
    """The configuration of one run: a multi-task teacher, a tagger alone, or a student."""

    kind: Literal["teacher", "tagger"] = Field(
        description="`teacher` is trained on several tasks at once, `tagger` on one"
    )
    name: str | None = Field(None, description="what to call the run in tables; null is the name of its folder")
    seed: Seed = Field(1, description="fixes the initial weights, the order of the sentences and dropout")
    corpora_root: NonEmpty | None = Field(
        None, description="folder from which the corpora's relative paths are taken; null is the current folder"
    )
    scheme: Literal["iob2", "iobes"] = Field("iob2", description="tag scheme that the model is trained in")
    tasks: Annotated[dict[Name, TaskConfig], Field(min_length=1)] = Field(
        description="the corpora, each under its task's name"
    )
    text: TextConfig = Field(
        TextConfig(), description="how tokens become numbers for a BiLSTM; a transformer brings its own vocabulary"
    )
    encoder: EncoderConfig = Field(
        BiLSTMConfig(),
        description="the encoder; in a teacher, the one all tasks share. With a key `transformer` it is one",
    )
    task_encoder: TaskEncoderConfig | None = Field(
        None, description="in a teacher, each task's own layer above the shared one; null is none"
    )
    head: Literal["softmax", "crf"] = Field("crf", description="what turns a word's encoding into a tag")
    training: TrainingConfig = Field(
        TrainingConfig(),
        description="how the weights are found; for a transformer the defaults are " + FINE_TUNING_SAID,
    )
    distillation: DistillationConfig | None = Field(
        None, description="what `tfkd distill` takes from the teacher; `tfkd train` leaves it aside"
    )
    transfer: TransferConfig | None = Field(
        None,
        description="text without labels that `tfkd distill` learns from too; `tfkd train` takes its words into the "
        "vocabulary and leaves it aside otherwise",
    )

    @model_validator(mode="before")
    @classmethod
    def _fine_tunes_a_transformer(cls, data: Any) -> Any:
        encoder = data.get("encoder") if isinstance(data, Mapping) else None
        if _kind_of_encoder(encoder) != TRANSFORMER or not isinstance(data.get("training", {}), Mapping):
            return data
        return {**data, "training": {**FINE_TUNING, **data.get("training", {})}}

    @model_validator(mode="after")
    def _fits_its_encoder(self) -> Self:
        if isinstance(self.encoder, TransformerConfig) and self.text.vectors is not None:
            raise _refused("text.vectors", "a transformer has vectors of its own; remove this, or take a BiLSTM")
        if self.training.layer_decay != 1:
            if not isinstance(self.encoder, TransformerConfig):
                raise _refused("training.layer_decay", "only the layers of a transformer have rates of their own")
            if self.training.optimizer != "adamw":
                raise _refused("training.layer_decay", "only 'optimizer: adamw' has a rate for each layer")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "tagger":
            if len(self.tasks) != 1:
                raise _refused("tasks", f"a tagger has one task, got {len(self.tasks)}; 'kind: teacher' takes several")
            if self.task_encoder is not None:
                raise _refused("task_encoder", "only a teacher has a layer for each task; set it to null")
        else:
            for name in ("distillation", "transfer"):
                if getattr(self, name) is not None:
                    raise _refused(name, "only a tagger can be a student; remove this section or set 'kind: tagger'")
        if self.transfer is not None and self.training.batch_size < 2:
            raise _refused("training.batch_size", "with 'transfer' a batch holds sentences of two kinds: at least 2")
        return self

    @model_validator(mode="after")
    def _several_devices_can_share_a_step(self) -> Self:
        training = self.training
        if training.number_of_devices > 1:
            why = f"cannot go with devices '{training.devices}'"
            if training.jit_compile:
                raise _refused("training.jit_compile", f"{why}: XLA compiles a step for one device")
            if training.gradient_accumulation_steps > 1:
                remedy = "set it to 1 and make batches larger, which the devices share"
                raise _refused("training.gradient_accumulation_steps", f"{why}; {remedy}")
            if training.batch_size < training.number_of_devices:
                raise _refused("training.batch_size", f"{why}: each needs a sentence of every batch")
        return self


def _refused(key: str, message: str) -> PydanticCustomError:
    """Make the error of a key that does not go with the others."""
    return PydanticCustomError(KEY_ERROR, "{message}", {"key": key, "message": message})
