"""Commands forked from a process that has imported their modules: each is a process of its own, started in no time.

What is not as in a command that a person starts: modules are imported already, and nothing is taken down at the end
but what asked for it. A whole life is tested by commands with a Python of their own (`typed(…, fresh=True)`).
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

LLAMA = Path(sys.executable).parent / "llama"
HEAVY = (
    "llama.analyses.telling",
    "llama.engine.folder.run",
    "llama.engine.running.runner",
    "llama.cli.selection",
    "llama.engine.running.watching",
    "psutil",
)
"""What commands import when they run, over and above what steps do."""


class Forker:
    """The process that has the imports. One command at a time."""

    def __init__(self) -> None:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        words = [sys.executable, __file__]
        self._folder = tempfile.TemporaryDirectory(prefix="llama-forked-")
        # Without a buffer: one would take in both lines of a quick command, and `select` would wait for the second
        self._process = subprocess.Popen(
            words, env=environment, cwd=self._folder.name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def run(self, words: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        """Exit status of `llama` with these words, and what it said: standard output, then standard error."""
        said = [str(Path(self._folder.name, name)) for name in ("stdout", "stderr")]
        request = {"words": list(words), "environment": dict(environment), "folder": str(Path.cwd()), "said": said}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        status = self._answer(timeout_s)
        return status, "".join(Path(path).read_text(encoding="utf-8") for path in said)

    def close(self) -> None:
        """End the process, and with it a command that is still running."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def _answer(self, timeout_s: float) -> int:
        assert self._process.stdout is not None
        pid = int(self._process.stdout.readline())
        if not select.select([self._process.stdout], [], [], timeout_s)[0]:
            os.killpg(pid, signal.SIGKILL)
            self._process.stdout.readline()
            raise TimeoutError(f"the command was not done after {timeout_s:g} s")
        return int(self._process.stdout.readline())


@cache
def forker() -> Forker:
    """This test process's own."""
    made = Forker()
    atexit.register(made.close)
    return made


# ---------------------------------------------------------------------- the process itself


def serve() -> dict[str, Any] | None:
    """Fork for each request, tell the child's number and its exit status. A child gets its request, the end None."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    for line in requests:
        pid = os.fork()
        if pid == 0:
            requests.close()
            os.close(answers)
            os.setpgid(0, 0)
            request: dict[str, Any] = json.loads(line)
            return request
        os.write(answers, b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    return None


def become(request: Mapping[str, Any]) -> None:
    """Be what a process is that was just started as `llama`: streams, environment, folder, arguments, main module."""
    for number, path in ((1, request["said"][0]), (2, request["said"][1])):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv[:] = [str(LLAMA), *request["words"]]
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), errors="backslashreplace", line_buffering=True
    )
    main = types.ModuleType("__main__")  # worker processes import it once more, as they do for the program
    main.__file__ = str(LLAMA)
    sys.modules["__main__"] = main
    multiprocessing.util.spawnv_passfds = fork_server  # type: ignore[attr-defined]


SPAWN = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]
SERVERS = ("from multiprocessing.forkserver import main", "from multiprocessing.resource_tracker import main")


def fork_server(program: bytes, words: Sequence[str], descriptors: Sequence[int]) -> int:
    """Stands in for how multiprocessing starts its own servers: forked from here, where the imports are, as well.

    It is still a process of its own, which forks the steps; what it says of itself in `ps` is all that differs. A
    worker that is to be spawned is spawned: it has a Python of its own.
    """
    if not words[-1].startswith(SERVERS):
        return int(SPAWN(program, words, descriptors))
    if pid := os.fork():
        return pid
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    kept = sorted({0, 1, 2, *descriptors})
    for first, last in pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
        os.closerange(first + 1, last)
    for one in (multiprocessing.forkserver._forkserver, multiprocessing.resource_tracker._resource_tracker):
        one._lock._at_fork_reinit()  # held by the thread that forked, which is not here
    return live(lambda: exec(words[-1], {}) or 0)


def live(call: Callable[[], int]) -> NoReturn:
    """Call, and end as Python ends, without taking every module apart, which takes longer than most commands do."""
    status: Any = 1
    try:
        try:
            status = call()
        except SystemExit as leaving:
            status = leaving.code or 0
        except BaseException:  # noqa: BLE001 - as the interpreter does
            traceback.print_exc()
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
    finally:  # whatever happens, nothing goes on in the frames of the process that forked
        os._exit(status)


if __name__ == "__main__":
    from llama.app import PRELOAD
    from llama.cli.main import COMMANDS, main

    for module in (*PRELOAD, *HEAVY, *(f"llama.cli.{name}" for name, _ in COMMANDS.values())):
        importlib.import_module(module)
    gc.freeze()  # a collection in a child copies no page of these
    wanted = serve()
    if wanted is not None:
        become(wanted)
        live(main)
