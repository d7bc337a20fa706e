"""The loop: budgets, interruption and kill -9 at every step, with the same study in the end."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.protocol import Parent, TrialEvaluator
from sparse_mcu.search.evaluation.result import Artifacts, Failure, Result, Rung, Success
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.search.run.runner import Budget, Event, Exhausted, Finished, Progress, Proposing, run_search, trial_seed
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.strategies.protocol import Problem, Strategy
from sparse_mcu.search.strategies.rivals.random_draws import RandomStrategy
from sparse_mcu.search.strategies.sparse.strategy import SparseStrategy
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial

pytestmark = pytest.mark.xdist_group("processes")
MakeEvaluator = Callable[..., TrialEvaluator]
MakeSettings = Callable[..., Settings]


@pytest.fixture
def strategy(space: Space) -> Strategy:
    """Of random proposals only: fast."""
    return RandomStrategy(Problem(space=space))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.study"


def artifacts(study: Study) -> dict[str, str]:
    """The files in the folders of trials, and the kept ones."""
    files = [path for path in study.artifacts.rglob("*") if path.is_file()]
    return {str(path.relative_to(study.artifacts)): path.read_text(encoding="utf-8") for path in files}


def test_it_runs_as_many_trials_as_asked_and_tells(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    events: list[Event] = []
    with Study.open(path, make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(3), events.append)
        trials = study.trials()
        assert [trial.state for trial in trials] == ["complete"] * 3
        assert [type(event) for event in events] == [Proposing, Progress, Finished] * 3
        assert [event.trial for event in events if isinstance(event, Finished)] == trials
        run_search(study, strategy, make_evaluator(), Budget(5))
        assert study.trials()[:3] == trials
        assert len(study.trials()) == 5
        run_search(study, strategy, make_evaluator(), Budget(2))
        assert len(study.trials()) == 5


def test_every_trial_has_a_seed_of_its_own() -> None:
    assert len({trial_seed(seed, number) for seed in range(20) for number in range(20)}) == 400
    assert trial_seed(1, 2) == trial_seed(1, 2)


def test_no_trial_begins_after_the_time(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    with Study.open(path, make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(1000, seconds=0.3))
        assert 1 <= len(study.trials()) < 1000
        assert all(trial.state == "complete" for trial in study.trials())


def test_failed_trials_are_kept_and_the_search_goes_on(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    with Study.open(path, make_settings()) as study:
        run_search(study, strategy, make_evaluator(failing=True), Budget(12))
        states = [(trial.state, len(trial.configuration.blocks) % 2) for trial in study.trials()]
    assert set(states) == {("failed", 1), ("complete", 0)}


def test_a_search_in_which_everything_fails_gives_up(
    path: Path, strategy: Strategy, make_settings: MakeSettings
) -> None:
    def evaluate(*_: object, **__: object) -> Failure:
        return Failure(stage="cost", error="ToolchainError", reason="no compiler", seconds={})

    with (
        Study.open(path, make_settings()) as study,
        pytest.raises(StudyError, match=r"3 trials all failed.*no compiler"),
    ):
        run_search(study, strategy, evaluate, Budget(10))


@pytest.mark.parametrize("at_once", [None, 2])
def test_a_search_of_a_space_that_is_exhausted_ends(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator, at_once: int | None
) -> None:
    class Short(RandomStrategy):
        """Has four proposals."""

        def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
            """None from the fifth on."""
            return strategy.propose(number, history) if number < 4 else None

    events: list[Event] = []
    crew = None if at_once is None else crew_that_is_unpunctual(make_evaluator(), at_once)
    short = Short(strategy.problem)
    with Study.open(path, make_settings()) as study:
        run_search(study, short, make_evaluator(), Budget(9), events.append, crew)
        assert [trial.state for trial in study.trials()] == ["complete"] * 4
        assert events[-1] == Exhausted(4)
        run_search(study, short, make_evaluator(), Budget(9))
        assert len(study.trials()) == 4


@pytest.mark.parametrize("at", [0, 3])
def test_interrupted_and_resumed_equals_uninterrupted(
    tmp_path: Path, space: Space, make_settings: MakeSettings, make_evaluator: MakeEvaluator, at: int
) -> None:
    strategy = SparseStrategy(Problem(space=space), initial=3, random_pool=16, local_pool=16)
    with Study.open(tmp_path / "whole.study", make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(4))
        expected, files = study.trials(), artifacts(study)
    calls = 0

    def evaluate(*args: object, **named: object) -> Success:
        nonlocal calls
        calls += 1
        result = make_evaluator()(*args, **named)  # type: ignore[arg-type]
        if calls == at + 1:
            raise KeyboardInterrupt
        assert isinstance(result, Success)
        return result

    with Study.open(tmp_path / "broken.study", make_settings()) as study:
        with pytest.raises(KeyboardInterrupt):
            run_search(study, strategy, evaluate, Budget(4))
        assert [trial.state for trial in study.trials()] == ["complete"] * at + ["running"]
        assert len(list(study.artifacts.glob("trial-*"))) == at
    with Study.open(tmp_path / "broken.study", make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(4))
        assert study.trials() == expected
        assert artifacts(study) == files


def crew_that_is_unpunctual(evaluate: TrialEvaluator, at_once: int, fail_at: int | None = None) -> Crew:
    """Takes some assignments at once, and answers the last of them first."""

    def crew(assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        waiting, done = enumerate(assignments), 0
        while batch := list(islice(waiting, at_once)):
            for index, each in reversed(batch):
                if done == fail_at:
                    raise KeyboardInterrupt
                result = evaluate(
                    each.configuration,
                    seed=each.seed,
                    directory=each.directory,
                    on_progress=lambda *_: None,
                    parent=each.parent,
                    rungs=each.rungs,
                )
                on_done(index, result)
                done += 1

    return crew


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_a_crew_gives_the_study_that_one_alone_gives(
    tmp_path: Path, space: Space, make_settings: MakeSettings, make_evaluator: MakeEvaluator, at_once: int
) -> None:
    strategy = SparseStrategy(Problem(space=space), initial=5, random_pool=16, local_pool=16)
    with Study.open(tmp_path / "alone.study", make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(5))
        expected, files = study.trials(), artifacts(study)
    with Study.open(tmp_path / "crew.study", make_settings()) as study:
        crew = crew_that_is_unpunctual(make_evaluator(), at_once)
        events: list[Event] = []
        run_search(study, strategy, make_evaluator(), Budget(3), events.append, crew)
        assert [event.trial.state for event in events if isinstance(event, Finished)] == ["complete"] * 3
        run_search(study, strategy, make_evaluator(), Budget(5), crew=crew)
        assert study.trials() == expected
        assert artifacts(study) == files


def test_a_crew_does_not_wait_and_the_strategy_knows_what_runs(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    running: list[int] = []

    class Watching(RandomStrategy):
        """Counts the running trials that it is told of."""

        def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
            """As a random strategy does."""
            running.append(sum(trial.result is None for trial in history))
            return strategy.propose(number, history)

    with Study.open(path, make_settings()) as study:
        crew = crew_that_is_unpunctual(make_evaluator(), 3)
        run_search(study, Watching(strategy.problem), make_evaluator(), Budget(6), crew=crew)
        assert [trial.state for trial in study.trials()] == ["complete"] * 6
    assert running == [0, 1, 2, 0, 1, 2]


def test_a_crew_and_another_process_share_a_study(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    """The other one joins while the crew is at work, and takes what is left."""
    with Study.open(path, make_settings()) as study, Study.open(path, make_settings()) as other:
        evaluate, calls = make_evaluator(), 0

        def joined(*arguments: Any, **named: Any) -> Result:  # noqa: ANN401 - what an evaluator gets
            nonlocal calls
            calls += 1
            if calls == 2:
                run_search(other, strategy, evaluate, Budget(7))
            return evaluate(*arguments, **named)

        run_search(study, strategy, joined, Budget(7), crew=crew_that_is_unpunctual(joined, 3))
        assert calls == 3
        assert [trial.state for trial in study.trials()] == ["complete"] * 7
        assert len({trial.configuration for trial in study.trials()}) == 7
        assert other.trials() == study.trials()


def test_a_trial_gets_its_rungs_and_the_weights_of_its_parent(
    path: Path, strategy: Strategy, make_settings: MakeSettings, make_result: Callable[[Configuration], Success]
) -> None:
    rungs = (Rung(share=0.25),)
    seen: list[tuple[Parent | None, Sequence[Rung]]] = []

    class Breeding(RandomStrategy):
        """Makes every trial a child of the one before it."""

        def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
            """A random configuration with a parent."""
            made = strategy.propose(number, history)
            assert made is not None
            return made.model_copy(update={"parent": number - 1 if number else None, "rungs": rungs})

    def evaluate(configuration: Configuration, **named: Any) -> Result:  # noqa: ANN401 - what an evaluator gets
        seen.append((named["parent"], named["rungs"]))
        if len(seen) != 2:
            (named["directory"] / Artifacts().weights).touch()
        return make_result(configuration)

    with Study.open(path, make_settings()) as study:
        run_search(study, Breeding(strategy.problem), evaluate, Budget(3))
        first = study.folder(study.trials()[0]) / Artifacts().weights
    assert [parent for parent, _ in seen] == [None, Parent(first), None]  # the second trial left no weights
    assert all(each == rungs for _, each in seen)


@pytest.mark.parametrize("fail_at", [0, 1, 2, 3])
def test_a_crew_that_is_interrupted_leaves_what_one_alone_goes_on_with(
    tmp_path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator, fail_at: int
) -> None:
    with Study.open(tmp_path / "alone.study", make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(5))
        expected, files = study.trials(), artifacts(study)
    with Study.open(tmp_path / "crew.study", make_settings()) as study:
        crew = crew_that_is_unpunctual(make_evaluator(), 3, fail_at)
        with pytest.raises(KeyboardInterrupt):
            run_search(study, strategy, make_evaluator(), Budget(5), crew=crew)
        assert sum(trial.result is not None for trial in study.trials()) == fail_at
        assert len(study.trials()) >= 3
        assert len(list(study.artifacts.glob("trial-*"))) == fail_at
        run_search(study, strategy, make_evaluator(), Budget(5), crew=crew_that_is_unpunctual(make_evaluator(), 2))
        assert study.trials() == expected
        assert artifacts(study) == files


def test_a_crew_begins_nothing_after_the_time_and_gives_up_as_one_alone(
    tmp_path: Path, strategy: Strategy, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    crew = crew_that_is_unpunctual(make_evaluator(), 2)
    with Study.open(tmp_path / "late.study", make_settings()) as study:
        run_search(study, strategy, make_evaluator(), Budget(9, seconds=0.0), crew=crew)
        assert study.trials() == []

    def failing(*_: object, **__: object) -> Failure:
        return Failure(stage="cost", error="ToolchainError", reason="no compiler", seconds={})

    with Study.open(tmp_path / "hopeless.study", make_settings()) as study:
        with pytest.raises(StudyError, match="no compiler"):
            run_search(study, strategy, failing, Budget(9), crew=crew_that_is_unpunctual(failing, 2))
        assert len(study.trials()) <= 4


KILLED_EVERYWHERE = """
import json, os, runpy, shutil, signal, sys
from pathlib import Path
import numpy as np
from sparse_mcu.search.run import runner
from sparse_mcu.search.storage import artifacts, claims, creation, database, history, study as study_module, workers
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.trial import Proposal

