from __future__ import annotations

import dataclasses
import json
import os
import random
import struct
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import onnx
import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.errors import ModelError
from ocrnn.model import file
from ocrnn.model.export import describe
from ocrnn.model.file import header
from ocrnn.spec import FORMAT, ModelSpec

BOTH = pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])


def refusal(path: Path) -> str:
    """The one sentence by which a file is refused."""
    with pytest.raises(ModelError) as refused:
        header(path)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"{path}: ")
    assert "; " in sentence, "no way out"
    return sentence


@BOTH
def test_header_gives_the_spec_that_was_stored(suffix: str, stored: dict[str, Path], spec: ModelSpec) -> None:
    assert header(stored[suffix]) == spec


def test_onnx_header_reads_what_the_onnx_package_reads(stored: dict[str, Path], tmp_path: Path) -> None:
    graph = onnx.load(stored[".onnx"])
    assert {entry.key: entry.value for entry in graph.metadata_props} == {"ocrnn": header(stored[".onnx"]).to_json()}
    # Others may add metadata, text, numbers and fields that come later than ours.
    spec_json = graph.metadata_props[0].value
    graph.doc_string = "x" * 300
    graph.model_version = 2**40
    onnx.helper.set_model_props(graph, {"first": "é" * 200, "ocrnn": spec_json, "": "", "last": "1"})
    path = tmp_path / "more.onnx"
    onnx.save(graph, path)
    assert header(path).to_json() == spec_json


