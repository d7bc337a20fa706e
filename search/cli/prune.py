"""Defines the command `prune`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from pydantic import ValidationError

from sparse_mcu.costmodel.cli.console import emit
from sparse_mcu.costmodel.cli.options import examples
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.cli.options import dataset_options, engine_option, epochs_option, seed_option
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.space.configuration import PRUNING_KINDS, Pruning, PruningKind
from sparse_mcu.simulation.cli.options import board_options, build_options
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions

_STRENGTHS: Mapping[PruningKind, tuple[float, ...]] = {
    "magnitude": (0.5, 0.75, 0.9),
    "variational": (0.5, 2.0, 8.0),
    "bayesian": (0.1, 0.5, 2.0),
}


def _read_kinds(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[PruningKind, ...]:
    """Reads the text of `--kinds`, whose words stand between commas."""
    words = [word.strip() for word in value.split(",")]
    unknown = [word for word in words if word not in PRUNING_KINDS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(PRUNING_KINDS)}")
    return tuple(kind for kind in PRUNING_KINDS if kind in words)


def _read_strengths(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Reads the text of `--strengths`, whose numbers stand between commas."""
    try:
        return None if value is None else tuple(map(float, value.split(",")))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of numbers, such as 0.5,0.9") from error


def _prunings(kinds: Sequence[PruningKind], strengths: Sequence[float] | None) -> tuple[Pruning, ...]:
    """Returns the ways to prune: each kind at each strength, or at its own strengths if there is no list."""
    wanted = [(kind, strength) for kind in kinds for strength in strengths or _STRENGTHS[kind]]
    try:
        return tuple(Pruning(kind=kind, strength=strength) for kind, strength in wanted)
    except ValidationError as error:
        rule = "The strength of magnitude is above 0 and below 1; that of the others is above 0."
        raise click.UsageError(f"--strengths has a number that does not go with the kinds. {rule}") from error


@click.command(
    short_help="Prune a large network, or start small? Compare.",
    epilog=examples(
        'prune "conv-3x16/max conv-3x32 dense-32 dense" --dataset digits --board microbit --output pruned',
        'prune "conv-3x8/max avg dense" --dataset mnist5k --board microbit --kinds magnitude --strengths 0.5,0.8',
    ),
)
@click.argument("text", metavar="NETWORK")
@dataset_options
@board_options
@engine_option
@build_options
@click.option(
    "--kinds",
    callback=_read_kinds,
    default=",".join(PRUNING_KINDS),
    show_default=True,
    metavar="KIND,...",
    help="How to prune.",
)
@click.option(
    "--strengths",
    callback=_read_strengths,
    metavar="NUMBER,...",
    help="How hard, for each kind. By default each kind has strengths of its own; see docs/search.md.",
)
@click.option(
    "--smaller",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    metavar="N",
    help="How many smaller networks are trained, down to a quarter of the widths.",
)
@seed_option
@epochs_option
@click.option("--test", "with_test", is_flag=True, help="Also judge the networks on the test images.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the picture, the report and all networks; an empty folder.",
)
def prune(  # noqa: PLR0913 - one parameter an option
    *,
    text: str,
    data: DataRequest,
    board: Board,
    toolchain: str | None,
    engine: str,
    options: BuildOptions,
    kinds: tuple[PruningKind, ...],
    strengths: tuple[float, ...] | None,
    smaller: int,
    seed: int,
    epochs: int | None,
    with_test: bool,
    output: Path | None,
    json_target: str | None,
) -> None:
    """Prune one NETWORK in several ways, and compare it with smaller networks that were not pruned.

    NETWORK is a line of words, as `train` takes it. It is trained once; each kind of pruning starts from there. Every
    network is quantised, built and simulated, so flash includes the indices of sparse weights. Ctrl-C ends the
    comparison early and keeps what is done.
    """
    # torch and onnxruntime are optional and take seconds to import, and `--help` needs neither.
    with needs("search", "prune"):
        from sparse_mcu.search.cli.pruning import PruneRequest, run_pruning, show_pruning  # noqa: PLC0415

    request = PruneRequest(
        text=text,
        data=data,
        prunings=_prunings(kinds, strengths),
        smaller=smaller,
        seed=seed,
        epochs=epochs,
        with_test=with_test,
        target=Target(board, toolchain, EngineChoice(engine)),
        options=options,
    )
    report = run_pruning(request, output)
    emit(report, json_target, lambda: show_pruning(report))
    if not report.complete:
        raise KeyboardInterrupt
