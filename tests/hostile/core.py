"""A case, how it ended, and the runner: child processes that name each case before they try it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Timer

import numpy as np

from anomaly_lab.errors import AnomalyLabError

KINDS = ("tables", "options", "parameters", "dtypes", "model_files", "faults", "submissions")
LIMIT = 60  # seconds that a case may take
PATIENCE = 5  # seconds after which a process that a command has started must have ended
MEMORY = 16 * 2**30  # bytes of address space: what asks for more fails here, not on the machine
RIGHT, REFUSED = "right", "refused"
FAILURES = (
    "traceback",
    "crash",
    "hang",
    "should not happen",
    "warning",
    "not finite",
    "wrong",
    "input changed",
    "half-written file",
    "leftover draft",
    "leftover process",
)

Action = Callable[[], None]


class RefusedError(AnomalyLabError):
    """A command that ended with an error of its own."""


class Failure(Exception):  # noqa: N818 - it is what was looked for, not an error
    """One of `FAILURES`, seen in a case."""

    def __init__(self, name: str, detail: object):
        assert name in FAILURES
        super().__init__(name, str(detail))


@dataclass(frozen=True)
class Case:
    """What is tried: the same again for the same three values."""

    kind: str
    seed: int
    number: int

    @property
    def command(self) -> str:
        """The line that tries it again."""
        return f"python -m tests.hostile --kind {self.kind} --seed {self.seed} --only {self.number}"

    def make(self, folder: Path) -> tuple[str, Action]:
        """Say what is tried, and return the function that tries it in an empty folder."""
        rng = np.random.default_rng([zlib.crc32(self.kind.encode()), self.seed, self.number])
        return import_module(f".{self.kind}", __package__).make(rng, folder)


@dataclass(frozen=True)
class Outcome:
    """How a case ended: `RIGHT`, `REFUSED` or one of `FAILURES`."""

    case: Case
    what: str
    ended: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.ended}: {self.what}\n    {self.detail}\n    {self.case.command}"


def tally(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a line a kind: how many inputs were tried, and how they ended."""
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        counts.setdefault(outcome.case.kind, Counter())[outcome.ended] += 1
    if len(counts) > 1:
        counts["in all"] = sum(counts.values(), Counter())
    return [
        f"{kind:12}{count.total():7,} inputs: {count[RIGHT]:,} right, {count[REFUSED]:,} refused"
        + "".join(f", {count[name]:,} {name}" for name in FAILURES if count[name])
        for kind, count in counts.items()
    ]


# --- The parent ----------------------------------------------------------------------------------


def outcomes(kind: str, seed: int, numbers: Sequence[int], limit: float = LIMIT) -> list[Outcome]:
    """Try some cases of a kind, in one child after the other: a crash or a hang ends a child."""
    found: list[Outcome] = []
    while len(found) < len(numbers):
        found += _of_one_child(kind, seed, numbers[len(found) :], limit)
    return found


def _of_one_child(kind: str, seed: int, numbers: Sequence[int], limit: float) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        child = _start(kind, seed, numbers, home)
        late: list[bool] = []

        def end() -> None:
            late.append(True)
            child.kill()

        case, what, timer = None, "", Timer(0, lambda: None)
        left = list(numbers)
        for line in child.stdout:
            timer.cancel()
            number, *said = json.loads(line)
            if len(said) == 1:
                case, what, timer = Case(kind, seed, number), said[0], Timer(limit, end)
                timer.start()
            else:
                yield Outcome(case, what, *said)
                case = None
                left.remove(number)
        timer.cancel()
        child.stdout.close()
        code = child.wait()
        if code < 0 and left and not case:  # what prepares a case calls the package, too
            case, what = Case(kind, seed, left[0]), "while it was prepared"
        if code and not case:  # a fault of the harness itself
            raise RuntimeError(Path(home, "stderr").read_text("utf-8", "replace")[-2000:])
        if case:
            detail = f"no end after {limit:g} s" if late else f"the process ended with {code}"
            yield Outcome(case, what, "hang" if late else "crash", detail)


def _start(kind: str, seed: int, numbers: Sequence[int], home: str) -> subprocess.Popen[str]:
    own = {
        "ANOMALY_LAB_CACHE": f"{home}/cache",
        "ANOMALY_LAB_OFFLINE": "1",
        "COLUMNS": "200",
        "HOME": home,
        "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TMPDIR": home,
    }
    inherited = {k: v for k, v in os.environ.items() if k != "ANOMALY_LAB_DEBUG"}
    root = Path(__file__).parents[2]
    paths = [str(root / "tests"), str(root), inherited.get("PYTHONPATH", "")]
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    with open(f"{home}/stderr", "wb") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "hostile", "--child", kind, str(seed), *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=inherited | own,
            cwd=home,
            text=True,
        )


# --- The child -----------------------------------------------------------------------------------


