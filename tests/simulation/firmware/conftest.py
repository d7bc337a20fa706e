"""Fixtures of the tests of generated firmware."""

import pytest


@pytest.fixture(scope="module", params=["some", pytest.param("more", marks=pytest.mark.slow)])
def examples(request: pytest.FixtureRequest) -> str:
    """Lets a costly test of random networks run with some examples, and once more among the slow tests.

    The slow tests draw new examples in each run.
    """
    return str(request.param)
