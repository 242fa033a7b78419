"""A folder of arrays for each sentence, such as what a teacher says of it: appended to, read by memory map.

`cache.json` says what the arrays are, each array has a raw file of its own, and `index.bin` says which sentence has
which rows. The index is written last: what it speaks of is whole, whenever the writer was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
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
    converted,
    file_name,
    file_sizes,
    key_array,
    read_contents,
    write_at,
)
from tfkd_base.errors import TfkdError, nearest
from tfkd_base.files import NO_ROOM, atomic_file
from tfkd_base.resumable import flatten, hold


class OutputStore:
    """Arrays for each of very many sentences, on disk; `create` one to write to it, `open` one to read.

    Sentences are known by a key, such as their `content_key`, and have a row number in the order they were appended.
    In memory are the keys and where their rows stand, 32 bytes a sentence; the arrays are mapped. One process at a time
    may write; any may read meanwhile, from several threads, and sees the sentences that were there when it opened the
    store.

    Attributes:
        folder: Where it stands.
        specs: The arrays by name.
        description: What was given when it was made, as JSON has it: a tuple comes back as a list.
        notes: What else was said of it then.

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
    ) -> OutputStore:
        """Make a store, or go on with the one that stands there, and hold it for writing until `close`.

        What a killed process left behind its last whole sentence is cut off.

        Args:
            folder: The folder; made if it is not there.
            specs: The arrays by name.
            description: What the arrays depend on, such as the teacher: anything that JSON can hold.
            notes: What is to be known of it besides, such as names; going on, those of its beginning are kept.

        Raises:
            TfkdError: Another process writes to it, it has other specs or another description, or the folder holds
                other things.
            OSError: The folder cannot be written to.
        """
        if any(not name or file_name(name) == INDEX for name in specs):
            raise TfkdError(f"an array of a store must have a name, and not 'index': got {sorted(specs)}.")
        spoken_of = {name: asdict(spec) for name, spec in specs.items()}
        said = {"version": VERSION, "specs": spoken_of, "description": description, "notes": notes or {}}
        text = json.dumps(said, indent=2) + "\n"
        contents = json.loads(text)
        store = cls(Path(folder), dict(specs), contents)
        store._stands_there(contents)
        store.folder.mkdir(parents=True, exist_ok=True)
        store._lock = contextlib.ExitStack()
        store._lock.enter_context(hold(store.folder))
        try:
            if store._stands_there(contents):
                store.notes = read_contents(store.folder)["notes"]
            else:
                with atomic_file(store.folder / CACHE) as part:
                    part.write_text(text, encoding="utf-8")
                    store._cut()
            store._load()
            store._cut()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> OutputStore:
        """Open a store for reading.

        Raises:
            TfkdError: There is none, or its files are damaged.
        """
        contents = read_contents(Path(folder))
        specs = {name: ArraySpec(**{**spec, "shape": tuple(spec["shape"])}) for name, spec in contents["specs"].items()}
        store = cls(Path(folder), specs, contents)
        expected, shortest = store._load()
        if len(store) < expected:
            raise TfkdError(
                f"{store.folder / shortest} is damaged: expected the {expected:,} sentences of {INDEX}, found "
                f"{len(store):,} whole. Copy it again if this is a copy, or run `tfkd cache-teacher` again as before, "
                "which makes what is missing."
            )
        return store

    @staticmethod
    def bytes_needed(specs: Mapping[str, ArraySpec], sentences: int, tokens: int) -> int:
        """Return the size on disk of so many sentences: of the arrays and the index, all files but `cache.json`.

        Example:
            >>> OutputStore.bytes_needed({"logits": ArraySpec((9,), "float32", "token")}, 1000, 25_000)
            924000
        """
        return sum(file_sizes(specs, sentences, tokens).values())

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def tokens(self) -> int:
        """How many tokens all the sentences have."""
        return int(self._starts[-1])

    def __contains__(self, key: bytes) -> bool:
        return bool(self.rows([key])[0] >= 0)

    def rows(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return the row number of each sentence, -1 for one that is not there.

        Args:
            keys: 16 bytes each.

        Returns:
            int64 `[len(keys)]`.

        Raises:
            TfkdError: A key has another length.
        """
        return self._find(key_array(keys))

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return how many tokens the sentences of these rows have: int64 `[len(rows)]`, 0 for row -1."""
        rows = np.asarray(rows, np.int64)
        return np.where(rows < 0, 0, self._starts[rows + 1] - self._starts[rows])

    def read(self, rows: np.ndarray, time: int, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Return a padded batch.

        Args:
            rows: Row numbers, as `rows` gives them; -1 for a sentence that is not there.
            time: Tokens a sentence; of longer ones the first so many.
            names: The arrays; all by default.

        Returns:
            By name and in the stored dtype, `[len(rows), time, *shape]` per token and `[len(rows), *shape]` per
            sentence, zeros in the padding and for row -1.

        Raises:
            TfkdError: There is no array of a name.
            IndexError: There is no such row.
        """
        rows = np.asarray(rows, np.int64)
        step, absent, batch = np.arange(time), rows < 0, {}
        places = self._starts[rows][:, None] + step
        padding = step >= self.lengths(rows)[:, None]
        for name in self.specs if names is None else names:
            if name not in self.specs:
                raise TfkdError(f"{self.folder} holds no array {name!r}: {nearest(name, self.specs)}.")
            spec = self.specs[name]
            per_token = spec.per == "token"
            mask, wanted, there = (padding, places, self.tokens) if per_token else (absent, rows, len(self))
            out = np.zeros(wanted.shape, spec.row)
            if there and out.size:
                # With "clip" NumPy copies straight into `out`; what it clips is padding.
                np.take(self._mapped(name, there), np.where(mask, 0, wanted), axis=0, out=out, mode="clip")
                out[mask] = 0
            batch[name] = out
        return batch

    def append(self, keys: Sequence[bytes], lengths: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """Add sentences, some hundreds at best, and return when they are on the disk.

        A sentence that is already there, or comes twice, is stored once, as it came first.

        Args:
            keys: 16 bytes each.
            lengths: The tokens of each sentence, integers `[len(keys)]`.
            arrays: All of the store's arrays by name: per token `[sum(lengths), *shape]`, the rows of the sentences
                one after another; per sentence `[len(keys), *shape]`.

        Raises:
            TfkdError: The disk is full, and the store is as it was; the arrays do not fit the specs, or hold numbers
                that their dtype cannot; or the store is not open for writing.
            OSError: It cannot be written for another reason; the store is as it was.
        """
        if self._lock is None:
            raise TfkdError(f"{self.folder} is open for reading only: append to what `OutputStore.create` returns.")
        wanted, lengths = key_array(keys), np.asarray(lengths)
        if lengths.shape != wanted.shape or (wanted.size and (lengths.dtype.kind not in "iu" or lengths.min() < 0)):
            raise TfkdError(f"expected a length for each of {len(wanted)} keys, integers from 0, got {lengths!r}.")
        if set(arrays) != set(self.specs):
            raise TfkdError(f"expected the arrays {sorted(self.specs)}, got {sorted(arrays)}.")
        lengths = lengths.astype(np.int64)
        _, firsts = np.unique(wanted, return_index=True)
        new = np.zeros(len(wanted), bool)
        new[firsts] = self._find(wanted[firsts]) < 0
        rows = {"token": np.repeat(new, lengths), "sentence": new}
        data = {file_name(n): converted(n, spec, arrays[n], rows[spec.per]) for n, spec in self.specs.items()}
        data[INDEX] = np.empty(int(new.sum()), RECORD)
        data[INDEX]["key"], data[INDEX]["end"] = wanted[new], self.tokens + np.cumsum(lengths[new])
        if new.any():
            self._write(data)

    def close(self) -> None:
        """End writing and let another process write; what is there can still be read."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stands_there(self, contents: dict[str, Any]) -> bool:
        """Tell whether this store stands in the folder; refuse one that another store or other things stand in."""
        if (self.folder / CACHE).is_file():
            there, here = flatten(read_contents(self.folder)), flatten(contents)
            for key in [key for key in {**here, **there} if not key.startswith("notes")]:
                values = [repr(c[key]) if key in c else "not given" for c in (there, here)]
                if values[0] != values[1]:
                    raise TfkdError(
                        f"{self.folder} holds other outputs: {key} is {values[0]} there and {values[1]} here. Give the "
                        "same to go on with it, or name another folder."
                    )
            return True
        if self.folder.is_file():
            raise TfkdError(f"{self.folder} is a file: give a folder for the outputs.")
        for path in sorted(self.folder.iterdir()) if self.folder.exists() else ():
            # A kill while the folder was made may have left empty files.
            if not path.name.startswith(".") and path.stat().st_size:
                raise TfkdError(
                    f"{self.folder} holds other things than a teacher's outputs, such as {path.name!r}: name a new "
                    "folder."
                )
        return False

    def _load(self) -> tuple[int, str]:
        """Take over as many sentences as are whole in every file; return how many the index has, and the shortest."""
        path = self.folder / INDEX
        if not path.exists():
            raise TfkdError(
                f"{path} is missing, without which the others are worth nothing: copy it again if this is a "
                "copy, or make the outputs again in a new folder."
            )
        # Before the sizes of the others are looked at, which a writer may enlarge meanwhile.
        records = np.fromfile(path, RECORD)
        # Where the sum of the lengths falls are records that a loss of power or a damaged disk has left.
        falls = np.flatnonzero(np.diff(records["end"], prepend=0) < 0)
        whole = {INDEX: int(falls[0]) if len(falls) else len(records)}
        ends = records["end"][: whole[INDEX]]
        for name, spec in self.specs.items():
            path = self.folder / file_name(name)
            there = path.stat().st_size // spec.row.itemsize if path.exists() else 0
            whole[path.name] = int(np.searchsorted(ends, there, "right")) if spec.per == "token" else there
        shortest = min(whole, key=lambda name: whole[name])
        self._take(records[: whole[shortest]])
        return len(records), shortest

    def _cut(self) -> None:
        """Cut off what lies beyond the sentences known of, and make the files that are not there."""
        for name, size in file_sizes(self.specs, len(self), self.tokens).items():
            with (self.folder / name).open("ab") as file:
                if file.tell() != size:
                    file.truncate(size)
                    os.fsync(file.fileno())

    def _write(self, data: Mapping[str, np.ndarray]) -> None:
        """Write these rows behind those of each file, the index last, or leave the files as they were."""
        sizes = file_sizes(self.specs, len(self), self.tokens)
        try:
            for name, array in data.items():
                write_at(self.folder / name, array, sizes[name])
            self._take(data[INDEX])
        except BaseException as error:
            self._cut()
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise TfkdError(
                    f"no room in {self.folder} for {sum(a.nbytes for a in data.values()):,} more bytes "
                    f"({error.strerror}; {shutil.disk_usage(self.folder).free:,} are free on the disk): {len(self):,} "
                    "sentences are whole in it. Make room, and the same command goes on from there."
                ) from error
            raise

    def _take(self, records: np.ndarray) -> None:
        """Know of the sentences that these records of the index add."""
        order = np.argsort(records["key"])
        keys = records["key"][order]
        places = np.searchsorted(self._keys, keys)
        self._order = np.insert(self._order, places, order + len(self))
        self._keys = np.insert(self._keys, places, keys)
        self._starts = np.concatenate([self._starts, records["end"]])

    def _find(self, wanted: np.ndarray) -> np.ndarray:
        if not len(self):
            return np.full(len(wanted), -1)
        places = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[places] == wanted, self._order[places], -1)

    def _mapped(self, name: str, rows: int) -> np.ndarray:
        there = self._maps.get(name)
        if there is None or len(there) < rows:
            there = np.memmap(self.folder / file_name(name), self.specs[name].row, "r", shape=rows).view(np.ndarray)
            self._maps[name] = there
        return there
