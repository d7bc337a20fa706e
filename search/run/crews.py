"""Finds who evaluates the trials of a search: this process, several, or a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.run.assignment import Crew
from sparse_mcu.search.run.cluster import cluster_crew, connected, station_of
from sparse_mcu.search.run.local import Setup, crew_of


@dataclass(frozen=True, slots=True)
class Workers:
    """Who evaluates trials.

    Attributes:
        jobs: How many trials run at once; None for one, or for one per core of the cluster.
        cluster: The address of a Ray cluster; None for this machine without Ray.
    """

    jobs: int | None = None
    cluster: str | None = None

    @contextmanager
    def crew(self, setup: Setup, dataset: Dataset, tools: tuple[ToolInfo, ToolInfo]) -> Iterator[Crew | None]:
        """Returns who evaluates trials side by side, for the length of a `with` statement; None if nobody does.

        Args:
            setup: What an evaluator is made from.
            dataset: The images.
            tools: The compiler and the emulator of the study.
        """
        if self.cluster is not None:
            with connected(self.cluster, self.jobs) as ray:
                station = station_of(setup, dataset, tools)
                yield cluster_crew(ray, station, self.jobs)
        else:
            yield crew_of(setup, self.jobs) if self.jobs is not None and self.jobs > 1 else None
