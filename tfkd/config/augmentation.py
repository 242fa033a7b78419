"""The section `augmentation` of a configuration: variants of labelled sentences."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from tfkd.config.distillation import OnePathOrMore
from tfkd.sections import Count, Section, Seed, Share

Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentationConfig(Section):
    """Variants of the labelled training sentences, with other mentions and other tokens (Dai and Adel 2020)."""

    mentions: Probability = Field(
        default=0.0, description="probability that a mention is replaced by another one of its entity type"
    )
    tokens: Probability = Field(
        default=0.0, description="probability that a token is replaced by one drawn from all tokens with its tag"
    )
    shuffle: Probability = Field(
        default=0.0,
        description="probability that the tokens of a segment, a mention or what is between two, are shuffled",
    )
    terms: OnePathOrMore | None = Field(
        default=None,
        description="a file of further mentions, or a list of files, relative to the current folder: a term on each "
        "line, then a tab and its entity type if the task has several; null: mentions of the training sentences only",
    )
    term_share: Probability = Field(
        default=0.5, description="probability that the new mention is a term, for entity types that have terms"
    )
    variants: Count = Field(
        default=10, description="number of variants of each labelled sentence; epochs take turns among them"
    )
    share: Share = Field(
        default=0.5,
        description="share of labelled sentences that an epoch replaces by a variant; with `gold: false` and without "
        "`transfer`, the share of variants in a batch",
    )
    gold: bool = Field(
        default=True,
        description="whether the tags of variants are gold tags in `tfkd distill`; false: variants are unlabelled "
        "text, beside that of `transfer`. `tfkd train` always takes their tags",
    )
    sample_seed: Seed = Field(
        default=1, description="seed of the variants; runs with other seeds have the same ones, and share a cache"
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.mentions and not self.tokens and not self.shuffle:
            raise ValueError("expected a probability above 0 for one of mentions, tokens and shuffle: 'mentions: 0.3'")
        if self.terms is not None and not self.mentions:
            raise ValueError("terms take the place of mentions: expected a probability of mentions above 0")
        return self
