"""Evaluates one trial after another in a process: `python -m sparse_mcu.search.run.worker DESCRIPTOR`."""

import sys

from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.result import Result
from sparse_mcu.search.run.local import Setup, TrialJob
from sparse_mcu.simulation.processes.workers import serve

_evaluators: dict[str, Evaluator] = {}


def _evaluator(setup: Setup) -> Evaluator:
    """Returns the evaluator of a setup, made once. The text of the setup is the key, since a Setup has no hash."""
    key = repr(setup)
    if key not in _evaluators:
        _evaluators[key] = setup.evaluator(setup.data.load(), setup.target.tools())
    return _evaluators[key]


def _answer(job: TrialJob) -> Result:
    return job.assignment.evaluated_by(_evaluator(job.setup))


if __name__ == "__main__":
    serve(sys.argv[1], _answer)
