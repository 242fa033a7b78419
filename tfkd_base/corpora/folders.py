"""A corpus as a folder of column files, one for each split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tfkd_base.corpora.column_files import UNTYPED, ColumnFile, read_columns, write_columns
from tfkd_base.corpora.corpus import SPLITS, Corpus, ReadReport, Sentence, SplitReport, count_split
from tfkd_base.corpora.detection import LateBoundaries, detect_scheme, late_boundaries, tag_evidence
from tfkd_base.corpora.schemes import PREFIXES, Scheme, check_scheme, repair_tags, violation
from tfkd_base.errors import CorpusError

ENDINGS = (".tsv", ".txt", ".conll", ".iob", ".iob2", ".iobes", ".bio")
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
            which is the split that its name says, or else train.
        scheme: The tagging scheme; detected over all splits together if not given, by the rule in `detection`.
        strict: Refuse invalid tag sequences instead of repairing them.
        name: What to call the corpus; by default the name of its folder, or of a file not named after its split.
        token_column: The column of the token: a number from 0, negative from the last, or a name in the header line.
        tag_column: The column of the tag, likewise.

    Returns:
        The corpus; its `report` says what was repaired and what is odd.

    Raises:
        CorpusError: If a file is broken, with the file, the line, what is wrong and what to do.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.tsv").write_text("BRCA1 I-Gene\nbinds O\n")
        >>> read_column_corpus(folder, scheme="iob2", name="tiny").report.repairs
        1
    """
    path = Path(path)
    if scheme is not None:
        check_scheme(scheme)
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
        splits[split], counts[split] = _mended(file, chosen, strict)
    bare = {split: (counts.lone_beginnings, counts.bare_insides) for split, counts in evidence.items()}
    warnings = tuple(_warnings(files, splits, chosen, bare))
    report = ReadReport(chosen, counts, detected=scheme is None, warnings=warnings)
    return Corpus(name or _name(path), chosen, splits, report)


def _name(path: Path) -> str:
    resolved = path.resolve()
    if path.is_dir():
        return resolved.name
    return resolved.parent.name if resolved.stem.lower() in SYNONYMS else resolved.stem


def _mended(file: ColumnFile, scheme: Scheme, strict: bool) -> tuple[tuple[Sentence, ...], SplitReport]:
    """The sentences of a file with valid tags only, and their counts."""
    known: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
    sentences: list[Sentence] = []
    repairs, first = 0, None
    for sentence, line in zip(file.sentences, file.first_lines, strict=True):
        if sentence.tags not in known:
            known[sentence.tags] = _valid(sentence.tags, scheme, file.path, line)
        tags, changed = known[sentence.tags]
        if changed:
            repairs += changed
            if first is None:
                found = violation(sentence.tags, scheme)
                first = f"{file.path}:{line + found[0]}: {found[1]}" if found else None
                if strict:
                    raise CorpusError(
                        f"{first}, which {scheme.upper()} does not allow; mend the tag, name another scheme with "
                        "--scheme, or read without --strict to have it repaired"
                    )
            sentence = Sentence(sentence.tokens, tags)
        sentences.append(sentence)
    counts = count_split(sentences, scheme)
    return tuple(sentences), replace(counts, repairs=repairs, first_repair=first, path=str(file.path))


def _valid(tags: tuple[str, ...], scheme: Scheme, path: Path, line: int) -> tuple[tuple[str, ...], int]:
    """Tags as the scheme allows them, and how many had to be changed."""
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
        late = late_boundaries(splits[split])
        if late:
            yield _late_warning(file, late)
        beginnings, insides = bare[split]
        if scheme == "iob2" and insides > beginnings:
            yield (
                f"{file.path.name}: {insides:,} entities start with I- and {beginnings:,} with B-: this may be IOB1 "
                "and IOB2 mixed; the entities are read the same either way"
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
        f"{late.inside:,} full stops stand inside a sentence (the first in line {line}, {lag} before the sentence "
        "ends): the blank lines stand too late; split the sentences anew or take another copy of the corpus"
    )


def split_files(path: Path) -> dict[str, Path]:
    """Find the file of each split in a folder.

    Args:
        path: A folder, or a file, which is taken for the split that its name says, or else for train.

    Returns:
        The file of each split there is, in the order train, devel, test.

    Raises:
        CorpusError: If there is none, or several for one split.
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
        raise CorpusError(_nothing_found(path))
    return {split: _only(candidates[split], split, path) for split in SPLITS if split in candidates}


def split_of(file: Path) -> str | None:
    """Tell the split that the name of a file or folder says: `train.tsv`, `NCBI_train_iob.txt`, `NCBItestset.txt`.

    Args:
        file: A file, or a folder.

    Returns:
        `train`, `devel` or `test`; None if the name says none or several.

    Example:
        >>> split_of(Path("NCBIdevelopset_corpus.txt")), split_of(Path("train_dev.tsv")) is None
        ('devel', True)
    """
    # `NCBItrainset` is two words too: one in capitals, and one that is not.
    words = {*re.split(r"[^a-z]+", file.stem.lower()), *re.findall(r"[a-z]+", file.stem)}
    found = {SYNONYMS[word.removesuffix("set")] for word in words if word.removesuffix("set") in SYNONYMS}
    return found.pop() if len(found) == 1 else None


def _only(files: Sequence[Path], split: str, folder: Path) -> Path:
    plain = [file for file in files if file.stem.lower() in SYNONYMS]
    choice = plain if len(plain) == 1 else files
    if len(choice) > 1:
        names = ", ".join(file.name for file in choice)
        raise CorpusError(f"{folder}: several files could be the {split} split: {names}; keep one of them there")
    return choice[0]


def _nothing_found(folder: Path) -> str:
    entries = sorted(folder.iterdir())
    message = (
        f"{folder}: no corpus is here; expected files named train, devel or test ending in {', '.join(ENDINGS)}, such "
        "as train.tsv"
    )
    inside = [e.name for e in entries if e.is_dir() and any(split_of(f) for f in e.iterdir() if f.suffix in ENDINGS)]
    if inside:
        shown = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
        return f"{message}; there are in the folders {shown}: name one of them"
    if any(entry.suffix in _DOCUMENT_ENDINGS for entry in entries):
        message += "; read annotated documents (PubTator, BioC, BRAT) with tfkd.read_corpus"
    shown = ", ".join(entry.name for entry in entries[:5]) + (", ..." if len(entries) > 5 else "")
    return f"{message}; it holds {shown}" if entries else f"{message}; it is empty"


def write_corpus(corpus: Corpus, folder: str | Path) -> None:
    """Write a corpus as a folder of column files: `train.tsv`, `devel.tsv`, `test.tsv`.

    Args:
        corpus: The corpus; its tags are written as they are.
        folder: Where to write; made if it is not there. Files of these names are overwritten.

    Raises:
        CorpusError: If a token cannot stand in a column file.

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
