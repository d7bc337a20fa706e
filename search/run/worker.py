"""Evaluates one trial after another in a process: `python -m sparse_mcu.search.run.worker DESCRIPTOR`."""

import sys

from sparse_mcu.search.evaluation.costs import emulated_cost
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.result import Result
from sparse_mcu.search.run.local import Setup, TrialJob
from sparse_mcu.simulation.processes.workers import serve

_evaluators: dict[str, Evaluator] = {}


def _evaluator(setup: Setup) -> Evaluator:
    """Returns the evaluator of a setup, made once. The text of the setup is the key, since a Setup has no hash."""
    key = repr(setup)
    if key not in _evaluators:
        dataset = setup.data.load()
        cost = emulated_cost(setup.target, setup.options, setup.target.tools())
        _evaluators[key] = Evaluator(dataset, setup.recipe, cost)
    return _evaluators[key]


def _answer(job: TrialJob) -> Result:
    assignment = job.assignment
    return _evaluator(job.setup)(
        assignment.configuration,
        seed=assignment.seed,
        directory=assignment.directory,
        on_progress=lambda *_: None,
        parent=assignment.parent,
        rungs=assignment.rungs,
    )


if __name__ == "__main__":
    serve(sys.argv[1], _answer)