def work(kind: str, seed: int, numbers: Iterable[int]) -> None:
    """Try cases one by one, and say of each what it is before, and how it ended after."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a case prints is no report
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    home = Path.cwd()
    for number in numbers:
        case = Case(kind, seed, number)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            os.chdir(folder)
            what, action = case.make(Path(folder))
            print(json.dumps([number, short(what)]), file=report, flush=True)
            print(json.dumps([number, *judged(action)]), file=report, flush=True)
            os.chdir(home)


def judged(action: Action) -> tuple[str, str]:
    """Try it, and say how it ended."""
    ended, detail = RIGHT, ""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            action()
        except AnomalyLabError as error:
            ended, detail = REFUSED, str(error)
        except Failure as failure:
            ended, detail = failure.args
        except BaseException as error:
            ended, detail = "traceback", _where(error)
    if ended == REFUSED and len(detail.split()) < 4:
        return "wrong", f"a refusal without a sentence: {detail!r}"
    others = [w for w in seen if w.category not in (UserWarning, ResourceWarning)]
    others = [w for w in others if "accept a copy keyword" not in str(w.message)]  # of Keras
    if ended in (RIGHT, REFUSED) and others:
        return "warning", short(f"{others[0].category.__name__}: {others[0].message}")
    return ended, short(detail)


def _where(error: BaseException) -> str:
    own = [f for f in traceback.extract_tb(error.__traceback__) if "anomaly_lab" in f.filename]
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else " in the harness"
    try:
        return f"{type(error).__name__}: {str(error)[:300]}{place}"
    except Exception:  # what is tried may hold errors that cannot be printed
        return f"{type(error).__name__}{place}"


# --- Commands, and the files around them ---------------------------------------------------------


def run_command(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command in this process, and return its exit code and what it printed."""
    from anomaly_lab import cli

    before, sys.argv = sys.argv, ["anomaly-lab", *arguments]
    with tempfile.TemporaryFile() as printed:
        # As files, since a command does with its streams as it likes.
        out, err = (os.fdopen(os.dup(printed.fileno()), "w", encoding="utf-8") for _ in range(2))
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                cli.main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code
        finally:
            sys.argv = before
            for stream in (out, err):
                with contextlib.suppress(ValueError):  # where it is closed, or a part of another
                    stream.close()
        printed.seek(0)
        return int(code or 0), printed.read().decode("utf-8", "replace")


def short(text: str) -> str:
    """Return a text on one line, without its middle where it is long."""
    text = " ".join(text.split())
    return text if len(text) < 600 else f"{text[:300]} ... {text[-300:]}"


def check_said(code: int, text: str, allowed: Sequence[int] = (0, 2)) -> None:
    """Judge a command by its exit code and words; a refusal is raised as one."""
    if "Traceback (most recent call last)" in text:
        raise Failure("traceback", short(text))
    if "should not happen" in text or "Unexpected " in text:
        raise Failure("should not happen", short(text))
    if match := re.search(r"^.*\.py:\d+: \w*Warning.*$", text, re.MULTILINE):
        raise Failure("warning", match[0])
    if code not in allowed:
        raise Failure("wrong", f"exit code {code}: {short(text)}")
    if code:
        raise RefusedError(short(text))


def snapshot(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Return type, permissions and content of every file in a folder."""
    return {
        path: (path.lstat().st_mode, _content(path))
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(os.readlink(path))
    return path.read_bytes() if path.is_file() else b""


def check_files(
    before: dict[Path, tuple[int, bytes]], folder: Path, outputs: Sequence[Path] = ()
) -> None:
    """Judge what a command left: inputs as they were, outputs whole, nothing else."""
    for path, (mode, content) in snapshot(folder).items():
        if path in outputs:
            if before.get(path, (0, b""))[1] != content and not path.is_symlink():
                check_whole(path, content)
            if path in before and before[path][0] != mode:
                raise Failure("wrong", f"the permissions of {path.name} changed to {mode:o}")
        elif path not in before:
            raise Failure("leftover draft", path.relative_to(folder))
        elif before[path] != (mode, content):
            raise Failure("input changed", path.relative_to(folder))
    if gone := [path.name for path in before if not os.path.lexists(path)]:
        raise Failure("input changed", f"{gone} no longer there")


def check_whole(path: Path, content: bytes) -> None:
    """Judge a file that was written, by its content: to the end, and every number finite."""
    if path.suffix in (".py", ".toml", ".md"):  # a detector to start from
        return
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        whole = text.endswith("</html>")
    elif text.startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            json.loads(text, parse_constant=_refuse_constant)
            return
        whole = False
    elif text.startswith("student,"):
        whole = content.endswith(b"\n")
    else:
        whole = content.startswith(b"PK") and b"PK\x05\x06" in content[-100:]  # a zip's end
    if not whole:
        raise Failure("half-written file", f"{path.name}: {content[:30]!r} ... {content[-30:]!r}")


def _refuse_constant(name: str) -> None:
    raise Failure("not finite", f"{name} in the results")


def check_finite(scores: object, n: int) -> np.ndarray:
    """Judge scores: one finite number a row."""
    if not isinstance(scores, np.ndarray) or scores.shape != (n,) or scores.dtype != np.float64:
        raise Failure("wrong", f"{n} scores expected, got {scores!r}"[:300])
    if not np.isfinite(scores).all():
        raise Failure("not finite", scores)
    return scores


def no_leftover(mark: str, session: int = -1) -> None:
    """Judge that what a run has started ends with it: by a mark in its environment or words."""
    end = time.monotonic() + PATIENCE
    while left := [
        pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is(pid, mark, session)
    ]:
        if time.monotonic() > end:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise Failure("leftover process", f"{len(left)} still there after {PATIENCE} s")
        time.sleep(0.02)


def _is(pid: int, mark: str, session: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        about = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        marked = mark.encode() in b"".join(
            Path(f"/proc/{pid}/{file}").read_bytes() for file in ("environ", "cmdline")
        )
    except OSError:
        return False
    return about[0] not in "ZX" and (marked or int(about[3]) == session)
