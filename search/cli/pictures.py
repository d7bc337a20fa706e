"""Says what the pictures of a search show besides its trials, and where they go."""

from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.search.baselines.result import BaselinesReport
from sparse_mcu.search.data.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the pictures of a search go, and what they show besides.

    Attributes:
        folder: Their folder; None stands for the study's folder of artifacts.
        baselines: A report of `baselines` on the same images; None if there is none.
    """

    folder: Path | None = None
    baselines: Path | None = None

    def read_baselines(self, dataset: Dataset) -> BaselinesReport | None:
        """Returns the report of the baselines.

        Raises:
            SparseMcuError: The file cannot be read, or the baselines saw other images.
        """
        if self.baselines is None:
            return None
        try:
            report = BaselinesReport.model_validate_json(self.baselines.read_bytes())
        except (OSError, ValueError) as error:
            raise SparseMcuError(
                f"cannot read the baselines: {str(error).splitlines()[0]}",
                where=str(self.baselines),
                fix="Name a file that `sparse-mcu baselines --json FILE` wrote.",
            ) from error
        if report.dataset_fingerprint != dataset.fingerprint:
            raise SparseMcuError(
                f"the baselines saw other images than the search: {report.dataset} of another split or version",
                where=str(self.baselines),
                fix="Run `sparse-mcu baselines` with the options of the search that name the data.",
            )
        return report
