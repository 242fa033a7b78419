"""A corpus as a folder of column files, one for each split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tfkd_base.corpora.column_files import ColumnFile, read_columns, write_columns
from tfkd_base.corpora.column_parser import UNTYPED
from tfkd_base.corpora.corpus import SPLITS, Corpus, ReadReport, Sentence, SplitReport, count_split
from tfkd_base.corpora.detection import (
    FULL_STOPS,
    LEAST_SENTENCES,
    LateBoundaries,
    describe_file,
    detect_scheme,
    late_boundaries,
    tag_evidence,
)
from tfkd_base.corpora.schemes import PREFIXES, Scheme, check_scheme, repair_tags, violation
from tfkd_base.errors import CorpusError

COMMENTS = "comment lines skipped"
ENDINGS = (".tsv", ".txt", ".conll", ".conllu", ".iob", ".iob2", ".iobes", ".bio")
_DOCUMENT_ENDINGS = (".ann", ".json", ".jsonl", ".pubtator", ".txt", ".xml")
SYNONYMS = {
    "train": "train",
    "training": "train",
    "devel": "devel",
    "dev": "devel",
    "develop": "devel",
    "development": "devel",
    "valid": "devel",
    "validation": "devel",
    "val": "devel",
    "testa": "devel",
    "test": "test",
    "testing": "test",
    "testb": "test",
}


def read_column_corpus(
    path: str | Path,
    *,
    scheme: Scheme | None = None,
    strict: bool = False,
    name: str | None = None,
    token_column: int | str = 0,
    tag_column: int | str = -1,
) -> Corpus:
    r"""Read a corpus from a folder with a file for each split, or from one file.

    Tag sequences that are invalid in the scheme, such as an `I` after `O`, are repaired, and the report counts them.

    Args:
        path: A folder with files named train, devel (dev, valid, ...) and test, or at least one of them; or one file,
            which is the split in its name, or else train.
        scheme: The tag scheme. Default: detected from all splits together, by the rule in `detection`.
        strict: Refuse invalid tag sequences instead of repairing them.
        name: The name of the corpus. Default: the name of its folder, or of a file not named after its split.
        token_column: The column of the token: a number from 0, negative from the last, or a name in the header line.
        tag_column: The column of the tag, likewise.

    Returns:
        The corpus. Its `report` holds the repairs and warnings.

    Raises:
        CorpusError: A file is broken. The message names the file, the line, the error and the remedy.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.tsv").write_text("BRCA1 I-Gene\nbinds O\n")
        >>> read_column_corpus(folder, scheme="iob2", name="tiny").report.repairs
        1
    """
    path = Path(path)
    if scheme is not None:
        scheme = check_scheme(scheme)
    paths = split_files(path)
    files = {
        split: read_columns(file, token_column=token_column, tag_column=tag_column) for split, file in paths.items()
    }
    evidence = {split: tag_evidence(s.tags for s in file.sentences) for split, file in files.items()}
    try:
        chosen = scheme or detect_scheme(evidence)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from None
    splits: dict[str, tuple[Sentence, ...]] = {}
    counts: dict[str, SplitReport] = {}
    for split, file in files.items():
        splits[split], counts[split] = _repair(file, chosen, strict)
    bare = {split: (counts.lone_beginnings, counts.bare_insides) for split, counts in evidence.items()}
    warnings = tuple(_warnings(files, splits, chosen, bare))
    report = ReadReport(chosen, counts, detected=scheme is None, warnings=warnings)
    return Corpus(name or _name(path), chosen, splits, report)


def _name(path: Path) -> str:
    resolved = path.resolve()
    if path.is_dir():
        return resolved.name
    return resolved.parent.name if resolved.stem.lower() in SYNONYMS else resolved.stem


def _repair(file: ColumnFile, scheme: Scheme, strict: bool) -> tuple[tuple[Sentence, ...], SplitReport]:
    """Return the sentences of a file with valid tags, and their numbers."""
    repaired: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
    sentences: list[Sentence] = []
    repairs, first = 0, None
    for sentence, line in zip(file.sentences, file.first_lines, strict=True):
        if sentence.tags not in repaired:
            repaired[sentence.tags] = _repair_tags(sentence.tags, scheme, file.path, line)
        tags, changed = repaired[sentence.tags]
        if changed:
            repairs += changed
            if first is None:
                error = violation(sentence.tags, scheme)
                first = f"{file.path}:{line + error[0]}: {error[1]}" if error else None
                if strict:
                    raise CorpusError(
                        f"{first}, which {scheme.upper()} does not allow; mend the tag, name another scheme with "
                        "--scheme, or read without --strict to have it repaired"
                    )
            sentence = Sentence(sentence.tokens, tags)
        sentences.append(sentence)
    counts = count_split(sentences, scheme)
    changes = {COMMENTS: file.comments} if file.comments else {}
    return tuple(sentences), replace(counts, repairs=repairs, first_repair=first, path=str(file.path), changes=changes)


def _repair_tags(tags: tuple[str, ...], scheme: Scheme, path: Path, line: int) -> tuple[tuple[str, ...], int]:
    """Return valid tags, and the number of tags that were changed."""
    try:
        if violation(tags, scheme) is None:
            return tags, 0
        repaired, changed = repair_tags(tags, scheme)
    except CorpusError as error:
        prefixes = PREFIXES[scheme]
        wrong = next(index for index, tag in enumerate(tags) if tag != "O" and tag[0] not in prefixes)
        raise CorpusError(f"{path}:{line + wrong}: {error}; name the right scheme with --scheme") from None
    return tuple(repaired), changed


def _warnings(
    files: dict[str, ColumnFile],
    splits: dict[str, tuple[Sentence, ...]],
    scheme: Scheme,
    bare: dict[str, tuple[int, int]],
) -> Iterator[str]:
    for split, file in files.items():
        if file.untyped:
            yield f"{file.path.name}: tags without a type, such as a bare B, were read as type {UNTYPED}"
        if file.is_bilou:
            yield f"{file.path.name}: tags of BILOU were read as IOBES, L as E and U as S"
        late = late_boundaries(splits[split])
        if late:
            yield _late_warning(file, late)
        stops = sum(token in FULL_STOPS for token in splits[split][0].tokens) if len(splits[split]) == 1 else 0
        if stops >= LEAST_SENTENCES:
            yield (
                f"{file.path.name}: all {len(splits[split][0].tokens):,} tokens are one sentence, with {stops:,} full "
                "stops inside; write a blank line after each sentence"
            )
        beginnings, insides = bare[split]
        if scheme == "iob2" and insides > beginnings:
            yield (
                f"{file.path.name}: {insides:,} entities start with I- and {beginnings:,} with B-: the file may mix "
                "IOB1 and IOB2; the entities are the same either way"
            )
    if not any(tag != "O" for sentences in splits.values() for sentence in sentences for tag in sentence.tags):
        yield f"there is no entity in any split, so the scheme {scheme.upper()} is a guess"


def _late_warning(file: ColumnFile, late: LateBoundaries) -> str:
    index, position = late.first
    line = file.first_lines[index] + position
    after = len(file.sentences[index].tokens) - position - 1
    lag = f"{after} {'token' if after == 1 else 'tokens'}"
    return (
        f"{file.path.name}: only {late.proper:,} of {late.sentences:,} sentences end with a full stop, and "
        f"{late.inside:,} full stops are inside a sentence (the first in line {line}, {lag} before its end): "
        "the blank lines come too late; split the sentences again or use another copy of the corpus"
    )


def split_files(path: Path) -> dict[str, Path]:
    """Find the file of each split in a folder.

    Args:
        path: A folder, or a file, which is the split in its name, or else train.

    Returns:
        The file of each existing split, in the order train, devel, test.

    Raises:
        CorpusError: There is none, or several for one split.
    """
    if not path.exists():
        raise CorpusError(f"{path}: there is no such file or folder")
    if path.is_file():
        return {split_of(path) or "train": path}
    candidates: dict[str, list[Path]] = {}
    for file in sorted(path.iterdir()):
        split = split_of(file) if file.is_file() and file.suffix.lower() in ENDINGS else None
        if split:
            candidates.setdefault(split, []).append(file)
    if not candidates:
        raise CorpusError(_explain_nothing(path))
    return {split: _single(candidates[split], split, path) for split in SPLITS if split in candidates}


def split_of(file: Path) -> str | None:
    """Return the split in the name of a file or folder: `train.tsv`, `NCBI_train_iob.txt`, `NCBItestset.txt`.

    Args:
        file: A file, or a folder.

    Returns:
        `train`, `devel` or `test`; None if the name contains none or several.

    Example:
        >>> split_of(Path("NCBIdevelopset_corpus.txt")), split_of(Path("train_dev.tsv")) is None
        ('devel', True)
    """
    # `NCBItrainset` consists of a word in capitals and one in lower case.
    words = {*re.split(r"[^a-z]+", file.stem.lower()), *re.findall(r"[a-z]+", file.stem)}
    splits = {SYNONYMS[word.removesuffix("set")] for word in words if word.removesuffix("set") in SYNONYMS}
    return splits.pop() if len(splits) == 1 else None


def _single(files: Sequence[Path], split: str, folder: Path) -> Path:
    plain = [file for file in files if file.stem.lower() in SYNONYMS]
    choice = plain if len(plain) == 1 else files
    if len(choice) > 1:
        names = ", ".join(file.name for file in choice)
        raise CorpusError(f"{folder}: several files could be the {split} split: {names}; keep one of them")
    return choice[0]


def _explain_nothing(folder: Path) -> str:
    entries = sorted(folder.iterdir())
    message = (
        f"{folder}: no corpus is here; expected files named train, devel or test ending in {', '.join(ENDINGS)}, such "
        "as train.tsv"
    )
    inside = [e.name for e in entries if e.is_dir() and any(split_of(f) for f in e.iterdir() if f.suffix in ENDINGS)]
    if inside:
        shown = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
        return f"{message}; there are some in the folders {shown}: name one of them"
    if any(entry.suffix in _DOCUMENT_ENDINGS for entry in entries):
        message += "; read annotated documents (PubTator, BioC, BRAT) with tfkd.read_corpus"
    shown = ", ".join(entry.name for entry in entries[:5]) + (", ..." if len(entries) > 5 else "")
    message += f"; it holds {shown}" if entries else "; it is empty"
    named = [entry for entry in entries if entry.is_file() and (split_of(entry) or split_of(entry.with_suffix("")))]
    format = next((f"{entry.name} is {text}" for entry in named if (text := describe_file(entry))), "")
    return f"{message}; {format}" if format else message


def write_corpus(corpus: Corpus, folder: str | Path) -> None:
    """Write a corpus as a folder of column files: `train.tsv`, `devel.tsv`, `test.tsv`.

    Args:
        corpus: The corpus; its tags are written unchanged.
        folder: The folder; created if it does not exist. Files of these names are overwritten.

    Raises:
        CorpusError: A column file cannot hold a token.

    Example:
        >>> import tempfile
        >>> corpus = Corpus("tiny", "iob2", {"train": (Sentence(("BRCA1", "binds"), ("B-Gene", "O")),)})
        >>> folder = tempfile.mkdtemp()
        >>> write_corpus(corpus, folder)
        >>> read_column_corpus(folder, name="tiny") == corpus
        True
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for split, sentences in corpus.splits.items():
        write_columns(sentences, folder / f"{split}.tsv")
