"""What a configuration may hold: every key with its type, range, default and meaning.

`docs/configuration.md` has its tables of keys from the descriptions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializationInfo, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from tfkd.config.augmentation import AugmentationConfig
from tfkd.config.distillation import AUTO, DistillationConfig, Paths, Transfer, TransferConfig
from tfkd.config.source import Key
from tfkd.config.text import EncoderVectorsConfig, TextConfig
from tfkd.config.training import CHECKPOINT_KEYS, FINE_TUNING, FINE_TUNING_SAID, TrainingConfig
from tfkd.models import CRF, ENCODERS, HEADS, BiLSTM, Encoder, Head, Transformer
from tfkd.models.negatives import Negatives
from tfkd.parts import Named, Part
from tfkd.sections import (
    Count,
    Name,
    NonEmpty,
    Section,
    Seed,
    Units,
)
from tfkd_base.documents import OffsetName
from tfkd_base.errors import TfkdError, nearest

KEY_ERROR = "key_error"
"""Type of the errors that name their key in `ctx["key"]`: they are found at the whole configuration."""


class CorpusConfig(Section):
    """A corpus, and how many of its development sentences choose the best epoch."""

    path: NonEmpty = Field(
        description="folder of the corpus, relative to `corpora_root`, with `train`, `devel` and `test` files: column "
        "files or annotated documents (PubTator, BioC, BRAT, JSON lines); or a bundled corpus: `demo:disease`, "
        "`demo:chemical`, `demo:gene`"
    )
    also: Paths = Field(
        default=(),
        description="further corpora with the same entity types, relative to `corpora_root`; their sentences are added "
        "to each split",
    )
    offsets: OffsetName = Field(
        default="characters",
        description="unit of the offsets in annotated documents; `detect`: the unit that fits the entities of each "
        "document",
    )
    map: dict[NonEmpty, NonEmpty] = Field(
        default={},
        description="new names of entity types, such as `{SpecificDisease: Disease}`; several types may get one name, "
        "and `O` drops the entities of a type",
    )
    exclude_duplicates: bool | None = Field(
        default=None,
        description="exclude training sentences that are also in a development or test set of the run's tasks; null: "
        "as `training.exclude_duplicates` says",
    )
    devel_sentences: Count | None = Field(
        default=None,
        description="number of development sentences, drawn at random, that choose the best epoch; null: all",
    )
    sample_seed: Seed = Field(default=1, description="seed of the random samples of sentences")

    @property
    def paths(self) -> tuple[str, ...]:
        """All corpora: `path` and those of `also`."""
        return (self.path, *self.also)


class TaskConfig(CorpusConfig):
    """One task: a corpus, and how much of it to train on."""

    train_sentences: Count | None = Field(
        default=None, description="number of training sentences, drawn at random; null: all"
    )


MOVED: dict[Key, Key] = {
    ("text", "word_units"): ("encoder", "word_units"),
    ("text", "word_dropout"): ("encoder", "word_dropout"),
    ("text", "casing_units"): ("encoder", "casing_units"),
    ("text", "characters", "kind"): ("encoder", "characters"),
    ("text", "characters", "units"): ("encoder", "character_units"),
    ("text", "characters", "embedding_units"): ("encoder", "character_embedding_units"),
}
"""Keys of earlier versions that describe the embedding of a BiLSTM, and the keys that replace them."""


class EncoderField(Named[Encoder]):
    """Annotation of the field `encoder`: the settings of a BiLSTM or a transformer, or `{NAME: {SETTINGS}}`."""

    unnamed = (BiLSTM, Transformer)

    @override
    def validate(self, value: object) -> Part:
        if isinstance(value, Part) or not isinstance(value, Mapping):
            return super().validate(value)
        form = encoder_form(value)
        if form == "transformer" and not isinstance(value["transformer"], Mapping):
            return Transformer.model_validate(value)
        return super().validate(value) if form in value else BiLSTM.model_validate(value)

    @override
    def dump(self, part: Part, info: SerializationInfo) -> object:
        return part.model_dump(mode=info.mode) if isinstance(part, self.unnamed) else super().dump(part, info)


def encoder_form(section: object) -> str:
    """Return the name of the encoder that a section describes.

    Example:
        >>> encoder_form({"units": 100}), encoder_form({"transformer": "bert"}), encoder_form({"mine": {"width": 3}})
        ('bilstm', 'transformer', 'mine')
    """
    if isinstance(section, Part):
        return ENCODERS.name_of(type(section))
    if not isinstance(section, Mapping):
        return "bilstm"
    if "transformer" in section:
        return "transformer"
    ((name, settings),) = section.items() if len(section) == 1 else (("bilstm", None),)
    is_named = name in ENCODERS or (isinstance(settings, Mapping) and name not in BiLSTM.model_fields)
    return str(name) if is_named else "bilstm"


class TaskEncoderConfig(Section):
    """The layer of one task of several: a bidirectional LSTM above the shared encoder, with its rate of dropout."""

    units: Units = Field(default=100, description="width of each direction")


class Config(Section):
    """The configuration of one run: a multi-task teacher, or a student, alone or with its teacher."""

    kind: Literal["teacher", "student", "tagger"] = Field(
        description="`teacher` is trained on several tasks at once; `student` has one task or several, and may learn "
        "from a teacher; `tagger` is a student of one task"
    )
    name: str | None = Field(default=None, description="name of the run in tables; null: the name of its folder")
    seed: Seed = Field(default=1, description="seed of the initial weights, the order of the sentences and dropout")
    corpora_root: NonEmpty | None = Field(
        default=None, description="folder that paths of corpora are relative to; null: the current folder"
    )
    scheme: Literal["iob2", "iobes"] = Field(default="iob2", description="tag scheme of the model")
    tasks: Annotated[dict[Name, TaskConfig], Field(min_length=1)] = Field(
        description="the corpus of each task, by the name of the task"
    )
    held_out: Paths = Field(
        default=(),
        description="further corpora, relative to `corpora_root`, whose development and test sentences are excluded "
        "from training text, besides those of the tasks",
    )
    text: TextConfig = Field(
        default=TextConfig(), description="the vocabulary of an encoder that reads words; a transformer brings its own"
    )
    encoder: Annotated[Encoder, EncoderField(ENCODERS, "my_encoder: {width: 32}")] = Field(
        default=BiLSTM(),
        description="the encoder, shared by all tasks: the settings of a BiLSTM; with a key `transformer` "
        "those of a transformer; or `NAME: {SETTINGS}` of an encoder of your own",
    )
    task_encoder: TaskEncoderConfig | None = Field(
        default=None,
        description="in a model of several tasks, each task's own layer above the shared one; null is none",
    )
    negatives: dict[Name, Annotated[tuple[Name, ...], Field(strict=False)]] = Field(
        default={},
        description="in a model of several tasks, for a task other tasks whose labelled entities are not entities of "
        "it: `{chemical: [gene]}` if no gene is a chemical",
    )
    head: Annotated[Head, Named(HEADS, "my_head: {width: 32}", by_name=True)] = Field(
        default=CRF(),
        description="layer that scores the tags: `softmax`, `crf`, or your own: `NAME` or `NAME: {SETTINGS}`",
    )
    training: TrainingConfig = Field(
        default=TrainingConfig(),
        description="how the model is trained; for a transformer the defaults are " + FINE_TUNING_SAID,
    )
    distillation: DistillationConfig | None = Field(
        default=None, description="how `tfkd distill` uses the teacher; `tfkd train` ignores it"
    )
    transfer: Transfer | None = Field(
        default=AUTO,
        description="unlabelled text that `tfkd distill` also learns from; `tfkd train` only adds its words to the "
        "vocabulary. `auto`: `tfkd distill` takes the training sentences of the teacher's "
        "other corpora, without their tags; otherwise none. null: none",
    )
    augmentation: AugmentationConfig | None = Field(
        default=None, description="variants of the labelled training sentences to learn from too; null: none"
    )

    @property
    def unlabelled_share(self) -> float | None:
        """Share of a distillation batch without gold tags: unlabelled text and variants; `None` if there are none."""
        if self.transfer_source is not None:
            return self.transfer_source.share
        return self.augmentation.share if self.augmentation is not None and not self.augmentation.gold else None

    @property
    def transfer_source(self) -> TransferConfig | None:
        """The section `transfer`; `None` for null and for `auto`."""
        return self.transfer if isinstance(self.transfer, TransferConfig) else None

    def with_choices(
        self, vectors: str | EncoderVectorsConfig | None = None, transfer: TransferConfig | None = None
    ) -> Self:
        """Return the configuration with these values in place of `auto`; other values stay.

        Args:
            vectors: Value of `text.vectors`.
            transfer: Value of `transfer`.
        """
        text = self.text.model_copy(update={"vectors": vectors}) if self.text.vectors == AUTO else self.text
        return self.model_copy(update={"text": text, "transfer": transfer if self.transfer == AUTO else self.transfer})

    @property
    def has_one_task(self) -> bool:
        """Whether the model is a tagger, and not a multi-task tagger."""
        return self.kind != "teacher" and len(self.tasks) == 1

    def result_settings(self, mode: Literal["python", "json"] = "python", *exclude: str) -> dict[str, Any]:
        """Return the settings that the results depend on, which must be the same when a run resumes.

        Args:
            mode: As of `model_dump`.
            *exclude: Further keys of the first level to exclude.
        """
        return self.model_dump(mode=mode, exclude={"training": set(CHECKPOINT_KEYS), **dict.fromkeys(exclude, True)})

    @model_validator(mode="before")
    @classmethod
    def _move_keys_of_earlier_versions(cls, data: Any) -> Any:
        """Move the keys of `MOVED`; beside an encoder that is no BiLSTM they have no effect, and are dropped."""
        text = data.get("text") if isinstance(data, Mapping) else None
        if not isinstance(text, Mapping):
            return data
        encoder = data.get("encoder", {})
        is_bilstm = isinstance(encoder, Mapping) and encoder_form(encoder) == "bilstm"
        moved: dict[str, Any] = {}
        for old, (_, name) in MOVED.items():
            text, values = _without(text, old[1:])
            for value in values:
                value = None if name == "characters" and value == "none" else value
                if is_bilstm and encoder.get(name, value) != value:
                    raise _refused(".".join(old), f"encoder.{name} has another value; remove this key")
                moved[name] = value
        return {**data, "text": text, **({"encoder": {**encoder, **moved}} if is_bilstm and moved else {})}

    @model_validator(mode="before")
    @classmethod
    def _fine_tunes_a_transformer(cls, data: Any) -> Any:
        encoder = data.get("encoder") if isinstance(data, Mapping) else None
        if encoder_form(encoder) != "transformer" or not isinstance(data.get("training", {}), Mapping):
            return data
        training = data.get("training", {})
        defaults = {key: value for key, value in FINE_TUNING.items() if key != "epochs" or "updates" not in training}
        return {**data, "training": {**defaults, **training}}

    @model_validator(mode="after")
    def _fits_its_encoder(self) -> Self:
        if self.training.epochs is not None and self.training.updates is not None:
            raise _refused("training.updates", f"training.epochs is {self.training.epochs}: name one of the two")
        source = self.text.vectors_source
        if not isinstance(self.encoder, BiLSTM):
            if source is not None:
                raise _refused("text.vectors", "only a BiLSTM takes word vectors; remove this key, or use a BiLSTM")
        elif isinstance(source, EncoderVectorsConfig) and source.units not in (None, self.encoder.word_units):
            raise _refused(
                "text.vectors.units",
                f"encoder.word_units is {self.encoder.word_units}: set it to {source.units}, or remove this key",
            )
        if self.training.layer_decay != 1:
            if not isinstance(self.encoder, Transformer):
                raise _refused("training.layer_decay", "only the layers of a transformer have rates of their own")
            if self.training.optimizer != "adamw":
                raise _refused("training.layer_decay", "only 'optimizer: adamw' has a rate for each layer")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "tagger" and len(self.tasks) != 1:
            raise _refused("tasks", f"a tagger has one task, got {len(self.tasks)}; 'kind: student' takes several")
        if self.kind == "teacher":
            for name, section in (("distillation", self.distillation), ("transfer", self.transfer_source)):
                if section is not None:
                    raise _refused(name, "only a student learns from a teacher; remove it or set 'kind: student'")
        elif self.task_encoder is not None and len(self.tasks) == 1:
            raise _refused("task_encoder", "only a model of several tasks has a layer for each; set it to null")
        if self.unlabelled_share is not None and self.training.batch_size < 2:
            cause = "transfer" if self.transfer_source is not None else "augmentation.gold: false"
            raise _refused("training.batch_size", f"with '{cause}' a batch holds sentences of two kinds: at least 2")
        return self

    @model_validator(mode="after")
    def _names_tasks_of_teachers(self) -> Self:
        task = None if self.distillation is None else self.distillation.task
        if isinstance(task, str) and len(self.tasks) > 1:
            example = f"{{{next(iter(self.tasks))}: {task}}}"
            raise _refused("distillation.task", f"the student has several tasks: say which learns from it, {example}")
        for name in task if isinstance(task, Mapping) else ():
            if name not in self.tasks:
                raise _refused("distillation.task", f"the student has no task {name!r}; {nearest(name, self.tasks)}")
        return self

    @model_validator(mode="after")
    def _knows_the_tasks_of_its_negatives(self) -> Self:
        try:
            Negatives(self.negatives, tuple(self.tasks))
        except TfkdError as error:
            raise _refused("negatives", str(error)) from None
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


def _without(section: Mapping[str, Any], key: Key) -> tuple[dict[str, Any], list[Any]]:
    """Return a section without a key, and the values of that key: none or one."""
    name, *below = key
    if name not in section:
        return dict(section), []
    if not below:
        return {other: value for other, value in section.items() if other != name}, [section[name]]
    if not isinstance(section[name], Mapping):
        return dict(section), []
    inner, values = _without(section[name], tuple(below))
    return {**section, name: inner}, values
