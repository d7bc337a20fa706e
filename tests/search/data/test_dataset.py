"""Splits: by class, disjoint, complete, and always the same."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, in_two_groups, make_dataset
from sparse_mcu.search.space.task import Task


def numbered(labels: list[int]) -> Split:
    """Images that hold their own number."""
    images = np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1)
    return Split(images, np.array(labels, dtype=np.int64))


def numbers(split: Split) -> list[int]:
    """Which images of `numbered` these are."""
    return split.images.ravel().astype(int).tolist()


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), share=st.floats(0, 1))
def test_each_class_is_split_by_the_share(labels: list[int], share: float) -> None:
    data = numbered(labels)
    rest, held_out = hold_out(data, share)
    assert sorted([*numbers(rest), *numbers(held_out)]) == list(range(len(labels)))
    assert np.array_equal(held_out.labels, data.labels[numbers(held_out)])
    assert np.array_equal(rest.labels, data.labels[numbers(rest)])
    for label in range(4):
        expected = round(labels.count(label) * share)
        assert (held_out.labels == label).sum() == expected
    assert numbers(hold_out(data, share)[1]) == numbers(held_out)


def three_parts(labels: list[int]) -> Dataset:
    """A dataset of twos to validate and to test on."""
    rest, validation = hold_out(numbered(labels), 1 / 4)
    train, test = hold_out(rest, 1 / 3)
    return make_dataset("x", classes=2, train=train, validation=validation, test=test)


def test_a_dataset_has_three_parts_without_an_image_in_common() -> None:
    data = three_parts([0, 1] * 4)
    parts = [numbers(part) for part in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [4, 2, 2]
    assert sorted(number for part in parts for number in part) == list(range(8))
    assert data.task == Task((1, 1, 1), 2)


def test_the_fingerprints_see_every_array_and_the_split() -> None:
    data = three_parts([0, 1] * 4)
    parts = {"train": data.train, "validation": data.validation, "test": data.test}

    def prints(changed: dict[str, Split]) -> tuple[str, str]:
        made = make_dataset("x", classes=2, **changed)
        return made.fingerprint, made.test_fingerprint

    assert prints(parts) == (data.fingerprint, data.test_fingerprint)
    others = [
        {**parts, name: other}
        for name, part in parts.items()
        for other in (replace(part, images=part.images + 1), replace(part, labels=1 - part.labels))
    ]
    others += [{**parts, "validation": data.test, "test": data.validation}]
    assert len({prints(parts), *map(prints, others)}) == 8
    assert {prints(each)[0] for each in others[4:6]} == {data.fingerprint}
    assert {prints(each)[1] for each in others[:4]} == {data.test_fingerprint}


def test_a_test_part_may_be_loaded_when_it_is_asked_for_first() -> None:
    data, calls = three_parts([0, 1] * 4), []

    def load() -> Split:
        calls.append(1)
        return data.test

    lazy = make_dataset("x", classes=2, train=data.train, validation=data.validation, test=load)
    grouped = in_two_groups(lazy, "y", first=1)
    assert (lazy.fingerprint, calls) == (data.fingerprint, [])
    assert lazy.test is data.test
    assert lazy.test_fingerprint == data.test_fingerprint
    assert numbers(grouped.test) == numbers(data.test)
    assert len(calls) == 1


def test_another_seed_holds_out_other_images() -> None:
    data = numbered([0] * 20)
    held_out = {tuple(numbers(hold_out(data, 1 / 4, seed)[1])) for seed in range(4)}
    assert len(held_out) == 4
    assert tuple(numbers(hold_out(data, 1 / 4)[1])) in held_out


def test_two_groups_keep_images_and_parts() -> None:
    rest, validation = hold_out(numbered([0, 1, 2] * 4), 1 / 4)
    train, test = hold_out(rest, 1 / 3)
    data = make_dataset("x", classes=3, train=train, validation=validation, test=test)
    grouped = in_two_groups(data, "y", first=2)
    assert (grouped.name, grouped.task) == ("y", Task((1, 1, 1), 2))
    for part in ("train", "validation", "test"):
        before, after = getattr(data, part), getattr(grouped, part)
        assert numbers(after) == numbers(before)
        assert after.labels.tolist() == [int(label < 2) for label in before.labels]


def test_joined_parts_are_trained_on_in_order_and_the_rest_stays() -> None:
    train, validation, test = (numbered([0, 1] * count) for count in (4, 3, 2))
    data = make_dataset("a", classes=2, train=train, validation=validation, test=test)
    joined = data.joined()
    assert numbers(joined.train) == [*range(8), *range(6)]
    assert joined.train.labels.tolist() == [0, 1] * 7
    assert (joined.validation, joined.test) == (validation, test)


@given(st.integers(1, 200), st.integers(1, 300))
def test_some_images_are_spread_over_all(images: int, count: int) -> None:
    chosen = numbers(numbered([0] * images).spread(count))
    assert len(chosen) == min(images, count)
    distances = np.diff([*chosen, images])
    assert chosen[0] == 0
    assert distances.max() - distances.min() <= 1
    assert distances.min() >= 1
