"""What several tests need: a drawn line, the checkout, the shipped model where it is already there, and a browser."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrnn.charset import Charset
from ocrnn.spec import ModelSpec

ROOT = Path(__file__).parent.parent

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def drawn() -> npt.NDArray[np.uint8]:
    """A printed line, grey (48, w), black on white, drawn with the one face that Pillow carries."""
    font = ImageFont.load_default(28)
    picture = Image.new("L", (round(font.getlength("Total 12.40 EUR")) + 20, 48), 255)
    ImageDraw.Draw(picture).text((10, 24), "Total 12.40 EUR", fill=0, font=font, anchor="lm")
    return np.asarray(picture).copy()


@pytest.fixture(scope="session")
def latin(root: Path) -> str:
    """Name of the shipped model; skips where it has not been trained yet."""
    if not (root / "ocrnn" / "models" / "latin.onnx").exists():
        pytest.skip("the shipped model is not there; train it as training/README.md says")
    return "latin"


class Bars:
    """A model without weights and the script it reads: the n-th character is a bar of n/20 of the line's height.

    A frame's mean ink times 20 is its class, so that what a picture says is known by drawing it and by no network.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        self.spec = ModelSpec(Charset("0123456789"), temperature=temperature)

    def draw(self, text: str, *, scale: int = 1) -> npt.NDArray[np.uint8]:
        """Grey (40 scale, w): each character a black bar 8 columns wide on white, 4 columns of ground around it."""
        grey = np.full((40, 4 + 12 * len(text)), 255, np.uint8)
        for place, number in enumerate(self.spec.charset.encode(text)):
            grey[40 - 2 * number :, 4 + 12 * place : 12 + 12 * place] = 0
        return grey.repeat(scale, axis=0).repeat(scale, axis=1)

    def save(self, path: Path, text: str) -> str:
        """Draw a text into a picture file; gives its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self.draw(text)).save(path)
        return str(path)

    def infer(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log-probabilities (T, N, C) of lines (N, 1, H, W), T = W / 4."""
        height, width = images.shape[2:]
        ink = 20 * images.reshape(-1, height, width // 4, 4).mean(axis=(1, 3)).T  # (T, N)
        logits = -4 * (ink[:, :, None] - np.arange(self.spec.charset.classes)) ** 2
        log_probs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        return np.asarray(log_probs, np.float32)

    def export(self, path: Path) -> None:
        """Write the same arithmetic as an ONNX file."""
        from onnx import TensorProto, helper, save

        constants = {"scale": [20.0], "slope": [-4.0], "centres": [float(n) for n in range(self.spec.charset.classes)]}
        nodes = [
            helper.make_node("AveragePool", ["images"], ["means"], kernel_shape=[40, 4], strides=[40, 4]),
            helper.make_node("Transpose", ["means"], ["frames"], perm=[3, 0, 1, 2]),
            helper.make_node("Squeeze", ["frames", "axis"], ["squeezed"]),
            helper.make_node("Mul", ["squeezed", "scale"], ["ink"]),
            helper.make_node("Sub", ["ink", "centres"], ["distance"]),
            helper.make_node("Mul", ["distance", "distance"], ["square"]),
            helper.make_node("Mul", ["square", "slope"], ["logits"]),
            helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=2),
        ]
        graph = helper.make_graph(
            nodes,
            "bars",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 40, "W"])],
            [helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["T", "N", self.spec.charset.classes])],
            [helper.make_tensor(name, TensorProto.FLOAT, [len(v)], v) for name, v in constants.items()]
            + [helper.make_tensor("axis", TensorProto.INT64, [1], [3])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        helper.set_model_props(model, {"ocrnn": self.spec.to_json()})
        save(model, str(path))


@pytest.fixture(scope="session")
def bars() -> Bars:
    """A model whose truth is known: see `Bars`."""
    return Bars()


@pytest.fixture(scope="session")
def bars_file(bars: Bars, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of the same model as an ONNX file."""
    pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("bars") / "bars.onnx"
    bars.export(path)
    return str(path)


class Browser:
    """One window of headless Chromium, driven over plain HTTP (W3C WebDriver)."""

    def __init__(self, port: int, folder: Path) -> None:
        self._address = f"http://127.0.0.1:{port}/session"
        options = {"args": [*_ARGUMENTS, f"--user-data-dir={folder}"], "binary": shutil.which("chromium")}
        logs = {"goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": options}
        self._address += "/" + self._ask("POST", "", {"capabilities": {"alwaysMatch": logs}})["sessionId"]

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self._ask("POST", "/window/rect", {"width": width, "height": height})
        scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": scheme})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})
        self._ask("POST", "/url", {"url": page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """What a function body returns in the page."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def point(self, selector: str, *, press: bool = False) -> None:
        """Move the mouse over an element, and click it with `press`."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        moves: list[dict[str, object]] = [
            {"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": {_ELEMENT: found[_ELEMENT]}}
        ]
        if press:
            moves += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def type(self, *keys: str) -> None:
        """Press keys where the focus is."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def complaints(self) -> list[str]:
        """What the browser wrote into its console since it was last asked: errors, and what the page forbade."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def photograph(self, path: Path) -> None:
        """Save the whole page as PNG."""
        shot = {"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": True}}
        path.write_bytes(base64.b64decode(self._ask("POST", "/goog/cdp/execute", shot)["data"]))

    def close(self) -> None:
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium behind chromedriver; skips where they are not installed."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("there is no chromium with chromedriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        window = Browser(port, tmp_path_factory.mktemp("chromium"))
        yield window
        window.close()
    finally:
        driver.terminate()
        driver.wait(30)
