"""A small grammar: rules that name rules, expanded at random into text with slots for entities.

A rule stands on a line as `name: one way | another way`; more ways may follow on indented lines that start with `|`.
A number and `*` before a way make it so many times as likely.
`<name>` in a way is replaced by an expansion of the rule of that name. With a capital, as in `<Gene>`, it is a slot for
a name of that kind, and `<same Gene>` for the one that the sentence named last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

_REFERENCE = re.compile(r"<([^<>]+)>")


class Grammar:
    r"""Rules by name.

    Args:
        *texts: The rules, in the notation that the module describes.

    Raises:
        KeyError: If a rule is named that does not stand there.

    Example:
        >>> grammar = Grammar("greeting: hello <whom>\nwhom: <Gene>")
        >>> list(grammar.expand("greeting", Random(1)))
        ['hello', '<Gene>']
    """

    def __init__(self, *texts: str) -> None:
        """Read the rules."""
        self.rules: dict[str, list[str]] = {}
        for text in texts:
            for rule in re.split(r"\n(?=[a-z])", text.strip()):
                name, _, ways = rule.partition(":")
                self.rules[name.strip()] = [
                    way for part in re.split(r"\s\|", " " + ways) for way in self._repeated(" ".join(part.split()))
                ]
        for ways in list(self.rules.values()):
            for reference in _REFERENCE.findall(" ".join(ways)):
                if not self._is_slot(reference) and reference not in self.rules:
                    raise KeyError(f"no rule {reference!r}")

    @staticmethod
    def _repeated(way: str) -> list[str]:
        times, star, rest = way.partition("* ")
        return [rest] * int(times) if star and times.isdigit() else [way]

    @staticmethod
    def _is_slot(reference: str) -> bool:
        return reference.removeprefix("same ")[0].isupper()

    def expand(self, name: str, rng: Random) -> Iterator[str]:
        """Expand a rule at random.

        Args:
            name: The rule.
            rng: Where the choices come from.

        Yields:
            Pieces of text without slots, and slots such as `<Gene>`, in order.
        """
        way = rng.choice(self.rules[name])
        for index, piece in enumerate(_REFERENCE.split(way)):
            if index % 2 == 0:
                if piece.strip():
                    yield piece.strip()
            elif self._is_slot(piece):
                yield f"<{piece}>"
            else:
                yield from self.expand(piece, rng)
