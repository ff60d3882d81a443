"""What is in a stored graph (ONNX), and where: nodes and tensors, to be changed or parted without the onnx package."""

from __future__ import annotations

import io
from dataclasses import dataclass

from ocrnn.model.wire import Span, fields, message, prefix

# Numbers of the fields in onnx.proto: of ModelProto, GraphProto, NodeProto, TensorProto, and of what tells a type.
_GRAPH, _METADATA = 7, 14
_NODE, _GRAPH_NAME, _INITIALIZER, _INPUTS, _OUTPUTS = 1, 2, 5, 11, 12
_INPUT, _OUTPUT, _OPERATOR = 1, 2, 4
_INT32_DATA, _TENSOR_NAME, _RAW = 5, 8, 9
_VALUE_NAME, _VALUE_TYPE, _TENSOR_TYPE, _SHAPE, _DIM, _DIM_NAME = 1, 2, 1, 2, 1, 2


FLOAT, INT32 = 1, 6
"""Numbers of types of tensors (TensorProto.DataType)."""


@dataclass(frozen=True)
class Node:
    """A node: operator, names of what enters and leaves it, and its fields as they are stored."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parts: tuple[tuple[int, Span], ...]


@dataclass(frozen=True)
class Tensor:
    """A stored tensor: where it stands, and where its numbers do if they are whole ones of a byte."""

    span: Span
    numbers: Span | None


class Graph:
    """A stored graph, whose `content` may be changed in place as long as nothing changes its length."""

    def __init__(self, content: bytes) -> None:
        """Find the parts of an ONNX file; raises Damaged where it is none, UnicodeDecodeError for such names."""
        self.content = bytearray(content)
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self._called: Span = (0, 0)
        self._inputs: list[Span] = []
        self._outputs: list[Span] = []
        self._left_out: list[tuple[int, int]] = []  # of the file: the graph itself and what is told about it
        self._stream = io.BytesIO(content)
        for number, start, length in fields(self._stream, len(content)):
            if number in (_GRAPH, _METADATA):
                self._left_out.append((start - len(prefix(number, length)), start + length))
            if number == _GRAPH:
                self._find(start + length)

    def part(self, nodes: list[tuple[Node, tuple[str, ...]]], given: dict[str, int], made: str | None) -> bytes:
        """A file with these nodes alone, each with what is to enter it, and the tensors that they need.

        `given` are further inputs beside those that the graph has and the nodes take, each by the number of its type
        and with three axes, or one where it is whole; `made` is what leaves them, None what leaves the graph.
        """
        used = {name for _, inputs in nodes for name in inputs}
        body = message(_GRAPH_NAME, self._at(self._called))
        body += b"".join(message(_NODE, self._node(node, inputs)) for node, inputs in nodes)
        body += b"".join(
            message(_INITIALIZER, self._at(tensor.span)) for name, tensor in self.tensors.items() if name in used
        )
        for span in self._inputs:
            body += message(_INPUTS, self._at(span)) if self._name(span) in used else b""
        for name, kind in given.items():
            body += message(_INPUTS, _value(name, kind, axes=3 if kind == FLOAT else 1))
        if made is None:
            body += b"".join(message(_OUTPUTS, self._at(span)) for span in self._outputs)
        else:
            body += message(_OUTPUTS, _value(made, FLOAT, axes=3))
        ends = [0, *(end for span in self._left_out for end in span), len(self.content)]
        head = b"".join(bytes(self.content[ends[n] : ends[n + 1]]) for n in range(0, len(ends), 2))
        return head + message(_GRAPH, body)

    def _find(self, end: int) -> None:
        for number, start, length in fields(self._stream, end):
            span = (start, length)
            if number == _NODE:
                parts = tuple((part, (at, size)) for part, at, size in fields(self._stream, start + length))
                said = {
                    kind: tuple(self._text(its) for part, its in parts if part == kind)
                    for kind in (_INPUT, _OUTPUT, _OPERATOR)
                }
                self.nodes.append(Node("".join(said[_OPERATOR]), said[_INPUT], said[_OUTPUT], parts))
            elif number == _INITIALIZER:
                places = {part: (at, size) for part, at, size in fields(self._stream, start + length)}
                name = self._text(places.get(_TENSOR_NAME, (0, 0)))
                self.tensors[name] = Tensor(span, places.get(_RAW) or places.get(_INT32_DATA))
            elif number == _GRAPH_NAME:
                self._called = span
            elif number == _INPUTS:
                self._inputs.append(span)
            elif number == _OUTPUTS:
                self._outputs.append(span)

    def _node(self, node: Node, inputs: tuple[str, ...]) -> bytes:
        rest = b"".join(message(part, self._at(span)) for part, span in node.parts if part != _INPUT)
        return b"".join(message(_INPUT, name.encode()) for name in inputs) + rest

    def _name(self, value: Span) -> str:
        self._stream.seek(value[0])
        return next((self._text((at, size)) for part, at, size in fields(self._stream, sum(value)) if part == 1), "")

    def _text(self, span: Span) -> str:
        return self._at(span).decode()

    def _at(self, span: Span) -> bytes:
        return bytes(self.content[span[0] : sum(span)])


def _value(name: str, kind: int, *, axes: int) -> bytes:
    """A value (ValueInfoProto) of so many axes of any length."""
    shape = b"".join(message(_DIM, message(_DIM_NAME, f"{name}_{axis}".encode())) for axis in range(axes))
    told = message(_TENSOR_TYPE, bytes((8, kind)) + message(_SHAPE, shape))
    return message(_VALUE_NAME, name.encode()) + message(_VALUE_TYPE, told)
