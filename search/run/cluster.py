"""Evaluates trials on the machines of a Ray cluster. The results are those of one process.

Machines of the cluster need sparse-mcu, the compiler and the emulator, each in the version of this machine. They need
neither the data nor a common file system: images and a parent's weights go there with the trial, and the files of the
trial come back with its result.

A trial whose worker died runs once more. If its worker dies again, it fails.
"""

import io
import platform
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.protocol import Parent
from sparse_mcu.search.evaluation.result import Failure, Result
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.search.run.local import Setup

LOCAL = "local"
"""The address that starts a cluster on this machine, for as long as the search runs."""

_ATTEMPTS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Station:
    """All that a worker of the cluster needs, besides the trial.

    Attributes:
        setup: What an evaluator is made from.
        dataset: The images, without those of the test.
        tools: The compiler and the emulator of the study.
        version: The version of sparse-mcu.
    """

    setup: Setup
    dataset: Dataset
    tools: tuple[ToolInfo, ToolInfo]
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Parcel:
    """A trial on its way to a worker: the assignment, and the bytes of its parent's weights."""

    assignment: Assignment
    weights: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back: the result, and the trial's folder as a tar archive."""

    result: Result
    files: bytes


def station_of(setup: Setup, dataset: Dataset, tools: tuple[ToolInfo, ToolInfo]) -> Station:
    """Returns what the workers of a study need. The test images stay here."""
    return Station(setup=setup, dataset=replace(dataset, load_test=_no_test), tools=tools)


@contextmanager
def connected(address: str, processes: int | None = None) -> Iterator[Any]:
    """Connects to a Ray cluster for the length of a `with` statement, and gives the module `ray`.

    Args:
        address: That of a running cluster, such as "auto", "10.0.0.1:6379" or "ray://10.0.0.1:10001"; LOCAL starts one.
        processes: How many trials a cluster runs at once that is started here; None for one per core.

    Raises:
        MissingExtraError: Ray is not installed.
        SparseMcuError: No cluster answers at that address.
    """
    with needs("ray", "--cluster"):
        ray: Any = import_module("ray")  # optional, and slow to import

    where = {"num_cpus": processes, "include_dashboard": False} if address == LOCAL else {"address": address}
    try:
        ray.init(**where, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SparseMcuError(
            f"no Ray cluster answers: {str(error).splitlines()[0]}",
            where=f"--cluster {address}",
            fix="Start one with `ray start --head` and name its address, or use --cluster local.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def cluster_crew(ray: Any, station: Station, at_once: int | None = None) -> Crew:  # noqa: ANN401 - an optional module
    """Returns a crew of the processes of a cluster.

    Args:
        ray: The module, connected to a cluster.
        station: What the workers need.
        at_once: The most trials at once; None for the cores of the cluster.
    """
    remote = ray.remote(num_cpus=1, max_retries=0)(_evaluate)
    limit = at_once or max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def crew(assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        needed, waiting, running = ray.put(station), enumerate(assignments), dict[Any, _Run]()
        try:
            while _fill(running, waiting, limit, lambda parcel: remote.remote(needed, parcel)):
                (ready,), _ = ray.wait(list(running), num_returns=1)
                run = running.pop(ready)
                answer = _fetched(ray, ready)
                if isinstance(answer, str) and run.attempt < _ATTEMPTS:
                    running[remote.remote(needed, run.parcel)] = replace(run, attempt=run.attempt + 1)
                    continue
                on_done(run.index, _received(answer, run))
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    return crew


@dataclass(frozen=True, slots=True)
class _Run:
    """A trial that the cluster works on: its index and parcel, and the number of the attempt."""

    index: int
    parcel: Parcel
    attempt: int = 1


def _fill(
    running: dict[Any, _Run],
    waiting: Iterator[tuple[int, Assignment]],
    limit: int,
    begin: Callable[[Parcel], Any],
) -> bool:
    """Begins trials until `limit` run or none is left. Returns whether any runs."""
    while len(running) < limit:
        following = next(waiting, None)
        if following is None:
            break
        index, assignment = following
        parent = assignment.parent
        parcel = Parcel(assignment, None if parent is None else parent.weights.read_bytes())
        running[begin(parcel)] = _Run(index, parcel)
    return bool(running)


def _fetched(ray: Any, reference: Any) -> Answer | str:  # noqa: ANN401 - types of an optional module
    """Returns a worker's answer, or how the worker ended.

    Raises:
        SparseMcuError: The worker's machine lacks something.
    """
    try:
        answer: Answer = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise SparseMcuError(
            f"a machine of the cluster cannot evaluate trials: {error.cause}",
            where="--cluster",
            fix="Install there what the study needs; the same command then continues it.",
        ) from error
    except ray.exceptions.RayError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return answer


def _received(answer: Answer | str, run: _Run) -> Result:
    """Unpacks the files of a trial into its folder, and returns its result."""
    if isinstance(answer, str):
        reason = f"{run.attempt} workers that evaluated it died, the last one with {answer}"
        return Failure(stage="training", error="WorkerError", reason=reason, seconds={})
    with tarfile.open(fileobj=io.BytesIO(answer.files)) as archive:
        archive.extractall(run.parcel.assignment.directory, filter="data")
    return answer.result


_evaluators: dict[str, Evaluator] = {}


def _evaluate(station: Station, parcel: Parcel) -> Answer:
    """Evaluates a trial in a worker of the cluster."""
    with tempfile.TemporaryDirectory(prefix="sparse-mcu-") as scratch:
        folder, parent = Path(scratch, "trial"), parcel.assignment.parent
        folder.mkdir()
        if parent is not None and parcel.weights is not None:
            weights = Path(scratch, "parent")
            weights.write_bytes(parcel.weights)
            parent = Parent(weights, parent.share)
        here = replace(parcel.assignment, directory=folder, parent=parent)
        result = here.evaluated_by(_evaluator(station))
        return Answer(result, _packed(folder))


def _evaluator(station: Station) -> Evaluator:
    """Returns the evaluator of a station, made once in a process.

    Raises:
        SparseMcuError: This machine lacks a tool, or has another version of it than the study.
    """
    key = repr((station.setup, station.dataset.fingerprint, station.tools))
    if key not in _evaluators:
        tools = station.setup.target.tools()
        found = _names(tools.infos, __version__)
        needed = _names(station.tools, station.version)
        if found != needed:
            raise SparseMcuError(
                f"it has {found}, and the study needs {needed}",
                where=platform.node(),
                fix="Install the same versions.",
            )
        _evaluators[key] = station.setup.evaluator(station.dataset, tools)
    return _evaluators[key]


def _names(tools: Iterable[ToolInfo], version: str) -> str:
    return ", ".join([*(f"{each.name} {each.version}" for each in tools), f"sparse-mcu {version}"])


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return packed.getvalue()


def _no_test() -> Split:
    raise SparseMcuError("workers have no test images", where="cluster", fix="Use `sparse-mcu judge`.")
