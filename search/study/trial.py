"""A trial: a configuration and what became of it. These records are what a study stores as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.evaluation.result import Result, Success
from sparse_mcu.search.space.configuration import Configuration


class Trial(Record):
    """A row of a study.

    Attributes:
        number: From 0, in the order of proposal.
        configuration: What was proposed.
        result: None while it runs, or if the process died in it.
    """

    number: Annotated[int, Field(ge=0)]
    configuration: Configuration
    result: Result | None = None

    @property
    def state(self) -> Literal["running", "complete", "failed"]:
        """Which of the three states it is in."""
        if self.result is None:
            return "running"
        return "complete" if isinstance(self.result, Success) else "failed"
