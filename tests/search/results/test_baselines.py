"""The picture of the baselines."""

from pathlib import Path

from matplotlib.axes import Axes

from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.baselines.result import BaselinesReport, MethodResult, OnBoard
from sparse_mcu.search.results.baselines import draw_baselines, save_baselines

ON_BOARD = OnBoard(
    flash_bytes=9000,
    arena_bytes=900,
    latency_ms=1.0,
    latency_fidelity="estimated",
    fits=True,
    network="dense",
    plain_weights_bytes=1,
    plain_weights_in_ram_bytes=1,
    plain_weights_in_flash_bytes=1,
)


def make_report(*, is_tested: bool = True) -> BaselinesReport:
    def row(method: str, right: float, size: int, on_board: OnBoard | None) -> MethodResult:
        fidelity = "analysed" if on_board else "estimated"
        return MethodResult.model_validate(
            {
                "method": method,
                "title": method,
                "validation": {"value": right, "images": 10, "fidelity": fidelity},
                "test": {"value": right - 0.1, "images": 10, "fidelity": fidelity} if is_tested else None,
                "size": {"bytes": size, "fidelity": fidelity},
                "ram": {"bytes": size // 10, "fidelity": fidelity},
                "numbers": 1,
                "counted": "c",
                "setting": "s",
                "trained_on": 1,
                "on_board": on_board,
                "seconds": 1.0,
            }
        )

    tool = ToolInfo(name="t", version="1")
    return BaselinesReport(
        dataset="digits",
        dataset_fingerprint="0",
        test_fingerprint="1" if is_tested else None,
        test_missing="" if is_tested else "they lie elsewhere",
        board="microbit",
        toolchain=tool,
        engine=tool,
        seed=0,
        project_version="0",
        rows=[row("bonsai-2k", 0.8, 2000, None), row("lenet", 0.9, 8000, ON_BOARD), row("knn", 1.0, 4_000_000, None)],
    )


def points(panel: Axes) -> list[list[list[float]]]:
    return [[[round(float(v), 6) for v in xy] for xy in each.get_offsets()] for each in panel.collections]  # type: ignore[union-attr]


def test_every_method_is_a_point_with_its_name() -> None:
    size, ram = draw_baselines(make_report()).axes
    assert points(size) == [[[2000, 30], [4_000_000, 10]], [[8000, 20]]]
    assert points(ram) == [[[200, 30], [400_000, 10]], [[800, 20]]]
    assert {text.get_text() for text in size.texts} == {"bonsai-2k", "lenet", "knn"}
    assert (size.get_ylabel(), size.get_xscale(), size.get_yscale()) == ("test error [%]", "log", "log")


def test_without_test_images_it_shows_validation_errors() -> None:
    size, _ = draw_baselines(make_report(is_tested=False)).axes
    assert points(size)[0] == [[2000, 20], [4_000_000, 0.1]]
    assert size.get_ylabel() == "validation error [%]"


def test_files_are_reproducible(tmp_path: Path) -> None:
    first, second = (save_baselines(make_report(), tmp_path / name) for name in "ab")
    assert [path.name for path in first] == ["baselines.png", "baselines.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
