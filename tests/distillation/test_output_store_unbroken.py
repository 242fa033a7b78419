"""A store of arrays whatever happens to it: kills, a full disk, damage, a second writer; its memory and its speed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.distillation.test_output_store import SPECS, sentences
from tfkd.distillation import output_store
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.store_files import ArraySpec, content_key
from tfkd_base.errors import TfkdError


def test_what_lies_beyond_the_index_is_cut_off(tmp_path):
    first, second = sentences([2, 3], 1), sentences([4], 2)
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        store.append(*first)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.bin")}
    for number, path in enumerate(sorted(whole)):
        path.write_bytes(whole[path] + b"\1" * (5 + 100 * number * (path.name != "index.bin")))
    assert len(OutputStore.open(tmp_path)) == 2
    OutputStore.create(tmp_path, SPECS, {}).close()
    assert {path: path.read_bytes() for path in whole} == whole
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        store.append(*second)
        assert store.read(store.rows(second[0]), 4)["logits"][0].tolist() == second[2]["logits"].tolist()


@pytest.mark.parametrize("name", ["index.bin", "logits.bin", "score.bin", "features%40shared_encoder.bin"])
def test_damaged_files_are_named_and_the_rest_is_made_again(tmp_path, name):
    batches = [sentences([2, 3], 1), sentences([4, 1], 2)]
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        for batch in batches:
            store.append(*batch)
    expected = store.read(np.arange(4), 4)
    file = tmp_path / name
    data = file.read_bytes()
    # A loss of power may leave zeros for what was not on the disk yet; a copy that was cut short is shorter.
    file.write_bytes(data[:-24] + bytes(24) if name == "index.bin" else data[:-1])
    with pytest.raises(TfkdError, match=f"{name} is damaged: expected the 4 sentences of index.bin, found 3 complete"):
        OutputStore.open(tmp_path)
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        assert len(store) == 3
        for batch in batches:
            store.append(*batch)
    for name, array in OutputStore.open(tmp_path).read(np.arange(4), 4).items():
        np.testing.assert_array_equal(array, expected[name])
    (tmp_path / "index.bin").unlink()
    for make in (OutputStore.open, lambda path: OutputStore.create(path, SPECS, {})):
        with pytest.raises(TfkdError, match=r"index.bin is missing"):
            make(tmp_path)


def test_a_folder_whose_making_was_killed_is_gone_on_with(tmp_path):
    for name in ("index.bin", "logits.bin", ".part-cache.json", ".lock"):
        (tmp_path / name).touch()
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        store.append(*sentences([2, 3]))
    assert len(OutputStore.open(tmp_path)) == 2


# The package of the store loads TensorFlow, which many short processes need not wait for.
WRITER = """
import errno, resource, sys, time, types
import numpy as np
package = sys.modules["tfkd.distillation"] = types.ModuleType("tfkd.distillation")
package.__path__ = [sys.argv[1]]
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.store_files import ArraySpec, content_key
from tfkd_base.errors import TfkdError
assert "tensorflow" not in sys.modules

SENTENCES, STEP = 600, 5
rng = np.random.default_rng(3)
lengths = rng.integers(0, 12, SENTENCES)
ends = np.cumsum(lengths)
logits, pooled = rng.normal(size=(ends[-1], 9)).astype("f4"), rng.normal(size=(SENTENCES, 40)).astype("f2")
specs = {"logits": ArraySpec((9,), "float32", "token"), "pooled": ArraySpec((40,), "float16", "sentence")}

def step(store, first):
    these, tokens = slice(first, first + STEP), slice(ends[first] - lengths[first], ends[first + STEP - 1])
    keys = [content_key([str(number)]) for number in range(SENTENCES)[these]]
    store.append(keys, lengths[these], {"logits": logits[tokens], "pooled": pooled[these]})

