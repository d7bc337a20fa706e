"""Defines the records of a proposal and of a trial: what is tried, and what came of it."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.evaluation.result import Result, Rung, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration


class Proposal(Record):
    """What a strategy wants to be tried next.

    Attributes:
        configuration: The configuration, in canonical form.
        parent: The number of the trial that the configuration was made from by moves; None if it was not. Its weights
            are a good start for training.
        moves: The names of those moves, in order.
        rungs: Where the training is interrupted to look at the error, and above which error it ends.
    """

    configuration: Configuration
    parent: Annotated[int, Field(ge=0)] | None = None
    moves: tuple[str, ...] = ()
    rungs: tuple[Rung, ...] = ()


class Trial(Proposal):
    """A row of a study: a proposal, its number and its result.

    Attributes:
        number: The number of the trial in the order of proposal, from 0.
        result: The result; None while the trial runs, or if the process died before it ended.
    """

    number: Annotated[int, Field(ge=0)]
    result: Result | None = None

    @property
    def state(self) -> Literal["running", "complete", "stopped", "failed"]:
        """Returns the state of the trial."""
        match self.result:
            case None:
                return "running"
            case Success():
                return "complete"
            case Stopped():
                return "stopped"
            case _:
                return "failed"
