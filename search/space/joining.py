"""Makes the blocks of a configuration suit their skips and branches.

An addition needs equal channels, heights and widths, and a concatenation needs equal heights and widths.
"""

from sparse_mcu.search.space.architecture import IMAGE, Shape
from sparse_mcu.search.space.blocks import block_layers
from sparse_mcu.search.space.configuration import Block, Configuration, Skip
from sparse_mcu.search.space.limits import Limits, are_one_convolution
from sparse_mcu.search.space.task import Task


def repaired(configuration: Configuration, task: Task, limits: Limits) -> Configuration:
    """Returns a configuration whose skips and branches go together with their shapes.

    A block gets the channels that its addition needs. A branch without a border gets the kernel of its block. A skip or
    a branch that is still impossible is left out. A valid configuration stays as it is.

    Args:
        configuration: Any configuration, for example one that a move changed.
        task: The shape of the images.
        limits: What configurations choose from.
    """
    pooling = configuration.input_pooling
    shape: Shape = (task.shape[0], task.shape[1] // pooling, task.shape[2] // pooling)
    blocks = []
    for block in configuration.blocks:
        blocks.append(_repaired_block(block, shape[0], limits))
        shape = block_layers(blocks[-1], IMAGE, shape, "")[-1].output_shape
    return configuration.model_copy(update={"blocks": tuple(blocks)})


def _repaired_block(block: Block, inputs: int, limits: Limits) -> Block:
    branch = block.branch
    if branch is not None and not block.padded:
        branch = branch.model_copy(update={"kernel": block.kernel})
    if branch is not None and are_one_convolution(block, branch):
        branch = None
    block = block.model_copy(update={"branch": branch})
    if block.skip != "none" and not can_skip(block, block.skip, inputs, limits):
        block = block.model_copy(update={"skip": "none"})
    return fitted(block, inputs, limits)


def can_skip(block: Block, skip: Skip, inputs: int, limits: Limits) -> bool:
    """Returns whether a block can have a skip, once its channels are `fitted`.

    Args:
        block: The block; its own skip does not matter.
        skip: The skip.
        inputs: The channels of the block's input.
        limits: What the block chooses from.
    """
    keeps_sides = (block.padded or block.kernel == 1) and block.reduction != "stride"
    least, most = (width * (1 if block.branch is None else 2) for width in limits.channels)
    return keeps_sides and (skip != "add" or least <= inputs <= most)


def fitted(block: Block, inputs: int, limits: Limits) -> Block:
    """Returns a block with as many output channels as its skip needs.

    An addition needs the channels of the input. A branch keeps its own channels as far as possible, and the block's
    convolution gets the rest.
    """
    if block.skip != "add":
        return block
    if block.branch is None:
        return block.model_copy(update={"channels": inputs})
    least, most = limits.channels
    beside = min(max(block.branch.channels, least, inputs - most), most, inputs - least)
    branch = block.branch.model_copy(update={"channels": beside})
    return block.model_copy(update={"channels": inputs - beside, "branch": branch})
