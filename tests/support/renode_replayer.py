"""Plays a recorded monitor: `renode_replayer.py RECORDING`. STANDIN makes it misbehave like the stand-in.

Every command must be the recording's next one. The driver's `echo` and `log` are exceptions, since they were not
recorded.
"""

import sys
from pathlib import Path

from renode_recordings import read_monitor
from renode_standin import emit, misbehave, own_word


def play(recording: Path) -> None:
    """Answers as recorded until standard input ends."""
    greeting, *exchanges = read_monitor(recording)
    emit(greeting.received.decode("latin-1"))
    coming = iter(exchanges)
    for line in sys.stdin:
        command = line.rstrip("\n")
        misbehave(command)
        if not own_word(command):
            exchange = next(coming)
            assert command == exchange.sent, (command, exchange.sent)
            emit(exchange.received.decode("latin-1"))


if __name__ == "__main__":
    play(Path(sys.argv[1]))