fakes = runpy.run_path(sys.argv[1])
folder, stride = Path(sys.argv[2]), int(sys.argv[3])
space = Space(fakes["TASK"])
modules = (artifacts, claims, creation, database, history, runner, study_module, workers)
watched = {module.__file__ for module in modules}
step = 0

class Untorched:
    # Proposes without torch, whose threads do not survive a fork.
    def propose(self, number, history):
        return Proposal(configuration=space.sample(np.random.default_rng(number)))

def search(path, kill_at=None, *, counted=True):
    global step
    step = 0
    def count(frame, event, argument):
        global step
        if frame.f_code.co_filename in watched:
            step += 1
            if step == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count if counted else None)
    with Study.open(path, fakes["make_settings"]()) as study:
        runner.run_search(study, Untorched(), fakes["FakeEvaluator"](), runner.Budget(2))
    sys.setprofile(None)

def outcome(path):
    with Study.load(path) as study:
        files = {str(p.relative_to(study.artifacts)): p.read_text() for p in study.artifacts.rglob("*") if p.is_file()}
        return [trial.model_dump(mode="json") for trial in study.trials()], files

whole, made = folder / "whole.study", folder / "made.study"
Study.open(made, fakes["make_settings"]()).close()
for path in (folder / "warm.study", whole):  # the first run of a process takes more steps than its forks do
    shutil.copy(made, path)
    search(path)
