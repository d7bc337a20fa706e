"""Defines the record of a trial: a configuration and its result."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.evaluation.result import Result, Success
from sparse_mcu.search.space.configuration import Configuration


class Trial(Record):
    """A row of a study.

    Attributes:
        number: The number of the trial in the order of proposal, from 0.
        configuration: The configuration that was proposed.
        result: The result; None while the trial runs, or if the process died before it ended.
    """

    number: Annotated[int, Field(ge=0)]
    configuration: Configuration
    result: Result | None = None

    @property
    def state(self) -> Literal["running", "complete", "failed"]:
        """Returns the state of the trial."""
        if self.result is None:
            return "running"
        return "complete" if isinstance(self.result, Success) else "failed"
