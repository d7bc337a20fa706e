"""Spaces come from files: ours are what they say, and a user's mistakes are named."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.search.space.catalogue import SpaceFileError, load_space, space_names
from sparse_mcu.search.space.configuration import NO_LEVERS
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.limits import DEFAULT_LIMITS, Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task

TASK = Task((1, 28, 28), 10)
PAGE = Path(__file__).parents[3] / "docs" / "search.md"


def written(folder: Path, text: str) -> str:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_default_file_says_all_that_the_default_space_contains() -> None:
    assert load_space("default") == DEFAULT_LIMITS
    text = (files("sparse_mcu.search.space") / "spaces" / "default.toml").read_text(encoding="utf-8")
    assert list(tomllib.loads(text)) != []
    assert set(tomllib.loads(text)) == set(Limits.model_fields)


def test_the_published_space() -> None:
    space = Space(TASK, load_space("sparse"))
    rng = np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(400)]
    blocks = [block for sample in samples for block in sample.blocks]
    assert {block.kernel for block in blocks} == {2, 3, 4, 5, 6, 7}
    assert min(block.channels for block in blocks) == 1
    assert max(block.channels for block in blocks) > 90
    assert {len(sample.hidden) for sample in samples} == {0, 1}
    assert {sample.pruning.kind for sample in samples if sample.pruning} == {"variational", "bayesian"}
    assert {block.skip for block in blocks} == {"none", "add", "concat"}
    assert any(block.branch is not None for block in blocks)
    assert {(sample.levers, sample.augmentation) for sample in samples} == {(NO_LEVERS, None)}


def test_a_file_restricts_and_extends(tmp_path: Path) -> None:
    limits = load_space(written(tmp_path, "kernels = [3, 9]\nmax_blocks = 2\nskips = []\n"))
    assert limits == DEFAULT_LIMITS.model_copy(update={"kernels": (3, 9), "max_blocks": 2, "skips": ()})
    assert Space(TASK, limits).admits(parse("pool2 conv-9x4 dense"))
    assert not Space(TASK, limits).admits(parse("pool2 conv-5x4 dense"))


def test_a_file_may_begin_with_another_space(tmp_path: Path) -> None:
    limits = load_space(written(tmp_path, 'base = "sparse"\nmax_hidden = 2\n'))
    assert limits == load_space("sparse").model_copy(update={"max_hidden": 2})


def test_the_example_of_the_page(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    space = Space(TASK, load_space(written(tmp_path, example)))
    rng = np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(200)]
    assert {block.kernel for sample in samples for block in sample.blocks} == {3, 5}
    assert {block.operator for sample in samples for block in sample.blocks} == {"separable"}
    assert not any("|" in describe(sample) for sample in samples)
    assert any("levers=streams" in describe(sample) for sample in samples)


@pytest.mark.parametrize("name", space_names())
def test_every_space_says_where_its_numbers_come_from_and_can_be_sampled(name: str) -> None:
    text = (files("sparse_mcu.search.space") / "spaces" / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    space = Space(Task((3, 32, 32), 10), load_space(name))
    rng = np.random.default_rng(0)
    assert all(space.admits(space.sample(rng)) for _ in range(50))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kernel = [3]", r"own.toml: unknown key 'kernel'. Known are base, max_macs, .*Did you mean 'kernels'\?"),
        ("kernels = [5, 3]", r"own.toml: Value error, kernels \(5, 3\) do not ascend. Compare with"),
        ("kernels = []", "own.toml: key 'kernels': Tuple should have at least 1 item"),
        ('kernels = ["3"]', "key 'kernels': Input should be a valid integer"),
        ("kernels = 1979-05-27", "key 'kernels': Input should be a valid"),
        ('levers = ["stream"]', "key 'levers': Input should be 'pools' or 'streams'"),
        ("max_blocks = 2.5", "key 'max_blocks': Input should be a valid integer"),
        ("kernels = [3", "own.toml: not valid TOML"),
        ('base = "spars"', r"own.toml: key 'base': no space is called 'spars'.*Did you mean 'sparse'\?"),
        ("base = 3", "key 'base': no space is called 3"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpaceFileError, match=message):
        load_space(written(tmp_path, text))


def test_a_space_that_is_missing_is_named() -> None:
    with pytest.raises(SpaceFileError, match=r"no space is called 'spars'. Use one of default, sparse.*'sparse'\?"):
        load_space("spars")
    with pytest.raises(SpaceFileError, match=r"missing.toml: No such file"):
        load_space("missing.toml")