steps, expected = step, outcome(folder / "whole.study")
killed = different = 0
for kill_at in range(1, steps + 1, stride):
    path = folder / f"killed-{kill_at}.study"
    shutil.copy(made, path)
    child = os.fork()
    if child == 0:
        search(path, kill_at)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed += os.WIFSIGNALED(status)
    search(path, counted=False)
    different += outcome(path) != expected
    shutil.rmtree(f"{path}.artifacts")
    path.unlink()
print(json.dumps({"steps": steps, "killed": killed, "different": different}))
"""


def _kill_everywhere(tmp_path: Path, stride: int, most_seconds: float = 120) -> dict[str, int]:
    conftest = Path(__file__).parents[1] / "conftest.py"
    arguments = [sys.executable, "-c", KILLED_EVERYWHERE, str(conftest), str(tmp_path), str(stride)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=most_seconds)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def test_killed_at_any_step_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    counts = _kill_everywhere(tmp_path, stride=157)
    assert counts["killed"] == len(range(1, counts["steps"] + 1, 157)) > 5
    assert counts["different"] == 0


@pytest.mark.slow
def test_killed_at_every_step_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    counts = _kill_everywhere(tmp_path, stride=1, most_seconds=3000)
    assert counts["killed"] == counts["steps"] > 200
    assert counts["different"] == 0


def test_a_running_trial_comes_first(
    path: Path, strategy: Strategy, space: Space, make_settings: MakeSettings, make_evaluator: MakeEvaluator
) -> None:
    with Study.open(path, make_settings()) as study:
        proposal = strategy.propose(50, [])
        assert proposal is not None
        left = study.begin(1, lambda *_: proposal)
        assert left is not None
        study.release()
        run_search(study, strategy, make_evaluator(), Budget(1))
        (trial,) = study.trials()
        assert trial.configuration == left.configuration
        assert trial.state == "complete"
        assert space.admits(trial.configuration)
