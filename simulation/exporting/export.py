"""Writes a model as a folder of C that builds by itself and fits into a vendor's project."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph.gate import Model
from sparse_mcu.costmodel.graph.graph import ElementType, Graph
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.report import AnalysisReport
from sparse_mcu.simulation.analysis.analysis import BuiltModel, build_model, report_of
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.firmware.rendering import dimensions, render
from sparse_mcu.simulation.toolchain.flags import compile_flags
from sparse_mcu.simulation.toolchain.protocol import Toolchain
from sparse_mcu.simulation.toolchain.zig import TRIPLES

_SPARE_STACK_BYTES = 512
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_TAKEN = {"arithmetic", "blocks", "firmware", "host", "main", "memory", "startup"}


@dataclass(frozen=True, slots=True)
class _TensorRow:
    """Holds what the README lists of an input or output."""

    accessor: str
    tensor: Tensor
    is_input: bool
    origin: str
    permutation: tuple[int, ...]
    codes: str


def export_model(
    model: Model,
    board: Board,
    options: BuildOptions = DEFAULTS,
    *,
    toolchain: Toolchain,
    directory: Path,
    force: bool = False,
) -> AnalysisReport:
    """Writes a model as a folder that `make` builds, without anything of sparse-mcu.

    The firmware is built once, so the Makefile has the stack's exact size. A model that does not fit is exported all
    the same. A new folder appears whole or not at all.

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        board: The board.
        options: How the firmware is made, and how its names begin.
        toolchain: The compiler that the Makefile uses by default.
        directory: The folder; made if missing.
        force: Whether to write into a folder that is not empty. Files of the export are replaced there, others stay.

    Returns:
        RAM, flash and whether it fits, as in report.json.

    Raises:
        ModelError: The model is not one that the gate admits.
        ToolchainError: The compiler failed.
        SparseMcuError: The prefix is taken or is no name in C, or the folder is not empty, or cannot be written.
    """
    _check_prefix(options.prefix)
    _refuse_to_overwrite(directory, force=force)
    with tempfile.TemporaryDirectory() as folder:
        built = build_model(lower_model(model, board, options), toolchain, Path(folder))
    report = report_of(built)
    _write_folder(directory, _files(built, report))
    return report


def _files(built: BuiltModel, report: AnalysisReport) -> Mapping[str, str]:
    """Returns everything that goes into the folder: file name -> text."""
    graph, board, files = built.lowered.graph, built.lowered.board, dict(built.lowered.source.files)
    prefix = built.lowered.source.prefix
    stack_bytes = report.ram.stack_bytes or 0
    values = {
        "board": board,
        "core": board.core,
        "elf_sha256": built.image.sha256,
        "flags": " ".join(flag for flag in compile_flags(board.core) if flag != "-Werror"),
        "graph": graph,
        "macro": prefix.upper(),
        "prefix": prefix,
        "headers": sorted(file for file in files if file.endswith(".h")),
        "report": report,
        "rows": _tensor_rows(graph, prefix),
        "sources": sorted(file.removesuffix(".c") for file in files if file.endswith(".c")),
        "spare_stack_bytes": 2 * stack_bytes + _SPARE_STACK_BYTES,
        "stack_bytes": stack_bytes,
        "toolchain": built.toolchain,
        "triple": TRIPLES[board.core.architecture],
        "version": built.toolchain.version.split()[0],
    }
    written = {name: render(f"templates/export/{name}.j2", **values) for name in ("Makefile", "README.md", "host.c")}
    return files | written | {"report.json": report.model_dump_json(indent=2) + "\n"}


def _tensor_rows(graph: Graph, prefix: str) -> list[_TensorRow]:
    rows = []
    for direction, names in (("input", graph.inputs), ("output", graph.outputs)):
        for number, name in enumerate(names):
            port, tensor = graph.ports[name], graph.tensor(name)
            rows.append(
                _TensorRow(
                    accessor=f"{prefix}_{direction}_{number}",
                    tensor=tensor,
                    is_input=direction == "input",
                    origin=f"{port.dtype} {dimensions(port.shape)}, stored axes {list(port.permutation)}",
                    permutation=port.permutation,
                    codes=reading_expression(f"array_{number}", port.dtype, tensor.quantization),
                )
            )
    return rows


def reading_expression(array: str, dtype: ElementType, quantization: Quantization) -> str:
    """Returns a numpy expression that turns an array, as the ONNX file has it, into int8 codes."""
    if dtype == "float32":
        scaled = f"np.rint({array}.astype(np.float64) / {quantization.scale!r}) + {quantization.zero_point}"
        return f"np.clip({scaled}, -128, 127)"
    return f"{array}.astype(np.int16) - 128" if dtype == "uint8" else array


def _check_prefix(prefix: str) -> None:
    """Requires a prefix that C accepts, and that no other file, function or macro has."""
    if not _PREFIX.fullmatch(prefix):
        raise SparseMcuError(
            f"{prefix[:80]!r} cannot begin names in C, or has more than 32 characters",
            where="--name",
            fix="Give up to 32 letters, digits and underscores, with a letter first.",
        )
    if prefix.lower() in _TAKEN:
        raise SparseMcuError(
            f"{prefix!r} is the name of another file of the export",
            where="--name",
            fix=f"Give any name but {', '.join(sorted(_TAKEN))}.",
        )


def _refuse_to_overwrite(directory: Path, *, force: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise SparseMcuError("this is a file, not a folder", where=str(directory), fix="Name a folder.")
    if not force and directory.is_dir() and any(directory.iterdir()):
        raise SparseMcuError(
            "the folder is not empty", where=str(directory), fix="Name another one, or replace its files with --force."
        )


def _write_folder(directory: Path, files: Mapping[str, str]) -> None:
    """Writes all files to a temporary folder, then moves them into place.

    A new folder appears in one step. In an old folder, files are replaced one by one.
    """
    exists = directory.is_dir()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=directory if exists else directory.parent) as folder:
            fresh = Path(folder) / "content"
            fresh.mkdir()
            for name, text in files.items():
                (fresh / name).write_text(text, encoding="utf-8", newline="\n")
            if not exists:
                fresh.rename(directory)
                return
            for name in files:
                os.replace(fresh / name, directory / name)  # noqa: PTH105 - the function that replaces on every system
    except OSError as error:
        raise SparseMcuError(
            f"the folder cannot be written: {error.strerror}",
            where=str(directory),
            fix="Name a folder that you may write, on a disk with enough room.",
        ) from error
