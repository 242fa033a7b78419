"""What a configuration may say of distillation: the losses, the teachers, and text without labels."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_serializer, model_validator

from tfkd.config.base import Count, Name, NonEmpty, RampedWeight, Section, Seed, Share, Temperature, Weight

ONE, SEVERAL = "[one]", "[several]"
"""Marks that stand in the places of errors for the form of a value; no part of its key."""


def _one_or_several(value: Any) -> str:
    return SEVERAL if isinstance(value, list | tuple) else ONE


Paths = Annotated[tuple[NonEmpty, ...], Field(strict=False)]
OnePathOrMore = Annotated[
    Annotated[NonEmpty, Tag(ONE)] | Annotated[Annotated[Paths, Field(min_length=1)], Tag(SEVERAL)],
    Discriminator(_one_or_several),
]


class WeightedConfig(Section):
    """A loss with its weight."""

    weight: RampedWeight = Field(1.0, description="weight among the losses; or a ramp")


class LogitsConfig(WeightedConfig):
    """KL divergence of the student's tag distribution from the teacher's, each token by itself."""

    temperature: Temperature = Field(2.0, description="both models' logits are divided by it; or a ramp")


class LogitsRegressionConfig(WeightedConfig):
    """Mean squared difference of the logits."""


class DecoupledConfig(LogitsConfig):
    """The divergence in two parts: of the gold tag, and among the other tags."""

    target_weight: Weight = Field(1.0, description="weight of the part of the gold tag")
    other_weight: Weight = Field(2.0, description="weight of the part among the others")


class CorrelationConfig(WeightedConfig):
    """Distance in correlation, between the tags of a token and between the tokens for a tag."""

    temperature: Temperature = Field(1.0, description="both models' logits are divided by it; or a ramp")
    between_weight: Weight = Field(1.0, description="weight of the part between the tags of a token")
    within_weight: Weight = Field(1.0, description="weight of the part between the tokens for a tag")


class FeaturesConfig(WeightedConfig):
    """The distance between what a layer of the student and one of the teacher give."""

    teacher_layer: NonEmpty = Field("shared_encoder", description="name of the teacher's layer")
    student_layer: NonEmpty = Field("encoder", description="name of the student's layer")
    project: bool | None = Field(
        None,
        description="bring the student's features to the teacher's width by a learned projection; null is where "
        "the widths differ",
    )


class PosteriorsConfig(WeightedConfig):
    """KL divergence of the probabilities of tags over all paths: for a CRF those of the forward-backward algorithm."""

    temperature: Temperature = Field(1.0, description="both models' scores are divided by it; or a ramp")


class SequencesConfig(PosteriorsConfig):
    """KL divergence of the student's distribution over whole sequences from the teacher's."""


class PathsConfig(WeightedConfig):
    """Negative log-likelihood of the teacher's best paths."""

    number: Count = Field(4, description="how many paths")
    weighted: bool = Field(True, description="weight them by the teacher's probabilities of them")


class HiddenStatesConfig(WeightedConfig):
    """Mean squared difference of two transformers' states, each layer of the student's with one of the teacher's."""


class AttentionConfig(WeightedConfig):
    """KL divergence of a transformer's attention from its teacher's, layer by layer; not from a cache."""


class LossConfig(Section):
    """One distillation loss: one of these names, and below it its settings."""

    logits: LogitsConfig | None = Field(None, description="KL divergence of tempered tag distributions")
    logits_regression: LogitsRegressionConfig | None = Field(None, description="mean squared difference of logits")
    decoupled: DecoupledConfig | None = Field(None, description="decoupled divergence: gold tag and others apart")
    correlation: CorrelationConfig | None = Field(None, description="correlation of tag distributions (DIST)")
    features: FeaturesConfig | None = Field(None, description="mean squared difference of two layers' outputs")
    cosine_features: FeaturesConfig | None = Field(None, description="one less the cosine of two layers' outputs")
    patient_features: FeaturesConfig | None = Field(
        None, description="squared distance of two layers' outputs, each of length one"
    )
    posteriors: PosteriorsConfig | None = Field(None, description="KL divergence of posteriors")
    sequences: SequencesConfig | None = Field(None, description="KL divergence of distributions over sequences")
    paths: PathsConfig | None = Field(None, description="likelihood of the teacher's best paths")
    hidden_states: HiddenStatesConfig | None = Field(
        None, description="mean squared difference of two transformers' states, layer by layer"
    )
    attention: AttentionConfig | None = Field(None, description="KL divergence of two transformers' attention")

    @model_validator(mode="after")
    def _is_one_loss(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError("expected one loss with its settings, for example 'logits: {temperature: 2.0}'")
        return self

    def _given(self) -> dict[str, Section]:
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @property
    def name(self) -> str:
        """Which loss it is, `logits` for example."""
        return next(iter(self._given()))

    @property
    def settings(self) -> Any:
        """The loss's own section."""
        return next(iter(self._given().values()))

    @model_serializer
    def _one_key(self) -> dict[str, Any]:
        return {self.name: self.settings.model_dump()}


class DistillationConfig(Section):
    """What a student takes from its teacher."""

    teacher: OnePathOrMore | None = Field(
        None,
        description="the run of the teacher, taken from the current folder, or a list of runs whose probabilities are "
        "averaged; `--teacher` goes before it",
    )
    cache: OnePathOrMore | None = Field(
        None,
        description="what `tfkd cache-teacher` has kept of the teacher, or a list as above: no teacher is then run, "
        "and one that is named must be the one that made the cache; `--cache` goes before it",
    )
    teacher_weights: Annotated[tuple[Weight, ...], Field(strict=False)] | None = Field(
        None, description="how much each of several teachers counts; null is all alike"
    )
    task: Name | None = Field(None, description="the teacher's task to learn from; null is the student's task's name")
    student_loss_weight: RampedWeight = Field(
        0.5, description="weight of the loss against the gold tags, beside those of `losses`; or a ramp"
    )
    initialize: bool = Field(
        False,
        description="before training, give a student that is a transformer the teacher's embedding and layers, evenly "
        "over its depth; needs the teacher itself",
    )
    losses: Annotated[tuple[LossConfig, ...], Field(strict=False, min_length=1)] = Field(
        (LossConfig(logits=LogitsConfig()),), description="what is compared with the teacher, one loss an item"
    )


class TransferConfig(Section):
    """Text without labels for the task, from which the student takes the teacher's part alone."""

    corpora: Paths = Field(
        (), description="corpora whose training sentences are taken without their tags; paths as those of `tasks`"
    )
    texts: Paths = Field(
        (), description="text files, plain or gzip, one document a line, taken from the current folder"
    )
    sentences: Count | None = Field(None, description="take a random sample of so many sentences; null is all")
    sample_seed: Seed = Field(1, description="fixes which sentences are sampled")
    share: Share = Field(
        0.5,
        description="share of a batch that has no labels; an epoch goes once through the sentences that have",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.corpora and not self.texts:
            raise ValueError("expected corpora, texts or both, for example 'corpora: [BC5CDR-chem-IOB]'")
        return self
