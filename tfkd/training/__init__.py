"""Training: batches, checkpoints, devices, and the step that all models share."""

from tfkd.training.batches import Batches, Position, batches, multitask_batches
from tfkd.training.checkpoints import Checkpoints
from tfkd.training.devices import Devices, choose_devices
from tfkd.training.plans import (
    AnyPlan,
    BatchPlan,
    ResizedEpochs,
    TaskMixPlan,
    TransferPlan,
    VariantPlan,
    groups_by_size,
)
from tfkd.training.sentences import EncodedSentences, Features, SentenceArrays, Texts, tag_ids
from tfkd.training.task_transfer_plan import TaskTransferPlan
from tfkd.training.training_state import TrainingState

__all__ = [
    "AnyPlan",
    "BatchPlan",
    "Batches",
    "Checkpoints",
    "Devices",
    "EncodedSentences",
    "Features",
    "Position",
    "ResizedEpochs",
    "SentenceArrays",
    "TaskMixPlan",
    "TaskTransferPlan",
    "Texts",
    "TrainingState",
    "TransferPlan",
    "VariantPlan",
    "batches",
    "choose_devices",
    "groups_by_size",
    "multitask_batches",
    "tag_ids",
]
