"""What is asked for, but for where it comes from and where it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfkd.serving import Annotator, ClientOptions
from tfkd_base.documents import get_format
from tfkd_base.errors import TfkdError


@dataclass(frozen=True, slots=True)
class Settings:
    """With which models, and how, documents are annotated.

    Attributes:
        models: Runs, SavedModels and addresses of servers, see `tfkd.serving.Annotator`.
        to: The name of the format to write.
        tasks: Which tasks of models that have several; by default all.
        keep: Keep the entities that the documents have, beside those that are found.
        batch_size: Passages that go through a model, or to a server, together.
        client: How long to wait for a server, and how often to ask again.

    Raises:
        TfkdError: There is no model, no such format, or the batch size is below 1.
    """

    models: tuple[str, ...]
    to: str = "jsonl"
    tasks: tuple[str, ...] = ()
    keep: bool = False
    batch_size: int = 32
    client: ClientOptions = field(default_factory=ClientOptions)

    def __post_init__(self) -> None:
        """Check what can be checked before any work."""
        if not self.models:
            raise TfkdError("expected a model or several, got none")
        if self.batch_size < 1:
            raise TfkdError(f"expected a batch size of 1 or more, got {self.batch_size}")
        get_format(self.to)

    def annotator(self) -> Annotator:
        """Open the models.

        Raises:
            TfkdError: A model is none, or lacks a task.
            ServerError: A server cannot be reached.
        """
        return Annotator(self.models, tasks=self.tasks, options=self.client)
