"""How concentrated are revenue and profit: who makes them, and who eats them?

Revenue, which is never negative, is described by the Lorenz curve, the Gini index and the share of the top
customers (Lorenz 1905; Gini 1912; Schmittlein, Cooper & Morrison 1993). Profit may be negative and is
described by the whale curve (Kaplan & Cooper 1998; Kaplan & Narayanan 2001). Both are one thing underneath:
customers ranked from the largest value to the smallest, either one by one or in the groups a query returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dashboard.analysis import inputs

LEVEL = 0.95  # of every interval, unless the caller asks for another
RESAMPLES = 400

# A bootstrap draws one count a group: the extremes are kept customer by customer, because they decide the
# width of the interval, and the middle is merged.
_SINGLE_AT_EACH_END = 1000
_MERGED_IN_THE_MIDDLE = 2000

Floats = NDArray[np.float64]
Number = TypeVar("Number", float, Floats)


class Interval(NamedTuple):
    """A confidence interval. An end is infinite where the data can't bound it."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """Customers in descending order of value, in groups; a group of one is a customer.

    Arrays of equal length, one entry a group: ``customers`` (count), ``total`` (sum of the values),
    ``smallest`` (the last customer's value), ``squares`` (sum of the squared values), ``reached``
    (customers so far) and ``money`` (sum so far). No group holds both gains and losses.
    """

    customers: Floats
    total: Floats
    smallest: Floats
    squares: Floats
    reached: Floats
    money: Floats

    @classmethod
    def of(cls, values: ArrayLike, name: str = "values") -> Self:
        """Ranking of single customers; `values` has one entry a customer, in any order."""
        descending = np.sort(inputs.numbers(name, values))[::-1]
        # NaN sorts to one end and an infinity to either, so two looks replace a pass over the data.
        if descending.size and not np.isfinite(descending[[0, -1]]).all():
            inputs.finite(name, values)
        ones = np.broadcast_to(np.float64(1), descending.shape)
        reached = np.arange(1, descending.size + 1, dtype=float)
        return cls(ones, descending, descending, descending**2, reached, np.cumsum(descending))

    @classmethod
    def from_groups(
        cls,
        customers: ArrayLike,
        total: ArrayLike,
        smallest: ArrayLike | None = None,
        gainers: ArrayLike | None = None,
        gains: ArrayLike | None = None,
        losers: ArrayLike | None = None,
        squares: ArrayLike | None = None,
    ) -> Self:
        """Ranking of the groups of a query, in descending order of value.

        Without `smallest` the values of a group are taken as equal. `gainers`, `gains` and `losers` split
        the one group that holds both gains and losses. Raises ValueError, naming the group, for a missing
        number, a negative count or groups that are not in descending order.
        """
        count, money = inputs.finite("customers", customers, least=0), inputs.finite("total", total)
        inputs.of_one_length(customers=count, total=money)
        mean = money / np.maximum(count, 1)
        last = mean if smallest is None else inputs.finite("smallest", smallest)
        won = count if gainers is None else inputs.finite("gainers", gainers)
        gained = money if gains is None else inputs.finite("gains", gains)
        lost = np.where(last < 0, count - won, 0) if losers is None else inputs.finite("losers", losers)
        squared = money * mean if squares is None else inputs.finite("squares", squares)
        inputs.of_one_length(
            customers=count, total=money, smallest=last, gainers=won, gains=gained, losers=lost, squares=squared
        )
        occupied = count > 0
        count = count[occupied]
        money, last, won, gained, lost, squared = (
            column[occupied] for column in (money, last, won, gained, lost, squared)
        )
        _refuse_disorder(money / count, last)
        if gainers is not None:
            count, money, last, squared = _split_by_sign(count, money, last, squared, won, gained, lost)
        return cls(count, money, last, squared, np.cumsum(count), np.cumsum(money))

    @property
    def n(self) -> int:
        """Customers in all."""
        return int(self.reached[-1]) if self.reached.size else 0

    @property
    def sum(self) -> float:
        """Value of all customers."""
        return float(self.money[-1]) if self.money.size else 0.0

    @property
    def gaining_groups(self) -> int:
        """Groups of customers whose value is above zero; they come first."""
        return int(np.count_nonzero(self.total > 0))

    @property
    def losing_groups(self) -> int:
        """Groups that hold a value below zero; they come last."""
        return int(np.count_nonzero(self.smallest < 0))

    def money_at(self, position: ArrayLike) -> Floats:
        """Value of the first `position` customers, which need not be a whole number.

        Within a group the last customer is known and the others are taken as equal.
        """
        position = np.asarray(position, dtype=float)
        if self.n == 0:
            return np.zeros(position.shape)
        k = np.minimum(np.searchsorted(self.reached, position), self.reached.size - 1)
        size, total, last = self.customers[k], self.total[k], self.smallest[k]
        left_out = self.reached[k] - position
        others = (total - last) * (size - left_out) / np.maximum(size - 1, 1)
        inside = self.money[k] - total + others
        return np.where(left_out <= 1, self.money[k] - left_out * last, inside)

    def position_of(self, money: float) -> float:
        """Fewest customers, from the top, who bring `money`, which is above 0 and within their gains."""
        k = int(np.searchsorted(self.money[: self.gaining_groups], money))
        k = min(k, self.gaining_groups - 1)
        size, total, last = self.customers[k], self.total[k], self.smallest[k]
        missing = self.money[k] - money
        before = self.reached[k] - size
        return float(before + np.interp(total - missing, [0, total - last, total], [0, size - 1, size]))

    def knots(self, at_most: int) -> NDArray[np.intp]:
        """Groups whose ends draw the curve: evenly spread along its length, with the peak and the end."""
        if at_most < 3:
            raise ValueError(f"a curve needs at least 3 points (its start, peak and end); {at_most} asked")
        groups = self.reached.size
        if groups <= at_most - 1:
            return np.arange(groups)
        # Length = share of customers + share of money moved: the steep ends get as many points as the flat.
        moved = np.cumsum(np.abs(self.total))
        length = self.reached / self.n + moved / (moved[-1] or 1.0)
        wanted = np.searchsorted(length, np.linspace(0, length[-1], at_most - 2)[1:-1])
        peak = max(self.gaining_groups - 1, 0)
        return np.unique(np.concatenate([wanted, [peak, groups - 1]]))

    def merged(self) -> Ranking:
        """The same ranking in at most a few thousand groups, each still of one sign."""
        groups = self.reached.size
        if groups <= 2 * _SINGLE_AT_EACH_END + _MERGED_IN_THE_MIDDLE:
            return self
        ends = np.arange(_SINGLE_AT_EACH_END)
        middle = np.linspace(_SINGLE_AT_EACH_END, groups - _SINGLE_AT_EACH_END, _MERGED_IN_THE_MIDDLE)
        signs = [self.gaining_groups, groups - self.losing_groups]
        starts = np.unique(np.concatenate([ends, middle.astype(int), groups - 1 - ends, signs]))
        starts = starts[starts < groups]
        stops = np.append(starts[1:], groups) - 1
        counts, totals, squares = (
            np.add.reduceat(column, starts) for column in (self.customers, self.total, self.squares)
        )
        return Ranking(counts, totals, self.smallest[stops], squares, self.reached[stops], self.money[stops])

    def resampled(self, resamples: int, seed: int) -> tuple[Floats, Floats]:
        """Customers and money of each group in each bootstrap sample: two arrays (resamples, groups).

        The counts are multinomial, as if customers were drawn one by one with replacement. The sum of a
        group of several is drawn from a normal distribution with the spread inside the group.
        """
        random = np.random.default_rng(seed)
        mean = self.total / self.customers
        spread = np.sqrt(np.maximum(self.squares / self.customers - mean**2, 0))
        counts = random.multinomial(self.n, self.customers / self.n, size=resamples).astype(float)
        money = counts * mean
        several = self.customers > 1
        noise = random.standard_normal((resamples, int(several.sum())))
        money[:, several] += np.sqrt(counts[:, several]) * spread[several] * noise
        return counts, money


@dataclass(frozen=True)
class LorenzCurve:
    """Lorenz curve of a value that is never negative, such as revenue.

    ``customers`` is a count and ``total`` is money. ``gini`` is 0 when all are equal and (n-1)/n when one
    customer has it all; None when the total is zero.
    """

    customers: int
    total: float
    gini: float | None
    ranking: Ranking = field(repr=False, compare=False)

    def top_share(self, share: float) -> float | None:
        """Share of the total that the best `share` of customers bring; None when the total is zero.

        `share` is a fraction of 1. Share x customers may be fractional: the Lorenz polygon is interpolated.
        """
        _refuse_share(share)
        return float(self.ranking.money_at(share * self.customers)) / self.total if self.total > 0 else None

    def points(self, at_most: int = 400) -> pd.DataFrame:
        """The curve, poorest customer first: ``customers_share``, ``value_share`` and cumulative ``value``.

        The value shares are None when the total is zero.
        """
        knots = self.ranking.knots(at_most)[::-1]
        poorest = self.customers - np.append(self.ranking.reached[knots], 0.0)
        money = np.maximum(self.total - np.append(self.ranking.money[knots], 0.0), 0.0)
        return _curve_frame(poorest, money, self.customers, self.total, ("value_share", "value"))

    def interval(
        self, share: float = 0.2, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
    ) -> LorenzInterval | None:
        """Bootstrap intervals of the Gini index and of the top `share`; None when the total is zero."""
        _refuse_share(share)
        if not self.total > 0:
            return None
        ranking = self.ranking.merged()
        counts, money = ranking.resampled(resamples, seed)
        total = money.sum(axis=1)
        rank_total = np.einsum("ij,ij->i", money, _mid_rank(counts, np.cumsum(counts, axis=1)))
        with np.errstate(divide="ignore", invalid="ignore"):
            gini_index = _gini(self.customers, total, rank_total)
            top = _money_of_top(counts, money, share * self.customers) / total
        drawn = total > 0
        return LorenzInterval(gini=_quantiles(gini_index[drawn], level), top_share=_quantiles(top[drawn], level))


@dataclass(frozen=True)
class LorenzInterval:
    """Bootstrap intervals of a Lorenz curve's figures."""

    gini: Interval
    top_share: Interval


@dataclass(frozen=True)
class WhaleCurve:
    """Cumulative profit of customers ranked from the most profitable to the least.

    Counts: ``customers``, ``gainers`` (profit above zero), ``break_even`` (exactly zero) and ``loss_makers``.
    Money: ``total``, ``gains`` (of the gainers) and ``losses`` (of the loss-makers, not above zero).
    Shares of customers: ``peak_at_share`` (where the curve is highest), ``loss_maker_share`` and
    ``full_profit_at_share`` (the best customers who alone make the whole total).
    Shares of the total profit: ``peak_share`` (height of the peak), ``erosion`` (peak_share - 1),
    ``top_20_share`` (of the best 20 %) and ``worst_10_share`` (of the worst 10 %, mostly negative).
    A share of a total that is not above zero, or that rounding can't tell from zero, is None.
    """

    customers: int
    gainers: int
    break_even: int
    loss_makers: int
    total: float
    gains: float
    losses: float
    peak_at_share: float | None
    loss_maker_share: float | None
    full_profit_at_share: float | None
    peak_share: float | None
    erosion: float | None
    top_20_share: float | None
    worst_10_share: float | None
    ranking: Ranking = field(repr=False, compare=False)

    @classmethod
    def from_groups(
        cls,
        customers: ArrayLike,
        total: ArrayLike,
        smallest: ArrayLike,
        gainers: ArrayLike,
        gains: ArrayLike,
        losers: ArrayLike | None = None,
        squares: ArrayLike | None = None,
    ) -> Self:
        """Whale curve from groups in descending order of profit, one entry a group.

        customers: count; total: sum of profit; smallest: smallest profit; gainers, gains: count and sum of
        profit above zero; losers: count of profit below zero; squares: sum of squared profit.
        Without `losers`, customers at exactly zero who share a group with loss-makers count as loss-makers.
        Without `squares`, intervals leave out the spread within groups and are too short for heavy tails.
        """
        return cls._of(Ranking.from_groups(customers, total, smallest, gainers, gains, losers, squares))

    @classmethod
    def _of(cls, ranking: Ranking) -> Self:
        n, total = ranking.n, ranking.sum
        gaining, losing = ranking.gaining_groups, ranking.losing_groups
        gainers = int(ranking.reached[gaining - 1]) if gaining else 0
        gains = float(ranking.money[gaining - 1]) if gaining else 0.0
        before_losses = ranking.reached.size - losing
        not_losing = int(ranking.reached[before_losses - 1]) if before_losses else 0
        defined = _is_positive(total, gains)
        peak = gains / total if defined else None
        return cls(
            customers=n,
            gainers=gainers,
            break_even=not_losing - gainers,
            loss_makers=n - not_losing,
            total=total,
            gains=gains,
            losses=min(total - gains, 0.0),
            peak_at_share=gainers / n if n else None,
            loss_maker_share=(n - not_losing) / n if n else None,
            full_profit_at_share=ranking.position_of(total) / n if defined else None,
            peak_share=peak,
            erosion=peak - 1 if peak is not None else None,
            top_20_share=float(ranking.money_at(0.2 * n)) / total if defined else None,
            worst_10_share=1 - float(ranking.money_at(0.9 * n)) / total if defined else None,
            ranking=ranking,
        )

    def top_share(self, share: float) -> float | None:
        """Share of the total profit that the best `share` (fraction of 1) of customers make."""
        _refuse_share(share)
        if self.peak_share is None:
            return None
        return float(self.ranking.money_at(share * self.customers)) / self.total

    def points(self, at_most: int = 400) -> pd.DataFrame:
        """The curve, best customer first: ``customers_share``, ``profit_share`` and cumulative ``profit``.

        It starts at zero and holds the peak. The profit shares are None where they are undefined.
        """
        knots = self.ranking.knots(at_most)
        reached = np.append(0.0, self.ranking.reached[knots])
        money = np.append(0.0, self.ranking.money[knots])
        total = self.total if self.peak_share is not None else 0.0
        return _curve_frame(reached, money, self.customers, total, ("profit_share", "profit"))

    def interval(self, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> WhaleInterval | None:
        """Bootstrap intervals of the whale statistics; None where the shares are undefined.

        An end is infinite when the total of too many resamples is not above zero: the data can't bound it.
        """
        if self.peak_share is None:
            return None
        ranking = self.ranking.merged()
        counts, money = ranking.resampled(resamples, seed)
        n, total = self.customers, money.sum(axis=1)
        gains = money[:, : ranking.gaining_groups].sum(axis=1)
        gainers = counts[:, : ranking.gaining_groups].sum(axis=1)
        losers = counts[:, counts.shape[1] - ranking.losing_groups :].sum(axis=1)
        # As the total falls to zero the shares of the top grow without bound, and the worst share falls so.
        drawn = total > 0
        safe = np.where(drawn, total, 1.0)
        peak = np.where(drawn, gains / safe, np.inf)
        top = np.where(drawn, _money_of_top(counts, money, 0.2 * n) / safe, np.inf)
        worst = np.where(drawn, 1 - _money_of_top(counts, money, 0.9 * n) / safe, -np.inf)
        return WhaleInterval(
            peak_share=_quantiles(peak, level),
            erosion=_quantiles(peak - 1, level),
            top_20_share=_quantiles(top, level),
            worst_10_share=_quantiles(worst, level),
            peak_at_share=_quantiles(gainers / n, level),
            loss_maker_share=_quantiles(losers / n, level),
        )


@dataclass(frozen=True)
class WhaleInterval:
    """Bootstrap intervals of a whale curve's figures, named as in `WhaleCurve`."""

    peak_share: Interval
    erosion: Interval
    top_20_share: Interval
    worst_10_share: Interval
    peak_at_share: Interval
    loss_maker_share: Interval


def lorenz(values: ArrayLike) -> LorenzCurve:
    """Lorenz curve of `values`, one entry a customer in any order, none negative.

    Raises ValueError, naming the first position, for a negative or missing value.
    """
    ranking = Ranking.of(values)
    if ranking.n and ranking.smallest[-1] < 0:
        inputs.refuse(inputs.numbers("values", values) < 0, "values", _NOT_NEGATIVE, values)
    return _lorenz(ranking, None)


def lorenz_from_groups(
    customers: ArrayLike,
    total: ArrayLike,
    smallest: ArrayLike | None = None,
    rank_total: ArrayLike | None = None,
    squares: ArrayLike | None = None,
) -> LorenzCurve:
    """Lorenz curve from groups in descending order of value, one entry a group.

    customers: count; total: sum; smallest: smallest value (without it, values in a group are taken as
    equal); rank_total: sum of rank x value where rank 1 is the largest (without it, the Gini index leaves
    out the inequality within groups); squares: sum of squared values (without it, so does the interval).
    """
    for name, column in (("total", total), ("smallest", smallest)):
        if column is not None:
            inputs.refuse(inputs.numbers(name, column) < 0, name, _NOT_NEGATIVE, column)
    ranking = Ranking.from_groups(customers, total, smallest, squares=squares)
    ranks = None if rank_total is None else inputs.finite("rank_total", rank_total)
    if ranks is not None:
        inputs.of_one_length(total=inputs.numbers("total", total), rank_total=ranks)
    return _lorenz(ranking, ranks)


def gini(values: ArrayLike) -> float | None:
    """Gini index of `values` (Gini 1912), none negative; None when there is nothing to share."""
    return lorenz(values).gini


def gini_from_groups(customers: ArrayLike, total: ArrayLike, rank_total: ArrayLike | None = None) -> float | None:
    """Gini index from groups in descending order of value; arguments as in `lorenz_from_groups`."""
    return lorenz_from_groups(customers, total, rank_total=rank_total).gini


def top_share(values: ArrayLike, share: float) -> float | None:
    """Share of the total that the best `share` (fraction of 1) of customers bring; values not negative."""
    return lorenz(values).top_share(share)


def top_share_from_groups(customers: ArrayLike, total: ArrayLike, smallest: ArrayLike, share: float) -> float | None:
    """Share of the total that the best `share` of customers bring, from groups in descending order.

    Exact wherever a group ends within one customer of share x customers, which holds at every multiple of
    1/1000 when the groups are floor((rank - 1) * 1000 / customers).
    """
    return lorenz_from_groups(customers, total, smallest).top_share(share)


def whale_curve(profits: ArrayLike) -> WhaleCurve:
    """Whale curve of `profits`, one entry a customer in any order, of either sign.

    Raises ValueError, naming the first position, for a missing value.
    """
    return WhaleCurve._of(Ranking.of(profits, "profits"))


_NOT_NEGATIVE = "zero or more for Gini, Lorenz and top shares (use whale_curve for profit, or clip at zero explicitly)"


def _lorenz(ranking: Ranking, rank_total: Floats | None) -> LorenzCurve:
    total = ranking.sum
    index = None
    if total > 0:
        if rank_total is None:
            ranks = ranking.total @ _mid_rank(ranking.customers, ranking.reached)
        else:
            ranks = rank_total.sum()
        index = max(_gini(ranking.n, total, float(ranks)), 0.0)
    return LorenzCurve(ranking.n, total, index, ranking)


def _gini(n: int, total: Number, rank_total: Number) -> Number:
    """G = sum (n + 1 - 2 rank) y / (n sum y), with rank 1 the largest."""
    return (n + 1 - 2 * rank_total / total) / n


def _mid_rank(customers: Floats, reached: Floats) -> Floats:
    return reached - (customers - 1) / 2


def _money_of_top(counts: Floats, money: Floats, position: float) -> Floats:
    """Money of the first `position` customers of each resample, a straight line within a group."""
    rows = np.arange(counts.shape[0])
    reached, earned = np.cumsum(counts, axis=1), np.cumsum(money, axis=1)
    k = np.minimum((reached < position).sum(axis=1), counts.shape[1] - 1)
    left_out = (reached[rows, k] - position) / np.maximum(counts[rows, k], 1)
    return earned[rows, k] - left_out * money[rows, k]


def _quantiles(draws: Floats, level: float) -> Interval:
    tail = (1 - inputs.between_0_and_1("level", level)) / 2
    # An observed draw, not an interpolated one: between a number and infinity there is none.
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))


