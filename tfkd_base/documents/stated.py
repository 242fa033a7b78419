"""Documents as a file states them, and the one rule of all formats that places their entities in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tfkd_base.documents.document import Counts, Entity, FaultError, Passage
from tfkd_base.documents.entity_texts import ALMOST, DIFFERENT, EQUAL, Places, compare_texts, join_lines
from tfkd_base.documents.offsets import CHARACTERS, DETECT, UNITS, Ruler, Unit, get_units

MERGED = "overlapping fragments of entities, merged"
SEVERAL = 2
"""Entities without texts that are evidence for a unit, at least"""
ELLIPSIS = "entities with an ellipsis in their text, read as fragments"


class StatedEntity(NamedTuple):
    """An entity as a file states it, with offsets in the file's unit.

    Attributes:
        places: Start and end of each fragment, in the order of the file.
        text: The text that the file gives for it, if any. It is compared with the text at its offsets.
        type: The entity type.
        id: The id in the source.
        identifier: The concept that it names.
        score: The confidence, 0 to 1.
        infons: Further information of the source, by key, if any.
        piece: Index of the piece of text whose offsets count for it; None for the whole document.
        line: Its line in the source, for messages.
    """

    places: Places
    text: str | None
    type: str
    id: str | None = None
    identifier: str | None = None
    score: float | None = None
    infons: Mapping[str, object] | None = None
    piece: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text with the offset that the file gives for its first character.

    Attributes:
        start: Offset of its first character in the text, in characters.
        end: Offset after its last character.
        offset: Offset of its first character in the file's unit.
        passage: Index of the passage that it is a sentence of; None if it is a passage itself.
    """

    start: int
    end: int
    offset: int
    passage: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of a document and its parts, where its offsets count in a certain unit.

    Attributes:
        text: The text.
        passages: The passages.
        pieces: The pieces that entities refer to.
        counts: What was changed to make this layout.
    """

    text: str
    passages: tuple[Passage, ...]
    pieces: tuple[Piece, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


def whole_text(text: str, passages: tuple[Passage, ...] = ()) -> Callable[[Unit], Layout]:
    """Return the layout of a text whose offsets all count from its beginning.

    Args:
        text: The text.
        passages: The passages, in characters.
    """

    def layout(unit: Unit) -> Layout:
        if unit.gap is not None and passages:
            offset, pieces = 0, []
            for passage in passages:
                pieces.append(Piece(passage.start, passage.end, offset))
                offset += unit.length(text[passage.start : passage.end]) + unit.gap
            return Layout(text, passages, tuple(pieces))
        if unit.relative != "passage" or not passages:
            return Layout(text, passages, (Piece(0, len(text), 0),))
        return Layout(text, passages, tuple(Piece(passage.start, passage.end, 0) for passage in passages))

    return layout


@dataclass(frozen=True, slots=True)
class _Fit:
    """How the entities of a document fit the text if they are read in a unit."""

    unit: Unit
    layout: Layout
    places: list[Places | None]
    matches: list[int]
    compared: int
    merged: int
    shortened: int

    @property
    def different(self) -> int:
        return self.matches.count(DIFFERENT)

    @property
    def is_exact(self) -> bool:
        return all(match == EQUAL for match in self.matches)


def place_entities(
    layout: Callable[[Unit], Layout],
    stated: Sequence[StatedEntity],
    counts: Counts,
    offsets: str = CHARACTERS,
    *,
    joins_lines: bool = False,
) -> tuple[Layout, tuple[Entity, ...]]:
    r"""Place the entities of a document in its text.

    The text that a file gives for an entity must be the text at its offsets, white space aside. Where the texts of a
    document disagree, other units of offsets are tried. One that fits all entities is read if the option allows it, and
    is named in the error if not. Line ends and byte order marks may always be counted or not.

    Args:
        layout: The text and its parts, if offsets count in a unit.
        stated: The entities.
        counts: Receives the number of documents that are read in another unit, and of fragments that are changed.
        offsets: One of `OFFSETS`.
        joins_lines: Join fragments with only line breaks between them.

    Returns:
        The layout and the entities, with offsets in characters.

    Raises:
        FaultError: An entity is not at its offsets. The message has the unit in which all are, if there is one.

    Example:
        >>> entities = [StatedEntity(((3, 9),), "TNF-α", "Gene")]
        >>> place_entities(whole_text("β, TNF-α"), entities, Counts())
        Traceback (most recent call last):
        tfkd_base.documents.document.FaultError: expected 'TNF-α' at offsets 3 to 9, but the text has 8 characters
        >>> entities = [StatedEntity(((4, 10),), "TNF-α", "Gene")]
        >>> place_entities(whole_text("β, TNF-α"), entities, Counts(), "bytes")[1][0].start
        3
    """
    allowed = get_units(offsets)
    fit, fault = _try(layout, stated, allowed[0])
    if fit is None or not fit.is_exact:
        fit = _choose(layout, stated, offsets, fit, fault)
    elif not fit.compared and len(stated) >= SEVERAL and fit.unit is UNITS[0] and not fit.layout.text.isascii():
        fit = _choose_by_words(layout, stated, offsets, fit)
    if fit.unit is not UNITS[0] and offsets in (CHARACTERS, DETECT):
        counts[f"documents whose offsets count {fit.unit.label}"] += 1
    if fit.layout.counts:
        counts.update(fit.layout.counts)
    counts[MERGED] += fit.merged
    counts[ELLIPSIS] += fit.shortened
    text = fit.layout.text
    entities = []
    for entity, places in zip(stated, fit.places, strict=True):
        assert places is not None
        parts = join_lines(text, places) if joins_lines else places
        fragments = parts if len(parts) > 1 else ()
        start, end = parts[0][0], parts[-1][1]
        infons = entity.infons or {}
        entities.append(Entity(start, end, entity.type, entity.id, entity.identifier, entity.score, fragments, infons))
    return fit.layout, tuple(entities)


def _choose(
    layout: Callable[[Unit], Layout],
    stated: Sequence[StatedEntity],
    offsets: str,
    first: _Fit | None,
    fault: FaultError | None,
) -> _Fit:
    """Return the fit of an allowed unit, where the first one is not exact."""
    allowed = get_units(offsets)
    units = [*allowed[1:], *(unit for unit in UNITS if unit not in allowed)]
    if first and not first.different:
        # Other white space is allowed, unless it comes from characters of another width.
        units = [unit for unit in units if unit.widths is not None and unit.plain is None]
    fits = [first] if first else []
    for unit in units:
        fit, _ = _try(layout, stated, unit)
        if fit is not None:
            fits.append(fit)
    evident = [fit for fit in fits if fit is first or _is_evident(fit, offsets)]
    exact = [fit for fit in evident if fit.is_exact]
    almost = [fit for fit in evident if not fit.different]
    for fit in exact or almost:
        if fit.unit in allowed:
            return fit
    raise _disagreement(stated, first, next(iter(exact or almost), None), evident, fault)


def _choose_by_words(
    layout: Callable[[Unit], Layout], stated: Sequence[StatedEntity], offsets: str, first: _Fit
) -> _Fit:
    """Return the fit of an allowed unit, where the file gives no texts: entities seldom begin or end within a word."""
    cut = _count_cut(first)
    if cut < max(SEVERAL, len(stated) / 2):
        return first
    for unit in UNITS:
        fit, _ = _try(layout, stated, unit) if unit.widths is not None else (None, None)
        if fit is not None and fit.is_exact and not _count_cut(fit):
            if unit in get_units(offsets):
                return fit
            raise FaultError(
                f"the offsets of {cut} of {len(stated)} entities are within words; none would be if offsets count "
                f"{unit.label}: read the file with offsets {unit.name} (--offsets {unit.name})",
                stated[0].line,
            )
    return first


def _count_cut(fit: _Fit) -> int:
    """Count the entities that begin or end within a word."""
    text = fit.layout.text
    return sum(
        any(0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum() for place in places for at in place)
        for places in fit.places
        if places is not None
    )


def _is_evident(fit: _Fit, offsets: str) -> bool:
    """Tell whether enough entities show a unit: a single one may be wrong by one character."""
    unit = fit.unit
    if not fit.compared:
        return unit.widths is not None and len(fit.places) >= SEVERAL and fit.is_exact and not _count_cut(fit)
    is_near = unit.shift != (0, 0) or unit.gap is not None
    return fit.compared >= (SEVERAL if is_near and unit.name != offsets else 1)


def _disagreement(
    stated: Sequence[StatedEntity],
    first: _Fit | None,
    other: _Fit | None,
    fits: Sequence[_Fit],
    fault: FaultError | None,
) -> FaultError:
    """Return the error of a document whose entities are not at their offsets."""
    line = fault.line if fault else None
    reason = fault.reason if fault else ""
    if first is not None:
        wrong = next((i for i, match in enumerate(first.matches) if match == DIFFERENT), None)
        if wrong is None:
            wrong = next(i for i, match in enumerate(first.matches) if match == ALMOST)
        line = stated[wrong].line
        reason = _describe(stated[wrong], first.places[wrong], first)
        if len(stated) > 1:
            reason += f" ({first.different or first.matches.count(ALMOST)} of {len(stated)} entities differ)"
    if other is not None:
        fitting = "all" if len(stated) > 1 else "it"
        reason += (
            f"; {fitting} would fit if offsets count {other.unit.label}: read the file with offsets {other.unit.name} "
            f"(--offsets {other.unit.name})"
        )
    else:
        best = min(fits, key=lambda fit: fit.different, default=None)
        if best and first and best.compared and best.different < first.different:
            right = len(stated) - best.different
            reason += f"; {right} of them would fit if offsets count {best.unit.label}"
    return FaultError(reason, line)


def _describe(entity: StatedEntity, places: Places | None, fit: _Fit) -> str:
    where = " and ".join(f"{start} to {end}" for start, end in entity.places)
    text = fit.layout.text
    if any(start >= end for start, end in entity.places):
        return f"the offsets {where} of an entity are empty"
    if places is None:
        expected = f"expected {entity.text!r} at" if entity.text else "an entity has the"
        is_outside = any(end > len(text) or start < 0 for start, end in entity.places)
        actual = f"the text has {len(text)} characters" if is_outside else f"they do not count {fit.unit.label}"
        return f"{expected} offsets {where}, but {actual}"
    actual = " ".join(text[start:end] for start, end in places)
    return f"expected {entity.text!r} at offsets {where}, but the text there is {actual!r}"


def _try(
    layout: Callable[[Unit], Layout], stated: Sequence[StatedEntity], unit: Unit
) -> tuple[_Fit | None, FaultError | None]:
    """Read the entities in a unit."""
    try:
        parts = layout(unit)
    except FaultError as fault:
        return None, fault
    if unit is UNITS[0] and (simple := _try_simple(parts, stated)) is not None:
        return simple, None
    rulers: dict[int, Ruler] = {}

    def ruler(index: int) -> Ruler:
        if index not in rulers:
            piece = parts.pieces[index]
            rulers[index] = Ruler(parts.text[piece.start : piece.end], unit)
        return rulers[index]

    fit = _Fit(unit, parts, [], [], 0, 0, 0)
    compared = merged = shortened = 0
    for entity in stated:
        best: tuple[int, Places | None, int, int] = (DIFFERENT, None, 0, 0)
        options = [
            (compare_texts(parts.text, located, entity.text, unit.plain), located)
            for located in _locate(entity, parts, unit, ruler)
            if located is not None
        ]
        good = [option for option in options if option[0][0] != DIFFERENT]
        if len(good) == 1 or (good and not unit.relative):
            (match, places, is_shortened), located = good[0]
            best = (match, places, sum(b < a for (_, a), (b, _) in pairwise(sorted(located))), is_shortened)
        elif options:
            best = (DIFFERENT, options[0][1], 0, 0)
        fit.matches.append(best[0])
        fit.places.append(best[1])
        compared += bool(entity.text)
        merged += best[2]
        shortened += best[3]
    return _Fit(unit, parts, fit.places, fit.matches, compared, merged, shortened), None


def _try_simple(layout: Layout, stated: Sequence[StatedEntity]) -> _Fit | None:
    """Return the fit of entities that are one span each and have their text, as most files give them; or None."""
    text = layout.text
    if len(layout.pieces) != 1 or layout.pieces[0] != Piece(0, len(text), 0):
        return None
    places: list[Places | None] = []
    for entity in stated:
        (start, end), *others = entity.places
        if others or not 0 <= start < end <= len(text) or entity.text != text[start:end]:
            return None
        places.append(entity.places)
    return _Fit(UNITS[0], layout, places, [EQUAL] * len(places), len(places), 0, 0)


def _locate(entity: StatedEntity, layout: Layout, unit: Unit, ruler: Callable[[int], Ruler]) -> Iterable[Places | None]:
    """Yield the places of the fragments in characters, in the order of the file, for each piece that may hold them."""
    if not unit.relative:
        held = _locate_in(entity, entity.piece, layout, unit, ruler) if entity.piece is not None else None
        yield held if held is not None else _locate_across(entity, layout, unit, ruler)
        return
    index = entity.piece
    passages = [i for i, piece in enumerate(layout.pieces) if piece.passage is None]
    outer = None if index is None else layout.pieces[index].passage
    piece = index if outer is None or unit.relative == "sentence" else outer
    candidates = passages if piece is None else [piece]
    for candidate in candidates:
        yield _locate_in(entity, candidate, layout, unit, ruler)


def _locate_in(
    entity: StatedEntity, index: int, layout: Layout, unit: Unit, ruler: Callable[[int], Ruler]
) -> Places | None:
    piece = layout.pieces[index]
    offset = 0 if unit.relative else piece.offset
    places = []
    for start, end in entity.places:
        first = ruler(index).start(start - offset + unit.shift[0])
        last = ruler(index).end(end - offset + unit.shift[1])
        if first is None or last is None or not first < last:
            return None
        places.append((piece.start + first, piece.start + last))
    return tuple(places)


def _locate_across(entity: StatedEntity, layout: Layout, unit: Unit, ruler: Callable[[int], Ruler]) -> Places | None:
    """Locate an entity that no single piece holds: each end may be in another passage."""
    passages = [(i, piece) for i, piece in enumerate(layout.pieces) if piece.passage is None]
    places = []
    for start, end in entity.places:
        start, end = start + unit.shift[0], end + unit.shift[1]
        firsts = [(piece, ruler(i).start(start - piece.offset)) for i, piece in passages]
        lasts = [(piece, ruler(i).end(end - piece.offset)) for i, piece in passages]
        # An entity may begin or end in the space between two passages, where no piece is.
        first = _first([(p.start + at, at < p.end - p.start) for p, at in firsts if at is not None])
        last = _first([(p.start + at, at > 0) for p, at in lasts if at is not None])
        if first is None or last is None or not first < last:
            return None
        places.append((first, last))
    return tuple(places)


def _first(places: Sequence[tuple[int, bool]]) -> int | None:
    """Return the first place that is inside its piece, or else the first one."""
    inside = [place for place, is_inside in places if is_inside]
    return next(iter(inside or [place for place, _ in places]), None)
