"""The service policy: what levels include and are assumed to bring, and what a review may change."""

from dashboard.language import message
from dashboard.ui import open_page, section
from dashboard.ui.policy import editor, history

reader, look = open_page(message("Service policy"), filtered=False)
editor(reader)
section(reader, message("Versions"))
history(reader)
