"""Pictures: what is drawn where, and the same bytes for the same trials."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.baselines.result import Accuracy, BaselinesReport, MethodResult, Size
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.results.front import pareto_front
from sparse_mcu.search.results.plot import draw_front, save_front
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def trials(space: Space, make_result: Callable[..., Success]) -> list[Trial]:
    rng = np.random.default_rng(1)
    configurations = [space.sample(rng) for _ in range(12)]
    results = [make_result(c, fits=n != 3) for n, c in enumerate(configurations)]
    return [
        Trial(number=n, configuration=c, result=r) for n, (c, r) in enumerate(zip(configurations, results, strict=True))
    ]


def test_every_trial_is_drawn_and_the_front_is_labelled(trials: list[Trial], make_settings: MakeSettings) -> None:
    panels = draw_front(trials, make_settings()).axes[:2]
    front = {str(trial.number) for trial, _ in pareto_front(trials, Bounds())}
    for panel in panels:
        dominated, beyond, best = (len(collection.get_offsets()) for collection in panel.collections)  # type: ignore[arg-type]
        assert (dominated, beyond, best) == (11, 1, len(front))
        assert {text.get_text() for text in panel.texts} == front
    assert [panel.get_xlabel() for panel in panels] == ["RAM [bytes]", "flash [bytes]"]


@pytest.mark.parametrize(
    ("objectives", "labels", "panels"),
    [
        (("error",), ("validation error [%]", "trial"), 1),
        (("model_size", "latency_ms"), ("model size [bytes]", "latency [ms]"), 1),
        (("error", "model_size", "ram_bytes"), ("validation error [%]", "model size [bytes]"), 2),
        (
            ("error", "model_size", "ram_bytes", "flash_bytes", "latency_ms"),
            ("validation error [%]", "model size [bytes]"),
            3,
        ),
    ],
)
def test_any_objectives_are_drawn(
    trials: list[Trial], make_settings: MakeSettings, objectives: tuple[str, ...], labels: tuple[str, str], panels: int
) -> None:
    settings = make_settings(objectives=objectives)
    figure = draw_front(trials, settings)
    drawn = [axes for axes in figure.axes if axes.get_xlabel()]
    assert len(drawn) == panels
    assert (drawn[0].get_ylabel(), drawn[0].get_xlabel()) == labels
    assert len(figure.axes) - panels == (len(objectives) > 3)
    front = pareto_front(trials, settings.bounds, objectives)
    assert {text.get_text() for text in drawn[0].texts} == {str(trial.number) for trial, _ in front}


def test_limits_are_lines(trials: list[Trial], make_settings: MakeSettings) -> None:
    bounded = draw_front(trials, make_settings(bounds=Bounds({"ram_bytes": 400, "error": 0.1}))).axes[0]
    free = draw_front(trials, make_settings()).axes[0]
    assert len(free.lines) == 0  # the board's memories lie far from the points
    assert [list(line.get_data()[0]) for line in bounded.lines[:1]] == [[400, 400]]
    assert [list(line.get_data()[1]) for line in bounded.lines[1:]] == [[10, 10]]


def test_baselines_stand_beside_the_front(trials: list[Trial], make_settings: MakeSettings) -> None:
    accuracy = Accuracy(value=0.9, images=400, fidelity="analysed")
    row = MethodResult(
        method="knn",
        title="kNN",
        seconds=1.0,
        validation=accuracy,
        test=None,
        size=Size(bytes=3000, fidelity="estimated"),
        ram=Size(bytes=700, fidelity="estimated"),
        numbers=1,
        counted="all",
        setting="k=1",
        trained_on=10,
    )
    report = BaselinesReport(
        dataset="digits",
        dataset_fingerprint="0" * 64,
        test_fingerprint=None,
        test_missing="none",
        board="microbit",
        toolchain=ToolInfo(name="compiler", version="1"),
        engine=ToolInfo(name="emulator", version="1"),
        seed=0,
        project_version="0.1.0",
        rows=[row],
    )
    with_ram, with_flash = draw_front(trials, make_settings(), report).axes[:2]
    assert [text.get_text() for text in with_ram.texts][-1] == "knn"
    assert [[round(float(v)) for v in xy] for xy in with_ram.collections[-1].get_offsets()] == [[700, 10]]  # type: ignore[union-attr]
    assert "knn" not in {text.get_text() for text in with_flash.texts}  # its flash with code is not known


def test_files_are_reproducible(trials: list[Trial], make_settings: MakeSettings, tmp_path: Path) -> None:
    first, second = (save_front(trials, make_settings(), tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["front.png", "front.svg"]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("count", [0, 1])
def test_few_trials_still_give_a_picture(
    trials: list[Trial], make_settings: MakeSettings, tmp_path: Path, count: int
) -> None:
    assert all(path.stat().st_size > 1000 for path in save_front(trials[:count], make_settings(), tmp_path))
