"""Parquet -> rows, batch by batch."""

import datetime
import decimal
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from catalog.errors import SourceError
from catalog.extras import require
from ingest.readers.row import AnyRow, Row

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1000


def read_parquet(file: BinaryIO, name: str) -> Iterator[AnyRow]:
    """One row per record; dates become ISO text, decimals whole numbers or floats, so that all values are JSON's.

    What Python cannot hold, a date beyond the year 9999, is the text that Arrow has for it. Raises ExtraMissing,
    and SourceError when the file is cut off or damaged.
    """
    require("parquet", f"{name}: Parquet")

    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        for batch in ParquetFile(file).iter_batches(_BATCH):
            columns = [list(_values(column)) for column in _in_microseconds(batch).columns]
            for cells in zip(*columns, strict=True):
                number += 1
                yield Row(f"row {number}", dict(zip(batch.schema.names, cells, strict=True)))
    except (ArrowException, OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{name} is cut off or damaged after row {number}: {reason}; get it again") from None


def _in_microseconds(batch: "pyarrow.RecordBatch") -> "pyarrow.RecordBatch":
    """Times as Python can hold them: Arrow's nanoseconds would need pandas."""
    import pyarrow

    fields = []
    for field in batch.schema:
        kind = field.type
        if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
            field = field.with_type(pyarrow.timestamp("us", kind.tz))
        fields.append(field)
    return batch.cast(pyarrow.schema(fields), safe=False)


def _values(column: "pyarrow.Array") -> Iterator[object]:
    try:
        values = column.to_pylist()
    except (ValueError, OverflowError):
        values = [_value(scalar) for scalar in column]
    return map(_json_value, values)


def _value(scalar: "pyarrow.Scalar") -> object:
    """A value of Python, or, where that fails, what is inside of it as such values, and in the end as text."""
    import pyarrow

    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        if isinstance(scalar, pyarrow.StructScalar):
            return {name: _value(scalar[name]) for name in scalar}
        if isinstance(scalar, pyarrow.ListScalar):
            return [_value(item) for item in scalar.values]
        try:
            return scalar.cast(pyarrow.string()).as_py()
        except pyarrow.ArrowException:
            return str(scalar.value)


def _json_value(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {str(key): _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(inner) for inner in value]
    return str(value)
