"""What is wrong with a corpus."""

from __future__ import annotations

from tfkd_base.errors import TfkdError


class CorpusError(TfkdError):
    """A file or a set of sentences that cannot be used as a corpus; the message names the place and the remedy."""
