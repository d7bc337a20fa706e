"""Records what the validation programs execute, and their predicted cycles.

`python -m sparse_mcu.benchmarks.validation` writes the golden file of predictions anew, after a change of the timing
model. With `--embench DIR` and `--coremark DIR` it also records the programs anew.
"""

import argparse
import csv
import io
from pathlib import Path

from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.simulation.validation import recording
from sparse_mcu.simulation.validation.items import predict
from sparse_mcu.simulation.validation.measure import coremark_items, embench_items

GOLDEN = Path(__file__).parent / "baselines" / "validation.csv"
_RECORDED = Path(str(recording.FOLDER))


def predictions() -> str:
    """Returns the predicted cycles of every recorded item as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("group", "name", "core", "predicted_cycles"))
    for item in recording.recorded_items():
        writer.writerow((item.group, item.name, item.core, predict(item).total))
    return text.getvalue()


def main() -> None:
    """Writes the files anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embench", type=Path)
    parser.add_argument("--coremark", type=Path)
    given = parser.parse_args()
    for group, folder, make in (
        ("embench", given.embench, embench_items),
        ("coremark", given.coremark, coremark_items),
    ):
        if folder is not None:
            (_RECORDED / f"{group}.json.xz").write_bytes(recording.write_items(make(folder, print)))
    write_atomically(GOLDEN, predictions())


if __name__ == "__main__":
    main()
