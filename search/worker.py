"""A process that evaluates one trial after another, for `search.crew`: `python -m search.worker DESCRIPTOR`."""

import sys

from search.costs import emulated_cost
from search.crew import Setup, TrialJob
from search.datasets import find_dataset
from search.evaluation import Evaluator
from search.trial import Result
from simulation.toolchain import find_toolchain
from simulation.workers import serve

_evaluators: dict[str, Evaluator] = {}


def _evaluator(setup: Setup) -> Evaluator:
    """One for each setup; a setup is what its text says."""
    key = repr(setup)
    if key not in _evaluators:
        dataset = find_dataset(setup.dataset).load(setup.data_dir)
        cost = emulated_cost(find_toolchain(setup.toolchain), setup.engine, setup.optimise)
        _evaluators[key] = Evaluator(dataset, setup.recipe, setup.board, cost)
    return _evaluators[key]


def _answer(job: TrialJob) -> Result:
    assignment = job.assignment
    return _evaluator(job.setup)(
        assignment.configuration, seed=assignment.seed, directory=assignment.directory, on_progress=lambda *_: None
    )


if __name__ == "__main__":
    serve(sys.argv[1], _answer)
