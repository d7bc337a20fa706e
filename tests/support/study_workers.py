"""Worker processes of a study, with a cheap evaluator: `python study_workers.py CONFTEST PLACE ARTIFACTS NAME TRIALS`.

The process reads one line for each worker to start: how many seconds an evaluation takes. It answers with the process
id of the worker, which is a fork of it: so its imports are done once.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np


class Workers:
    """Starts and kills workers of a study.

    Args:
        place: Where the study is.
        trials: How many trials it shall have.
        artifacts: Where files are kept; None for beside the study.
        name: The name of the study; None for the usual one.
    """

    def __init__(self, place: str, trials: int, artifacts: str | None = None, name: str | None = None) -> None:
        conftest = Path(__file__).parents[1] / "search" / "conftest.py"
        arguments = [sys.executable, __file__, str(conftest), place, artifacts or "", name or "", str(trials)]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, seconds: float) -> int:
        """Starts a worker whose trials take that long; returns its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> list[int]:
        """Waits for all workers to end; returns their exit codes, in the order of their ends."""
        output, _ = self._process.communicate()
        codes: list[int] = json.loads(output.splitlines()[-1])
        return codes

    def __enter__(self) -> Self:
        """Returns it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()


def kill(worker: int) -> None:
    """Ends a worker as a crash does, unless it has ended."""
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


def kill_often(crew: Workers, kills: int, at_once: int) -> None:
    """Kills one of some workers again and again, at any moment, and replaces it. The last ones finish the study.

    If there are several, a quick one helps in the end. A single one stays alone, so that its trials are foreseeable.
    """
    rng = np.random.default_rng(0)
    running = [crew.start(0.2) for _ in range(at_once)]
    for _ in range(kills):
        time.sleep(rng.uniform(0.0, 0.6))
        kill(running.pop(int(rng.integers(at_once))))
        running.append(crew.start(0.2))
    if at_once > 1:
        crew.start(0.0)
    codes = crew.wait()
    assert set(codes) == {0, -signal.SIGKILL}


def _serve(conftest: str, place: str, artifacts: str, name: str, trials: str) -> None:
    from sparse_mcu.search.run.runner import Budget, run_search  # noqa: PLC0415 - tests need no torch for this module
    from sparse_mcu.search.space.space import Space  # noqa: PLC0415
    from sparse_mcu.search.storage.place import place_of  # noqa: PLC0415
    from sparse_mcu.search.storage.study import Study  # noqa: PLC0415
    from sparse_mcu.search.study.trial import Proposal, Trial  # noqa: PLC0415

    fakes = runpy.run_path(conftest)
    space, settings = Space(fakes["TASK"]), fakes["make_settings"]()

    class Untorched:
        """Proposes without torch, whose threads do not survive a fork. Two numbers want the same configuration."""

        def propose(self, number: int, history: Iterable[Trial]) -> Proposal:
            """A random configuration that is not in the history."""
            taken = {trial.configuration for trial in history}
            rng = np.random.default_rng(number // 2)
            drawn = (space.canonical(space.sample(rng)) for _ in range(1000))
            return Proposal(configuration=next(each for each in drawn if each not in taken))

    class Slow(fakes["FakeEvaluator"]):  # type: ignore[misc]
        """Takes its time."""

        def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - what an evaluator gets and gives
            """As the fake evaluator, later."""
            time.sleep(seconds)
            return super().__call__(*arguments, **named)

    for line in sys.stdin:
        seconds = float(line)
        worker = os.fork()
        if worker == 0:
            try:
                with Study.open(place_of(place, name or None, artifacts or None), settings) as study:
                    run_search(study, Untorched(), Slow(), Budget(int(trials)))  # type: ignore[arg-type]
            except BaseException:  # noqa: BLE001 - a fork must not run what its parent does at its end
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        sys.stdout.write(f"{worker}\n")
        sys.stdout.flush()
    codes = []
    with suppress(ChildProcessError):
        while True:
            codes.append(os.waitstatus_to_exitcode(os.wait()[1]))
    sys.stdout.write(json.dumps(codes))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
