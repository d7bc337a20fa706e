"""Lists who makes the items of each group anew. It loads the emulator, so it is imported only to run programs."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sparse_mcu.simulation.validation.items import Item
from sparse_mcu.simulation.validation.measure import coremark_items, embench_items
from sparse_mcu.simulation.validation.tiny.items import tiny_items

Maker = Callable[[Path, Callable[[str], None]], list[Item]]
"""Makes the items of a checkout, and tells the name of each before it runs."""

MAKERS: Mapping[str, Maker] = {"embench": embench_items, "coremark": coremark_items, "mlperf-tiny": tiny_items}
"""By group."""
