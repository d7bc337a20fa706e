"""Stores what programs executed without their code: kinds of instructions, registers, places and counts."""

import json
import lzma
from dataclasses import asdict, replace
from importlib.resources import files
from typing import Any

import numpy as np

from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.timing.counts import Execution
from sparse_mcu.costmodel.timing.decode import Instruction
from sparse_mcu.costmodel.timing.operands import Operands
from sparse_mcu.simulation.validation.items import Item, Memories

FOLDER = files("sparse_mcu.simulation.validation.recorded")
_FORMAT = 1
_WORD = 4


def write_items(items: list[Item]) -> bytes:
    """Returns the content of a recording.

    Raises:
        DataFileError: Code begins at no word, so that its alignment would be lost.
    """
    kinds: dict[str, int] = {}
    stored = [_packed(item, kinds) for item in items]
    text = json.dumps({"format": _FORMAT, "kinds": [json.loads(kind) for kind in kinds], "items": stored})
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def read_items(content: bytes, where: str) -> list[Item]:
    """Returns the items of a recording.

    Raises:
        DataFileError: The content is no recording of this version.
    """
    try:
        data = json.loads(lzma.decompress(content))
    except (lzma.LZMAError, ValueError) as error:
        raise DataFileError(f"the file is no recording: {error}", where=where, fix="Record it again.") from error
    if data.get("format") != _FORMAT:
        raise DataFileError(f"the format is {data.get('format')}, not {_FORMAT}", where=where, fix="Record it again.")
    return [_unpacked(item, data["kinds"]) for item in data["items"]]


def recorded_items() -> list[Item]:
    """Returns the items that are recorded in the package, in the order of their files."""
    names = sorted(path.name for path in FOLDER.iterdir() if path.name.endswith(".json.xz"))
    return [item for name in names for item in read_items((FOLDER / name).read_bytes(), name)]


def _packed(item: Item, kinds: dict[str, int]) -> dict[str, Any]:
    """An item as columns. Equal kinds of instructions are stored once; targets and places are differences."""
    execution = item.execution
    if execution.code_start % _WORD:
        raise DataFileError(f"the code begins at {execution.code_start:#x}", where=item.name, fix="Link it to a word.")
    found = execution.instructions
    places = np.array([each.index for each in found], np.int64)
    about = {name: getattr(item, name) for name in ("name", "group", "core", "hardware", "measured_cycles", "source")}
    return about | {
        "places": np.diff(places, prepend=0).tolist(),
        "kinds": [kinds.setdefault(_kind(each), len(kinds)) for each in found],
        "targets": [None if each.target is None else each.target - each.index for each in found],
        "executed": execution.executed.tolist(),
        "taken": execution.taken.tolist(),
        "memories": None
        if item.memories is None
        else asdict(item.memories) | {"events": item.memories.events.tolist()},
    }


def _kind(instruction: Instruction) -> str:
    """All of an instruction but its place, as JSON."""
    kind = asdict(replace(instruction, index=0, target=None, is_aligned=False))
    operands = kind["operands"]
    operands["results"], operands["loads"] = sorted(operands["results"]), sorted(operands["loads"])
    return json.dumps({name: value for name, value in kind.items() if name not in {"index", "target", "is_aligned"}})


def _unpacked(stored: dict[str, Any], kinds: list[dict[str, Any]]) -> Item:
    places = np.cumsum(stored.pop("places")).tolist()
    rows = zip(places, stored.pop("kinds"), stored.pop("targets"), strict=True)
    found = tuple(_instruction(place, kinds[kind], target) for place, kind, target in rows)
    executed, taken = (np.array(stored.pop(name), np.int64) for name in ("executed", "taken"))
    memories = stored.pop("memories", None)
    if memories is not None:
        memories = Memories(memories["system"], memories["clock_hz"], np.array(memories["events"], np.uint64))
    return Item(**stored, execution=Execution(0, found, executed, taken), memories=memories)


def _instruction(place: int, kind: dict[str, Any], target: int | None) -> Instruction:
    given = kind["operands"]
    operands = Operands(
        reads=tuple((number, role) for number, role in given["reads"]),
        results=frozenset(given["results"]),
        loads=frozenset(given["loads"]),
        words=given["words"],
        core_registers=given["core_registers"],
    )
    return Instruction(
        index=place,
        halfwords=kind["halfwords"],
        is_aligned=place % 2 == 0,
        keys=tuple(kind["keys"]),
        operands=operands,
        sets_flags=kind["sets_flags"],
        is_conditional=kind["is_conditional"],
        is_shifted=kind["is_shifted"],
        target=None if target is None else place + target,
    )
