"""Taking the pack away: slides, workbook or document of what is looked at, made when it is asked for."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.audit import audited
from dashboard.reports.files import MIME, report
from dashboard.reports.pack import file_name

FORMAT_NAMES = {"pptx": message("Slides"), "xlsx": message("Workbook"), "pdf": message("Document")}


def take_away(reader: Reader, name: str = "weekly") -> None:
    """A button with the formats of a pack, for those who may export."""
    if not reader.scope.may("export"):
        return
    with st.popover(reader.t("Take away the weekly pack"), icon=":material/download:", type="tertiary"):
        for form, said in FORMAT_NAMES.items():
            st.download_button(
                reader.t(said),
                partial(made, reader, name, form),
                file_name=file_name(name, reader, form),
                mime=MIME[form],
                key=f"pack-{name}-{form}-{reader.filters.canonical}-{reader.language.code}",
                on_click="ignore",
                type="tertiary",
                icon=":material/description:",
            )
        st.caption(reader.t("With the filters of this page. It takes a few seconds."))


def made(reader: Reader, name: str, form: str) -> bytes:
    """The file, and an entry about who took it."""
    pack, file = report(name, reader, form)
    audited(reader, "export", f"{name}.{form}", sum(len(part.values) for part in pack.parts))
    return file
