"""What Python's own tarfile writes, in each of its formats, is found with its bytes; what is spoiled is said."""

from __future__ import annotations

import io
import itertools
import random
import tarfile
from pathlib import Path

import pytest

from ocrnn.data.tar import BLOCK, TarFault, members, new_tar

NAMES = [
    "1.png",
    "folder/2.v1.png",
    "é/ß.png",
    "a" * 90 + "/" + "b" * 60 + ".png",  # with a prefix in ustar, an extension elsewhere
    "ж" * 120 + ".png",
    "empty.txt",
]


def packed(names: list[str], form: int) -> tuple[bytes, dict[str, bytes]]:
    rng = random.Random(3)
    truth = {name: rng.randbytes(rng.randrange(1, 2000)) if "empty" not in name else b"" for name in names}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for number, (name, data) in enumerate(truth.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), number + 0.5 if form == tarfile.PAX_FORMAT else number
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "1.png"
        tar.addfile(link)
    return stream.getvalue(), truth


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_tarfile_wrote(form: int, tmp_path: Path) -> None:
    names = [name for name in NAMES if form != tarfile.USTAR_FORMAT or (len(name) < 160 and "ж" not in name)]
    data, truth = packed(names, form)
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with path.open("rb") as stream:
        found = list(members(stream))
        assert {member.name: member.read(path) for _, member in found} == truth
        # From the header of any of them on, the rest is found alike.
        for place, (start, _) in enumerate(found):
            assert start % BLOCK == 0
            assert list(members(stream, start)) == found[place:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x1f\x8b" + bytes(600), "compressed"),
        (b"no tar" * 200, "not a tar file"),
        (packed(NAMES, tarfile.GNU_FORMAT)[0][:5000], "cut off or damaged"),
        (packed(NAMES, tarfile.GNU_FORMAT)[0][:1024], "cut off or damaged"),
    ],
)
def test_what_is_no_whole_tar_is_said(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with path.open("rb") as stream, pytest.raises(TarFault, match=reason):
        list(members(stream))


def header(kind: bytes, size: bytes, name: bytes = b"1.png") -> bytes:
    """A header with the sum that it needs; the size in the twelve bytes that it has there."""
    made = bytearray(BLOCK)
    made[: len(name)], made[124:136], made[156:157], made[257:265] = name, size, kind, b"ustar\x0000"
    made[148:156] = b"%06o\0 " % (sum(made) + 8 * ord(" "))
    return bytes(made)


def block(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def test_what_is_packed_is_a_whole_tar_and_the_same_each_time(tmp_path: Path) -> None:
    files = {"1.png": bytes(range(200)), "folder/2.txt": b"", "3.png": b"x" * BLOCK}
    for path in (tmp_path / "x.tar", tmp_path / "y.tar"):
        with new_tar(path) as add:
            for name, data in files.items():
                add(name, data)
    with (tmp_path / "x.tar").open("rb") as stream:
        assert {member.name: member.read(tmp_path / "x.tar") for _, member in members(stream)} == files
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert tar.getnames() == list(files)
    assert (tmp_path / "x.tar").read_bytes() == (tmp_path / "y.tar").read_bytes()


def test_sizes_in_bytes_and_those_of_an_extension_are_known(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    large = header(b"0", b"\x80" + (700).to_bytes(11, "big"), b"large.png") + block(b"a" * 700)
    told = header(b"x", b"%011o\0" % 12) + block(b"12 size=600\n")
    path.write_bytes(large + told + header(b"0", b"%011o\0" % 0, b"told.png") + block(b"b" * 600) + bytes(2 * BLOCK))
    with path.open("rb") as stream:
        found = {member.name: member.read(path) for _, member in members(stream)}
    assert found == {"large.png": b"a" * 700, "told.png": b"b" * 600}


def test_a_record_of_no_length_leads_to_no_circle(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    told = header(b"x", b"%011o\0" % 9) + block(b"0 path=a\n")
    path.write_bytes(told + header(b"0", b"%011o\0" % 4) + block(b"text") + bytes(2 * BLOCK))
    with path.open("rb") as stream:
        assert len(list(members(stream))) == 1


def test_an_extension_longer_than_any_name_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    for size, whole in ((1 << 20, True), ((1 << 20) + 1, False)):
        name = header(b"L", b"%011o\0" % size) + block(b"n" * size)
        path.write_bytes(name + header(b"0", b"%011o\0" % 4) + block(b"text") + bytes(2 * BLOCK))
        with path.open("rb") as stream:
            if whole:
                assert [len(member.name) for _, member in members(stream)] == [size]
            else:
                with pytest.raises(TarFault, match="cut off or damaged"):
                    list(members(stream))


@pytest.mark.parametrize("size", [b"-1000      \0", b"-777\0", b"-1"])
def test_a_size_below_nothing_leads_to_no_circle(size: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(header(b"0", size.ljust(12, b"\0")) + bytes(3 * BLOCK))
    with path.open("rb") as stream, pytest.raises(TarFault, match="cut off or damaged"):
        list(itertools.islice(members(stream), 9))


def test_any_bytes_end(tmp_path: Path) -> None:
    """Flipped bits are found by the sums, or change what no reader looks at; nothing else is raised."""
    data, truth = packed(NAMES, tarfile.PAX_FORMAT)
    rng = random.Random(7)
    path = tmp_path / "x.tar"
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 3, 50])):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with path.open("rb") as stream:
            try:
                found = list(members(stream))
            except TarFault:
                continue
            assert len(found) <= len(truth)
