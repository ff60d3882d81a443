from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Bars

Run = Callable[..., Result]


@pytest.fixture
def run(bars: Bars, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Calls the program with arguments in an empty folder, the `Bars` model standing in for every model name."""
    from ocrnn.cli.main import program
    from ocrnn.model import runtime

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "open_model", lambda *_, **__: bars)
    for name in [name for name in os.environ if name.startswith("OCRNN")]:
        monkeypatch.delenv(name)

    def call(*arguments: str | Path, **options: Any) -> Result:
        result = CliRunner().invoke(program, list(map(str, arguments)), prog_name="ocrnn", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def start(root: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Starts the program in a process of its own, in an empty folder."""

    def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(root), **options.pop("env", {})}
        command = [sys.executable, "-m", "ocrnn", *arguments]
        if "stdout" not in options:
            options["stdout"] = subprocess.PIPE
        return subprocess.run(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, check=False, timeout=60, **options
        )

    return call
