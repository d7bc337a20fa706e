"""Running firmware in Renode."""

import logging
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import executable_code
from sparse_mcu.simulation.engines.admission import refused
from sparse_mcu.simulation.engines.counting.counts import BlockCounts
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.renode.install import installed_version
from sparse_mcu.simulation.engines.renode.kept import Kept, Start
from sparse_mcu.simulation.engines.renode.monitor import NAME, NoAnswerError
from sparse_mcu.simulation.engines.renode.session import Session
from sparse_mcu.simulation.engines.renode.verdict import judge_logs
from sparse_mcu.simulation.engines.renode.work import Work

_log = logging.getLogger(__name__)


class RenodeEngine:
    """See `sparse_mcu.simulation.engines.protocol.Engine`.

    Renode is started on first use and kept for further runs; runs of one engine take turns, so a pool
    needs one engine per worker. It ends with `close`, with the engine, or with this process. The machine of
    a finished run is kept for one more run of the same firmware; `sparse_mcu.simulation.engines.renode.kept` says why
    that is safe.

    Args:
        program: Renode, as `find_renode` finds it.
        profiler: Where each run leaves Renode's own profile, the last one's stays; None for none.
    """

    name = NAME

    def __init__(self, program: Path, *, profiler: Path | None = None) -> None:
        self._program = program
        self._profiler = profiler
        self._session: Session | None = None
        self._kept: Kept | None = None
        self._keeps = profiler is None
        self._turn = threading.RLock()

    @cached_property
    def version(self) -> str:
        """Renode's version, by `renode --version`; its monitor is not started for it.

        Raises:
            EngineError: It is no Renode, or too old.
        """
        return installed_version(self._program)

    def close(self) -> None:
        """End Renode, if it was started."""
        with self._turn:
            self._kept = None
            if self._session is not None:
                self._session.close()
                self._session = None

    def run(self, request: RunRequest) -> RunResult:
        """Run until the stop address, a fault or the budget; Ctrl-C ends it at once.

        Raises:
            EngineError: Renode does not start, refuses something, or its count differs from ours.
        """
        with self._turn:
            work, version = Work(request), self.version
            if (refusal := refused(request, NAME, version)) is not None:
                return refusal
            if (result := self._run_again(work)) is not None:
                return result
            self._started()
            try:
                return self._run_anew(work)
            except NoAnswerError as silence:
                self.close()
                return _given_up(request, silence, version)
            except BaseException:
                self.close()
                raise

    def _started(self) -> Session:
        if self._session is None:
            self._session = Session(self._program)
        return self._session

    def _run_anew(self, work: Work) -> RunResult:
        """The run on a new machine, which stays if it may serve a second one."""
        start = self._made(work)
        session = self._started()
        result = work.run(session, work.request.budget_instructions, self.version)
        if start is not None and result.verdict is Verdict.FINISHED:
            self._kept = Kept(work.request, result, start, work.ram(session))
        else:
            session.do("Clear")
        return result

    def _made(self, work: Work) -> Start | None:
        """Make a machine; how it stands, if it may be kept."""
        session = self._started()
        work.make(session, self._profiler)
        if not self._keeps:
            return None
        try:
            return work.start(session)
        except EngineError as doubt:
            self._keep_no_more(doubt)
        return self._made(work)

    def _run_again(self, work: Work) -> RunResult | None:
        """The run on the machine that was kept, which then goes; None if there is none for this run, or a doubt."""
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        session = self._started()
        try:
            result = self._repeated(session, kept, work) if kept.serves(work.request) else None
            session.do("Clear")
        except EngineError as doubt:
            self._keep_no_more(doubt)
            return None
        except BaseException:
            self.close()
            raise
        return result

    def _repeated(self, session: Session, kept: Kept, work: Work) -> RunResult:
        """The run on the kept machine.

        Raises:
            EngineError: There is any doubt; see `sparse_mcu.simulation.engines.renode.kept`.
        """
        work.renew(session)
        start = work.start(session)
        kept.check_start(start)
        work.release(session)
        result = work.run(session, kept.result.profile.instructions, self.version)
        kept.check_end(start, result, work.ram(session))
        return result

    def _keep_no_more(self, doubt: EngineError) -> None:
        _log.info("no machine of Renode serves a second run any more: %s", doubt.what)
        self._keeps = False
        self.close()


def _given_up(request: RunRequest, silence: NoAnswerError, version: str) -> RunResult:
    """The result of a run whose process had to be ended."""
    verdict, detail = judge_logs(request, silence.logs) or (Verdict.ENGINE_DIED, silence.what)
    memory: Mapping[str, bytes] = dict.fromkeys(request.reads, b"")
    return RunResult(verdict, detail, _nothing(request), memory, 0, 0.0, NAME, version)


def _nothing(request: RunRequest) -> Profile:
    start, code = executable_code(request.image)
    return BlockCounts.empty(start, code, len(request.phases) + 1).profile()