def _is_positive(total: float, gains: float) -> bool:
    """Whether a total is above zero by more than the rounding of the gains and losses in it."""
    return total > 1e-12 * gains


def _split_by_sign(
    count: Floats, money: Floats, last: Floats, squared: Floats, won: Floats, gained: Floats, lost: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Cut groups that hold several signs into gains, zeros and losses, in that order."""
    if (won > count).any() or (won + lost > count).any():
        raise ValueError("a group counts more gainers and losers than customers")
    kept = np.where(last < 0, lost, 0)
    counts = np.stack([won, count - won - kept, kept], axis=1)
    # Losses lie between the smallest value and zero; what is outside is rounding.
    loss = np.clip(money - gained, kept * np.minimum(last, 0), 0)
    moneys = np.stack([np.where(won > 0, gained, 0), np.zeros_like(loss), loss], axis=1)
    whole = won == count
    moneys[whole, 0] = money[whole]
    average = moneys / np.maximum(counts, 1)
    lasts = np.stack([np.where(whole, last, average[:, 0]), np.zeros_like(last), last], axis=1)
    squares = moneys * average
    # The spread of a divided group stays with its larger part; an undivided one keeps all of it.
    largest = np.argmax(np.abs(squares), axis=1)
    rows = np.arange(count.size)
    squares[rows, largest] += np.maximum(squared - squares.sum(axis=1), 0)
    occupied = counts.ravel() > 0
    counts, moneys, lasts, squares = (a.ravel()[occupied] for a in (counts, moneys, lasts, squares))
    if (np.diff(np.sign(moneys)) > 0).any():
        raise ValueError("gains come after losses: order the groups by value, largest first")
    return counts, moneys, lasts, squares


def _refuse_disorder(mean: Floats, last: Floats) -> None:
    slack = 1e-9 * (np.abs(mean).max() if mean.size else 0.0)
    wrong = np.flatnonzero(mean[1:] > last[:-1] + slack)
    if wrong.size:
        raise ValueError(
            f"total, row {wrong[0] + 1}: the group holds larger values than the group before it: "
            "order the groups by value, largest first"
        )


def _refuse_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"a share of customers is a fraction between 0 and 1; got {share}")


def _curve_frame(reached: Floats, money: Floats, customers: int, total: float, names: tuple[str, str]) -> pd.DataFrame:
    share_name, money_name = names
    return pd.DataFrame(
        {
            "customers_share": reached / max(customers, 1),
            share_name: money / total if total > 0 else np.full(money.shape, None),
            money_name: money,
        }
    )
