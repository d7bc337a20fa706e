"""Finds search spaces. Each is one TOML file: ours lie in spaces/, a user's lies anywhere.

The keys of a file are the fields of `Limits`. A key that it leaves out has the value of the default space, or of the
space that its key `base` names.
"""

import json
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sparse_mcu.costmodel.errors import SparseMcuError, suggestion
from sparse_mcu.search.space.limits import DEFAULT_LIMITS, Limits

DEFAULT = "default"

_FOLDER = files("sparse_mcu.search.space") / "spaces"
_SUFFIX = ".toml"
_BASE = "base"


class SpaceFileError(SparseMcuError):
    """A search space is unknown, or its file is missing or malformed. The message names file and key."""


def space_names() -> tuple[str, ...]:
    """Returns the names of the spaces that come with the package, sorted."""
    return tuple(sorted(each.name.removesuffix(_SUFFIX) for each in _FOLDER.iterdir() if each.name.endswith(_SUFFIX)))


def load_space(name: str) -> Limits:
    """Returns a space, by the name of one of ours or by the path of a user's file.

    Args:
        name: The name, or a path that ends in ".toml".

    Raises:
        SpaceFileError: There is no such space, or its file is missing or malformed.
    """
    if name.endswith(_SUFFIX):
        return _read(Path(name))
    if name not in space_names():
        raise SpaceFileError(
            f"no space is called {name!r}",
            where="--space",
            fix=f"Use one of {', '.join(space_names())}, or the path of a file that ends in {_SUFFIX}."
            + suggestion(name, space_names()),
        )
    return _read(_FOLDER / f"{name}{_SUFFIX}")


def _read(path: Traversable | Path) -> Limits:
    record = _parsed(path)
    base = DEFAULT_LIMITS
    if _BASE in record:
        name = record.pop(_BASE)
        if name not in space_names():
            fix = f"Use one of {', '.join(space_names())}.{suggestion(str(name), space_names())}"
            raise SpaceFileError(f"key 'base': no space is called {name!r}", where=str(path), fix=fix)
        base = load_space(name)
    for key in record:
        if key not in Limits.model_fields:
            fix = f"Known are {', '.join((_BASE, *Limits.model_fields))}.{suggestion(key, Limits.model_fields)}"
            raise SpaceFileError(f"unknown key {key!r}", where=str(path), fix=fix)
    try:
        # In JSON a list may stand for a tuple. Strict mode takes no text for a number. A date becomes a text.
        text = json.dumps(base.model_dump() | record, default=str)
        return Limits.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = f"key '{first['loc'][0]}': " if first["loc"] else ""
        raise SpaceFileError(
            f"{key}{first['msg']}", where=str(path), fix="Compare with search/space/spaces/default.toml."
        ) from error


def _parsed(path: Traversable | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "not readable"
        raise SpaceFileError(reason, where=str(path), fix="Give the path of a readable TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpaceFileError(f"not valid TOML: {error}", where=str(path), fix="Mend the file's syntax.") from error
