"""Builds generated sources into a linked image whose stack is exactly what the call graph needs."""

import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Board, Core
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.image import FirmwareImage, read_image
from sparse_mcu.simulation.binary.isa import check_instruction_set
from sparse_mcu.simulation.binary.stack_bound import stack_bound
from sparse_mcu.simulation.cache.store import Store, content_key
from sparse_mcu.simulation.processes.children import end_children
from sparse_mcu.simulation.processes.workers import usable_cores
from sparse_mcu.simulation.toolchain.protocol import LinkRequest, ObjectFile, Toolchain

ELF_NAME = "firmware.elf"
SCRIPT_NAME = "firmware.ld"
STACK_ALIGNMENT = 8  # the procedure call standard asks for it at every public interface (AAPCS32, 6.2.1.2)
_PROVISIONAL_STACK_BYTES = 1024


def build_firmware(
    files: Mapping[str, str], board: Board, directory: Path, toolchain: Toolchain, *, is_cached: bool = True
) -> FirmwareImage:
    """Compiles and links firmware with a stack of exactly its bound.

    It links twice. The first link has a provisional stack and shows the machine code. The second has the bound that
    follows from that code. `directory` gets the sources, then the ELF. It gets nothing if anything fails.

    Args:
        files: File name -> text. Every .c is compiled, "firmware.ld" is the linker script.
        board: The board. Its core decides the instruction set.
        directory: Where the sources and firmware.elf end up; made if missing.
        toolchain: The compiler.
        is_cached: Whether objects may come from the store and go there.

    Raises:
        ToolchainError: The compiler or linker refused the sources, or the stack has no bound.
        InstructionSetError: The code holds an instruction that the core does not have.
    """
    _make(directory)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=directory) as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8", newline="\n")
        store = Store("objects") if is_cached else None
        objects = _compile_all(files, folder, board.core, toolchain, store)
        image = _link_exactly(objects, folder, board.core, toolchain)
        for file in (*files, ELF_NAME):
            os.replace(folder / file, directory / file)  # noqa: PTH105 - the function that replaces on every system
    return replace(image, path=directory / ELF_NAME)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolchainError(
            f"the build folder cannot be made: {error}", where=str(directory), fix="Name a folder that you may write."
        ) from error


def _compile_all(
    files: Mapping[str, str], folder: Path, core: Core, toolchain: Toolchain, store: Store | None
) -> list[ObjectFile]:
    headers = [part for name in sorted(files) if name.endswith(".h") for part in (name, files[name])]
    is_kept = store is not None and store.is_on
    common = (toolchain.name, toolchain.version, *(toolchain.recipe(core) if is_kept else ()))

    def compile_one(name: str) -> ObjectFile:
        if store is None:
            return toolchain.compile(folder / name, core, (folder / name).with_suffix(".o"))
        seen = headers if '#include "' in files[name] else []
        return _compile(store, content_key(*common, name, files[name], *seen), folder / name, core, toolchain)

    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        try:
            return list(pool.map(compile_one, sorted(name for name in files if name.endswith(".c"))))
        except KeyboardInterrupt:
            end_children()  # otherwise the pool would wait for them
            raise


def _compile(store: Store, key: str, source: Path, core: Core, toolchain: Toolchain) -> ObjectFile:
    """Returns the object file of a source. It comes from the store if everything that it is made of is the same."""
    output = source.with_suffix(".o")
    if (parts := store.get(key)) is not None:
        output.write_bytes(parts["object"])
        return ObjectFile(output, json.loads(parts["frames"]))
    compiled = toolchain.compile(source, core, output)
    frames = json.dumps(dict(compiled.stack_usage)).encode()
    store.put(key, {"object": output.read_bytes(), "frames": frames})
    return compiled


def _link_exactly(objects: list[ObjectFile], folder: Path, core: Core, toolchain: Toolchain) -> FirmwareImage:
    frames = _merge_frames(objects)

    def link(stack_bytes: int) -> FirmwareImage:
        output = folder / ELF_NAME
        paths = tuple(each.path for each in objects)
        toolchain.link(LinkRequest(paths, folder / SCRIPT_NAME, core, stack_bytes, output))
        return read_image(output, toolchain=toolchain.name, version=toolchain.version, stack_usage=frames)

    needed = _round_up(stack_bound(link(_PROVISIONAL_STACK_BYTES)).bytes)
    image = link(needed)
    again = _round_up(stack_bound(image).bytes)
    if again != needed:
        raise ToolchainError(
            f"the stack bound is {needed} bytes before and {again} bytes after the final link",
            where=ELF_NAME,
            fix="Do not let the code depend on the stack's size.",
        )
    check_instruction_set(image, core)
    return image


def _merge_frames(objects: list[ObjectFile]) -> dict[str, int]:
    """Merges the frames of all files. Of two local functions of one name, the larger frame counts."""
    frames: dict[str, int] = {}
    for each in objects:
        for function, size in each.stack_usage.items():
            frames[function] = max(size, frames.get(function, 0))
    return frames


def _round_up(size: int) -> int:
    return -(-size // STACK_ALIGNMENT) * STACK_ALIGNMENT
