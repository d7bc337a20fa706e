"""Limits of an admitted model: far above any microcontroller, far below what could hurt this computer."""

from typing import Final

MAX_FILE_BYTES: Final = 64 * 2**20
"""Bytes of the model file and all its external data together."""

MAX_FIELDS: Final = 200_000
"""Protobuf fields in the file. Each becomes an object in memory."""

MAX_PACKED_BYTES: Final = 8 * 2**20
"""Bytes of packed variable-length numbers in the file. Each byte becomes up to eight in memory."""

MAX_NODES: Final = 5_000
"""Nodes of the graph."""

MAX_NAME_LENGTH: Final = 1000
"""Characters of a name."""

MAX_RANK: Final = 6
"""Dimensions of a tensor."""

MAX_TENSOR_BYTES: Final = 8 * 2**20
"""Bytes of one int8 activation."""

MAX_CHANNELS: Final = 2**16
"""Output channels of one layer."""

MAX_CONSTANT_ELEMENTS: Final = 16 * 2**20
"""Elements of all constant arrays together. An array counts each time a node makes or uses it."""

MIN_OPSET: Final = 13
"""The first opset with quantisation per axis."""

MAX_VIEWS: Final = 8
"""The longest chain of views that a pass follows."""
