"""Wording of numbers in messages and pages."""

from __future__ import annotations


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    Args:
        number: How many there are.
        singular: The noun for one.
        plural: The noun for any other number. Default: the singular with an s.

    Example:
        >>> count_of(1, "entity", "entities"), count_of(1200, "tag")
        ('1 entity', '1,200 tags')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def format_bytes(size: int) -> str:
    """Format a size with a unit, in powers of 1,000.

    Example:
        >>> format_bytes(1_234_567), format_bytes(2_500_000_000)
        ('1.2 MB', '2.5 GB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
