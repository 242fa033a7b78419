"""Time things in turns, in one process: what slows the machine down for a while slows them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence

Step = Callable[[], object]


def warmed_up(step: Step, times: int = 3) -> Step:
    """Run a step some times, so that what it traces and allocates at first is not timed, and return it."""
    for _ in range(times):
        step()
    return step


def seconds_in_turns(steps: Sequence[Step], *, turns: int, steps_a_turn: int) -> list[list[float]]:
    """Run each step some times, then the next one, over and over.

    Args:
        steps: What to time; each comes back when its work is done, and has been warmed up.
        turns: How often each one's turn comes.
        steps_a_turn: How often it runs in a turn.

    Returns:
        For each step the seconds of each of its turns.
    """
    seconds: list[list[float]] = [[] for _ in steps]
    gc.collect()
    gc.disable()
    try:
        for _ in range(turns):
            for step, times in zip(steps, seconds, strict=True):
                started = time.perf_counter()
                for _ in range(steps_a_turn):
                    step()
                times.append(time.perf_counter() - started)
    finally:
        gc.enable()
    return seconds


def ratios(measured: Sequence[float], against: Sequence[float]) -> list[float]:
    """Divide turn by turn."""
    return [a / b for a, b in zip(measured, against, strict=True)]
