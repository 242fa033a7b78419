"""Figures of benchmarks in a JSON file, with the machine and the versions, and the comparison of two such files."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import Quantity, Ratio
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

FORMAT = 1
PACKAGES = ("tfkd", "tensorflow", "keras", "keras-hub", "numpy", "onnxruntime", "ray")
_CPU_FACTS = Path("/proc/cpuinfo")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
"""Instructions that decide how fast products of matrices are."""
_SAME = ("processor", "instructions", "cores", "gpus")
"""Facts that are equal on the same machine. Its memory differs a little after a restart."""


def describe_machine() -> dict[str, Any]:
    """Return the facts about this machine on which speed depends."""
    facts = _CPU_FACTS.read_text(encoding="utf-8") if _CPU_FACTS.exists() else ""
    pairs = [line.partition(":") for line in facts.partition("\n\n")[0].splitlines()]
    of_first = {name.strip(): value.strip() for name, _, value in pairs}
    flags = set(of_first.get("flags", "").split())
    return {
        "processor": of_first.get("model name") or platform.processor() or platform.machine(),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpu_names(),
        "system": platform.system(),
    }


def list_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages on which speed depends."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


class Record:
    """The figures in a JSON file. A benchmark that is run again replaces its earlier figures.

    Args:
        file: The file. If it exists, it must be of this machine.

    Raises:
        TfkdError: The file is no such file, or was written on another machine.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._content: dict[str, Any] = {"format": FORMAT, "machine": describe_machine(), "benchmarks": {}}
        if file.exists():
            before = read_record(file)
            _require_same_machine(before["machine"], self._content["machine"], str(file), "this machine")
            self._content["benchmarks"] = before["benchmarks"]

    def add(self, name: str, measured: Sequence[Ratio | Quantity], peers: Sequence[str], *, quick: bool) -> None:
        """Write the figures of a benchmark.

        Args:
            name: The benchmark.
            measured: Its figures.
            peers: Requirements of the other tools that it ran, such as `"spacy==3.8.18"`.
            quick: Whether it ran on little data, as a test.
        """
        versions = list_versions() | dict(peer.split("==") for peer in peers if "==" in peer)
        rows = [_to_row(one) for one in measured]
        self._content["benchmarks"][name] = {"versions": versions, "quick": quick, "rows": rows}
        with atomic_file(self._file) as part:
            part.write_text(json.dumps(self._content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _to_row(measured: Ratio | Quantity) -> dict[str, Any]:
    kind = {"against": measured.against} if isinstance(measured, Ratio) else {"unit": measured.unit}
    return {
        "what": measured.what,
        **kind,
        "median": measured.median,
        "interval": list(measured.interval),
        "wanted": measured.wanted,
        "values": list(measured.values),
    }


def read_record(file: Path) -> dict[str, Any]:
    """Read the figures of a file.

    Raises:
        TfkdError: `tfkd benchmark --json` did not write the file.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise TfkdError(f"{file}: expected format {FORMAT}, got {content['format']}: another version wrote it")
        content["machine"], content["benchmarks"]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise TfkdError(f"expected a file that `tfkd benchmark --json {file}` wrote, got {file}: {error}") from None
    return dict(content)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure in two files.

    Attributes:
        benchmark: The benchmark.
        what: What was measured.
        before: Median and interval in the first file.
        after: Median and interval in the second file.
        verdict: `"worse"` or `"better"` if the intervals are apart and the goal says which side is better; `"differs"`
            if they are apart and there is no goal; otherwise `"equal"`.
    """

    benchmark: str
    what: str
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    verdict: str


def compare_records(before: Path, after: Path) -> tuple[list[Change], list[str]]:
    """Compare the figures that two files of the same machine have both.

    Args:
        before: The earlier file.
        after: The later file.

    Returns:
        The figures in both, and notes: versions that changed, and benchmarks and figures that only one file has.

    Raises:
        TfkdError: A file cannot be read, the machines differ, or a benchmark ran with `--quick`.
    """
    old, new = read_record(before), read_record(after)
    _require_same_machine(old["machine"], new["machine"], str(before), str(after))
    changes: list[Change] = []
    notes: list[str] = []
    for name in sorted({*old["benchmarks"], *new["benchmarks"]}):
        pair = [content["benchmarks"].get(name) for content in (old, new)]
        if None in pair:
            notes.append(f"{name}: only in {before if pair[1] is None else after}")
            continue
        for file, one in zip((before, after), pair, strict=True):
            if one["quick"]:
                raise TfkdError(f"{file}: {name} ran with --quick, whose figures say nothing: run it without")
        notes.extend(f"{name}: {note}" for note in _version_changes(pair[0]["versions"], pair[1]["versions"]))
        rows, later = ({_label(row): row for row in one["rows"]} for one in pair)
        notes.extend(f"{name}: only in {before}: {label}" for label in rows if label not in later)
        notes.extend(f"{name}: only in {after}: {label}" for label in later if label not in rows)
        changes.extend(_compare(name, label, row, later[label]) for label, row in rows.items() if label in later)
    return changes, notes


def _label(row: Mapping[str, Any]) -> str:
    """Return what was measured, and against what or in which unit."""
    return f"{row['what']}, {row['against'] if 'against' in row else row['unit']}"


def _compare(name: str, label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """Compare a figure in two files."""
    (low, high), (new_low, new_high) = before["interval"], after["interval"]
    verdict = "equal"
    if new_high < low or new_low > high:
        is_better = {">": new_low > high, "<": new_high < low}.get(after["wanted"][:1])
        verdict = "differs" if is_better is None else "better" if is_better else "worse"
    return Change(name, label, (before["median"], low, high), (after["median"], new_low, new_high), verdict)


def _version_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for package in sorted({*before, *after}):
        old, new = before.get(package), after.get(package)
        if old != new:
            yield f"{package} {old or 'missing'} -> {new or 'missing'}"


def _require_same_machine(one: Mapping[str, Any], other: Mapping[str, Any], name: str, other_name: str) -> None:
    for fact in _SAME:
        # Files of earlier versions name no GPUs.
        first, second = (machine.get(fact, []) for machine in (one, other))
        if first != second:
            raise TfkdError(
                f"figures of different machines cannot be compared: {fact} is {first} in {name} and {second} "
                f"in {other_name}; write one file for each machine"
            )


def _gpu_names() -> list[str]:
    """Return the names of the GPUs that TensorFlow sees."""
    import tensorflow as tf  # here, because the comparison of two files needs no TensorFlow

    gpus = tf.config.list_physical_devices("GPU")
    return [str(tf.config.experimental.get_device_details(gpu).get("device_name", "unknown")) for gpu in gpus]


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError, AttributeError):
        return None
