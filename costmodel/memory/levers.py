"""What the planner may do to make the arena smaller, each a switch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Levers:
    """Switches; turning one on never makes a proven arena larger.

    Views for Reshape and layout transposes, and fused activations, are no switches: the graph's form implies them.

    Attributes:
        in_place: Elementwise operators write over an input of the same size that dies.
        overlap: Other operators let their output reach into a dying input as far as their kernels declare.
        concat_views: The inputs of a Concat are written side by side into its output, so that it costs nothing.
    """

    in_place: bool = True
    overlap: bool = True
    concat_views: bool = True


ALL = Levers()
NONE = Levers(in_place=False, overlap=False, concat_views=False)
