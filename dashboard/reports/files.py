"""The pack as a file of one format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dashboard.insight import Reader
from dashboard.reports.pack import Pack, build

if TYPE_CHECKING:
    from dashboard.reports.image import Camera

MIME = {
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


def made(pack: Pack, reader: Reader, form: str, camera: Camera | None = None) -> bytes:
    """The file of a pack; a document's charts are taken by the camera. Writers are loaded when they are needed."""
    if form == "pptx":
        from dashboard.reports import slides

        return slides.write(pack)
    if form == "xlsx":
        from dashboard.reports import workbook

        return workbook.write(pack)
    from dashboard.reports import document

    return document.write(pack, reader, camera)


def report(
    name: str, reader: Reader, form: str, progress: Callable[[str, float], None] | None = None
) -> tuple[Pack, bytes]:
    """The pack of a name and its file. Chromium, where there is one, opens while the answers are computed."""
    if form == "pdf":
        from dashboard.reports import image

        if image.browser() is not None:
            with image.Camera() as camera:
                pack = build(name, reader, progress)
                return pack, made(pack, reader, form, camera)
    pack = build(name, reader, progress)
    return pack, made(pack, reader, form)
