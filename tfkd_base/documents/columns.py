"""Column files as documents: the text is the tokens, joined by spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from tfkd_base.corpora.column_files import column_rows
from tfkd_base.corpora.column_parser import COMMENT, DOCUMENT_LINE, ColumnParser, plain_type
from tfkd_base.corpora.corpus import Sentence
from tfkd_base.corpora.folders import COMMENTS
from tfkd_base.corpora.folders import ENDINGS as COLUMN_ENDINGS
from tfkd_base.corpora.schemes import Scheme, spans, violation
from tfkd_base.documents.document import BrokenDocument, Counts, Document, DocumentError, Entity, Passage, count_infons
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.documents.tagging import TaggingReport, tagged
from tfkd_base.errors import CorpusError
from tfkd_base.files import LINE_BREAKS, read_lines

KIND = "sentence"
TYPES = "types of entities with white space or hidden characters, written with _"
_NAMED = re.compile(rf"{DOCUMENT_LINE}\s+\((.*)\)\s*", re.DOTALL)
_TAGGED_LINE = re.compile(r"\S.*[\t ](?:O|[BIESLU](?:-\S+)?)\s*")
_BLOCK_START = DOCUMENT_LINE.encode()

Block = list[bytes]


@FORMATS.register("columns")
class Columns(DocumentFormat):
    """Column files: a token a line. Their tokens, joined by spaces, are the text of the document."""

    description = "column files, a token a line"
    endings = COLUMN_ENDINGS
    has_tokens = True
    priority = -3

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize at least two lines that all end with a tag."""
        lines = LINE_BREAKS.split(content.decode("utf-8", "replace"))[:50]
        lines = [line for line in (lines[:-1] if len(lines) > 1 else lines) if line.strip()]
        lines = [line for line in lines if not line.startswith(DOCUMENT_LINE)]
        others = [line for line in lines if not _TAGGED_LINE.fullmatch(line)]
        return len(lines) - len(others) >= 2 and all(line.startswith(COMMENT) for line in others)

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        r"""Read the documents of a column file one by one.

        If the file begins with a line `-DOCSTART-`, a document reaches from one such line to the next; else each
        sentence is a document. The text is the tokens joined by spaces, each sentence is a passage, and the tokens are
        kept. A line `-DOCSTART- (ID)` gives the document its id. Default: its number.

        Example:
            >>> import io
            >>> document = next(Columns().read(io.BytesIO(b"BRCA1\tB-Gene\nbinds\tO\n"), "x.tsv", Counts()))
            >>> document.text, document.text_of(document.entities[0]), document.sentences
            ('BRCA1 binds', 'BRCA1', (((0, 5), (6, 11)),))
        """
        parser = ColumnParser(source)
        number = 0
        for first, block in _blocks(stream):
            number += 1
            try:
                # The parser counts lines from the first line of the block.
                sentences = parser.parse((line.decode() for line in block), first)
                if sentences:
                    yield _document(sentences, _name(block, number), counts)
                else:
                    number -= 1  # the block is comments
            except UnicodeDecodeError:
                at = first + next(i for i, line in enumerate(block) if not _is_utf8(line))
                yield BrokenDocument(source, "not UTF-8; convert the file", b"".join(block), at, number)
            except CorpusError as error:
                line, reason = _place(str(error), source)
                yield BrokenDocument(source, reason, b"".join(block), line or first, number)
        counts[COMMENTS] += parser.comments

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of Columns."""
        return _Writer(stream, counts)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _place(message: str, source: str) -> tuple[int | None, str]:
    match = re.fullmatch(r":(\d+): (.*)", message.removeprefix(source), re.DOTALL)
    return (int(match[1]), match[2]) if match else (None, message)


def _blocks(stream: IO[bytes]) -> Iterator[tuple[int, Block]]:
    """Yield the lines of each document, with the number of the first line."""
    by_document: bool | None = None
    block: Block = []
    first = 1
    for number, line in enumerate(read_lines(stream), 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        blank = not line.strip(b" \t\r\n")
        starts = line.startswith(_BLOCK_START)
        if by_document is None and not blank and not line.startswith(COMMENT.encode()):
            by_document = starts
        if starts or (blank and not by_document):
            if _has_tokens(block):
                yield first, block
            block, first = [], number
        if not blank or by_document:
            block.append(line)
            first = first if len(block) > 1 else number
    if _has_tokens(block):
        yield first, block


def _has_tokens(block: Block) -> bool:
    return any(line.strip(b" \t\r\n") and not line.startswith(_BLOCK_START) for line in block)


def _name(block: Block, number: int) -> str:
    match = _NAMED.fullmatch(block[0].decode())
    return match[1] if match else str(number)


def _document(sentences: list[Sentence], name: str, counts: Counts) -> Document:
    pieces: list[str] = []
    tokens: list[tuple[tuple[int, int], ...]] = []
    entities: list[Entity] = []
    place = 0
    for sentence in sentences:
        offsets: list[tuple[int, int]] = []
        for token in sentence.tokens:
            offsets.append((place, place + len(token)))
            place += len(token) + 1
        pieces += sentence.tokens
        tokens.append(tuple(offsets))
        # IOB1, IOB2 and IO spell the same entities when read as IOB2.
        scheme: Scheme = "iobes" if any(tag[0] in "ES" for tag in sentence.tags) else "iob2"
        counts["sentences with invalid sequences of tags"] += (
            scheme == "iobes" and violation(sentence.tags, scheme) is not None
        )
        entities += [Entity(offsets[s.start][0], offsets[s.end - 1][1], s.type) for s in spans(sentence.tags, scheme)]
    passages = tuple(Passage(one[0][0], one[-1][1], KIND) for one in tokens)
    return Document(name, " ".join(pieces), tuple(entities), passages, tuple(tokens))


class _Writer(FormatWriter):
    """Writer of a token and its IOB2 tag a line, a blank line after each sentence, and `-DOCSTART- (ID)` lines.

    Documents must be cut into tokens. Entities are fitted to them by the rule of `tagged`.
    """

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._stream = stream
        self._counts = counts

    def write(self, document: Document) -> None:
        """Write one document.

        Raises:
            DocumentError: The document has text but no tokens, or a token that a column file cannot hold.
        """
        if not document.sentences and document.text.strip():
            raise DocumentError(
                f"document {document.id!r} is not cut into tokens, which a column file needs: cut it first with "
                "tfkd.text.tokenized(documents)"
            )
        name = re.sub(r"[\t\n\r]", " ", document.id)
        self._counts["line breaks and tabs in ids written as spaces"] += name != document.id
        report = TaggingReport()
        lines = [f"{DOCUMENT_LINE} ({name})\n\n"]
        try:
            for number, sentence in enumerate(tagged(self._with_types(document), report=report), 1):
                lines += [*column_rows(sentence, number), "\n"]
        except CorpusError as error:
            raise DocumentError(f"document {document.id!r}: {error}") from None
        self._stream.write("".join(lines).encode())
        for change, number in report.changes().items():
            self._counts[change] += number
        count_infons(document, self._counts)
        held = sum(value is not None for m in document.entities for value in (m.id, m.identifier, m.score))
        self._counts["ids, identifiers and scores of entities dropped"] += held

    def _with_types(self, document: Document) -> Document:
        """Return the document with types that a tag can hold."""
        types = [plain_type(entity.type) for entity in document.entities]
        changed = sum(new != entity.type for new, entity in zip(types, document.entities, strict=True))
        if not changed:
            return document
        self._counts[TYPES] += changed
        return document.with_entities(replace(m, type=new) for m, new in zip(document.entities, types, strict=True))
