"""Documents: texts with entities at character offsets, read from and written to many formats.

These are the names of `tfkd_base.documents`, which works without TensorFlow.

Example:
    >>> from tfkd.documents import Document
    >>> Document("1", "No cancer.").text
    'No cancer.'
"""

from tfkd_base.documents import *  # noqa: F403 - the list of names is in tfkd_base.documents
from tfkd_base.documents import __all__ as __all__
