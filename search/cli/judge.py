"""Defines the command `judge`."""

import re
from collections.abc import Callable
from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import emit
from sparse_mcu.costmodel.cli.options import examples, json_option
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.cli.options import artifacts_option, qat_option, study_data_options, study_name_option
from sparse_mcu.search.data.request import DataRequest


def _read_numbers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Reads the text of `--trials`."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}(,\d{1,9})*", value) is None:
        raise click.BadParameter(f"{value!r} is not a list of numbers, such as 3,17")
    return tuple(map(int, value.split(",")))


@click.command(
    short_help="Judge a study's finalists on the test images.",
    epilog=examples(
        "judge digits.study",
        "judge mnist.study --trials 12,31 --epochs 60 --output finalists",
        "judge mnist.study --best 5 --jobs 2",
    ),
)
@click.argument("study")
@study_name_option
@artifacts_option
@study_data_options
@click.option("--trials", callback=_read_numbers, metavar="N,...", help="Judge these trials instead of the front.")
@click.option(
    "--best",
    type=click.IntRange(min=1),
    metavar="N",
    help="Judge the N trials with the least error instead of the front.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many trainings each gets.")
@click.option(
    "--epochs", type=click.IntRange(min=1), metavar="N", help="Passes over the images; four times the study's."
)
@qat_option(default=3)
@click.option("--refit", is_flag=True, help="Train on the validation images, too; they chose what they had to choose.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, metavar="N", help="How many trainings run at once.")
@click.option("--board", metavar="FILE", help="The study's board, if it is a .toml file of your own.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR", help="Copy each finalist's median seed to DIR/trial-N."
)
@json_option
def judge(  # noqa: PLR0913 - one parameter an option
    study: str,
    *,
    study_name: str | None,
    artifacts: str | None,
    data: Callable[[str], DataRequest],
    trials: tuple[int, ...] | None,
    best: int | None,
    seeds: int,
    epochs: int | None,
    qat: int,
    refit: bool,
    jobs: int,
    board: str | None,
    output: Path | None,
    json_target: str | None,
) -> None:
    """Train the finalists of STUDY, a file or a URL, anew with several seeds, and measure them on the test images.

    Finalists are the members of the front. This is the one command of a search that reads the test images, so use it
    last, and choose nothing by its test errors. Costs are those of the seed with the median validation error. Results
    lie in the folders of the trials: Ctrl-C loses only the training that runs, and the same command goes on.
    """
    # torch and onnxruntime are optional and take seconds to import, and `--help` needs neither.
    with needs("search", "judge"):
        from sparse_mcu.search.cli.judging import JudgeRequest, run_judge, show_judgement  # noqa: PLC0415
        from sparse_mcu.search.storage.place import place_of  # noqa: PLC0415

    if trials is not None and best is not None:
        raise click.UsageError("--trials and --best both say what is judged: give one of them")
    request = JudgeRequest(
        data=data,
        trials=trials,
        best=best,
        seeds=seeds,
        epochs=epochs,
        fine_tuning=qat,
        refit=refit,
        jobs=jobs,
        board=board,
    )
    report = run_judge(place_of(study, study_name, artifacts), request, output)
    emit(report, json_target, lambda: show_judgement(report))
