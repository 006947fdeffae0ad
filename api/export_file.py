"""An export on its way out: written page by page into a temporary file, then sent from there.

So it needs little memory however much there is, a client that reads slowly keeps no transaction open, and
what goes wrong is told before the first byte. Owns the file and how pages become JSON or CSV; what stands in
a page is the routes'.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from litestar.response import Stream

from api.columns import flat, rank_in
from api.csv_cells import cell_of, written_row

_KEPT_IN_MEMORY_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 256 * 1024
_ROWS_AT_ONCE: Final = 500

Row = TypeVar("Row")
Pages = AsyncIterator[Sequence[Row]]
Written = Callable[[Row], Mapping[str, Any]]


class ExportFile:
    """The body of one answer."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES)  # noqa: SIM115 - sent later
        self._bytes = 0

    def write(self, text: bytes) -> None:
        self._bytes += self._file.write(text)

    async def write_list(self, pages: Pages[Row], written: Written[Row]) -> None:
        """A JSON list of what is written for each row."""
        encoder = msgspec.json.Encoder()

        def write_page(page: Sequence[Row], separator: bytes) -> None:
            self.write(separator + b",\n".join(encoder.encode(written(row)) for row in page))

        separator = b"[\n"
        async for page in pages:
            await asyncio.to_thread(write_page, page, separator)
            separator = b",\n"
        self.write(b"]" if separator == b",\n" else b"[]")

    async def write_table(self, pages: Pages[Row], written: Written[Row], wire: Any) -> None:
        """CSV, whose columns are those of `wire` that some row has."""
        with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES) as lines:
            names: dict[tuple[str, ...], None] = {}

            def keep_page(page: Sequence[Row]) -> None:
                for row in page:
                    line = msgspec.json.encode(written(row))
                    names.update((steps, None) for steps, _ in flat(msgspec.json.decode(line)))
                    lines.write(line + b"\n")

            async for page in pages:
                await asyncio.to_thread(keep_page, page)
            columns = sorted(names, key=lambda steps: rank_in(wire, steps))
            self.write(written_row([".".join(steps) for steps in columns]).encode())
            lines.seek(0)
            # A few at a time: between them others have the interpreter for themselves.
            while few := list(islice(lines, _ROWS_AT_ONCE)):
                await asyncio.to_thread(self._write_rows, few, columns)

    def sent(self, media_type: str, name: str, headers: Mapping[str, str]) -> Stream:
        """The answer; the file is gone after it."""
        told = {
            **headers,
            "content-length": str(self._bytes),
            "content-disposition": f'attachment; filename="{name}"',
        }
        return Stream(self._blocks(), media_type=media_type, headers=told)

    def close(self) -> None:
        self._file.close()

    def _write_rows(self, lines: Iterable[bytes], columns: Sequence[tuple[str, ...]]) -> None:
        for line in lines:
            said = dict(flat(msgspec.json.decode(line)))
            self.write(written_row([cell_of(said.get(steps)) for steps in columns]).encode())

    def _blocks(self) -> Iterator[bytes]:
        with self._file as file:
            file.seek(0)
            while block := file.read(_BLOCK_BYTES):
                yield block
