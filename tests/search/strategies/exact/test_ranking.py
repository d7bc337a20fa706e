"""The frame of the hypervolume, and which errors are of use."""

import numpy as np
import pytest

from sparse_mcu.search.strategies.exact.ranking import Frame, useful_error


def test_a_useful_error_lies_half_way_between_the_best_one_and_guessing() -> None:
    assert useful_error([0.5, 0.02], 10) == pytest.approx(0.1454, abs=1e-4)
    assert useful_error([0.02], 2) < useful_error([0.02], 10)
    assert useful_error([0.9], 10) == pytest.approx(0.9)
    assert useful_error([0.0], 10) == pytest.approx(0.0623, abs=1e-4)


def test_the_frame_begins_at_limits_or_a_little_beyond_the_front() -> None:
    values = np.array([[0.0, 4.0], [2.0, 1.0], [3.0, 3.0]])
    limits = np.array([np.inf, 6.0])
    assert Frame.of(values, limits, "limits").reference == pytest.approx([2.2, 6.0])
    assert Frame.of(values, limits, "nadir").reference == pytest.approx([2.2, 4.3])
    assert Frame.of(values, limits, "limits").width == pytest.approx([2.4, 5.3])
