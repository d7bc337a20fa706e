"""How large an admitted model may be: far above any microcontroller, far below what could hurt the host."""

from typing import Final

MAX_FILE_BYTES: Final = 64 * 2**20
"""Bytes of the model file and of all its external data together."""

MAX_FIELDS: Final = 200_000
"""Protobuf fields in the file; each becomes an object in memory."""

MAX_PACKED_BYTES: Final = 8 * 2**20
"""Bytes of packed variable-length numbers in the file; each becomes up to eight bytes in memory."""

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
"""Elements that all constant arrays have together, counted each time one is made or used."""

MIN_OPSET: Final = 13
"""The first version of the default domain with per-axis quantisation."""

MAX_VIEWS: Final = 8
"""Reshapes and Transposes in a row that a pass looks through."""
