"""Files as plain content: decompressed, in UTF-8, from the header on, which a file without one is given.

The encoding of a text file is told from its bytes when the mapping doesn't declare it: a mark at its start, else
UTF-8 when its bytes are that, else a guess that the report names. What unpacks to far more than it holds is refused.
"""

from __future__ import annotations

import bz2
import gzip
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

from dashboard.errors import nearest
from dashboard.warehouse.mapping import LoadError, Source
from dashboard.warehouse.staging import Plain, Staged
from dashboard.warehouse.writing import first_line

UNREADABLE = "\ufffd"
DELIMITERS = ",;\t|"
BLANKS = " "
"""As a delimiter: one blank or several, and those around a line don't count."""
CHUNK = 1 << 20
SAMPLE = 1 << 16
LONGEST_LINE = 1 << 26
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
MOST_UNPACKED = 200
"""How many times its size a file may unpack to; tables of real data stay below 50."""
ALWAYS_UNPACKED = 100 << 20
MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
EASTERN = ["gb18030", "big5", "shift_jis", "euc_kr", "cp1251"]
ENOUGH = 40
"""Bytes beyond ASCII by which an encoding is told with some certainty."""
OFTEN = ("windows-1251", "windows-1250", "gb18030", "big5", "shift_jis")
UTF_8 = ("utf-8", "utf8", "utf-8-sig")
COMMON = ("utf-8", "utf-16", "gb18030", "gbk", "big5", "cp1252", "windows-1252", "latin-1", "shift_jis")

Readable = IO[bytes] | gzip.GzipFile | bz2.BZ2File


def unpacked(source: Source, path: Path, title: str, copy: Path) -> Plain:
    """The file itself, or what it unpacks to at `copy`. Raises LoadError for a bomb or a damaged file."""
    with path.open("rb") as file:
        start = file.read(4)
    packed = next((kind for mark, kind in PACKED.items() if start.startswith(mark)), None)
    book = source.format == "xlsx"
    if packed is None or (packed == "zip" and book and path.suffix.lower() != ".zip"):
        copy.symlink_to(path.resolve())  # under a name that is no pattern
    else:
        try:
            with _opened(source, packed, path, title) as read, copy.open("wb") as write:
                _unpack(source, read, write, path.stat().st_size, title)
        except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise LoadError(f"{source.place}: {title} can't be unpacked: {first_line(error)}") from None
    if book:
        _refuse_bomb(source, copy, title)
    return Plain(title, copy)


@contextmanager
def _opened(source: Source, packed: str, path: Path, title: str) -> Iterator[Readable]:
    if packed == "gzip":
        with gzip.open(path) as file:
            yield file
    elif packed == "bz2":
        with bz2.open(path) as file:
            yield file
    else:
        with zipfile.ZipFile(path) as archive:
            names = [m.filename for m in archive.infolist() if not m.is_dir() and "__MACOSX" not in m.filename]
            if len(names) != 1:
                raise LoadError(f"{source.place}: {title} holds {len(names):,} files; pack each into a zip of its own")
            with archive.open(names[0]) as file:
                yield file


def _unpack(source: Source, read: Readable, write: IO[bytes], size: int, title: str) -> None:
    done, most = 0, max(ALWAYS_UNPACKED, MOST_UNPACKED * size)
    while chunk := read.read(CHUNK):
        done += len(chunk)
        if done > most:
            raise LoadError(f"{source.place}: {title} unpacks to more than {MOST_UNPACKED} times its size; refused")
        write.write(chunk)
        if done % (64 << 20) < CHUNK and shutil.disk_usage(Path(write.name).parent).free < (256 << 20):
            raise LoadError(f"{source.place}: no space on the disk to unpack {title}")


def _refuse_bomb(source: Source, path: Path, title: str) -> None:
    """A workbook is a zip archive too."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise LoadError(f"{source.place}: {title} is no Excel file: {first_line(error)}") from None
    if size > max(ALWAYS_UNPACKED, MOST_UNPACKED * path.stat().st_size):
        raise LoadError(f"{source.place}: {title} unpacks to more than {MOST_UNPACKED} times its size; refused")


# Text -----------------------------------------------------------------------------------------------------


def in_utf8(staged: Staged, file: Plain, copy: Path) -> Plain:
    """The text in UTF-8, from the header on. Bytes that the encoding can't have are marked and noted."""
    source = staged.source
    told = Told(source.encoding) if source.encoding else _told(file.path)
    encoding = told.encoding
    if told.example:
        unsure = ", which are too few to be sure" if told.unsure else ""
        staged.notes.append(
            f'{file.title} is read as {encoding}, told from its bytes{unsure}; if "{told.example}" looks wrong, say'
            f' encoding = "…" in {source.place}, such as {", ".join(OFTEN)}'
        )
    skip = (source.header_row or 1) - 1
    try:
        old_ends = _ends_in_returns(file.path, encoding)
        blank = _blank_lines(file.path, encoding) if source.header_row is None else 0
        rewritten = source.format == "csv" and (source.columns or source.delimiter == BLANKS)
        if encoding.lower().replace("_", "-") in UTF_8 and not skip and not (blank or rewritten or old_ends):
            return file
        with (
            file.path.open(encoding=encoding, errors="replace", newline=None if old_ends else "") as read,
            copy.open("w", encoding="utf-8", newline="") as write,
        ):
            for _ in range(skip or blank):
                read.readline()
            if source.columns:
                write.write(_header_of(source, read))
            first = "\ufeff"
            while chunk := "".join(read.readlines(CHUNK)) if source.delimiter == BLANKS else read.read(CHUNK):
                if source.delimiter == BLANKS:
                    chunk = re.sub(r"(?m)^ +| +$", "", re.sub(r" {2,}", BLANKS, chunk))
                chunk, first = chunk.removeprefix(first), ""
                if UNREADABLE in chunk:
                    staged.garbled = encoding
                write.write(chunk)
    except (LookupError, UnicodeError):  # the second from codecs of no text, such as idna
        raise LoadError(f'{source.place}: unknown encoding "{encoding}"{nearest(encoding, COMMON)}') from None
    return Plain(file.title, copy, (skip or blank) - bool(source.columns))


