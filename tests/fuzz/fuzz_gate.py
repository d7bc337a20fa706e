"""Fuzz the gate: `load_graph` answers any bytes with a graph or a typed error, within a second and 1 GB.

    tox run -e fuzz                              # ten minutes
    tox run -e fuzz -- -max_total_time=60        # libFuzzer's options
    tox run -e fuzz -- FILE                      # one input again, as a crash left it

Needs atheris (Linux). A second is of this thread's own time, so that a busy machine finds nothing;
libFuzzer's `-rss_limit_mb` and `-timeout` hold memory and what never ends.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["costmodel"]):
    from gate_oracle import GateOracle

from model_mutations import mutate, seeds

_DEFAULTS = ("-max_total_time=600", "-rss_limit_mb=1024", "-timeout=30", "-max_len=65536", "-print_final_stats=1")


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Mostly a change of the message; each eighth time one of libFuzzer's own, of bytes."""
    return bytes(atheris.Mutate(data, max_size)) if seed % 8 == 0 else mutate(data, seed)[:max_size]


def main() -> None:
    """Run libFuzzer with our defaults, the user's options after them, over the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for index, seed in enumerate(seeds()):
            (corpus / f"seed-{index}").write_bytes(seed)
        files = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        arguments = [sys.argv[0], *_DEFAULTS, *sys.argv[1:], *([] if files else [str(corpus)])]
        gate = GateOracle(Path(folder))
        atheris.Setup(arguments, gate.check, custom_mutator=_mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
