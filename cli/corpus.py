"""`tfkd corpus`: check, convert and generate corpora."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfkd_base.wording import count_of

from .configuration import code_option, map_option, offsets_option
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tfkd_base.corpora import Corpus, Overlap

SCHEME_NAMES = ("iob1", "iob2", "iobes", "io")


@click.group(epilog="Example: tfkd corpus check corpora/NCBI-disease")
def corpus() -> None:
    """Check, convert and generate corpora."""


def _column(_: click.Context, __: click.Parameter, value: str) -> int | str:
    """Return a column as a number if it is one, else as a name."""
    try:
        return int(value)
    except ValueError:
        return value


_token_column = click.option(
    "--token-column", default="0", callback=_column, metavar="COLUMN", help="Column of the token.  [default: the first]"
)
_tag_column = click.option(
    "--tag-column",
    default="-1",
    callback=_column,
    metavar="COLUMN",
    help="Column of the tag: a number from 0, negative from the last, or a name in line 1.  [default: the last]",
)
_strict = click.option("--strict", is_flag=True, help="Refuse invalid tag sequences instead of repairing them.")


@corpus.command(epilog="Example: tfkd corpus check corpora/NCBI-disease corpora/BC5CDR-chem")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--scheme", type=click.Choice(SCHEME_NAMES), help="Tag scheme.  [default: detected]")
@_strict
@_token_column
@_tag_column
@offsets_option
@map_option
@code_option
def check(
    paths: tuple[str, ...],
    scheme: Any,
    strict: bool,
    token_column: int | str,
    tag_column: int | str,
    offsets: str,
    types: dict[str, str],
) -> None:
    """Check corpora, and show their content.

    PATH is a folder with files named train, devel and test, or one file, or a bundled corpus: demo:disease,
    demo:chemical or demo:gene. Files are column files, or annotated documents in PubTator, BioC, BRAT or JSON lines,
    which are cut into sentences.

    A table shows the numbers of sentences, tokens and entities of each split. Below it are repairs, changes of the
    documents, and warnings. The last table shows the sentences of development and test sets that are also in training
    or development sets of these corpora.
    """
    from rich.console import Console

    from tfkd_base.corpora import overlap

    corpora: dict[str, Corpus] = {}
    for path in paths:
        read = _read(path, scheme, strict, token_column, tag_column, offsets).map_types(types)
        corpora[_unused_name(read.name, path, corpora)] = read
    console = Console(highlight=False, soft_wrap=False, emoji=False)
    for number, (name, read) in enumerate(corpora.items()):
        if number:
            console.print()
        _show_corpus(console, name, read)
    console.print()
    _show_overlap(console, overlap(corpora, splits=("train", "devel")), len(corpora))


def _read(path: str, scheme: Any, strict: bool, token_column: int | str, tag_column: int | str, offsets: str) -> Corpus:
    """Read column files, documents or a bundled corpus. Only to cut documents needs TensorFlow."""
    from tfkd_base.corpora import BUNDLED, bundled_corpus
    from tfkd_base.documents import holds_documents

    if path.startswith(BUNDLED):
        bundled = bundled_corpus(path)
        return bundled.convert(scheme) if scheme else bundled

    if holds_documents(path):
        import_tensorflow()
        choose_threads()
        from tfkd import read_corpus

        return read_corpus(path, scheme=scheme, strict=strict, offsets=offsets)
    from tfkd_base.corpora import read_column_corpus

    return read_column_corpus(path, scheme=scheme, strict=strict, token_column=token_column, tag_column=tag_column)


def _unused_name(name: str, path: str, corpora: dict[str, Corpus]) -> str:
    if name not in corpora:
        return name
    number = 2
    while f"{path} ({number})" in corpora:
        number += 1
    return path if path not in corpora else f"{path} ({number})"


def _show_corpus(console: Console, name: str, read: Corpus) -> None:
    from rich.markup import escape

    from tfkd_base.corpora.corpus import DROPPED
    from tfkd_base.corpora.detection import type_differences

    report = read.report
    how = "detected" if report.detected else "given"
    if any(split.documents is not None for split in report.splits.values()):
        how = "of tagged documents"
    console.print(f"[bold]{escape(name)}[/bold]  scheme {report.scheme.upper()} ({how})")
    console.print(_split_table(read))
    adjacent = sum(split.adjacent for split in report.splits.values())
    if adjacent and report.scheme != "io":
        console.print(
            f"{count_of(adjacent, 'entity', 'entities')} directly after one of the same type: IO would merge them"
        )
    if report.repairs:
        first = next(split.first_repair for split in report.splits.values() if split.first_repair)
        console.print(
            f"[yellow]repaired[/yellow] {count_of(report.repairs, 'tag')} in invalid sequences. First: {escape(first)}"
        )
    for split, counts in report.splits.items():
        for change, number in counts.changes.items():
            if counts.documents is None or change == DROPPED:  # others of documents are among the warnings
                console.print(f"{split}: {change}: {number:,}")
    for warning in (*report.warnings, *type_differences(read)):
        console.print(f"[yellow]warning[/yellow] {escape(warning)}")


def _split_table(read: Corpus) -> Table:
    """Return a table with a column for each split."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for split in read.splits:
        table.add_column(split, justify="right")
    reports = list(read.report.splits.values())
    rows: list[tuple[str, list[int]]] = []
    if any(split.documents is not None for split in reports):
        rows.append(("documents", [split.documents or 0 for split in reports]))
    rows += [
        ("sentences", [split.sentences for split in reports]),
        ("tokens", [split.tokens for split in reports]),
        ("longest sentence", [split.longest for split in reports]),
        ("entities", [sum(split.entities.values()) for split in reports]),
    ]
    rows += [(f"  {kind}", [split.entities.get(kind, 0) for split in reports]) for kind in read.types]
    if read.report.repairs:
        rows.append(("repaired tags", [split.repairs for split in reports]))
    for name, figures in rows:
        table.add_row(escape(name), *(f"{figure:,}" for figure in figures))
    return table


