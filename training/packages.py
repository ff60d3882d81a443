"""Public packages, fetched by name and version with their systems' own programs, and the files in them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Literal

Source = Literal["debian", "npm"]


def fetch(source: Source, package: str, version: str, folder: Path) -> Path:
    """Archive of a package in `folder`, downloaded unless it is there; without a version, the one on offer.

    Raises SystemExit, with what the program said, when there is no such package. A Debian version that is gone, since
    the system is another release, is replaced by the one on offer, and stderr says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # What stands before the version begins the names of other packages, too: fira-sans, fira-sans-extra-condensed.
    name, number = package.lstrip("@").replace("/", "-"), version.replace(":", "%3a") or "[0-9]*"
    archive = f"{name}-{number}.tgz" if source == "npm" else f"{name}_{number}_*.deb"
    kept = sorted(folder.glob(archive))
    if kept:
        return kept[0]
    if source == "npm":
        wanted = f"{package}@{version}" if version else package
        done = _call("npm", "pack", "--silent", wanted, folder=folder)
    else:
        done = _call("apt-get", "download", f"{package}={version}" if version else package, folder=folder)
        if version and done.returncode:
            print(f"{package}: version {version} is not on offer here; taking the one that is", file=sys.stderr)
            return fetch(source, package, "", folder)
    made = sorted(folder.glob(archive))
    if done.returncode or not made:
        raise SystemExit(f"{package}: {' '.join(done.stderr.split())}")
    return made[-1]


def files(archive: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Path and content of every regular file in an archive, in its order; nothing is unpacked to the disk."""
    with _opened(archive) as members:
        for member in members:
            stream = members.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield PurePosixPath(member.name), stream.read()


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    if archive.suffix != ".deb":
        with tarfile.open(archive, "r:gz") as members:
            yield members
        return
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as process:
        stream: IO[bytes] | None = process.stdout
        assert stream is not None
        with tarfile.open(fileobj=stream, mode="r|") as members:
            yield members
        stream.read()  # what pads the end of the archive; the program would complain of a reader that left


def _call(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]}: not on this system; it fetches the packages") from None