@BOTH
def test_header_of_a_file_cut_anywhere(suffix: str, stored: dict[str, Path], tmp_path: Path) -> None:
    data = stored[suffix].read_bytes()
    path = tmp_path / f"cut{suffix}"
    for end in {*range(1, 200), *range(200, len(data), 397), len(data) - 1}:
        path.write_bytes(data[:end])
        refusal(path)
    path.write_bytes(data[: len(data) // 2])
    assert "cut short" in refusal(path)


@BOTH
def test_header_of_a_file_with_flipped_bits(suffix: str, stored: dict[str, Path], tmp_path: Path) -> None:
    """Either a spec or one sentence; never another exception, never for long."""
    data = stored[suffix].read_bytes()
    place = data.index(b'{"ocrnn"') if suffix == ".onnx" else 0
    dice = random.Random(5)
    path = tmp_path / f"flipped{suffix}"
    refused = 0
    for _ in range(250):
        flipped = bytearray(data)
        near = dice.choice((0, max(0, place - 40)))
        for _ in range(dice.randint(1, 3)):
            flipped[min(near + dice.randrange(1200), len(data) - 1)] ^= 1 << dice.randrange(8)
        path.write_bytes(flipped)
        try:
            header(path)
        except ModelError as refusal:
            refused += 1
            assert "\n" not in str(refusal)
    assert refused > 40


@pytest.mark.parametrize("seed", range(20))
@BOTH
def test_header_of_noise(suffix: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(b"\x01" + random.Random(seed).randbytes(5000))
    refusal(path)


def test_header_of_endless_small_fields(tmp_path: Path) -> None:
    path = tmp_path / "hostile.onnx"
    path.write_bytes(b"\x08\x01" * 2_000_000)
    assert "not an ONNX file" in refusal(path)


def test_header_of_deeply_nested_json(tmp_path: Path) -> None:
    nested = b"[" * 200_000
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(struct.pack("<Q", len(nested)) + nested)
    refusal(path)
    entry = json.dumps({"__metadata__": {"ocrnn": nested.decode()}}).encode()
    path.write_bytes(struct.pack("<Q", len(entry)) + entry)
    refusal(path)


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nosuch.onnx")
    (tmp_path / "empty.onnx").touch()
    assert "empty" in refusal(tmp_path / "empty.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "folder" in refusal(tmp_path / "folder.onnx")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file(stored: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "secret.onnx"
    path.write_bytes(stored[".onnx"].read_bytes())
    path.chmod(0)
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors", "model.onnx"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_refused_whatever_it_is_called(name: str, zipped: bool, tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert "pickle" in refusal(tmp_path / name)


def test_text_called_a_model(tmp_path: Path) -> None:
    for name in ("notes.onnx", "notes.safetensors", "notes.txt"):
        (tmp_path / name).write_text("Dear reader, this is no model.\n" * 50)
        refusal(tmp_path / name)
    assert "neither .onnx nor .safetensors" in refusal(tmp_path / "notes.txt")


def test_a_model_of_somebody_else(stored: dict[str, Path], tmp_path: Path) -> None:
    graph = onnx.load(stored[".onnx"])
    onnx.helper.set_model_props(graph, {"author": "somebody"})
    onnx.save(graph, tmp_path / "foreign.onnx")
    assert "not an ocrnn model" in refusal(tmp_path / "foreign.onnx")
    foreign = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    (tmp_path / "foreign.safetensors").write_bytes(struct.pack("<Q", len(foreign)) + foreign)
    assert "not an ocrnn model" in refusal(tmp_path / "foreign.safetensors")


def test_a_model_of_a_newer_program(spec: ModelSpec, tmp_path: Path) -> None:
    newer = spec.to_json().replace(f'"ocrnn": {FORMAT}', f'"ocrnn": {FORMAT + 1}', 1)
    entry = json.dumps({"__metadata__": {"ocrnn": newer}}).encode()
    (tmp_path / "newer.safetensors").write_bytes(struct.pack("<Q", len(entry)) + entry)
    assert "upgrade ocrnn" in refusal(tmp_path / "newer.safetensors")


@BOTH
def test_header_imports_no_engine(suffix: str, stored: dict[str, Path]) -> None:
    script = (
        "import sys; from ocrnn.model.runtime import header; header(sys.argv[1]);"
        "print([name for name in ('torch', 'onnxruntime', 'onnx', 'safetensors', 'google.protobuf') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, stored[suffix]], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def bringing(stored: Path, path: Path, *networks: bytes) -> Path:
    """The model with further networks in it."""
    graph = onnx.load(stored)
    describe(graph, header(stored), further=networks)
    onnx.save(graph, path)
    return path


def test_further_networks_come_out_as_they_were_put_in(
    stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    content = stored[".onnx"].read_bytes()
    assert file.further(bringing(stored[".onnx"], tmp_path / "0.onnx"), spec) == []
    assert file.further(stored[".safetensors"], spec) == []
    path = bringing(stored[".onnx"], tmp_path / "2.onnx", content, content)
    assert header(path) == spec
    assert [(network.spec, network.content()) for network in file.further(path, spec)] == [(spec, content)] * 2


def test_a_further_network_is_decoded_when_it_is_asked_for(
    stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    graph = onnx.load(stored[".onnx"])
    letters = b64encode(stored[".onnx"].read_bytes()).decode()
    bad = len(letters) // 2  # among the weights, behind which the spec stands
    damaged = f"{letters[:bad]}!{letters[bad + 1 :]}"
    onnx.helper.set_model_props(graph, {"ocrnn": spec.to_json(), file.FURTHER: damaged})
    onnx.save(graph, tmp_path / "letters.onnx")
    (network,) = file.further(tmp_path / "letters.onnx", spec)
    assert network.spec == spec
    with pytest.raises(ModelError, match=f"^{tmp_path / 'letters.onnx'}: .*a further network in it cannot be used"):
        network.content()


def test_a_further_network_that_cannot_be_used_is_refused(
    stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    content = stored[".onnx"].read_bytes()
    for called, bad in {"cut": content[:-9], "foreign": stored[".safetensors"].read_bytes()}.items():
        path = bringing(stored[".onnx"], tmp_path / f"{called}.onnx", content, bad)
        with pytest.raises(ModelError, match=f"^{path}: .*; "):
            file.further(path, spec)
    data = path.read_bytes()
    place = data.index(file.FURTHER.encode()) + len(file.FURTHER) + 99
    path.write_bytes(data[:place] + b"\x80" + data[place + 1 :])
    with pytest.raises(ModelError, match=f"^{path}: .*its metadata are not UTF-8"):
        file.further(path, spec)
    other = dataclasses.replace(spec, charset=Charset("xyz"))
    with pytest.raises(ModelError, match="reads other characters"):
        file.further(bringing(stored[".onnx"], tmp_path / "other.onnx", content), other)
    wider = dataclasses.replace(spec, line_format=dataclasses.replace(spec.line_format, margin=9))
    with pytest.raises(ModelError, match="takes other lines"):
        file.further(tmp_path / "other.onnx", wider)
    graph = onnx.load(stored[".onnx"])
    onnx.helper.set_model_props(graph, {"ocrnn": spec.to_json(), file.FURTHER: "no base64!"})
    onnx.save(graph, tmp_path / "letters.onnx")
    with pytest.raises(ModelError, match="a further network in it cannot be used"):
        file.further(tmp_path / "letters.onnx", spec)
