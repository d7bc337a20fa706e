"""The compiled search core where nothing may be written."""

import subprocess
import sys

SCRIPT = """
import warnings
warnings.simplefilter("error")
import numba.core.caching
numba.core.caching.CacheImpl._locator_classes = []  # no folder will do
from sparse_mcu.costmodel.memory.placement import compiled
from sparse_mcu.costmodel.memory.placement.search_core import search
print(compiled.search.py_func.__code__ is search.__code__)
"""


def test_a_machine_without_a_folder_to_write_compiles_in_memory_and_in_silence() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "True"
