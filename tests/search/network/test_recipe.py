"""How candidates of each dataset are trained."""

import pytest

from sparse_mcu.search.data.loaders import NAMES
from sparse_mcu.search.network import recipe
from sparse_mcu.search.network.recipe import Recipe, recipe_for


def test_recipes_are_for_datasets_that_exist() -> None:
    assert {*recipe._BY_DATASET} <= {*NAMES}


@pytest.mark.parametrize("name", ["cifar10", "chars74k"])
def test_a_binary_variant_is_trained_as_its_whole(name: str) -> None:
    assert recipe_for(f"{name}-binary") == recipe_for(name)


def test_what_nothing_is_known_about_has_a_recipe_too() -> None:
    assert recipe_for("mnist5k") == Recipe(epochs=15, batch_size=128, learning_rate=0.03, augmentation=0.5)


def test_inherited_weights_get_fewer_epochs_more_steps_and_no_warm_up() -> None:
    short = Recipe(epochs=20, batch_size=128, learning_rate=0.03).shortened(0.3)
    assert (short.epochs, short.batch_size, short.learning_rate, short.warm_up) == (6, 32, 0.015, 0.0)
    assert [Recipe(epochs=epochs).shortened(0.3).epochs for epochs in (1, 10, 15, 40)] == [1, 3, 5, 12]
    assert Recipe(epochs=1, batch_size=2).shortened(0.3).batch_size == 2


def test_epochs_are_those_that_are_asked_for() -> None:
    assert Recipe(epochs=20).with_epochs(3) == Recipe(epochs=3)
    assert Recipe(epochs=20).with_epochs(None) == Recipe(epochs=20)
