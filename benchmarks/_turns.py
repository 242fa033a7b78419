"""Times steps in turns in one process, so that whatever slows the machine slows all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence

Step = Callable[[], object]


def warm_up(step: Step, times: int = 3) -> Step:
    """Run a step several times and return it, so that tracing and first allocations are not timed."""
    for _ in range(times):
        step()
    return step


def seconds_in_turns(steps: Sequence[Step], *, turns: int, steps_a_turn: int) -> list[list[float]]:
    """Time steps in turns: run each step a few times, then the next one, and repeat.

    Args:
        steps: Steps that return when their work is done, after a warm-up.
        turns: Number of turns of each step.
        steps_a_turn: Number of runs in a turn.

    Returns:
        For each step the seconds of its turns.
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
    """Return the ratio of each turn."""
    return [a / b for a, b in zip(measured, against, strict=True)]
