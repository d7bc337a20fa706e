"""How often instructions were entered, left and mispredicted."""

from collections.abc import Callable, Mapping

import numpy as np

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.timing import Profile
from sparse_mcu.costmodel.timing.counts import WHENS
from sparse_mcu.costmodel.timing.pricing import execution_of

Assemble = Callable[[str, str], bytes]
MakeProfile = Callable[[bytes, Mapping[int, int], Mapping[int, int]], Profile]


def test_a_loop_is_entered_by_its_branch_and_by_a_call(assemble: Assemble, make_profile: MakeProfile) -> None:
    """Three calls of a function that loops four times each; the branch is taken in nine of twelve passes."""
    code = assemble("cortex-m4", "1: subs r0, #1\nbne 1b\nbx lr\nudf #0\nnop")
    profile = make_profile(code, {0: 12, 2: 12, 4: 3, 8: 5}, {2: 9, 4: 3})
    execution = execution_of(profile, code, load_core("cortex-m4"))
    counted = {when: execution.count(when)[0].tolist() for when in WHENS}
    assert counted == {
        "executed": [12, 12, 3, 5],
        "taken": [0, 9, 3, 0],
        "not taken": [12, 3, 0, 5],
        "entered": [12, 0, 0, 5],
        "unusual": [0, 3, 0, 0],
    }


def test_the_usual_way_is_that_of_all_phases(assemble: Assemble) -> None:
    """The branch is taken in the first phase only, but more often than not in both together."""
    code = assemble("cortex-m4", "1: beq 1b")
    counts = np.array([[10], [4]], np.uint64), np.array([[9], [0]], np.uint64)
    execution = execution_of(Profile(0x08000100, *counts), code, load_core("cortex-m4"))
    assert execution.count("unusual").tolist() == [[1], [4]]
