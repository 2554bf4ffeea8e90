"""The pack as a file of one format."""

from __future__ import annotations

from dashboard.insight import Reader
from dashboard.reports.pack import Pack

MIME = {
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def made(pack: Pack, reader: Reader, form: str) -> bytes:
    """The file of a pack. Writers are loaded when they are needed: each brings a library of its own."""
    if form == "pptx":
        from dashboard.reports import slides

        return slides.write(pack)
    from dashboard.reports import workbook

    return workbook.write(pack)
