"""Annotating on Ray Data: on the cores of this machine, or on a cluster whose machines see the same disk."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfkd.annotate.blocks import Block, Unit, blocks
from tfkd.annotate.parts import PartMaker
from tfkd.annotate.progress import Progress
from tfkd.annotate.report import Report
from tfkd.engines.ray import _connect, _import_ray
from tfkd_base.errors import TfkdError


def run_on_ray(
    maker: PartMaker,
    units: Sequence[Unit],
    block_bytes: int,
    progress: Progress,
    *,
    workers: int | None = None,
    address: str | None = None,
) -> None:
    """Make the parts that are missing, with several workers of one thread each, which load the models once.

    The input is read where there is room, a unit at a time, and so much of it as the workers soon need. A worker writes
    its part itself; what comes back is its report. Ray gives the block of a worker that dies to another one, and starts
    a new worker in its place.

    Args:
        maker: Makes a part.
        units: The input.
        block_bytes: Bytes of a block.
        progress: Is told what is done.
        workers: How many; by default one for each core that Ray has.
        address: The address of a cluster, `auto` for the one that this machine belongs to; by default Ray is started
            here, and ended with the work.

    Raises:
        TfkdError: Ray is not installed, there is no such cluster, or a model cannot be loaded.
        ServerError: A server has not answered.
    """
    ray = _import_ray(address)
    try:
        importlib.import_module("ray.data")
    except ImportError:
        raise TfkdError("the engine ray needs Ray Data, which is not installed: pip install 'tfkd[ray]'") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with _connect(ray, workers, address), _streaming(ray.data.DataContext.get_current()):
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        progress.begin()
        dataset = ray.data.read_datasource(
            _source(ray, maker, units, block_bytes),
            override_num_blocks=len(units),
            concurrency=min(count, len(units)),
            num_cpus=0,
        ).map_batches(
            Worker,
            fn_constructor_args=(maker, os.getcwd()),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=count),
            num_cpus=1,
        )
        try:
            for row in dataset.iter_rows():
                report = Report.from_json(row["report"])
                progress.finish(maker.folder, row["name"], int(row["size"]), report, now=bool(row["now"]))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TfkdError):
                raise TfkdError(str(error.cause)) from None
            raise
        progress.end()


@contextlib.contextmanager
def _streaming(context: Any) -> Iterator[None]:
    """Have Ray Data hand on each block for itself, without bars of its own; the caller's settings come back."""
    ours = {
        "enable_progress_bars": False,
        # Ray would put our blocks together to tables of many megabytes, each of them one worker's.
        "target_max_block_size": 1,
    }
    before = {name: getattr(context, name) for name in ours}
    for name, value in ours.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _source(ray: Any, maker: PartMaker, units: Sequence[Unit], block_bytes: int) -> Any:
    """Make what Ray Data reads: a task a unit, which gives its blocks one by one."""
    import pyarrow

    class Units(ray.data.Datasource):
        def estimate_inmemory_data_size(self) -> int:
            return sum(unit.size for unit in units)

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            about = ray.data.block.BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ray.data.ReadTask(reader(unit), about) for unit in units]

    def reader(unit: Unit) -> Callable[[], Iterator[Any]]:
        folder, cwd = maker.folder, os.getcwd()

        def read() -> Iterator[Any]:
            _move(cwd)
            for block in blocks(unit, block_bytes):
                # What is done is only told of.
                kept = block if not folder.is_done(block.name) else Block(block.name, "bytes", b"", block.size)
                yield pyarrow.table({"block": [pickle.dumps(kept)]})

        return read

    return Units()


def _move(folder: str) -> None:
    """Go where the work was begun, so that paths mean the same."""
    with contextlib.suppress(OSError):
        os.chdir(folder)


class Worker:
    """Annotates blocks in a process of its own, on one thread.

    Args:
        maker: Makes a part.
        folder: The folder that the work was begun in.
    """

    def __init__(self, maker: PartMaker, folder: str) -> None:
        import tensorflow as tf

        _move(folder)
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._maker = maker
        self._annotator = maker.settings.annotator()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Make the part of a block, unless it is there.

        Args:
            batch: The block.

        Returns:
            Its name, its size, its report and whether it was made now.
        """
        block: Block = pickle.loads(batch["block"][0])
        now = not self._maker.folder.is_done(block.name)
        report = self._maker.make(block, self._annotator) if now else self._maker.folder.report(block.name)
        return {
            "name": [block.name],
            "size": [block.size],
            "report": [report.to_json()],
            "now": [now],
        }
