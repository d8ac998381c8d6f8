"""Runs suites as processes: their progress, what came out, and a clean end."""

import codecs
import os
import re
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from fleetwright_cli.suite_report import NOTHING_COLLECTED, Coverage, Result, counts
from fleetwright_cli.suites import Suite

STOP_SECONDS = 5.0
TEST_SECONDS = 300  # what takes longer hangs: its stacks are shown, its suite ends
SILENT_SECONDS = 600.0  # what hangs outside of any test, such as at exit, ends so
LOOK_SECONDS = 0.2
RAN_TO_ITS_END = (0, 1)  # pytest's codes for: all passed, some failed
# What the tool's own interpreter was started with must not reach those of the suites.
_NOT_INHERITED = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
_NOT_INHERITED_PREFIX = "COVERAGE_"
_DOTS = re.compile(r"([.FEsxX]+)\s*(?:\[[\s\d]*%?\]?)?")


@dataclass(frozen=True, slots=True)
class Options:
    """How suites are run.

    Attributes:
        root: The fleet's root, whose pyproject.toml configures pytest and coverage.
        coverage: Whether lines are counted.
        expression: Only tests whose name fits, as in `pytest -k`; None for all.
        deliver: How the events of tests are delivered, as in `pytest --deliver`; None
            for as they are told. Else only tests of events are run.
        deliver_seed: What makes the same order again; None for another one.
        test_seconds: How long one test may take; after it the suite ends, with stacks.
        silent_seconds: How long a suite may say nothing at all before it is ended.
    """

    root: Path
    coverage: bool = True
    expression: str | None = None
    deliver: str | None = None
    deliver_seed: str | None = None
    test_seconds: float = TEST_SECONDS
    silent_seconds: float = SILENT_SECONDS

    @property
    def is_part(self) -> bool:
        """Whether only a part of the tests is run."""
        return self.expression is not None or self.deliver is not None


