"""Defines the command `baselines`."""

from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import emit
from sparse_mcu.costmodel.cli.options import examples, json_option
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.cli.options import dataset_options, engine_option, seed_option
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.simulation.cli.options import build_options
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions

LARGE_BOARD = "stm32f413h-disco"
"""The default: the smallest board of the catalogue that holds LeNet."""


@click.command(
    short_help="Train the rivals that networks are compared with.",
    epilog=examples(
        "baselines --dataset digits --output rivals",
        "baselines --dataset mnist5k --methods knn,bonsai-2k,protonn-2k --json -",
    ),
)
@dataset_options
@click.option(
    "--board", default=LARGE_BOARD, show_default=True, metavar="NAME", help="The board that networks are simulated on."
)
@click.option("--methods", metavar="NAME,...", help="Only these; docs/baselines.md describes them.")
@seed_option
@click.option("--toolchain", metavar="NAME", help="arm-none-eabi-gcc (default where it is on PATH) or zig.")
@engine_option
@build_options
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the picture; made if missing."
)
@json_option
def baselines(  # noqa: PLR0913 - one parameter an option
    *,
    data: DataRequest,
    board: str,
    methods: str | None,
    seed: int,
    toolchain: str | None,
    engine: str,
    options: BuildOptions,
    output: Path | None,
    json_target: str | None,
) -> None:
    """Train LeNet, nearest neighbours, an SVM, boosted trees, Bonsai and ProtoNN on the images that a search uses.

    The table shows each method's accuracy, size and RAM, from the smallest to the largest. The sizes of networks are
    those of their firmware; the others come from formulas, which the JSON states. Finished methods are kept in the
    cache: Ctrl-C loses only the one that is being trained.
    """
    # torch and scikit-learn are optional and take seconds to import, and `--help` needs neither.
    with needs("search", "baselines"):
        from sparse_mcu.search.cli.rivals import BaselinesRequest, run_baselines, show_baselines  # noqa: PLC0415
        from sparse_mcu.search.results.baselines import save_baselines  # noqa: PLC0415

    request = BaselinesRequest(
        data=data,
        methods=None if methods is None else tuple(methods.split(",")),
        seed=seed,
        target=Target(load_board(board), toolchain, EngineChoice(engine)),
        options=options,
    )
    report = run_baselines(request)
    if output is not None:
        save_baselines(report, output)
    emit(report, json_target, lambda: show_baselines(report))
