"""Lists what the planner may do to make the arena smaller, each a switch."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Levers:
    """Switches; turning one on never makes a proven arena larger.

    Views for Reshape and layout transposes, and fused activations, are no switches: the graph's form implies them.

    Attributes:
        in_place: An operator may write exactly over an input that dies, if both have the same size. Elementwise
            operators can, and so can kernels that read what they overwrite first.
        overlap: The outputs of other operators may reach into a dying input, as far as their kernels declare.
        concat_views: The inputs of a Concat are written directly into its output, side by side or pixel by pixel, so
            the Concat costs nothing. A Slice is read inside its input, if it is one stretch or some channels of it.
        folded_pads: Convolutions and pools take over the Pads before them. This happens where the graph is read, not
            in the planner.
        fused_pools: A pool takes the rows of the convolution before it as they come, so its input is never whole.
        streaming: Any stretch of the graph may be executed some rows at a time. This costs cycles, so it is off by
            default.
        max_recompute: By what factor streaming may raise the multiplications of the network. Above 1 it may cut maps
            into strips, whose seams are computed twice.
    """

    in_place: bool = True
    overlap: bool = True
    concat_views: bool = True
    folded_pads: bool = True
    fused_pools: bool = False
    streaming: bool = False
    max_recompute: float = 1.0


ALL = Levers()
NONE = Levers(in_place=False, overlap=False, concat_views=False, folded_pads=False)


def switches() -> tuple[str, ...]:
    """Return the names of the levers that are on or off."""
    return tuple(each.name for each in fields(Levers) if isinstance(each.default, bool))
