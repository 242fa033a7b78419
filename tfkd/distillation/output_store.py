"""Store of arrays for each sentence, such as teacher outputs: appended to, and read by memory map.

The index is written last: all rows that it names are complete, whenever the writer was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np

from tfkd.distillation.store_files import (
    CACHE,
    INDEX,
    RECORD,
    VERSION,
    ArraySpec,
    array_file_name,
    convert_rows,
    file_sizes,
    key_array,
    read_contents,
    write_at,
)
from tfkd_base.errors import TfkdError, nearest
from tfkd_base.files import NO_ROOM
from tfkd_base.resumable import ResumableFolder


class OutputStore:
    """Arrays for each of many sentences, on disk; `create` a store to write to it, `open` it to read.

    A sentence has a key, such as its `content_key`, and a row number in the order of appending. The keys and the
    positions of the rows are in memory, 32 bytes per sentence; the arrays are mapped. One process at a time may write.
    Other processes and threads may read at the same time; they see the sentences that were there when they opened the
    store.

    Attributes:
        folder: The folder.
        specs: The arrays by name.
        description: The description that `create` was called with, as JSON returns it: a tuple becomes a list.
        notes: The notes that `create` was called with.

    Example:
        >>> import tempfile
        >>> from tfkd.distillation.store_files import content_key
        >>> folder = tempfile.mkdtemp()
        >>> keys = [content_key(["BRCA1"]), content_key(["in", "man"])]
        >>> with OutputStore.create(folder, {"logits": ArraySpec((), "float32", "token")}, {"teacher": "t"}) as store:
        ...     store.append(keys, np.array([1, 2]), {"logits": np.array([0.5, 1.0, 2.0])})
        >>> store = OutputStore.open(folder)
        >>> store.read(store.rows(keys[::-1]), time=3)["logits"].tolist()
        [[1.0, 2.0, 0.0], [0.5, 0.0, 0.0]]
    """

    def __init__(self, folder: Path, specs: dict[str, ArraySpec], contents: Mapping[str, Any]) -> None:
        self.folder = folder
        self.specs = specs
        self.description: dict[str, Any] = contents["description"]
        self.notes: dict[str, Any] = contents["notes"]
        self._lock: contextlib.ExitStack | None = None
        self._maps: dict[str, np.ndarray] = {}
        self._starts = np.zeros(1, np.int64)
        self._keys = np.empty(0, RECORD["key"])
        self._order = np.empty(0, np.int64)

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        specs: Mapping[str, ArraySpec],
        description: dict[str, Any],
        notes: dict[str, Any] | None = None,
        others: Collection[str] = (),
    ) -> OutputStore:
        """Make a store, or continue one, and hold it for writing until `close`.

        Rows of an incomplete sentence, which a killed process left, are removed.

        Args:
            folder: The folder; made if it does not exist.
            specs: The arrays by name.
            description: What the arrays depend on, such as the teacher: anything that JSON can hold.
            notes: Other facts, such as names. A store that is continued keeps the notes of its beginning.
            others: Names of further files and folders that may be in the folder.

        Raises:
            TfkdError: Another process writes to the store, it has other specs or another description, or the folder
                holds other files.
            OSError: The folder cannot be written to.
        """
        if any(not name or array_file_name(name) == INDEX for name in specs):
            raise TfkdError(f"an array of a store must have a name, and not 'index': got {sorted(specs)}.")
        path = Path(folder)
        if (path / CACHE).is_file():
            read_contents(path)  # names the version that is expected
        contents: dict[str, Any] = json.loads(
            json.dumps({"description": description, "specs": {name: asdict(spec) for name, spec in specs.items()}})
        )
        resumable = _resumable(path, notes or {}, others)
        store = cls(path, dict(specs), {**contents, "notes": notes or {}})
        store._lock = contextlib.ExitStack()
        store._lock.enter_context(resumable.hold(contents))
        try:
            store.notes = read_contents(path)["notes"]
            if not any((path / file).exists() for file in file_sizes(specs, 0, 0)):
                store._cut()
            store._load()
            store._cut()
        except BaseException:
            store.close()
            raise
        return store

    @staticmethod
    def check_folder(folder: str | os.PathLike[str], others: Collection[str] = ()) -> None:
        """Check that a folder is new, or holds a store, complete or not.

        Args:
            folder: The folder.
            others: Names of further files and folders that may be in the folder.

        Raises:
            TfkdError: It holds other files.
        """
        path = Path(folder)
        if (path / CACHE).is_file():
            read_contents(path)
        else:
            _resumable(path, {}, others).check({})

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> OutputStore:
        """Open a store for reading.

        Raises:
            TfkdError: The folder is no store, or its files are damaged.
        """
        contents = read_contents(Path(folder))
        specs = {name: ArraySpec(**{**spec, "shape": tuple(spec["shape"])}) for name, spec in contents["specs"].items()}
        store = cls(Path(folder), specs, contents)
        expected, shortest = store._load()
        if len(store) < expected:
            raise TfkdError(
                f"{store.folder / shortest} is damaged: expected the {expected:,} sentences of {INDEX}, found "
                f"{len(store):,} complete ones. If this is a copy, copy it again; or run the same `tfkd cache-teacher` "
                "again, which adds the missing ones."
            )
        return store

    @staticmethod
    def bytes_needed(specs: Mapping[str, ArraySpec], sentences: int, tokens: int) -> int:
        """Return the size on disk of the arrays and the index, that is of all files except `cache.json`.

        Example:
            >>> OutputStore.bytes_needed({"logits": ArraySpec((9,), "float32", "token")}, 1000, 25_000)
            924000
        """
        return sum(file_sizes(specs, sentences, tokens).values())

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def tokens(self) -> int:
        """Number of tokens of all sentences."""
        return int(self._starts[-1])

    def __contains__(self, key: bytes) -> bool:
        return bool(self.rows([key])[0] >= 0)

    def rows(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return the row number of each sentence; -1 if the store does not have it.

        Args:
            keys: 16 bytes each.

        Returns:
            int64 `[len(keys)]`.

        Raises:
            TfkdError: A key has another length.
        """
        return self._find(key_array(keys))

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return the number of tokens of the sentences with these rows: int64 `[len(rows)]`, 0 for row -1."""
        rows = np.asarray(rows, np.int64)
        return np.where(rows < 0, 0, self._starts[rows + 1] - self._starts[rows])

    def read(self, rows: np.ndarray, time: int, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Return a padded batch.

        Args:
            rows: Row numbers of `rows`; -1 for a missing sentence.
            time: Number of tokens to pad to; longer sentences are cut.
            names: The arrays. Default: all.

        Returns:
            The arrays by name in the stored dtype: `[len(rows), time, *shape]` per token, `[len(rows), *shape]` per
            sentence; zeros in the padding and for row -1.

        Raises:
            TfkdError: There is no such array.
            IndexError: There is no such row.
        """
        rows = np.asarray(rows, np.int64)
        step, missing, batch = np.arange(time), rows < 0, {}
        positions = self._starts[rows][:, None] + step
        padding = step >= self.lengths(rows)[:, None]
        for name in self.specs if names is None else names:
            if name not in self.specs:
                raise TfkdError(f"{self.folder} holds no array {name!r}: {nearest(name, self.specs)}.")
            spec = self.specs[name]
            per_token = spec.per == "token"
            mask, index, size = (padding, positions, self.tokens) if per_token else (missing, rows, len(self))
            out = np.zeros(index.shape, spec.row)
            if size and out.size:
                # With "clip" NumPy copies straight into `out`; only padding is clipped.
                np.take(self._map(name, size), np.where(mask, 0, index), axis=0, out=out, mode="clip")
                out[mask] = 0
            batch[name] = out
        return batch

    def append(self, keys: Sequence[bytes], lengths: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """Add sentences, best some hundreds at once, and return when they are on the disk.

        Duplicates are stored once: the first one counts.

        Args:
            keys: 16 bytes each.
            lengths: The number of tokens of each sentence, integers `[len(keys)]`.
            arrays: All arrays of the store by name: per token `[sum(lengths), *shape]`, the rows of the sentences
                one after another; per sentence `[len(keys), *shape]`.

        Raises:
            TfkdError: The disk is full, and the store is unchanged; the arrays do not fit the specs, or have numbers
                that their dtype cannot hold; or the store is not open for writing.
            OSError: The store cannot be written for another reason, and is unchanged.
        """
        if self._lock is None:
            raise TfkdError(f"{self.folder} is open for reading only: append to what `OutputStore.create` returns.")
        new_keys, lengths = key_array(keys), np.asarray(lengths)
        if lengths.shape != new_keys.shape or (new_keys.size and (lengths.dtype.kind not in "iu" or lengths.min() < 0)):
            raise TfkdError(f"expected a length for each of {len(new_keys)} keys, integers from 0, got {lengths!r}.")
        if set(arrays) != set(self.specs):
            raise TfkdError(f"expected the arrays {sorted(self.specs)}, got {sorted(arrays)}.")
        lengths = lengths.astype(np.int64)
        _, firsts = np.unique(new_keys, return_index=True)
        new = np.zeros(len(new_keys), bool)
        new[firsts] = self._find(new_keys[firsts]) < 0
        rows = {"token": np.repeat(new, lengths), "sentence": new}
        data = {array_file_name(n): convert_rows(n, spec, arrays[n], rows[spec.per]) for n, spec in self.specs.items()}
        data[INDEX] = np.empty(int(new.sum()), RECORD)
        data[INDEX]["key"], data[INDEX]["end"] = new_keys[new], self.tokens + np.cumsum(lengths[new])
        if new.any():
            self._write(data)

    def close(self) -> None:
        """End writing and let another process write; the store can still be read."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self) -> tuple[int, str]:
        """Load the sentences that are complete in every file; return the index's number, and the shortest file."""
        path = self.folder / INDEX
        if not path.exists():
            raise TfkdError(
                f"{path} is missing, and the other files cannot be read without it: copy it again if this is a copy, "
                "or make the outputs again in a new folder."
            )
        # Read before the sizes of the other files, which a writer may enlarge at the same time.
        records = np.fromfile(path, RECORD)
        # Where the sum of the lengths falls, a loss of power or a damaged disk has left wrong records.
        falls = np.flatnonzero(np.diff(records["end"], prepend=0) < 0)
        complete = {INDEX: int(falls[0]) if len(falls) else len(records)}
        ends = records["end"][: complete[INDEX]]
        for name, spec in self.specs.items():
            path = self.folder / array_file_name(name)
            rows = path.stat().st_size // spec.row.itemsize if path.exists() else 0
            complete[path.name] = int(np.searchsorted(ends, rows, "right")) if spec.per == "token" else rows
        shortest = min(complete, key=lambda name: complete[name])
        self._add(records[: complete[shortest]])
        return len(records), shortest

    def _cut(self) -> None:
        """Cut the files to the sentences that are loaded, and make missing files."""
        for name, size in file_sizes(self.specs, len(self), self.tokens).items():
            with (self.folder / name).open("ab") as file:
                if file.tell() != size:
                    file.truncate(size)
                    os.fsync(file.fileno())

    def _write(self, data: Mapping[str, np.ndarray]) -> None:
        """Append rows to each file, the index last, or leave the files unchanged."""
        sizes = file_sizes(self.specs, len(self), self.tokens)
        try:
            for name, array in data.items():
                write_at(self.folder / name, array, sizes[name])
            self._add(data[INDEX])
        except BaseException as error:
            self._cut()
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise TfkdError(
                    f"no room in {self.folder} for {sum(a.nbytes for a in data.values()):,} more bytes "
                    f"({error.strerror}; {shutil.disk_usage(self.folder).free:,} are free on the disk): {len(self):,} "
                    "sentences are complete. Make room, and run the same command again to resume."
                ) from error
            raise

    def _add(self, records: np.ndarray) -> None:
        """Add the sentences of records of the index."""
        order = np.argsort(records["key"])
        keys = records["key"][order]
        positions = np.searchsorted(self._keys, keys)
        self._order = np.insert(self._order, positions, order + len(self))
        self._keys = np.insert(self._keys, positions, keys)
        self._starts = np.concatenate([self._starts, records["end"]])

    def _find(self, keys: np.ndarray) -> np.ndarray:
        if not len(self):
            return np.full(len(keys), -1)
        positions = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[positions] == keys, self._order[positions], -1)

    def _map(self, name: str, rows: int) -> np.ndarray:
        mapped = self._maps.get(name)
        if mapped is None or len(mapped) < rows:
            mapped = np.memmap(self.folder / array_file_name(name), self.specs[name].row, "r", shape=rows).view(
                np.ndarray
            )
            self._maps[name] = mapped
        return mapped


def _resumable(path: Path, notes: Mapping[str, Any], others: Collection[str]) -> ResumableFolder:
    return ResumableFolder(
        path,
        CACHE,
        work="a cache of teacher outputs",
        read=_read_description,
        write=lambda values: _write_contents(values, notes),
        # A kill while the folder was made may have left empty files.
        is_ours=lambda name: name in others or ((path / name).is_file() and not (path / name).stat().st_size),
    )


def _read_description(data: bytes) -> dict[str, Any]:
    contents = json.loads(data)
    return {"description": contents["description"], "specs": contents["specs"]}


def _write_contents(description: Mapping[str, Any], notes: Mapping[str, Any]) -> str:
    return json.dumps({"version": VERSION, **description, "notes": notes}, indent=2) + "\n"
