"""The wire format of protobuf, as far as finding the parts of an ONNX file takes: fields are skipped by their length.

The `onnx` package would do it too, but is no part of the base install.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_MOST_FIELDS = 10_000  # real files have some ten; a hostile one may not keep us counting two-byte fields for minutes


Span = tuple[int, int]
"""Start and length of some bytes."""


class Damaged(Exception):
    """What is wrong with the bytes of a model, in words."""


def fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and length of each field of a protobuf message that ends at `end` and starts where `file` stands.

    Only fields with a length are given; the file stands at the start of the field when it is, and may be read from
    before the next is asked for. Raises Damaged where the bytes are no such message.
    """
    for _ in range(_MOST_FIELDS):
        if file.tell() >= end:
            return
        tag = _varint(file)
        number, wire = tag >> 3, tag & 7
        length = {1: 8, 5: 4}.get(wire, 0)
        if wire == 0:
            _varint(file)
        elif wire == 2:
            length = _varint(file)
        elif wire not in (1, 5) or number == 0:
            raise Damaged("it is not an ONNX file inside")
        start = file.tell()
        if start + length > end:
            raise Damaged("it is cut short")
        if wire == 2:
            yield number, start, length
        file.seek(start + length)
    raise Damaged("it is not an ONNX file inside")


def prefix(number: int, length: int) -> bytes:
    """What stands before a field of this number and length."""
    return _packed(number << 3 | 2) + _packed(length)


def message(number: int, content: bytes) -> bytes:
    """A field of this number as it stands in a message."""
    return prefix(number, len(content)) + content


def _packed(number: int) -> bytes:
    packed = bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*packed, number))


def _varint(file: BinaryIO) -> int:
    """One protobuf number: seven bits a byte, lowest first, the eighth bit says that more follow."""
    number = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise Damaged("it is cut short")
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    raise Damaged("it is not an ONNX file inside")