def _header_of(source: Source, read: IO[str]) -> str:
    """The header that a file of the source's columns lacks, parted as its first line is."""
    start = read.tell()
    line = read.readline()
    read.seek(start)
    mark = source.delimiter or max(DELIMITERS, key=line.count)
    if line and line.count(mark) < len(source.columns) - 1 and mark != BLANKS:
        raise LoadError(
            f"{source.place}: columns has {len(source.columns)} names, but the file's first line has"
            f" {line.count(mark) + 1} fields: {line.strip()[:60]!r}; say delimiter if it is parted by another mark"
        )
    quote = '"' if source.quote is None else source.quote
    return mark.join(quote + name.replace(quote, quote * 2) + quote for name in source.columns) + "\n"


def first_lines(path: Path, most: int) -> list[str]:
    """The first lines of a text file in the encoding that its bytes tell."""
    with path.open(encoding=_told(path).encoding, errors="replace") as file:
        return [line.lstrip("\ufeff").rstrip("\r\n") for line, _ in zip(file, range(most), strict=False)]


def _ends_in_returns(path: Path, encoding: str) -> bool:
    """Whether lines end in carriage returns alone, as on old machines."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        start = file.read(SAMPLE)
    return "\r" in start and "\n" not in start


def _blank_lines(path: Path, encoding: str) -> int:
    """How many blank lines come before the first one with text."""
    with path.open(encoding=encoding, errors="replace") as file:
        for number in range(100):
            if file.readline().strip("\ufeff \t\r\n"):
                return number
    return 0


@dataclass(frozen=True)
class Told:
    """The encoding of a text file. One that is only a guess comes with an example of what it makes of the bytes, by
    which a person sees whether it is right."""

    encoding: str
    example: str = ""
    unsure: bool = False


def _told(path: Path) -> Told:
    """The encoding of a text file, from its bytes."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
        for mark, encoding in MARKS.items():
            if start.startswith(mark):
                return Told(encoding)
        even, odd = start[::2].count(0), start[1::2].count(0)
        if even + odd > len(start) // 20 and max(even, odd) > 9 * min(even, odd):
            return Told("utf-16-le" if odd > even else "utf-16-be")
    for _, text in whole_lines(path, CHUNK):
        if text.isascii():
            continue
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            lines = text.splitlines(keepends=True)
            return _guessed(b"".join(line for line in lines if not line.isascii())[:SAMPLE])
    return Told("utf-8")


def whole_lines(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """The content of a file, a stretch of lines of about this size at a time, each with its offset."""
    offset = 0
    with path.open("rb") as file:
        while text := file.read(size) + file.readline(LONGEST_LINE):
            if len(text) == size + LONGEST_LINE and not text.endswith(b"\n"):
                raise LoadError(f"{path.name}: a line of more than {LONGEST_LINE >> 20} MB; this is no table of text")
            yield offset, text
            offset += len(text)


def _guessed(text: bytes) -> Told:
    """Of lines that aren't all UTF-8. Western text has single bytes among ASCII, Eastern text runs of them."""
    as_utf8 = text.decode("utf-8", errors="replace")
    if sum(not c.isascii() and c != UNREADABLE for c in as_utf8) > as_utf8.count(UNREADABLE):
        return Told("utf-8")
    high = [byte > 127 for byte in b" " + text + b" "]
    alone = sum(
        here and not before and not after for before, here, after in zip(high, high[1:], high[2:], strict=False)
    )
    best = None if alone * 2 > sum(high) else from_bytes(text, cp_isolation=EASTERN, threshold=0.5).best()
    encoding = best.encoding if best else "windows-1252"
    words = re.findall(r"[^\W\d_]+(?:[ .&'-]+[^\W\d_]+)*", text.decode(encoding, errors="replace"))
    example = next((word for word in words if not word.isascii()), "…")
    return Told(encoding, example[:40], sum(high) < ENOUGH)
