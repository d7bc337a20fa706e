"""Trials on a Ray cluster: two nodes, the results of one process, and what the death of a worker costs."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.protocol import Parent
from sparse_mcu.search.evaluation.result import Artifacts, Failure, Result, Success
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.run.assignment import Assignment
from sparse_mcu.search.run.cluster import LOCAL, Station, cluster_crew, connected, station_of
from sparse_mcu.search.run.local import Setup
from sparse_mcu.search.space.description import parse
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]  # a cluster takes long to start

RECIPE = Recipe(epochs=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a core each, on this machine."""
    utils = pytest.importorskip("ray.cluster_utils", reason="needs sparse-mcu[ray]")
    nodes = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    with connected(nodes.address) as ray:
        yield ray
    nodes.shutdown()


@pytest.fixture(scope="module")
def station() -> Station:
    target = Target(load_board("microbit"))
    setup = Setup(data=DataRequest(name="digits"), recipe=RECIPE, target=target, options=DEFAULTS)
    return station_of(setup, digits.load(), target.tools().infos)


def assignment(folder: Path, text: str, seed: int = 1, parent: Path | None = None) -> Assignment:
    folder.mkdir()
    return Assignment(parse(text), seed, folder, None if parent is None else Parent(parent))


def alone(station: Station, asked: Assignment) -> Result:
    """Returns what this process makes of an assignment."""
    return asked.evaluated_by(station.setup.evaluator(station.dataset, station.setup.target.tools()))


def without_times(result: Result) -> Result:
    return result.model_copy(update={"seconds": {}})


def test_two_nodes_give_the_results_and_files_of_one_process(cluster: Any, station: Station, tmp_path: Path) -> None:  # noqa: ANN401
    first = assignment(tmp_path / "first", "dense-4 dense")
    expected = alone(station, first)
    assert isinstance(expected, Success)
    weights = first.directory / Artifacts().weights
    asked = [
        assignment(tmp_path / "a", "dense-4 dense"),
        assignment(tmp_path / "b", "dense-5 dense", parent=weights),
        assignment(tmp_path / "c", "dense-4 dense", seed=2),
    ]
    same = assignment(tmp_path / "same", "dense-5 dense", parent=weights)
    results: dict[int, Result] = {}
    cluster_crew(cluster, station)(asked, results.__setitem__)
    assert sorted(results) == [0, 1, 2]
    assert without_times(results[0]) == without_times(expected)
    assert without_times(results[1]) == without_times(alone(station, same))
    assert without_times(results[2]) != without_times(expected)
    for theirs, ours in ((asked[0], first), (asked[1], same)):
        files = {path.relative_to(ours.directory) for path in ours.directory.rglob("*") if path.is_file()}
        assert files == {path.relative_to(theirs.directory) for path in theirs.directory.rglob("*") if path.is_file()}
        onnx = Artifacts().onnx
        assert (theirs.directory / onnx).read_bytes() == (ours.directory / onnx).read_bytes()


def busy_worker() -> int | None:
    """Returns the process of a worker that evaluates a trial; None if there is none."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::_evaluate"):
                return int(entry.name)
    return None


def killing(times: int, victims: list[int]) -> Callable[[], None]:
    """Returns what kills the workers that evaluate, `times` times at most."""

    def kill() -> None:
        end = time.monotonic() + 600  # on a busy machine a worker of Ray starts late
        while len(victims) < times and time.monotonic() < end:
            worker = busy_worker()
            if worker is not None and worker not in victims:
                victims.append(worker)
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.02)

    return kill


@pytest.mark.parametrize(("kills", "kind"), [(1, Success), (2, Failure)])
def test_a_worker_that_dies_costs_its_trial_once(
    cluster: Any,  # noqa: ANN401
    station: Station,
    tmp_path: Path,
    kills: int,
    kind: type,
) -> None:
    slow = replace(station, setup=replace(station.setup, recipe=Recipe(epochs=40)))
    victims: list[int] = []
    killer = threading.Thread(target=killing(kills, victims))
    killer.start()
    results: dict[int, Result] = {}
    cluster_crew(cluster, slow)([assignment(tmp_path / "a", "conv-3x8 dense")], results.__setitem__)
    killer.join()
    assert len(victims) == kills
    assert isinstance(results[0], kind)
    assert (tmp_path / "a" / Artifacts().onnx).is_file() == (kind is Success)


def test_a_machine_with_another_compiler_ends_the_search(cluster: Any, station: Station, tmp_path: Path) -> None:  # noqa: ANN401
    other = replace(station, tools=(ToolInfo(name="arm-none-eabi-gcc", version="1.0"), station.tools[1]))
    with pytest.raises(SparseMcuError, match=r"the study needs arm-none-eabi-gcc 1\.0"):
        cluster_crew(cluster, other)([assignment(tmp_path / "a", "dense-4 dense")], lambda *_: None)


def test_workers_get_no_test_images(station: Station) -> None:
    with pytest.raises(SparseMcuError, match="no test images"):
        _ = station.dataset.test


def test_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs sparse-mcu[ray]")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "1")
    with pytest.raises(SparseMcuError, match="no Ray cluster answers"), connected("127.0.0.1:1"):
        pass
    assert LOCAL == "local"
