"""The console of the commands: texts are shown as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def make_console(*, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console that shows names with brackets and colons, such as `gene[human]`, as they are.

    Args:
        stderr: Whether it writes to standard error. Default: standard output.
        quiet: Whether nothing is shown.
        soft_wrap: Whether the terminal wraps long lines.

    Example:
        >>> make_console().print("gene[human] :dna:")
        gene[human] :dna:
    """
    from rich.console import Console

    return Console(stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, markup=False, emoji=False)
