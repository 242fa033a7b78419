"""Numbers and lists as verdicts write them."""

from __future__ import annotations

from collections.abc import Sequence


def p_text(p: float) -> str:
    """Write a probability as `p = 0.012`, with two figures that count and no more than is known.

    Example:
        >>> p_text(0.0123), p_text(0.25), p_text(0.00000012)
        ('p = 0.012', 'p = 0.25', 'p < 0.0001')
    """
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.2f}" if p >= 0.095 else f"p = {float(f'{p:.2g}'):g}"


def join_names(names: Sequence[str]) -> str:
    """Write names as a list in a sentence.

    Example:
        >>> join_names(["a"]), join_names(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else "none"


def signed(value: float, decimals: int = 2) -> str:
    """Write a difference with its sign, and zero without one.

    Example:
        >>> signed(1.234), signed(-0.001), signed(-2.5, 1)
        ('+1.23', '0.00', '−2.5')
    """
    text = f"{value:+.{decimals}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "−")
