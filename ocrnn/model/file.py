"""Model files: what one says about itself without being loaded.

A model is a .safetensors (to train on) or an .onnx (to read with). Either carries the `ModelSpec` as JSON in its
metadata under the key "ocrnn". Both headers are read here with the standard library alone: `ocrnn info`, shell
completion and the first refusal of a wrong file wait for neither ONNX Runtime nor torch, and no byte is unpickled.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from ocrnn.errors import ModelError, unreadable
from ocrnn.model.wire import Damaged, fields
from ocrnn.spec import ModelSpec

KEY = "ocrnn"
"""Metadata key of the spec."""
FURTHER = "ocrnn.further"
"""Metadata key of further networks, of .onnx alone: the files that they would be, each a line of base64."""
SUFFIXES = (".onnx", ".safetensors")
"""File name endings of models."""

_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_AHEAD = 256
"""Bytes of a further network that are decoded at a time: fields that are skipped stand between those that are read."""
_UNUSABLE = "a further network in it cannot be used"
_MADE_BY = "give a model that `ocrnn train` or `ocrnn export` wrote"


def header(path: Path) -> ModelSpec:
    """Spec of a stored model, read without its weights: under a millisecond.

    Raises ModelError for a file that is missing, empty, cut short, damaged, a pickle, not a model of ocrnn, or newer.
    """
    try:
        with path.open("rb") as file:
            return _spec(path, file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; check the path, or see `ocrnn models`") from None
    except IsADirectoryError:
        raise ModelError(f"{path}: is a folder; name the model file in it") from None
    except OSError as fault:
        raise unreadable(ModelError, path, fault) from None


@dataclass(frozen=True)
class Further:
    """A network that a model file brings beside its own, for second looks, unopened."""

    spec: ModelSpec
    path: Path
    base64: str = field(repr=False)

    def content(self) -> bytes:
        """The .onnx that it would be; ModelError where its bytes are damaged."""
        try:
            return b64decode(self.base64, validate=True)
        except ValueError:
            raise damaged(self.path, _UNUSABLE) from None


def further(path: Path, own: ModelSpec) -> list[Further]:
    """The networks that a model file brings beside its own; of each no more is decoded than its spec.

    `own` is the spec in the file's header, which was read before. Raises ModelError for a network that is none, or one
    that reads other characters or takes other lines.
    """
    if path.suffix.lower() != ".onnx":
        return []
    try:
        with path.open("rb") as file:
            text = _onnx_metadata(file, os.fstat(file.fileno()).st_size, FURTHER)
    except Damaged as fault:
        raise damaged(path, str(fault)) from None
    networks = []
    for line in (text or "").split():
        spec = _spec(path, BufferedReader(_Decoded(line), _AHEAD), len(line) // 4 * 3 - line.count("=", -2))
        if spec.charset != own.charset:
            raise damaged(path, "a further network in it reads other characters")
        if (spec.line_format, spec.architecture.stride) != (own.line_format, own.architecture.stride):
            raise damaged(path, "a further network in it takes other lines")  # it is given those that are prepared
        networks.append(Further(spec, path, line))
    return networks


def packed(networks: Iterable[bytes]) -> dict[str, str]:
    """The metadata of an .onnx that brings further networks, each given as the .onnx that it would be."""
    text = "\n".join(b64encode(content).decode() for content in networks)
    return {FURTHER: text} if text else {}


def damaged(path: Path, fault: str) -> ModelError:
    """The error for a model file whose bytes are wrong; `fault` says how, in any number of lines."""
    return ModelError(f"{path}: the model file is damaged ({' '.join(fault.split())}); fetch or export it again")


class _Decoded(RawIOBase):
    """Base64 as the file that it stands for; of four million characters a spec is some thousand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        assert whence == os.SEEK_SET
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        first, last = self._at // 3, -(-(self._at + len(buffer)) // 3)
        try:
            decoded = b64decode(self._text[4 * first : 4 * last], validate=True)
        except ValueError:
            raise Damaged(_UNUSABLE) from None
        part = decoded[self._at - 3 * first :][: len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _spec(path: Path, file: BinaryIO, size: int) -> ModelSpec:
    """The spec in the bytes of a model; ModelError, which calls it by the path, where there is none."""
    try:
        return ModelSpec.from_json(_description(path, file, size), name=str(path))
    except Damaged as fault:
        raise damaged(path, str(fault)) from None
    except (ArithmeticError, ValueError, RecursionError) as fault:
        raise damaged(path, f"its description cannot be used: {fault}") from None


def _description(path: Path, file: BinaryIO, size: int) -> str:
    """The JSON text a model file carries; ModelError or Damaged where there is none."""
    start = file.read(4)
    if not start:
        raise ModelError(f"{path}: the model file is empty; fetch or export it again")
    if start.startswith(_PICKLES):
        raise ModelError(f"{path}: is a pickle or an archive, which ocrnn never opens as a model; {_MADE_BY}")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ModelError(f"{path}: is neither {' nor '.join(SUFFIXES)}; {_MADE_BY}")
    file.seek(0)
    read = _onnx_metadata if suffix == ".onnx" else _safetensors_metadata
    text = read(file, size, KEY)
    if text is None:
        raise ModelError(f"{path}: not an ocrnn model; {_MADE_BY}")
    return text


def _safetensors_metadata(file: BinaryIO, size: int, key: str) -> str | None:
    """A value in the `__metadata__` of a safetensors file: eight bytes of length, JSON of that length, tensors."""
    length = int.from_bytes(file.read(8), "little")
    if length > size - 8:
        raise Damaged("its header is cut short")
    try:
        tensors = json.loads(file.read(length))
        metadata = tensors.pop("__metadata__", {})
        end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        cut = 8 + length + end > size
        strings = all(isinstance(value, str) for value in metadata.values())
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise Damaged("its header is not that of a safetensors file") from None
    if cut:
        raise Damaged("it is cut short")
    value = metadata.get(key) if strings else None
    return None if value is None else str(value)


# An ONNX file is a protobuf `ModelProto`; its field 14, `metadata_props`, repeats `StringStringEntryProto` with
# field 1 for the key and field 2 for the value (onnx.proto). ONNX Runtime would read it too, but takes 20 to 100 ms to
# import and parses the weights first.
_METADATA, _ENTRY_KEY, _ENTRY_VALUE = 14, 1, 2


def _onnx_metadata(file: BinaryIO, size: int, key: str) -> str | None:
    """A value in the `metadata_props` of an ONNX file; the last where there are several, as in a protobuf map."""
    value = None
    for number, start, length in fields(file, size):
        if number != _METADATA:
            continue
        entry = {_ENTRY_KEY: (0, 0), _ENTRY_VALUE: (0, 0)}
        for part, at, part_length in fields(file, start + length):
            entry[part] = (at, part_length)
        try:
            if _part(file, *entry[_ENTRY_KEY]) == key:  # a further network is a thousand times as long as a spec
                value = _part(file, *entry[_ENTRY_VALUE])
        except UnicodeDecodeError:
            raise Damaged("its metadata are not UTF-8") from None
        file.seek(start + length)
    return value


def _part(file: BinaryIO, start: int, length: int) -> str:
    file.seek(start)
    return file.read(length).decode()