@dataclass(slots=True)
class SuiteRuns:
    """Runs suites, several at once; safe to call from several threads.

    Leaving the context stops what still runs, whole process groups at a time.

    Attributes:
        options: How suites are run.
        tell: Gets a suite's name and how many of its tests have ended.
    """

    options: Options
    tell: Callable[[str, int], None] = lambda name, done: None
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def __enter__(self) -> Self:
        """Return the runs themselves."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what still runs."""
        self.stop()

    def run(self, suite: Suite) -> Result:
        """Run one suite to its end.

        Args:
            suite: Which one.

        Returns:
            What came out; a suite without tests is not run.
        """
        selected = self.options.is_part or bool(suite.only)
        if not suite.tests.is_dir():
            return Result(suite.name, NOTHING_COLLECTED, selected=selected)
        kept = self.options.root / ".fleet" / "test"
        kept.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"{suite.name}-", dir=kept) as own:
            run = _Run(suite, self.options, Path(own))
            exit_code, output = self._follow(suite, run)
            seconds = time.monotonic() - started
            return Result(
                suite.name,
                exit_code,
                counts(run.junit, exit_code),
                seconds,
                run.coverage() if exit_code in RAN_TO_ITS_END else None,
                output.text,
                selected=selected,
                silent_seconds=output.silent_seconds,
            )

    def stop(self) -> None:
        """Ask everything to end, and end by force what does not."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGINT)
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            _signal(process, signal.SIGKILL)

    def _follow(self, suite: Suite, run: "_Run") -> tuple[int, "Output"]:
        """Start pytest, tell how far it is, return its exit code and all it wrote."""
        output = Output()
        with self._lock:
            if self._stopped:
                return -signal.SIGINT, output
            process = run.start()
            self._running.add(process)
        patience = self.options.silent_seconds
        try:
            for chunk in _chunks(process, patience):
                if chunk is None:
                    output.silent_seconds = patience
                else:
                    self.tell(suite.name, output.add(chunk))
            return process.wait(), output
        finally:
            # Whoever outlives pytest belongs to its tests: nobody else will end it.
            _signal(process, signal.SIGKILL)
            with self._lock:
                self._running.discard(process)


@dataclass(frozen=True, slots=True)
class _Run:
    """The words and files of one run of one suite.

    Attributes:
        suite: What is run.
        options: How.
        folder: Where this run keeps its files, deleted after it.
    """

    suite: Suite
    options: Options
    folder: Path

    @property
    def junit(self) -> Path:
        """Where pytest writes what came out."""
        return self.folder / "junit.xml"

    @property
    def counting(self) -> bool:
        """Whether lines are counted: not for a part of the tests, nor for the whole."""
        options = self.options
        wanted = options.coverage and not options.is_part and not self.suite.only
        return wanted and self.suite.package is not None

    def start(self) -> subprocess.Popen[bytes]:
        """Start pytest in a process group of its own."""
        return subprocess.Popen(  # noqa: S603 - the suite's own interpreter
            [str(self.suite.python), *self._counter(), "-m", "pytest", *self._words()],
            cwd=self.suite.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def coverage(self) -> Coverage | None:
        """Return the lines that were run, those of child processes included."""
        if not self.counting:
            return None
        report = self.folder / "coverage.json"
        self._count("combine", "--quiet", str(self.folder))
        self._count("json", "--quiet", "-o", str(report))
        return Coverage.read(report)

    def _counter(self) -> list[str]:
        """Return the words that count lines from the first import on.

        `pytest --cov` begins after plugins are imported, and a library that brings a
        plugin of its own would lose every line that runs while it is imported.
        """
        if not self.counting:
            return []
        package = self.suite.source / str(self.suite.package)
        words = ["-m", "coverage", "run", "--parallel-mode", f"--source={package}"]
        return [*words, f"--rcfile={self._configuration}"]

    def _count(self, *words: str) -> None:
        """Run one command of coverage on this run's data."""
        subprocess.run(  # noqa: S603 - the suite's own interpreter
            [
                *(str(self.suite.python), "-m", "coverage", words[0]),
                *(f"--rcfile={self._configuration}", *words[1:]),
            ],
            cwd=self.suite.folder,
            env=self._environment(),
            capture_output=True,
            check=False,
        )

    def _words(self) -> list[str]:
        """Return what pytest is asked."""
        options, suite = self.options, self.suite
        cache = options.root / ".fleet" / "test" / "cache" / suite.name
        words = ["-c", str(self._configuration), "--rootdir", str(suite.folder)]
        words += ["-q", "--color=no", f"--junitxml={self.junit}"]
        words += ["-o", f"cache_dir={cache}"]
        words += ["-o", f"faulthandler_timeout={options.test_seconds}"]
        words += ["-o", "faulthandler_exit_on_timeout=true"]
        words += ["-k", options.expression] if options.expression else []
        words += ["--deliver", options.deliver] if options.deliver else []
        if options.deliver and options.deliver_seed:
            words += ["--deliver-seed", options.deliver_seed]
        return [*words, *map(str, suite.only or [suite.tests])]

    @property
    def _configuration(self) -> Path:
        """The file that configures pytest and coverage."""
        return self.options.root / "pyproject.toml"

    def _environment(self) -> dict[str, str]:
        """Return what the suite's processes find in their environment."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _NOT_INHERITED and not name.startswith(_NOT_INHERITED_PREFIX)
        }
        return {
            **kept,
            "PYTHONPATH": str(self.suite.source),
            "PYTHONUNBUFFERED": "1",
            "COVERAGE_FILE": str(self.folder / ".coverage"),
        }


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end the block as Ctrl-C does, so that nothing is left running."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(slots=True)
class Output:
    """What pytest wrote so far, and how many tests its dots stand for.

    Attributes:
        text: All of it.
        silent_seconds: For how long it was silent when it was ended; 0 when it was not.
    """

    text: str = ""
    silent_seconds: float = 0.0
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _done: int = 0
    _line: str = ""

    def add(self, chunk: bytes) -> int:
        """Take some more and return how many tests have ended.

        Args:
            chunk: What was read; it may end amid a line or a letter.
        """
        new = self._decoder.decode(chunk)
        self.text += new
        *whole, self._line = (self._line + new).split("\n")
        self._done += sum(map(_dots, whole))
        return self._done + _dots(self._line)


def _dots(line: str) -> int:
    """Return how many tests a line of pytest's stands for."""
    found = _DOTS.fullmatch(line)
    return len(found[1]) if found else 0


def _chunks(
    process: subprocess.Popen[bytes], patience: float
) -> Iterator[bytes | None]:
    """Yield what a process writes until it ends; None before it is ended as silent.

    The end of the pipe is not waited for: a process that outlives pytest may hold it.
    SIGABRT ends a silent one, because pytest then says where each thread is.
    """
    assert process.stdout is not None  # noqa: S101 - asked for as a pipe
    descriptor = process.stdout.fileno()
    with process.stdout, selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        heard = time.monotonic()
        while True:
            ended = process.poll() is not None
            if selector.select(0 if ended else LOOK_SECONDS):
                chunk = os.read(descriptor, 65_536)
                if not chunk:
                    return
                heard = time.monotonic()
                yield chunk
            elif ended:
                return
            elif time.monotonic() - heard > patience:
                yield None
                process.send_signal(signal.SIGABRT)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process and to all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
