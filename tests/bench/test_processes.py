from __future__ import annotations

import sys

import pytest

from ocrnn.bench.processes import spend
from ocrnn.errors import BenchError


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_time_and_memory_are_those_of_the_process() -> None:
    spent = spend([python("import time; data = b'x' * 150_000_000; time.sleep(0.5)")])
    assert 0.5 < spent.seconds < 20
    assert spent.processor_s is None or spent.processor_s < 0.5
    busy = spend([python("import time\nwhile time.process_time() < 0.5:\n    pass")] * 2)
    assert busy.processor_s is None or 1.0 <= busy.processor_s < 2.0
    assert spent.peak_mb is None or 150 < spent.peak_mb < 200
    ballast = bytearray(b"x" * 300_000_000)  # what this process has counts for none that it starts
    less = spend([python("pass")]).peak_mb
    assert ballast and (less is None or less < 60)


def test_processes_run_side_by_side() -> None:
    """Each waits for the other, by a file that it makes."""
    waiting = (
        "import os, sys, time\nopen(sys.argv[1], 'w').close()\n"
        "end = time.time() + 30\n"
        "while not os.path.exists(sys.argv[2]):\n    time.sleep(0.01)\n    assert time.time() < end"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        names = f"{folder}/a", f"{folder}/b"
        spend([[*python(waiting), *names], [*python(waiting), *names[::-1]]])


def test_programs_may_keep_what_they_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    spend([python("import sys; assert not sys.dont_write_bytecode")])


def test_the_environment_reaches_them() -> None:
    spend([python("import os; assert os.environ['OMP_THREAD_LIMIT'] == '3'")], {"OMP_THREAD_LIMIT": "3"})


def test_what_fails_is_told_in_one_line() -> None:
    with pytest.raises(BenchError, match=r"ended with status 1 \(AssertionError: seven\); run it by itself"):
        spend([python("import time; time.sleep(60)"), python("assert False, 'seven'")][1:])
    with pytest.raises(BenchError, match="no-such-program: cannot be started"):
        spend([["no-such-program"]])
