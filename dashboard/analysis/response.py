"""What more service brings: concave functions of effort, the yearly cost of what a level of service includes.

The first yuan of service brings more than the next (Little 1970, Mgmt Sci. 16:B466-485; Venkatesan & Kumar 2004,
J. Marketing 68(4):106-125). `moved_against_alike` compares what customers did after a move with customers alike
who were not moved: an association unless who was moved was left to chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Form = Literal["exponential", "adbudg"]
FORMS = ("exponential", "adbudg")
Z95 = 1.959964


@dataclass(frozen=True)
class Response:
    """A concave response to effort (money a year) that ends at `most`.

    exponential: most × (1 − exp(−effort / scale)); adbudg: most × effort^power / (scale^power + effort^power),
    concave for a power of at most 1. `low` and `high` are the ends of the 95 % interval of `most`, `source` says
    where the numbers come from.
    """

    form: Form
    most: float
    low: float
    high: float
    scale: float
    power: float
    source: str

    def at(self, effort: ArrayLike, most: ArrayLike | None = None) -> Floats:
        """The response at each effort; `most` (any shape that broadcasts) takes the place of the assumed end."""
        spent = np.maximum(np.asarray(effort, dtype=float), 0.0)
        if self.form == "exponential":
            share = -np.expm1(-spent / self.scale)
        else:
            raised = spent**self.power
            share = raised / (self.scale**self.power + raised)
        return (self.most if most is None else np.asarray(most, dtype=float)) * share

    def drawn(self, normal: ArrayLike) -> Floats:
        """Ends of the response for standard normal draws: `most` moved within its interval, never across zero."""
        deviate = np.asarray(normal, dtype=float)
        up, down = (self.high - self.most) / Z95, (self.most - self.low) / Z95
        end = self.most + deviate * np.where(deviate > 0, up, down)
        return np.maximum(end, 0.0) if self.most >= 0 else np.minimum(end, 0.0)


@dataclass(frozen=True)
class Effect:
    """A mean effect a customer with its 95 % interval, of `n` moved customers against `alike` others.

    Everything is None where no moved customer has two others alike.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    alike: int


def moved_against_alike(cells: pd.DataFrame) -> Effect:
    """Difference in differences: the mean change of the moved less the mean change of those alike, cell by cell.

    ``cells`` has a line a cell of alike customers with, for the moved (`n`, `mean`, `variance` of their changes)
    and the others (`n_alike`, `mean_alike`, `variance_alike`). Cells weigh by their moved customers; those
    without two of either are left out, for their spread is not known. The interval is that of Neyman (1923): each
    customer's change is one observation, so that before and after need not be independent.
    """
    kept = cells[(cells["n"] >= 2) & (cells["n_alike"] >= 2)]
    n, alike = int(kept["n"].sum()), int(kept["n_alike"].sum())
    if not n:
        return Effect(None, None, None, 0, 0)
    weight = kept["n"] / n
    estimate = float((weight * (kept["mean"] - kept["mean_alike"])).sum())
    spread = kept["variance"] / kept["n"] + kept["variance_alike"] / kept["n_alike"]
    reach = Z95 * float(np.sqrt((weight**2 * spread).sum()))
    return Effect(estimate, estimate - reach, estimate + reach, n, alike)
