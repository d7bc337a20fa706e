"""A trial's stages, and what becomes of each way to fail."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.costmodel.graph import encode_input, load_graph
from sparse_mcu.costmodel.graph.operators import Conv2d, Dense
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation.evaluator import FAILURE_FILE, Evaluator
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, KINDS
from sparse_mcu.search.evaluation.protocol import CostEvaluator, Parent
from sparse_mcu.search.evaluation.result import STAGES, CrossCheck, Failure, Result, Rung, Stopped, Success
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.configuration import Configuration, LeverChoice
from sparse_mcu.search.space.description import parse
from sparse_mcu.simulation.reference import run_reference

DENSE = Configuration(input_pooling=1, blocks=(), head="flatten", hidden=())
UNPRUNED = set(STAGES) - {"pruning"}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


@dataclasses.dataclass
class Costs:
    """Answers like `simulate`, as told."""

    make: CostEvaluator

    def __call__(self, path: Path, directory: Path, levers: LeverChoice) -> SimulationReport:
        """Leave a file as a build would."""
        (directory / "model.c").write_text(f"int x; // {levers}", encoding="utf-8")
        return self.make(path, directory, levers)


def evaluate(
    data: Dataset, folder: Path, make: CostEvaluator, seed: int = 0, configuration: Configuration = DENSE
) -> Result:
    folder.mkdir(exist_ok=True)
    evaluator = Evaluator(data, Recipe(epochs=2), Costs(make))
    return evaluator(configuration, seed=seed, directory=folder, on_progress=lambda *_: None)


def test_a_success_has_objectives_artifacts_and_times(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    result = evaluate(data, tmp_path, make_simulation)
    assert isinstance(result, Success)
    error, ram, flash, latency = result.objectives.values(DEFAULT_OBJECTIVES)
    assert 0 < error < 0.3
    assert (ram, flash, latency) == (1000, (tmp_path / "candidate.onnx").stat().st_size, 1.0)
    fidelities = {name: result.objectives[name].fidelity for name in KINDS}
    assert [name for name in KINDS if fidelities[name] != "analysed"] == ["latency_ms", "energy_mj"]
    assert fidelities["latency_ms"] == fidelities["energy_mj"] == "estimated"
    assert set(result.seconds) == UNPRUNED
    assert result.unpruned_error is None
    assert result.weight_counts is not None
    assert result.weight_counts.trained == result.weight_counts.stored == 640
    report = SimulationReport.model_validate_json((tmp_path / result.artifacts.report).read_text(encoding="utf-8"))
    assert report.model == result.model
    assert (tmp_path / result.artifacts.firmware / "model.c").is_file()


def test_the_levers_of_a_configuration_reach_its_costs(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    configuration = parse("dense levers=pools")
    evaluate(data, tmp_path, make_simulation, configuration=configuration)
    assert str(configuration.levers) in (tmp_path / "firmware" / "model.c").read_text(encoding="utf-8")


def test_the_augmentation_of_a_configuration_replaces_that_of_the_recipe(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    files = {}
    for text in ("dense", "dense augment=0", "dense augment=1"):
        folder = tmp_path / text
        evaluate(data, folder, make_simulation, configuration=parse(text))
        files[text] = (folder / "candidate.onnx").read_bytes()
    assert files["dense"] == files["dense augment=0"] != files["dense augment=1"]


def test_pruning_is_a_stage_and_its_zeros_reach_the_file(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    seen: list[tuple[str, float]] = []
    evaluator = Evaluator(data, Recipe(epochs=2), Costs(make_simulation))
    result = evaluator(
        parse("conv-3x4/max dense prune=magnitude:0.75"),
        seed=0,
        directory=tmp_path,
        on_progress=lambda *what: seen.append(what),
    )
    assert isinstance(result, Success)
    assert set(result.seconds) == set(STAGES)
    assert list(dict.fromkeys(stage for stage, _ in seen)) == list(STAGES)
    # two epochs of pruning, four of tuning
    assert [share for stage, share in seen if stage == "pruning"] == pytest.approx([done / 6 for done in range(7)])
    counts = result.weight_counts
    assert counts is not None
    weights = [
        operator.weights
        for operator in load_graph(tmp_path / "candidate.onnx").operators
        if isinstance(operator, Conv2d | Dense)
    ]
    assert counts.trained == 36 + 640
    assert counts.stored == sum(each.size for each in weights) <= 36 + 640
    assert counts.nonzero == sum(np.count_nonzero(each) for each in weights) <= 9 + 160
    assert result.unpruned_error is not None
    assert 0 < result.unpruned_error < 0.9


def test_the_error_is_the_integer_references_and_onnxruntime_stands_beside_it(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = data.validation.labels
    theirs = labels.copy()
    theirs[:20] = (theirs[:20] + 1) % 10
    monkeypatch.setattr("sparse_mcu.search.evaluation.evaluator.onnxruntime_classes", lambda *_: theirs)
    result = evaluate(data, tmp_path, make_simulation)
    assert isinstance(result, Success)
    graph = load_graph(tmp_path / "candidate.onnx")
    (source,), (sink,) = graph.inputs, graph.outputs
    ours = np.array(
        [
            int(run_reference(graph, {source: encode_input(graph, source, image[np.newaxis])})[sink].argmax())
            for image in data.validation.images
        ]
    )
    assert result.objectives["error"].value == np.mean(ours != labels)
    differing = int((ours != theirs).sum())
    assert differing > 0
    assert result.check == CrossCheck(images=359, differing=differing, onnxruntime_error=20 / 359)


def test_the_test_images_are_never_touched(data: Dataset, tmp_path: Path, make_simulation: CostEvaluator) -> None:
    def untouchable() -> Split:
        raise AssertionError("the test images were asked for")

    sealed = dataclasses.replace(data, load_test=untouchable)
    assert isinstance(evaluate(sealed, tmp_path, make_simulation), Success)


def test_the_seed_decides_the_file(data: Dataset, tmp_path: Path, make_simulation: CostEvaluator) -> None:
    results = [evaluate(data, tmp_path / str(n), make_simulation, seed) for n, seed in enumerate((1, 1, 2))]
    hashes = [result.model.sha256 for result in results if isinstance(result, Success)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_stages_are_announced_in_order(data: Dataset, tmp_path: Path, make_simulation: CostEvaluator) -> None:
    seen: list[tuple[str, float]] = []
    evaluator = Evaluator(data, Recipe(epochs=2), Costs(make_simulation))
    evaluator(DENSE, seed=0, directory=tmp_path, on_progress=lambda *what: seen.append(what))
    assert list(dict.fromkeys(stage for stage, _ in seen)) == [stage for stage in STAGES if stage != "pruning"]
    assert [share for stage, share in seen if stage == "training"] == [0.0, 0.5, 1.0]


def float_error_of(result: Success) -> float:
    return result.objectives["float_error"].value


def test_a_trial_inherits_the_weights_of_its_parent(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    folders = [tmp_path / name for name in ("parent", "child", "orphan")]
    for folder in folders:
        folder.mkdir()
    evaluator, long = (Evaluator(data, Recipe(epochs=epochs), Costs(make_simulation)) for epochs in (3, 6))
    quiet = {"seed": 0, "on_progress": lambda *_: None}
    assert isinstance(long(DENSE, directory=folders[0], **quiet), Success)
    parent, seen = Parent(folders[0] / "weights.pt", share=1 / 3), []
    child = evaluator(
        DENSE,
        directory=folders[1],
        parent=parent,
        seed=0,
        on_progress=lambda stage, _: seen.append(stage),
        rungs=(Rung(share=0.5),),
    )
    orphan = Evaluator(data, Recipe(epochs=1), Costs(make_simulation))(DENSE, directory=folders[2], **quiet)
    assert isinstance(child, Success)
    assert isinstance(orphan, Success)
    assert seen.count("training") == 2  # its beginning, and its one epoch
    assert [rung.inherited for rung in child.rungs] == [True]
    assert float_error_of(child) < float_error_of(orphan) / 1.5


def test_a_child_that_keeps_little_of_its_parent_is_trained_anew_for_all_epochs(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    weights, seen = [], []
    for name, text, parent in (
        ("parent", "dense", None),
        ("child", "pool2 dense", "parent"),
        ("orphan", "pool2 dense", None),
    ):
        folder = tmp_path / name
        folder.mkdir()
        given = None if parent is None else Parent(tmp_path / parent / "weights.pt")
        steps: list[str] = []
        result = Evaluator(data, Recipe(epochs=4), Costs(make_simulation))(
            parse(text),
            seed=0,
            directory=folder,
            on_progress=lambda stage, _, steps=steps: steps.append(stage),
            parent=given,
            rungs=(Rung(share=0.5),),
        )
        assert isinstance(result, Success)
        assert [rung.inherited for rung in result.rungs] == [False]
        weights.append((folder / "weights.pt").read_bytes())
        seen.append(steps.count("training"))
    assert seen == [5, 5, 5]  # the beginning, and four epochs
    assert weights[1] == weights[2]


def test_fine_tuning_changes_the_file_and_not_the_float_network(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    found = []
    for epochs in (0, 1):
        (tmp_path / str(epochs)).mkdir()
        evaluator = Evaluator(data, Recipe(epochs=2), Costs(make_simulation), fine_tuning=epochs)
        result = evaluator(DENSE, seed=0, directory=tmp_path / str(epochs), on_progress=lambda *_: None)
        assert isinstance(result, Success)
        found.append(result)
    assert found[0].model.sha256 != found[1].model.sha256
    assert float_error_of(found[0]) == float_error_of(found[1])


def test_a_model_that_does_not_fit_is_a_result(data: Dataset, tmp_path: Path, make_simulation: CostEvaluator) -> None:
    result = evaluate(data, tmp_path, lambda *args: make_simulation(*args).model_copy(update={"fits": False}))
    assert isinstance(result, Success)
    assert not result.fits


@pytest.mark.parametrize("change", [{"outputs_match_reference": False}, {"ram": None}])
def test_an_unusable_report_is_a_failure(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator, change: dict[str, object]
) -> None:
    def costs(path: Path, directory: Path, levers: LeverChoice) -> SimulationReport:
        report = make_simulation(path, directory, levers)
        ram = report.ram.model_copy(update={"total_bytes": None})
        return report.model_copy(update={"ram": ram} if "ram" in change else change)

    result = evaluate(data, tmp_path, costs)
    assert isinstance(result, Failure)
    assert (result.stage, result.error) == ("cost", "CandidateError")


@pytest.mark.parametrize("error", [ToolchainError("no compiler"), ZeroDivisionError("oops")])
def test_whatever_goes_wrong_is_a_typed_failure_with_a_traceback(
    data: Dataset, tmp_path: Path, error: Exception
) -> None:
    def costs(_path: Path, _directory: Path, _levers: LeverChoice) -> SimulationReport:
        raise error

    result = evaluate(data, tmp_path, costs)
    assert isinstance(result, Failure)
    assert (result.stage, result.error, result.reason) == ("cost", type(error).__name__, str(error))
    assert set(result.seconds) == UNPRUNED
    assert str(error) in (tmp_path / FAILURE_FILE).read_text(encoding="utf-8")


def test_a_network_that_diverges_is_a_failure(data: Dataset, tmp_path: Path, make_simulation: CostEvaluator) -> None:
    images = np.full_like(data.train.images, np.nan)
    broken = dataclasses.replace(data, train=dataclasses.replace(data.train, images=images))
    result = evaluate(broken, tmp_path, make_simulation)
    assert isinstance(result, Failure)
    assert (result.stage, result.error) == ("training", "CandidateError")


def test_ctrl_c_is_not_a_failure(data: Dataset, tmp_path: Path) -> None:
    def costs(_path: Path, _directory: Path, _levers: LeverChoice) -> SimulationReport:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(data, tmp_path, costs)


def test_a_rung_records_the_error_and_changes_nothing_else(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    evaluator = Evaluator(data, Recipe(epochs=4), Costs(make_simulation))
    results = {}
    for name, rungs in (("whole", ()), ("looked at", (Rung(share=0.25), Rung(share=0.6, limit=1.0)))):
        (tmp_path / name).mkdir()
        results[name] = evaluator(DENSE, seed=0, directory=tmp_path / name, on_progress=lambda *_: None, rungs=rungs)
    whole, looked_at = results["whole"], results["looked at"]
    assert isinstance(whole, Success)
    assert isinstance(looked_at, Success)
    assert whole.rungs == ()
    assert [rung.share for rung in looked_at.rungs] == [0.25, 0.6]
    assert looked_at.rungs[0].error > looked_at.objectives["error"].value
    assert looked_at.objectives == whole.objectives
    assert (tmp_path / "whole" / "candidate.onnx").read_bytes() == (
        tmp_path / "looked at" / "candidate.onnx"
    ).read_bytes()


def test_an_error_above_the_limit_of_a_rung_stops_the_trial(
    data: Dataset, tmp_path: Path, make_simulation: CostEvaluator
) -> None:
    evaluator = Evaluator(data, Recipe(epochs=4), Costs(make_simulation))
    shares: list[float] = []
    result = evaluator(
        DENSE,
        seed=0,
        directory=tmp_path,
        on_progress=lambda _stage, share: shares.append(share),
        rungs=(Rung(share=0.3, limit=0.0, reason="hopeless"),),
    )
    assert isinstance(result, Stopped)
    assert (result.stage, result.reason, result.rungs[0].share) == ("training", "hopeless", 0.3)
    assert result.rungs[0].error > 0
    assert max(shares) == 0.5  # two of four epochs
    assert set(result.seconds) == {"training"}
    assert not (tmp_path / "candidate.onnx").exists()