def _show_overlap(console: Console, overlaps: list[Overlap], corpora: int) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    where = "this corpus" if corpora == 1 else "these corpora"
    if not overlaps:
        console.print(f"No development or test sentence of six or more tokens is also in another set of {where}.")
        return
    console.print("[bold]Held-out sentences of six or more tokens that are also in another set[/bold]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("of", overflow="fold")
    table.add_column("also in", overflow="fold")
    table.add_column("sentences", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("similar", justify="right", no_wrap=True)
    for pair in overlaps:
        table.add_row(
            escape(f"{pair.held_out_corpus} {pair.held_out_split}"),
            escape(f"{pair.corpus} {pair.split}"),
            f"{pair.sentences:,} of {pair.out_of:,}",
            f"{pair.sentences / pair.out_of:.1%}",
            f"{pair.similar:,}",
        )
    console.print(table)
    console.print(
        "Similar sentences differ in punctuation, or one is a part of the other. Training excludes such training "
        "sentences (key training.exclude_duplicates)."
    )


@corpus.command(epilog="Example: tfkd corpus convert corpora/NCBI-disease corpora/NCBI-disease-IOBES --scheme iobes")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--scheme", type=click.Choice(SCHEME_NAMES), required=True, help="New tag scheme.")
@click.option("--from", "given", type=click.Choice(SCHEME_NAMES), help="Tag scheme of IN.  [default: detected]")
@_strict
@_token_column
@_tag_column
@offsets_option
@map_option
@code_option
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def convert(
    source: str,
    target: Path,
    scheme: Any,
    given: Any,
    strict: bool,
    token_column: int | str,
    tag_column: int | str,
    offsets: str,
    types: dict[str, str],
    overwrite: bool,
) -> None:
    """Convert a corpus to column files in another tag scheme.

    IN is a folder or a file: column files, or annotated documents in PubTator, BioC, BRAT or JSON lines, which are cut
    into sentences; or a bundled corpus such as demo:gene. OUT becomes a folder or a file, like IN. It has two columns,
    token and tag, separated by a tab.
    """
    from tfkd_base.corpora import BUNDLED, write_columns

    read = _read(source, given, strict, token_column, tag_column, offsets).map_types(types)
    converted = read.convert(scheme)
    if Path(source).is_dir() or source.startswith(BUNDLED):
        files = {split: target / f"{split}.tsv" for split in converted.splits}
    else:
        is_documents = any(one.documents is not None for one in converted.report.splits.values())
        name = f"{read.name}.tsv" if is_documents else Path(source).name
        files = {split: target / name if target.is_dir() else target for split in converted.splits}
    _refuse_overwriting(files.values(), overwrite)
    for split, file in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_columns(converted.splits[split], file)
        counts = converted.report.splits[split]
        entities = count_of(sum(counts.entities.values()), "entity", "entities")
        click.echo(f"{file}: {count_of(counts.sentences, 'sentence')}, {entities} in {scheme.upper()}", file=sys.stdout)
        for change, number in counts.changes.items():
            click.echo(f"  {change}: {number:,}", file=sys.stdout)
    if converted.report.repairs:
        click.echo(f"repaired {count_of(converted.report.repairs, 'tag')} in invalid sequences", file=sys.stdout)
    if converted.report.merged:
        click.echo(
            f"lost {count_of(converted.report.merged, 'entity', 'entities')}: directly after one of the same type, "
            "which IO merges with it",
            file=sys.stdout,
        )


@corpus.command(epilog="Example: tfkd corpus demo corpora/demo --seed 1")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, help="Seed of the names and sentences.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def demo(out: Path, seed: int, overwrite: bool) -> None:
    """Generate the three demo corpora.

    Writes OUT/disease, OUT/chemical and OUT/gene. The same seed gives the same files on every machine.
    """
    from tfkd_base.corpora import demo_corpora, write_corpus

    made = demo_corpora(seed)
    _refuse_overwriting((out / name / f"{split}.tsv" for name, one in made.items() for split in one.splits), overwrite)
    for name, one in made.items():
        write_corpus(one, out / name)
        sizes = ", ".join(
            f"{split} {counts.sentences} sentences and {sum(counts.entities.values())} entities"
            for split, counts in one.report.splits.items()
        )
        click.echo(f"{out / name}: {sizes}", file=sys.stdout)


def _refuse_overwriting(files: Any, overwrite: bool) -> None:
    from tfkd_base.errors import TfkdError

    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise TfkdError(f"{existing[0]} exists already; name another place, or replace it with --overwrite")
