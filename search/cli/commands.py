"""Commands of this package: `search`."""

from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import emit
from sparse_mcu.costmodel.cli.options import examples, json_option
from sparse_mcu.costmodel.cli.root import EXIT_CHECK_FAILED
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.cli.limits import objective_options
from sparse_mcu.search.cli.options import (
    artifacts_option,
    dataset_options,
    engine_option,
    epochs_option,
    seed_option,
    study_name_option,
)
from sparse_mcu.search.cli.strategy import strategy_options
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.space.catalogue import DEFAULT, load_space, space_names
from sparse_mcu.search.strategies.names import StrategyChoice
from sparse_mcu.simulation.cli.options import build_options
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions


@click.command(
    short_help="Search for the networks that cost least.",
    epilog=examples(
        "search --dataset digits --board microbit --study digits.study",
        "search --dataset mnist5k --board nucleo-l4r5zi --max-ram 16384 --trials 60 --study mnist.study",
    ),
)
@dataset_options
@click.option("--board", required=True, metavar="NAME", help="See `sparse-mcu boards`.")
@objective_options
@click.option(
    "--trials", type=click.IntRange(min=1), default=24, show_default=True, help="The number of trials in the study."
)
@click.option(
    "--time", "seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Begin no trial after this time."
)
@epochs_option
@seed_option
@click.option(
    "--start",
    multiple=True,
    metavar="NETWORK",
    help="Try this network first, as `sparse-mcu train` takes it; repeatable.",
)
@click.option(
    "--space",
    default=DEFAULT,
    show_default=True,
    metavar="FILE|NAME",
    help=f"Which networks may be tried: one of {', '.join(space_names())}, or a .toml file; see docs/search.md.",
)
@strategy_options
@click.option(
    "--study",
    required=True,
    metavar="FILE|URL",
    help="The file of the study, or postgresql://USER@HOST/DATABASE. It is made if missing; otherwise it continues. "
    "Any number of processes may join it.",
)
@study_name_option
@artifacts_option
@click.option("--toolchain", metavar="NAME", help="arm-none-eabi-gcc (default where it is on PATH) or zig.")
@engine_option
@build_options
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many trials run at once: 1, and with --cluster one per core of it. With more than one, the trials depend "
    "on which of them end first.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Evaluate trials on a running Ray cluster, such as auto or 10.0.0.1:6379; `local` starts one here.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of the front's picture; by default that of the trials.",
)
@click.option(
    "--baselines",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw these beside the front: what `sparse-mcu baselines --json FILE` wrote for the same images.",
)
@json_option
@click.pass_context
def search(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    data: DataRequest,
    board: str,
    objectives: tuple[str, ...],
    bounds: Bounds,
    trials: int,
    seconds: float | None,
    epochs: int | None,
    seed: int,
    start: tuple[str, ...],
    space: str,
    strategy: StrategyChoice,
    study: str,
    study_name: str | None,
    artifacts: str | None,
    toolchain: str | None,
    engine: str,
    options: BuildOptions,
    jobs: int | None,
    cluster: str | None,
    output: Path | None,
    baselines: Path | None,
    json_target: str | None,
) -> None:
    """Search for the networks with the least error, RAM, flash and latency on a board, or with other objectives.

    The options of the firmware are those of `sparse-mcu simulate`. They hold for the whole study.
    Ctrl-C stops the search and loses nothing: the same command continues it. The exit code is 1 if no
    candidate keeps the limits.
    """
    # torch and onnxruntime are optional and take seconds to import, and `--help` needs neither.
    with needs("search", "search"):
        from sparse_mcu.search.cli.pictures import Pictures  # noqa: PLC0415
        from sparse_mcu.search.cli.session import Request, run_session  # noqa: PLC0415
        from sparse_mcu.search.cli.tables import show_report  # noqa: PLC0415
        from sparse_mcu.search.run.crews import Workers  # noqa: PLC0415
        from sparse_mcu.search.run.runner import Budget  # noqa: PLC0415
        from sparse_mcu.search.storage.place import place_of  # noqa: PLC0415

    request = Request(
        data=data,
        objectives=objectives,
        bounds=bounds,
        start=start,
        space=load_space(space),
        strategy=strategy,
        seed=seed,
        epochs=epochs,
        target=Target(load_board(board), toolchain, EngineChoice(engine)),
        options=options,
    )
    place = place_of(study, study_name, artifacts)
    report = run_session(request, place, Budget(trials, seconds), Workers(jobs, cluster), Pictures(output, baselines))
    emit(report, json_target, lambda: show_report(report))
    if not report.pareto:
        ctx.exit(EXIT_CHECK_FAILED)
