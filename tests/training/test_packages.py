from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from training.packages import Source, fetch

OTHERS = (
    "acme-sans-2.1.0.tgz",
    "acme-sans-mono-2.1.tgz",
    "acme-sans-12.1.tgz",
    "sans_2.1-1_all.deb",
    "sans_1%3a2.1_all.deb",
)
"""Archives of other packages and versions, whose names hold the same."""


@pytest.mark.parametrize(
    ("source", "package", "version", "made"),
    [
        ("npm", "@acme/sans", "2.1", "acme-sans-2.1.tgz"),
        ("debian", "sans", "2.1", "sans_2.1_all.deb"),
        ("debian", "sans", "2:2.1-1", "sans_2%3a2.1-1_amd64.deb"),
    ],
)
def test_an_archive_is_that_of_the_package_and_version(
    source: Source, package: str, version: str, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OTHERS:
        (tmp_path / name).touch()
    calls = []

    def download(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        (folder / made).touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("training.packages._call", download)
    for _ in range(2):  # the second time it is there
        assert fetch(source, package, version, tmp_path) == tmp_path / made
    assert len(calls) == 1


def test_a_debian_version_that_is_gone_gives_way_to_the_one_on_offer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def download(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        if command[-1] == "sans":
            (folder / "sans_3.0_all.deb").touch()
        return subprocess.CompletedProcess(command, int(command[-1] != "sans"), "", "no such version")

    monkeypatch.setattr("training.packages._call", download)
    assert fetch("debian", "sans", "2.1", tmp_path).name == "sans_3.0_all.deb"
    assert capsys.readouterr().err == "sans: version 2.1 is not on offer here; taking the one that is\n"


def test_a_package_that_there_is_not_ends_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess((), 1, "", "npm error 404\n")
    monkeypatch.setattr("training.packages._call", lambda *_, **__: failed)
    with pytest.raises(SystemExit, match="@acme/none: npm error 404"):
        fetch("npm", "@acme/none", "", tmp_path)
