"""One Renode process: started, asked, and ended."""

import re
from collections.abc import Callable
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.renode.counter import PLUGIN
from sparse_mcu.simulation.engines.renode.install import check_version
from sparse_mcu.simulation.engines.renode.monitor import NAME, Answer, Monitor
from sparse_mcu.simulation.engines.renode.process import GuardedProcess
from sparse_mcu.simulation.engines.renode.script import path_text, path_token, run_command
from sparse_mcu.simulation.engines.renode.transcript import LogLine

_OPTIONS = ("--console", "--disable-gui", "--plain", "--config", "{folder}/config")
_CONFIG = "[general]\nuse-synchronous-logging = True\nhistory-path = {folder}/history\n"
_START_SECONDS = 120.0
_LOAD_SECONDS = 60.0
_SLOWEST_INSTRUCTIONS_PER_SECOND = 500_000
_NUMBER = re.compile(r"0x[0-9A-Fa-f]+|\d+")
_BOOLEANS = {"True": True, "False": False}


class Session:
    """Renode with the block counter loaded, ready for runs one after the other.

    Args:
        program: The executable.

    Raises:
        EngineError: It does not start, is too old, or refuses the counter.
    """

    def __init__(self, program: Path) -> None:
        files = {"config": _CONFIG, PLUGIN.name: PLUGIN.read_text(encoding="ascii")}
        self._process = GuardedProcess([str(program), *_OPTIONS], files)
        self.folder = self._process.folder
        try:
            self._monitor = Monitor(self._process)
            check_version(self._monitor.ask("version", seconds=_START_SECONDS).lines)
            # From the folder: typed paths must be of ASCII, and a package may lie anywhere.
            self._monitor.ask(f"i {path_token(self.folder / PLUGIN.name)}", seconds=_LOAD_SECONDS)
        except BaseException:
            self.close()
            raise

    def do(self, command: str) -> Answer:
        """Run a command that prints nothing worth reading.

        Raises:
            EngineError: It was refused, or Renode died.
        """
        return self._monitor.ask(command, seconds=_LOAD_SECONDS)

    def run_for(self, instructions: int, is_fatal: Callable[[LogLine], bool]) -> tuple[LogLine, ...]:
        """Let time pass for so many instructions; what was logged meanwhile.

        Raises:
            NoAnswerError: It hangs, died, or logged something after which nothing is worth waiting for.
        """
        seconds = _LOAD_SECONDS + instructions / _SLOWEST_INSTRUCTIONS_PER_SECOND
        return self._monitor.ask(run_command(instructions), seconds=seconds, with_logs=True, is_fatal=is_fatal).logs

    def number(self, query: str) -> int:
        """The number that a query prints.

        Raises:
            EngineError: It prints none.
        """
        lines = self._monitor.ask(query).lines
        for line in lines:
            if _NUMBER.fullmatch(line):
                return int(line, 0)
        raise EngineError(f"`{query}` gave no number but {' | '.join(lines)!r}", where=NAME)

    def truth(self, query: str) -> bool:
        """The boolean that a query prints.

        Raises:
            EngineError: It prints none.
        """
        lines = self._monitor.ask(query).lines
        for line in lines:
            if line in _BOOLEANS:
                return _BOOLEANS[line]
        raise EngineError(f"`{query}` gave neither True nor False but {' | '.join(lines)!r}", where=NAME)

    def memory(self, address: int, size: int) -> bytes:
        """Bytes of the machine's memory.

        Raises:
            EngineError: They cannot be read.
        """
        if size == 0:
            return b""
        path = self.folder / "dump.bin"
        self.do(f"cpu DumpMemory {address:#010x} {size} {path_text(path)}")
        return self._take(path)

    def table(self) -> bytes:
        """What the block counter counted.

        Raises:
            EngineError: It cannot be read.
        """
        path = self.folder / "table.bin"
        self.do(f"cpu DumpBlocks {path_text(path)}")
        return self._take(path)

    def close(self) -> None:
        """End Renode."""
        self._process.close()

    def _take(self, path: Path) -> bytes:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EngineError(f"Renode wrote no {path.name}: {error.strerror}", where=NAME) from error
        path.unlink()
        return data
