"""The section `training` of a configuration: how the weights are found."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tfkd.sections import Count, Positive, RampedRate, Section, Weight
from tfkd.training.devices import parse_devices

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


def _names_devices(named: str) -> str:
    parse_devices(named)
    return named


DeviceNames = Annotated[str, AfterValidator(_names_devices)]


LEAST_EPOCHS, LEAST_UPDATES = 20, 1500
"""Numbers of epochs and of updates that a training has at least if its configuration names neither."""

CHECKPOINT_KEYS = ("checkpoint_seconds", "checkpoint_steps")
"""Keys of `training` without an effect on the results."""


class TrainingConfig(Section):
    """How a model is trained."""

    epochs: Count | None = Field(
        default=None,
        description="passes over the labelled training sentences; null: 20, or more where 20 have fewer than 1,500 "
        "updates",
    )
    updates: Count | None = Field(
        default=None, description="length of the training in updates, in place of `epochs`; rounded to whole epochs"
    )
    batch_size: Count = Field(default=32, description="sentences in a batch")
    optimizer: Literal["adam", "adamw"] = Field(default="adam", description="optimiser; `adamw` has weight decay")
    learning_rate: RampedRate = Field(
        default=1e-3, description="learning rate; or a ramp, such as `{start: 2e-3, end: 0}`"
    )
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of the training in which the rate rises from 0; a ramp begins after it"
    )
    weight_decay: Weight = Field(
        default=0.01,
        description="weight decay of `adamw`, relative to the learning rate; biases and normalisations do not decay",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="with `adamw`: factor of the learning rate from each layer of a transformer to the layer below; "
        "the last layer has this times the rate of the layers above the transformer",
    )
    clip_norm: Positive | None = Field(
        default=5.0, description="global norm that gradients are clipped to; null: no clipping"
    )
    gradient_accumulation_steps: Count = Field(default=1, description="number of batches for each update")
    patience: Count | None = Field(
        default=None,
        description="stop after this number of epochs without a better F1 on the development sets; null: never",
    )
    exclude_duplicates: bool | None = Field(
        default=None,
        description="exclude training sentences that are also in a development or test set of the run's tasks; null: "
        "those of at least six tokens; true: shorter ones too, such as headings; false: none",
    )
    task_power: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.75,
        description="a model of several tasks draws a task in proportion to its training sentences to this power",
    )
    checkpoint_seconds: Positive | None = Field(
        default=60.0,
        description="seconds between two checkpoints; null: checkpoints do not depend on time. A checkpoint is also "
        "written when the run is asked to stop",
    )
    checkpoint_steps: Count | None = Field(
        default=None,
        description="also write a checkpoint at the beginning of each epoch and after this number of batches; null: no "
        "such checkpoints",
    )
    jit_compile: bool = Field(default=False, description="compile the training step with XLA; not with several devices")
    dtype: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        default="float32", description="Keras' dtype policy; mixed precision is for GPUs"
    )
    devices: DeviceNames = Field(
        default="auto",
        description="devices to train on: `cpu`, `gpu`, or `auto` (the first GPU, or the CPU if there is none). "
        "`gpu:2` means two GPUs; each takes a part of every batch",
    )

    def count_epochs(self, batches: int) -> int:
        """Return the number of epochs of a training.

        Args:
            batches: Number of batches in an epoch.

        Example:
            >>> TrainingConfig().count_epochs(batches=100), TrainingConfig().count_epochs(batches=10)
            (20, 150)
            >>> TrainingConfig(updates=1000).count_epochs(batches=300)
            3
        """
        if self.epochs is not None:
            return self.epochs
        per_epoch = max(batches, 1) / self.gradient_accumulation_steps
        if self.updates is not None:
            return max(round(self.updates / per_epoch), 1)
        return max(LEAST_EPOCHS, math.ceil(LEAST_UPDATES / per_epoch))

    @property
    def number_of_devices(self) -> int:
        """How many devices share a batch."""
        return parse_devices(self.devices)[1]
