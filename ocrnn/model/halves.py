"""A graph in two halves: convolutions for lines of one width, recurrent layers for lines of any widths together.

A convolution takes as long for eight lines as for one eight times; a recurrent layer walks from frame to frame and
takes two thirds of the time, on chips with tiles less than half. Hardly two lines of a folder have the same width, and
ground that fills up the narrower ones would change how they read: convolutions see it. Recurrent layers can be told
how long each line is. In eight bits a line then reads to the bit as it does alone (see `anchors`).
"""

from __future__ import annotations

from ocrnn.model.graph import FLOAT, INT32, Graph, Node

LENGTHS = "lengths"
"""Name of the second half's input (N,) that says how many frames each line has."""
LEAST_FRAMES = 16
"""Frames from which on lines of different lengths go together: anchors of shorter ones have not reached their ends."""

_RECURRENT = "DynamicQuantizeLSTM"
ANCHORED = "anchored"
"""What `anchors` calls the features (T, N, K) that enter the first layer."""
_PLACE = 4
"""Which input of a layer says how long its lines are."""


def halves(graph: Graph) -> tuple[bytes, bytes] | None:
    """Files of both halves: images to features, features and `LENGTHS` to log-probabilities.

    None for a graph that is not in eight bits with anchors, or that does not come apart there.
    """
    made = {name for node in graph.nodes for name in node.outputs}
    if ANCHORED not in made or "log_probs" not in made:
        return None
    front = _behind(graph, ANCHORED, stop=None)
    back = _behind(graph, "log_probs", stop=ANCHORED)
    known = {name for node in back for name in node.outputs} | graph.tensors.keys() | {ANCHORED, ""}
    if any(name not in known for node in back for name in node.inputs):
        return None
    told = [(node, _told(node)) for node in back]
    return (
        graph.part([(node, node.inputs) for node in front], {}, ANCHORED),
        graph.part(told, {ANCHORED: FLOAT, LENGTHS: INT32}, None),
    )


def _behind(graph: Graph, wanted: str, *, stop: str | None) -> list[Node]:
    """The nodes that make something, from what the graph is given or from `stop` on."""
    needed, kept = {wanted}, []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs) and stop not in node.outputs:
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _told(node: Node) -> tuple[str, ...]:
    """What enters a node of the second half: a recurrent layer also the lengths."""
    if node.operator != _RECURRENT:
        return node.inputs
    return (*node.inputs[:_PLACE], LENGTHS, *node.inputs[_PLACE + 1 :])
