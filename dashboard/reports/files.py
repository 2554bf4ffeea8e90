"""The pack as a file of one format."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.insight import Reader
from dashboard.reports.pack import Pack, build

MIME = {
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


def report(
    name: str, reader: Reader, form: str, progress: Callable[[str, float], None] | None = None
) -> tuple[Pack, bytes]:
    """The pack of a name and its file. Writers are loaded when they are needed: each brings a library of its own."""
    if form == "pdf":
        return _document(name, reader, progress)
    pack = build(name, reader, progress)
    if form == "pptx":
        from dashboard.reports import slides

        return pack, slides.write(pack)
    from dashboard.reports import workbook

    return pack, workbook.write(pack)


def _document(name: str, reader: Reader, progress: Callable[[str, float], None] | None) -> tuple[Pack, bytes]:
    """The document: Chromium, where there is one, opens while the answers are computed."""
    from dashboard.reports import document, image

    if image.browser() is None:
        pack = build(name, reader, progress)
        return pack, document.write(pack, reader)
    with image.Camera() as camera:
        pack = build(name, reader, progress)
        return pack, document.write(pack, reader, camera)
