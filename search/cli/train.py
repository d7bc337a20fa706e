"""Defines the command `train`."""

from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import emit
from sparse_mcu.costmodel.cli.options import examples
from sparse_mcu.costmodel.cli.root import EXIT_CHECK_FAILED
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.cli.options import dataset_options, engine_option, epochs_option, qat_option, seed_option
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.simulation.cli.options import board_options, build_options
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions


@click.command(
    short_help="Train one network, and say what it costs.",
    epilog=examples(
        'train "conv-3x8/max avg dense" --dataset digits --board microbit',
        'train "pool2 conv-3x6/max conv-3x12 dense" --dataset mnist5k --board microbit --output net',
    ),
)
@click.argument("text", metavar="NETWORK")
@dataset_options
@board_options
@engine_option
@build_options
@seed_option
@epochs_option
@qat_option(default=0)
@click.option("--test", "with_test", is_flag=True, help="Also judge it on the test images.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR", help="Keep model, firmware and report; an empty folder."
)
@click.pass_context
def train(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    text: str,
    data: DataRequest,
    board: Board,
    toolchain: str | None,
    engine: str,
    options: BuildOptions,
    seed: int,
    epochs: int | None,
    qat: int,
    with_test: bool,
    output: Path | None,
    json_target: str | None,
) -> None:
    """Train one NETWORK, quantise it, and simulate it on a board.

    NETWORK is a line of words, as `search` prints it; for example "pool2 conv-3x6/max sep-3x12 avg dense". It goes
    through what every trial of a search goes through. Choose between networks without --test, and quote the accuracy
    on the test images once you have chosen. Exits with 1 where the network does not fit the board.
    """
    # torch and onnxruntime are optional and take seconds to import, and `--help` needs neither.
    with needs("search", "train"):
        from sparse_mcu.search.cli.training import TrainRequest, run_training, show_training  # noqa: PLC0415

    request = TrainRequest(
        text=text,
        data=data,
        seed=seed,
        epochs=epochs,
        fine_tuning=qat,
        with_test=with_test,
        target=Target(board, toolchain, EngineChoice(engine)),
        options=options,
    )
    report = run_training(request, output)
    emit(report, json_target, lambda: show_training(report))
    if not report.fits:
        ctx.exit(EXIT_CHECK_FAILED)
