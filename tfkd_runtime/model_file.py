"""The content of an ONNX model file beside its graph: vocabulary, rules and tables of the text, tags, model card."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfkd_base.errors import TfkdError
from tfkd_runtime.characters import CharacterTables
from tfkd_runtime.decoding import Chain
from tfkd_runtime.description import ModelDescription
from tfkd_runtime.segmentation import SentenceRules
from tfkd_runtime.word_features import WordReader

FORMAT = 1
"""Number of the format. A program reads files with this number, and refuses others."""
WORDS, CASING, CHARACTERS = "words", "casing", "characters"
"""Inputs of the graph's first part: ids of distinct words, int32 `[words]`; of their casing, int32 `[words]`; and of
their characters, int32 `[words, characters]`."""
NEW_VECTORS = "vectors"
"""Its output: the vectors of these words, float32 `[words, width]`."""
VECTORS, IDS, LENGTHS = "known_vectors", "ids", "lengths"
"""Inputs of the second part: vectors of words, float32 `[vectors, width]`; for each token the row of its vector, int32
`[sentences, time]`; and the number of tokens of each sentence, at least 1, int32 `[sentences]`."""
EMISSIONS = "emissions"
"""Its outputs: the emission scores, float32 `[sentences, time, tags]`, named `emissions`, or `emissions/TASK`."""
_NUMBER, _CARD, _TEXT = "tfkd_format", "tfkd_card", "tfkd_text"


@dataclass(frozen=True)
class FileContent:
    """What a model file holds beside its graph.

    Attributes:
        card: The model card: the description of the model, and more.
        rules: How text is split into sentences and tokens.
        reader: How words become ids.
        chains: For each head its CRF scores, by `/TASK` (a model of one task: by `""`); `None` for a softmax.
    """

    card: ModelDescription
    rules: SentenceRules
    reader: WordReader
    chains: dict[str, Chain | None]

    def to_metadata(self) -> dict[str, str]:
        """Return the content as the metadata of an ONNX file."""
        rules, reader = self.rules, self.reader
        text = {
            "tables": rules.characters.to_json(),
            "never_last": rules.never_last,
            "seldom_last": rules.seldom_last,
            "openers": rules.openers,
            "words": list(reader.words),
            "characters": list(reader.characters),
            "lowercase": reader.lowercase,
            "normalize_digits": reader.normalize_digits,
            "max_characters": reader.max_characters,
            "chains": {suffix: chain and chain.to_json() for suffix, chain in self.chains.items()},
        }
        return {_NUMBER: str(FORMAT), _CARD: json.dumps(self.card, ensure_ascii=False), _TEXT: _pack(text)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], name: str) -> FileContent:
        """Read what `to_metadata` returned.

        Args:
            metadata: The metadata of the file.
            name: The name of the file, for messages.

        Raises:
            TfkdError: `tfkd export` did not write the file, or another version of it did.
        """
        number = metadata.get(_NUMBER)
        if number is None:
            raise TfkdError(
                f"{name}: an ONNX file, but not one that `tfkd export` wrote: expected {_NUMBER} in its metadata"
            )
        if number != str(FORMAT):
            raise TfkdError(
                f"{name}: expected a model file of format {FORMAT}, got format {number}: export the model again, or "
                "install the version of tfkd that wrote it"
            )
        try:
            card, text = json.loads(metadata[_CARD]), _unpack(metadata[_TEXT])
            tables = CharacterTables.from_json(text["tables"])
            rules = SentenceRules(tables, text["never_last"], text["seldom_last"], text["openers"])
            settings = ("words", "characters", "lowercase", "normalize_digits", "max_characters")
            reader = WordReader(**{setting: text[setting] for setting in settings}, tables=tables)
            chains = {suffix: chain and Chain.from_json(chain) for suffix, chain in text["chains"].items()}
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise TfkdError(f"{name}: the file is damaged: export the model again ({error})") from None
        return cls(card, rules, reader, chains)


def _pack(value: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value, ensure_ascii=False).encode(), 9)).decode("ascii")


def _unpack(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))
