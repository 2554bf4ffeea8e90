"""The demo warehouse: a company of any size with everything the dashboard looks for planted in it.

`build` writes it; `truth` reads what was planted.
"""

from data.demo.planted import truth
from data.demo.warehouse import build

__all__ = ["build", "truth"]