def write(store, until=SENTENCES):
    for first in range(len(store) // STEP * STEP, until, STEP):
        step(store, first)

def open_writer():
    return OutputStore.create(sys.argv[2], specs, {"seed": 3})

exec(sys.argv[3])
"""
KEYS = [content_key([str(number)]) for number in range(600)]


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(Path(output_store.__file__).parent), str(folder), code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder: Path, code: str) -> str:
    process = start(folder, code)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    """A folder written at one go, and the seconds that took."""
    folder = tmp_path_factory.mktemp("never-killed")
    seconds = finish(folder, "began = time.perf_counter(); write(open_writer()); print(time.perf_counter() - began)")
    return folder, float(seconds)


def same_as_far_as_it_goes(folder: Path, never_killed: Path) -> int:
    store, whole = OutputStore.open(folder), OutputStore.open(never_killed)
    rows = np.arange(len(store))
    np.testing.assert_array_equal(store.rows(KEYS[: len(store)]), rows)
    got, want = store.read(rows, 12), whole.read(rows, 12)
    for name in want:
        assert got[name].tobytes() == want[name].tobytes()
    return len(store)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_killed_at_random_moments_it_ends_as_if_it_never_was(tmp_path, never_killed):
    never_killed, seconds = never_killed
    rng, killed, lengths = random.Random(5), 0, []
    for _ in range(12):
        process = start(tmp_path, "store = open_writer(); print('ready', flush=True); write(store)")
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, seconds / 10))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        lengths.append(same_as_far_as_it_goes(tmp_path, never_killed))
    assert killed >= 8
    assert len(set(lengths)) >= 5
    finish(tmp_path, "write(open_writer())")
    assert same_as_far_as_it_goes(tmp_path, never_killed) == 600
    for path in never_killed.glob("*.bin"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_second_writer_is_refused_while_the_first_lives_and_readers_are_not(tmp_path):
    hold = "store = open_writer(); write(store, 50); print('ready', flush=True); time.sleep(100)"
    process = start(tmp_path, hold)
    assert process.stdout.readline() == "ready\n"
    second = start(tmp_path, "open_writer()")
    _, errors = second.communicate(timeout=60)
    assert f"TfkdError: {tmp_path} is in use by process {process.pid}: wait for it" in errors
    assert len(OutputStore.open(tmp_path)) == 50
    process.kill()
    process.communicate()
    assert finish(tmp_path, "print(len(open_writer()))") == "50\n"


def test_one_process_has_one_writer_until_it_is_closed(tmp_path):
    with OutputStore.create(tmp_path, SPECS, {}) as first:
        with pytest.raises(TfkdError, match=f"is in use by process {os.getpid()}"):
            OutputStore.create(tmp_path, SPECS, {})
        reader = OutputStore.open(tmp_path)
        first.append(*sentences([3, 1]))
        assert (len(reader), len(OutputStore.open(tmp_path))) == (0, 2)
    OutputStore.create(tmp_path, SPECS, {}).close()
    assert first.read(np.array([0]), 3)["logits"].any()


FULL = """
def limit(size):
    # Stands for a disk that has no room for more.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

def refused(store, write):
    try:
        write(store)
    except TfkdError as error:
        print(error)
    print(len(store), len(OutputStore.open(sys.argv[2])))
    limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
"""
ARRAYS_DO_NOT_FIT = f"""{FULL}
store = open_writer()
write(store, 200)
limit(70_001)
refused(store, write)
write(store, len(store) + 100)
"""
INDEX_DOES_NOT_FIT = f"""{FULL}
store = OutputStore.create(sys.argv[2], {{"n": ArraySpec((), "int8", "sentence")}}, {{}})
keys, ones = [content_key([str(number)]) for number in range(200)], np.ones(100, int)
store.append(keys[:100], ones, {{"n": ones}})
limit(100 * 24 + 1_001)
refused(store, lambda store: store.append(keys[100:], ones, {{"n": ones}}))
print(store.rows(keys).tolist() == [*range(100), *[-1] * 100])
store.append(keys[100:], ones, {{"n": ones * 2}})
"""


def test_a_full_disk_is_told_and_leaves_a_store_to_go_on_with(tmp_path, never_killed):
    said, lengths = finish(tmp_path, ARRAYS_DO_NOT_FIT).splitlines()
    there, opened = map(int, lengths.split())
    assert there == opened >= 200
    assert f"no room in {tmp_path} for " in said
    assert "File too large" in said
    assert f"{there} sentences are complete. Make room, and run the same command again to resume." in said
    assert same_as_far_as_it_goes(tmp_path, never_killed[0]) == there + 100
    finish(tmp_path, "write(open_writer())")
    assert same_as_far_as_it_goes(tmp_path, never_killed[0]) == 600


def test_an_index_that_does_not_fit_takes_its_arrays_back(tmp_path):
    said, *others = finish(tmp_path, INDEX_DOES_NOT_FIT).splitlines()
    assert "no room in" in said
    assert others == ["100 100", "True"]
    assert (tmp_path / "n.bin").read_bytes() == b"\1" * 100 + b"\2" * 100
    assert len(OutputStore.open(tmp_path)) == 200


RESIDENT = """
def resident(what):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))

before = resident("VmRSS"), resident("RssAnon")
store = OutputStore.open(sys.argv[2])
opened = resident("VmRSS")
for first in range(0, len(store), 50):
    assert store.read(np.arange(first, first + 50), 40)["features"].all()
# Without what is mapped, which the system takes away when it needs the memory.
print(opened - before[0], resident("RssAnon") - before[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_store(tmp_path):
    spec = {"features": ArraySpec((500,), "float32", "token")}
    with OutputStore.create(tmp_path, spec, {}) as store:
        for part in range(10):
            keys = [content_key([str(part), str(number)]) for number in range(250)]
            store.append(keys, np.full(250, 40), {"features": np.full((10_000, 500), part + 1, np.float32)})
    assert (tmp_path / "features.bin").stat().st_size == 200_000_000
    opening, reading = map(int, finish(tmp_path, RESIDENT).split())
    assert opening < 10_000_000
    assert reading < 20_000_000


def test_it_is_fast_enough_for_a_training_loop(tmp_path):
    rng = np.random.default_rng(0)
    spec = {"logits": ArraySpec((9,), "float32", "token")}
    keys, lengths = [*map(bytes, rng.integers(0, 256, (300_000, 16), np.uint8))], rng.integers(1, 3, 300_000)
    lengths[::100] = 40
    with OutputStore.create(tmp_path, spec, {}) as store:
        store.append(keys, lengths, {"logits": np.ones((int(lengths.sum()), 9), np.float32)})

    def best(call, times):
        seconds = []
        for _ in range(times):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    opening = best(lambda: OutputStore.open(tmp_path), 3)
    store, rows = OutputStore.open(tmp_path), rng.integers(0, 3000, 32) * 100
    reading = best(lambda: store.read(rows, 40), 200)
    print(f"opening {opening:.3f} s, reading {reading * 1e6:.0f} µs")
    assert opening < 1
    assert reading < 1e-3
