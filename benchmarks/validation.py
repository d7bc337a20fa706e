"""Records what the validation programs execute, and their predicted cycles.

`python -m sparse_mcu.benchmarks.validation` writes the golden file of predictions anew, after a change of the timing
model. With `--embench DIR`, `--coremark DIR` or `--mlperf-tiny DIR` it also records these programs anew.
"""

import argparse
import csv
import io
from pathlib import Path

from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.simulation.validation import recording
from sparse_mcu.simulation.validation.items import predict
from sparse_mcu.simulation.validation.makers import MAKERS

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
    for group in MAKERS:
        parser.add_argument(f"--{group}", dest=group, type=Path)
    for group, folder in vars(parser.parse_args()).items():
        if folder is not None:
            (_RECORDED / f"{group}.json.xz").write_bytes(recording.write_items(MAKERS[group](folder, print)))
    write_atomically(GOLDEN, predictions())


if __name__ == "__main__":
    main()
