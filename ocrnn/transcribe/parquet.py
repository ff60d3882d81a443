"""Readings as Parquet, the form that tables of millions of lines are kept in (needs pyarrow)."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ocrnn.errors import UsageError
from ocrnn.reading import Reading
from ocrnn.transcribe.output import SCHEMA, fields

if TYPE_CHECKING:
    from ocrnn.transcribe.result import Result

SUFFIX = ".parquet"
"""What the name of such a file ends with: `-o` takes the form from it."""

_ROWS = 20_000
"""Rows of a group, which is what a reader of the file takes into memory; here they wait as columns, some 20 MB."""
_TURNED = 500
"""Rows that wait as Python objects, at twenty times the memory, until they are turned into columns."""


class ParquetSheet:
    """Readings written one by one as they come; a whole file as soon as it is closed.

    Its columns are the keys of a json record, `schema` apart, which stands in the file's metadata as `ocrnn.schema`.
    `write` takes bytes.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """Begin a file; UsageError where pyarrow is not installed."""
        arrow, parquet = libraries()
        self._arrow = arrow
        self._schema = schema()
        self._writer = parquet.ParquetWriter(Sink(write), self._schema, compression="zstd")
        self._rows: list[dict[str, object]] = []
        self._batches: list[Any] = []

    def add(self, path: str, results: Sequence[Result]) -> None:
        """Write a row for each reading, under the path of its picture."""
        for result in results:
            if isinstance(result.outcome, Reading):
                row = fields(result.titled(path), result.outcome)
                del row["schema"]
                self._rows.append(row)
        if len(self._rows) >= _TURNED:
            self._turn()
            if len(self._batches) * _TURNED >= _ROWS:
                self._flush()

    def close(self) -> None:
        """Write what waits, and the end of the file."""
        if self._rows:
            self._turn()
        self._flush()
        self._writer.close()

    def _turn(self) -> None:
        self._batches.append(self._arrow.RecordBatch.from_pylist(self._rows, self._schema))
        self._rows = []

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(self._arrow.Table.from_batches(self._batches))
            self._batches = []


def libraries() -> tuple[Any, Any]:
    """Modules pyarrow and pyarrow.parquet; UsageError, which says how to get them, where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError("a .parquet needs pyarrow; pip install 'ocrnn[parquet]', or write .jsonl") from None
    return pyarrow, pyarrow.parquet


def schema() -> Any:
    """Columns and their types (pyarrow.Schema)."""
    arrow, _ = libraries()
    text, number, real = arrow.string(), arrow.int32(), arrow.float32()
    others = arrow.list_(arrow.struct([("text", text), ("confidence", real)]))
    part = [("text", text), ("left_px", real), ("right_px", real), ("confidence", real)]
    columns = [
        ("path", text),
        ("text", text),
        ("confidence", real),
        ("width_px", number),
        ("height_px", number),
        ("turned_deg", number),
        ("several_lines", arrow.bool_()),
        ("frames", number),
        ("words", arrow.list_(arrow.struct(part))),
        ("characters", arrow.list_(arrow.struct([*part, ("alternatives", others)]))),
        ("alternatives", others),
        ("fits", arrow.bool_()),
        ("overruled", arrow.struct([("text", text), ("confidence", real), ("cost", real)])),
    ]
    return arrow.schema(columns, metadata={"ocrnn.schema": str(SCHEMA)})


class Sink(io.RawIOBase):
    """A file that pyarrow writes to, made of what writes bytes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write
        self._at = 0

    def writable(self) -> bool:
        """It is written and never read."""
        return True

    def tell(self) -> int:
        """Bytes so far."""
        return self._at

    def write(self, data: Any) -> int:
        """Hand on bytes, or what pyarrow gives for them."""
        taken = bytes(data)
        self._write(taken)
        self._at += len(taken)
        return len(taken)
