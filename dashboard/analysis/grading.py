"""What is each customer worth, as a grade that managers can rely on, and how do grades move over time?

A grade is a weighted score of percentiles, steadied by exponential smoothing, a dead band and a dwell time;
recency, frequency and money are scored after Hughes (1994) and Bult & Wansbeek (1995, Marketing Science 14);
migration is a Markov chain (Pfeifer & Carraway 2000, J. Interactive Marketing 14(2):43-55).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dashboard.analysis import inputs
from dashboard.analysis.lifetime_value import markov_lifetime_value

RISE, CONTRACT, FALL, FALL_LIMITED = REASONS = ("rise", "contract", "fall", "fall limited")
"""Why a grade changed: the score stayed above a cut for the dwell time; a contract event let it rise at once;
the score stayed below a cut; it fell further than one review may take the grade down."""

COMPONENTS = ("recency", "frequency", "monetary")

NOT_GRADED = -1
_CHUNK = 16_384  # customers at a time: their working arrays then stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Scores:
    """``score`` (n,) between 0 and 1; ``parts`` (n rows) weight x percentile of each component, which add up
    to the score; ``weights`` as used; ``n`` customers."""

    score: NDArray[np.float64]
    parts: pd.DataFrame
    weights: dict[str, float]
    n: int


@dataclass(frozen=True)
class GradePolicy:
    """The rules by which scores become grades; a decision is stored with the policy that made it.

    ``cuts``       the lowest score of every grade but the last, best grade first, so descending
    ``grades``     names, best first; one more than cuts
    ``weights``    the score's weights, summing to 1 (kept here so that the policy is complete)
    ``smoothing``  weight of the newest score in the running mean (EWMA, Roberts 1959); 1 = no smoothing
    ``band``       a score must pass a cut by this much, in units of the score; 0 = no dead band
    ``dwell``      reviews in a row that the score must ask for a change in one direction; 1 = at once
    ``max_step_down``  grades a customer may lose at one review
    """

    cuts: tuple[float, ...]
    grades: tuple[str, ...] = ("A", "B", "C", "D")
    weights: Mapping[str, float] | None = None
    smoothing: float = 0.15
    band: float = 0.0
    dwell: int = 3
    max_step_down: int = 1

    def __post_init__(self) -> None:
        if len(set(self.grades)) != len(self.grades) or len(self.grades) != len(self.cuts) + 1:
            raise ValueError(f"{len(self.cuts)} cuts need {len(self.cuts) + 1} different grades: {self.grades}")
        if not np.isfinite(self.cuts).all() or (np.diff(self.cuts) >= 0).any():
            raise ValueError(f"cuts must be finite and fall from the best grade down: {self.cuts}")
        if not 0 < self.smoothing <= 1:
            raise ValueError(f"smoothing must be above 0 and at most 1, not {self.smoothing}")
        if not 0 <= self.band < np.inf:
            raise ValueError(f"band must be zero or more, not {self.band}")
        if not 1 <= self.dwell <= 120 or self.max_step_down < 1:
            raise ValueError(f"dwell must be 1 to 120 and max_step_down 1 or more: {self}")
        if self.weights is not None:
            _check_weights(self.weights)


@dataclass(frozen=True, eq=False)
class GradeState:
    """What next week's review has to know about each customer, all (n,): the smoothed score, the grade's
    position in the policy (-1: not graded yet) and for how many reviews the score has asked for a rise (+)
    or a fall (-)."""

    smoothed: NDArray[np.float64]
    grade: NDArray[np.int8]
    pending: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class GradeHistory:
    """Grades by customer and review.

    ``grades``   (n, reviews) int8, position in ``policy.grades`` (0 = best); -1 where not graded yet
    ``changes``  a row a change: row, review, before, after, score (smoothed), reason (one of ``REASONS``)
    ``state``    where the next call takes up
    """

    policy: GradePolicy
    grades: NDArray[np.int8]
    changes: pd.DataFrame
    state: GradeState
    n: int

    @property
    def current(self) -> pd.Categorical:
        """The grade after the last review, best first; missing where not graded yet."""
        return pd.Categorical.from_codes(self.state.grade, list(self.policy.grades), ordered=True)

    def flips_per_customer_year(self, reviews_per_year: float = 52.0) -> float:
        return flips_per_customer_year(self.grades, reviews_per_year)


@dataclass(frozen=True, eq=False)
class Rfm:
    """Scores from 1 (worst) to ``classes`` (best), each (n,) int8, and the limits that make them.

    ``cuts``  component, within (the cell that a nested limit holds in, else ""), score, limit: the score
              needs recency <= limit, or frequency or monetary >= limit; infinite when no value reaches it
    """

    recency: NDArray[np.int8]
    frequency: NDArray[np.int8]
    monetary: NDArray[np.int8]
    cuts: pd.DataFrame
    classes: int
    n: int

    @property
    def cell(self) -> NDArray[np.int16]:
        """The three scores read as one number: 545 is recency 5, frequency 4, monetary 5."""
        recency, frequency, monetary = (part.astype(np.int16) for part in (self.recency, self.frequency, self.monetary))
        return 100 * recency + 10 * frequency + monetary

    def fixed_cuts(self) -> dict[str, list[float]]:
        """The limits as ``rfm`` takes them: next month's customers are then scored by the same ones."""
        if (self.cuts["within"] != "").any():
            raise ValueError("nested scores have limits in each cell, and can't be fixed")
        return {name: sorted(rows["limit"]) for name, rows in self.cuts.groupby("component", sort=False)}


@dataclass(frozen=True, eq=False)
class Migration:
    """How customers move between grades (rows: from, columns: to) in one period.

    ``grades``       best first; ``leaver`` the name of the state of those who left, or None
    ``counts``       customers
    ``probability``  smoothed share of the row; ``low`` and ``high`` bound its 95 % credible interval
    ``stationary``   share of each grade among remaining customers in the long run, if these
                     probabilities lasted and nobody joined; NaN when it hangs on the start
    ``kappa``        weighted kappa (quadratic) between the two grades of those who stayed
    ``psi``          population stability index between their two distributions
    ``moved``        share of those who stayed that changed grade
    ``n``, ``stayed``  customers, and those still there
    """

    grades: tuple[str, ...]
    leaver: str | None
    counts: pd.DataFrame
    probability: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    stationary: pd.Series
    kappa: float
    psi: float
    moved: float
    n: int
    stayed: int

    def value(self, margin: Mapping[str, float] | ArrayLike, discount: float) -> pd.Series:
        """Expected discounted margin of a customer who holds each grade now; a leaver brings nothing.

        ``margin``: money a period by grade, the first received now; ``discount`` above zero, a period: see
        ``lifetime_value.markov_lifetime_value``.
        """
        if isinstance(margin, Mapping):
            inputs.refuse_unknown(margin, self.grades, "margin")
            missing = [grade for grade in self.grades if grade not in margin]
            if missing:
                raise ValueError(f"margin has no amount for {', '.join(missing)}")
            margin = [margin[grade] for grade in self.grades]
        stay = self.probability[list(self.grades)].to_numpy()
        return pd.Series(markov_lifetime_value(stay, margin, discount), index=self.probability.index, name="value")

    def flips_per_customer_year(self, periods_per_year: float) -> float:
        """Changes of grade a year among those who stayed."""
        return self.moved * periods_per_year


@dataclass(frozen=True)
class TransitionTest:
    """Chi-square test that all groups share their transition probabilities; ``n`` transitions."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    n: int


def score(components: pd.DataFrame, weights: Mapping[str, float], lower_is_better: Iterable[str] = ()) -> Scores:
    """Weighted score of each customer's standing among all: sum of weight x mid-rank percentile.

    ``components``: a row a customer, a column a component; columns without a weight have no influence.
    ``weights``: component -> weight, zero or more, summing to 1. ``lower_is_better``: components, such as
    risk, whose small values deserve the high percentile. The percentile is (rank - 1/2) / n with equal values
    sharing their mean rank, so equal customers get equal scores and all equal get one half.
    Raises ValueError, with the row, for missing numbers; and for unknown components or weights.
    """
    _check_weights(weights)
    inputs.refuse_unknown(weights, components.columns, "weights")
    reverse = set(lower_is_better)
    inputs.refuse_unknown(reverse, weights, "lower_is_better")
    parts = {}
    for name, weight in weights.items():
        value = inputs.finite(name, components[name])
        rank, size = _twice_mid_rank(-value if name in reverse else value)
        parts[name] = weight * (rank / (2 * size))
    table = pd.DataFrame(parts, index=components.index)
    return Scores(score=table.to_numpy().sum(axis=1), parts=table, weights=dict(weights), n=len(table))


def cuts_for_shares(scores: ArrayLike, shares: Sequence[float]) -> tuple[float, ...]:
    """The cuts that give the best grades these shares of customers: (.1, .2, .4) leaves 70 % below B.

    ``scores`` (n,), ``shares`` of every grade but the last, best first. Freeze the cuts in a policy: cuts
    that follow the customers make grades relative, and somebody's rise another's fall.
    """
    taken = np.cumsum(shares)
    if not len(taken) or not (np.asarray(shares) > 0).all() or not taken[-1] < 1:
        raise ValueError(f"shares must be above zero and sum to less than 1: {tuple(shares)}")
    value = inputs.finite("scores", scores)
    if not len(value):
        raise ValueError("cuts can't be taken from no scores")
    return tuple(np.quantile(value, 1 - taken).tolist())


def assign_grades(
    score_history: ArrayLike,
    policy: GradePolicy,
    *,
    started: ArrayLike | None = None,
    contract_events: ArrayLike | None = None,
    state: GradeState | None = None,
) -> GradeHistory:
    """Grade every customer at every review, changing a grade only for a lasting reason.

    ``score_history`` (n, reviews), oldest first. At each review the smoothed score moves towards the new one;
    if it lies beyond a cut by more than the band for ``dwell`` reviews in a row the grade changes: a rise
    goes all the way, a fall takes ``max_step_down`` grades at most and then dwells again. The first review
    grades by the plain cuts. The dead band is the hysteresis of control engineering (Schmitt 1938).
    ``started`` (n,): the review at which a customer is first graded; scores before it are ignored.
    ``contract_events`` (n, reviews) bool: a contract was signed; the score takes effect unsmoothed and a rise
    needs neither band nor dwell. An event never lowers a grade.
    ``state``: go on from an earlier result; one call over a year equals 52 calls of a week.
    Raises ValueError, with row and review, for missing scores, and for shapes that don't fit.
    """
    history = inputs.array("score_history", score_history)
    if history.ndim != 2:
        raise ValueError(f"score_history must be (customers, reviews), not {history.shape}")
    n, reviews = history.shape
    first = np.zeros(n) if started is None else inputs.finite("started", started)
    events = None if contract_events is None else inputs.flags("contract_events", contract_events)
    state = _no_state(n) if state is None else state
    for name, array, shape in (
        ("started", first, (n,)),
        ("contract_events", events, (n, reviews)),
        ("state", state.grade, (n,)),
    ):
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} is {array.shape}, and score_history asks for {shape}")

    grades = np.empty((n, reviews), dtype=np.int8)
    smoothed, grade, pending = state.smoothed.copy(), state.grade.copy(), state.pending.copy()
    found: list[tuple[NDArray, ...]] = []
    for start in range(0, n, _CHUNK):
        rows = slice(start, min(start + _CHUNK, n))
        block = np.ascontiguousarray(history[rows].T)
        _refuse_missing_scores(block, first[rows], grade[rows], start)
        for review in range(reviews):
            event = None if events is None else events[rows, review]
            joins = (grade[rows] == NOT_GRADED) & (first[rows] <= review)
            before, reason = _review(block[review], policy, joins, event, smoothed[rows], grade[rows], pending[rows])
            grades[rows, review] = grade[rows]
            changed = np.flatnonzero(reason >= 0)
            if len(changed):
                at = start + changed
                found.append((at, np.full(len(at), review), before[changed], grade[at], smoothed[at], reason[changed]))
    return GradeHistory(
        policy=policy,
        grades=grades,
        changes=_change_table(found, policy),
        state=GradeState(smoothed, grade, pending),
        n=n,
    )


def rfm(
    recency: ArrayLike,
    frequency: ArrayLike,
    monetary: ArrayLike,
    *,
    classes: int = 5,
    cuts: Mapping[str, Sequence[float]] | None = None,
    nested: bool = False,
) -> Rfm:
    """Score recency (time since the last purchase: small is good), frequency and monetary value, each (n,).

    A score is the class of the mid-rank percentile, so equal values always get equal scores and a coarse
    column just leaves classes empty. ``cuts`` fixes limits instead, component -> ``classes`` - 1 ascending
    values: recency [7, 30, 90, 180] scores 5 up to 7 days; frequency [2, 4, 8, 16] scores 5 from 16. The
    result's ``fixed_cuts()``, given back, reproduce its scores. ``nested`` ranks frequency within each
    recency score, and monetary within each pair of these (Miglautsch 2000, J. Database Marketing 8:67-72).
    Raises ValueError, with the row, for missing numbers; and for cuts that don't ascend or can't nest.
    """
    if not 2 <= classes <= 9:
        raise ValueError(f"classes must be 2 to 9, not {classes}")
    fixed = {} if cuts is None else dict(cuts)
    inputs.refuse_unknown(fixed, COMPONENTS, "cuts")
    if nested and fixed:
        raise ValueError("nested scores have limits of their own in each cell: give cuts or nested, not both")
    values = {
        name: inputs.finite(name, value) for name, value in zip(COMPONENTS, (recency, frequency, monetary), strict=True)
    }
    inputs.of_one_length(**values)

    scores, tables = {}, []
    cell = np.zeros(len(values["recency"]), dtype=np.int64)
    for name, value in values.items():
        sign = -1.0 if name == "recency" else 1.0
        if name in fixed:
            limits = _fixed_cuts(fixed[name], classes, name)
            # Searching from the good side: at a limit the better score is due, for recency as for money.
            ordered = np.sort(sign * limits)
            scores[name] = (1 + np.searchsorted(ordered, sign * value, side="right")).astype(np.int8)
            tables.append(_cut_table(name, [0], sign * ordered[None, :], classes))
        else:
            scores[name], cells, limits = _classify(sign * value, cell, classes)
            tables.append(_cut_table(name, cells, sign * limits, classes))
        if nested:
            cell = cell * 10 + scores[name]
    return Rfm(**scores, cuts=pd.concat(tables, ignore_index=True), classes=classes, n=len(cell))


def migration(
    from_grades: ArrayLike | pd.Series,
    to_grades: ArrayLike | pd.Series,
    order: Sequence[str],
    *,
    leaver: str | None = "left",
    smoothing: float | None = None,
) -> Migration:
    """Migration between two reviews from each customer's two grades, both (n,), the same customers in order.

    ``order``: the grades, best first. ``leaver``: what ``to_grades`` holds for a customer who left; None when
    nobody can. ``smoothing``: see ``migration_from_counts``. Raises ValueError, with the row, for a missing
    or unknown grade.
    """
    grades = [str(grade) for grade in order]
    states = grades if leaver is None else [*grades, leaver]
    before = _codes(from_grades, grades, "from_grades")
    after = _codes(to_grades, states, "to_grades")
    inputs.of_one_length(from_grades=before, to_grades=after)
    counts = np.bincount(before * len(states) + after, minlength=len(grades) * len(states))
    return migration_from_counts(counts.reshape(len(grades), len(states)), grades, leaver=leaver, smoothing=smoothing)


def migration_from_counts(
    counts: pd.DataFrame | ArrayLike,
    order: Sequence[str],
    *,
    leaver: str | None = "left",
    smoothing: float | None = None,
) -> Migration:
    """Migration from a table of counts: rows the J grades in ``order``, columns these and, last, ``leaver``.

    A DataFrame is matched by its labels (missing ones count zero); an array by position, and it has no
    leavers when it is square. ``smoothing``: pseudo-count of each cell, default 1 / columns, so each row gets
    one customer's worth of doubt (Perks 1947); p_ij = (n_ij + a) / (n_i + columns x a); 0 for plain shares.
    Raises ValueError for negative or missing counts and unknown labels. Before a long forecast see
    ``same_transitions``.
    """
    grades = [str(grade) for grade in order]
    if isinstance(counts, pd.DataFrame):
        counts = counts.rename(index=str, columns=str)
        states = grades if leaver is None else [*grades, leaver]
        inputs.refuse_unknown(counts.index, grades, "counts' rows")
        inputs.refuse_unknown(counts.columns, states, "counts' columns")
        matrix = counts.reindex(index=grades, columns=states, fill_value=0).to_numpy(dtype=float)
    else:
        matrix = np.asarray(counts, dtype=float)
        square = matrix.shape == (len(grades), len(grades))
        leaver = None if square else leaver
        states = grades if leaver is None else [*grades, leaver]
    if matrix.shape != (len(grades), len(states)):
        raise ValueError(f"counts must be {(len(grades), len(states))} for {grades}, not {matrix.shape}")
    whole = (matrix >= 0) & np.isfinite(matrix) & (np.abs(matrix - np.rint(matrix)) < 1e-6)
    if not whole.all():
        row = int(np.argmin(whole.all(axis=1)))
        raise ValueError(f"counts, row {grades[row]!r}: must be whole numbers of zero or more")

    pseudo = 1 / len(states) if smoothing is None else smoothing
    if not 0 <= pseudo < np.inf:
        raise ValueError(f"smoothing must be zero or more, not {smoothing}")
    probability, low, high = _dirichlet(matrix, pseudo)
    stayers = matrix[:, : len(grades)]
    stayed = stayers.sum()
    index = pd.Index(grades, name="from")
    columns = pd.Index(states, name="to")
    return Migration(
        grades=tuple(grades),
        leaver=leaver,
        counts=pd.DataFrame(np.rint(matrix).astype(np.int64), index, columns),
        probability=pd.DataFrame(probability, index, columns),
        low=pd.DataFrame(low, index, columns),
        high=pd.DataFrame(high, index, columns),
        stationary=pd.Series(stationary_share(probability[:, : len(grades)]), index, name="share"),
        kappa=weighted_kappa(stayers),
        psi=population_stability(stayers.sum(axis=1), stayers.sum(axis=0)),
        moved=float(1 - np.trace(stayers) / stayed) if stayed else float("nan"),
        n=round(matrix.sum()),
        stayed=round(stayed),
    )


def stationary_share(probability: ArrayLike) -> NDArray[np.float64]:
    """Long-run shares (J,) of the states of a (J, J) transition matrix: pi P = pi.

    Rows may sum to less than 1 (some leave): the shares are then those among the remaining, the
    quasi-stationary distribution (Darroch & Seneta 1965). NaN when they hang on where customers start, as
    when no state leads to another.
    """
    matrix = np.asarray(probability, dtype=float)
    undefined = np.full(len(matrix), np.nan)
    if not np.isfinite(matrix).all():
        return undefined
    size, vectors = np.linalg.eig(matrix.T)
    largest = size.real.max()
    same = np.flatnonzero(np.abs(size - largest) < 1e-9)
    if len(same) != 1 or largest <= 0:
        return undefined
    share = np.abs(vectors[:, same[0]].real)
    return share / share.sum()


def flips_per_customer_year(grades: ArrayLike, reviews_per_year: float = 52.0) -> float:
    """Changes of grade per customer and year in ``grades`` (n, reviews), where -1 is not graded.

    NaN when nobody has two reviews in a row.
    """
    held = np.asarray(grades)
    if held.dtype.kind not in "iu":
        held = inputs.array("grades", grades)
    if held.ndim != 2:
        raise ValueError(f"grades must be (customers, reviews), not {held.shape}")
    inputs.refuse(~np.isfinite(held).all(axis=1), "grades", "positions of grades, -1 where not graded")
    flips = pairs = 0
    for start in range(0, len(held), _CHUNK):
        block = held[start : start + _CHUNK]
        both = (block[:, 1:] >= 0) & (block[:, :-1] >= 0)
        pairs += int(both.sum())
        flips += int(((block[:, 1:] != block[:, :-1]) & both).sum())
    return flips / pairs * reviews_per_year if pairs else float("nan")


def weighted_kappa(counts: ArrayLike, weights: Literal["quadratic", "linear"] = "quadratic") -> float:
    """Agreement beyond chance of two ordered gradings, from their (J, J) cross table (Cohen 1968).

    1 is full agreement, 0 what chance gives. NaN for an empty table or when all hold one grade.
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"counts must be square, not {table.shape}")
    if weights not in ("quadratic", "linear"):
        raise ValueError(f"weights: {weights!r} is unknown; known are quadratic, linear")
    place = np.arange(len(table))
    apart = np.abs(place[:, None] - place[None, :]) ** (2.0 if weights == "quadratic" else 1.0)
    total = table.sum()
    chance = (apart * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()
    return float(1 - (apart * table).sum() * total / chance) if chance > 0 else float("nan")


def population_stability(before: ArrayLike, after: ArrayLike, smoothing: float | None = None) -> float:
    """Population stability index of two count vectors (J,): sum of (q - p) ln(q / p).

    Below .1 is read as stable, above .25 as a shift (Siddiqi 2006). ``smoothing``: pseudo-count a class,
    default 1 / J, so that an empty class stays finite. NaN when either has no customers.
    """
    one, other = inputs.finite("before", before, least=0), inputs.finite("after", after, least=0)
    inputs.of_one_length(before=one, after=other)
    if one.sum() == 0 or other.sum() == 0:
        return float("nan")
    pseudo = 1 / len(one) if smoothing is None else smoothing
    share = (one + pseudo) / (one + pseudo).sum()
    later = (other + pseudo) / (other + pseudo).sum()
    return float(((later - share) * np.log(later / share)).sum())


def same_transitions(counts: ArrayLike) -> TransitionTest:
    """Do groups of customers share one migration matrix? Anderson & Goodman 1957, Ann. Math. Stat. 28:89-110.

    ``counts`` (groups, J, K): a migration table for each group. With periods as groups it tests that the
    chain doesn't change over time; with the grade before last as group, that the last grade tells all
    there is to know (first order). Both are assumed by ``stationary`` and ``value``.
    """
    tables = np.asarray(counts, dtype=float)
    if tables.ndim != 3 or not (tables >= 0).all():
        raise ValueError(f"counts must be (groups, from, to), zero or more; it is {tables.shape}")
    statistic, freedom = 0.0, 0
    for state in range(tables.shape[1]):
        table = tables[:, state, :]
        table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        if min(table.shape) > 1:
            test = stats.chi2_contingency(table, correction=False)
            statistic, freedom = statistic + float(test.statistic), freedom + int(test.dof)
    p_value = float(stats.chi2.sf(statistic, freedom)) if freedom else float("nan")
    return TransitionTest(statistic, freedom, p_value, round(tables.sum()))


def _review(
    new: NDArray[np.float64],
    policy: GradePolicy,
    joins: NDArray[np.bool_],
    event: NDArray[np.bool_] | None,
    smoothed: NDArray[np.float64],
    grade: NDArray[np.int8],
    pending: NDArray[np.int8],
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """One review of one block; the last three are brought up to date in place.

    Gives the grades before it and the position of each change's reason in ``REASONS`` (-1: no change).
    """
    before = grade.copy()
    held = before >= 0
    smoothed += np.where(held, policy.smoothing * (new - smoothed), 0.0)
    best = _position(smoothed - policy.band, policy)
    worst = _position(smoothed + policy.band, policy)
    if event is not None and event.any():
        signed = event & held
        smoothed[signed] = np.maximum(smoothed[signed], new[signed])
        plain = _position(smoothed, policy)
        best = np.where(signed, plain, best)
        # A signed contract can only lift: the fall it doesn't confirm starts to dwell anew.
        worst = np.where(signed, np.minimum(worst, before), worst)
    target = np.minimum(np.maximum(before, worst), best)

    direction = np.sign(before - target)
    same = direction == np.sign(pending)
    pending[:] = np.where(same, np.minimum(np.abs(pending) + 1, policy.dwell), 1) * direction
    due = (np.abs(pending) >= policy.dwell) & held
    reason = np.full(len(grade), NOT_GRADED, dtype=np.int8)
    if event is not None:
        immediate = event & held & (direction > 0)
        due |= immediate
        reason[immediate] = REASONS.index(CONTRACT)
    if due.any():
        limited = due & (target - before > policy.max_step_down)
        reason[due & (direction > 0) & (reason < 0)] = REASONS.index(RISE)
        reason[due & (direction < 0)] = REASONS.index(FALL)
        reason[limited] = REASONS.index(FALL_LIMITED)
        grade[due] = np.minimum(target, before + policy.max_step_down)[due]
        pending[due] = 0
    if joins.any():
        smoothed[joins] = new[joins]
        grade[joins] = _position(new[joins], policy)
        pending[joins] = 0
    pending[~held] = 0
    return before, reason


def _position(score: NDArray[np.float64], policy: GradePolicy) -> NDArray[np.int8]:
    """The grade that plain cuts give: the number of cuts not reached."""
    position = np.zeros(len(score), dtype=np.int8)
    for cut in policy.cuts:
        position += score < cut
    return position


def _no_state(n: int) -> GradeState:
    return GradeState(np.zeros(n), np.full(n, NOT_GRADED, dtype=np.int8), np.zeros(n, dtype=np.int8))


def _refuse_missing_scores(
    block: NDArray[np.float64], first: NDArray[np.float64], grade: NDArray[np.int8], start: int
) -> None:
    finite = np.isfinite(block)
    if finite.all():
        return
    needed = (np.arange(len(block))[:, None] >= first) | (grade >= 0)
    wrong = (needed & ~finite).T
    if wrong.any():
        row, review = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise ValueError(
            f"score_history, row {start + row}, review {review}: the score is missing. "
            "Say in started when a customer is first graded"
        )
    block[~finite] = 0


def _change_table(found: list[tuple[NDArray, ...]], policy: GradePolicy) -> pd.DataFrame:
    kinds = (np.int64, np.int64, np.int8, np.int8, float, np.int8)
    columns = zip(*found, strict=True) if found else [[] for _ in kinds]
    row, review, before, after, smoothed, reason = (
        np.concatenate([*column, []]).astype(kind) for column, kind in zip(columns, kinds, strict=True)
    )
    order = np.lexsort((row, review))
    names = list(policy.grades)
    return pd.DataFrame(
        {
            "row": row[order],
            "review": review[order],
            "before": pd.Categorical.from_codes(before[order], names, ordered=True),
            "after": pd.Categorical.from_codes(after[order], names, ordered=True),
            "score": smoothed[order],
            "reason": pd.Categorical.from_codes(reason[order], list(REASONS)),
        }
    )


def _twice_mid_rank(value: NDArray[np.float64], cell: NDArray[np.int64] | None = None) -> tuple:
    """2 x (mid-rank - 1/2) of each value within its cell, and the cell's size: both are whole numbers."""
    n = len(value)
    # Equal values share their rank, so the quicker sort, which may swap them, does as well.
    order = np.argsort(value) if cell is None else np.lexsort((value, cell))
    cell = np.zeros(n, dtype=np.int64) if cell is None else cell
    ordered, cells = value[order], cell[order]
    new_cell = np.r_[True, cells[1:] != cells[:-1]][:n]
    new_run = new_cell | np.r_[True, ordered[1:] != ordered[:-1]][:n]
    run = np.flatnonzero(new_run)
    run_of = np.cumsum(new_run) - 1
    last = np.r_[run[1:], n] - 1
    begin = np.flatnonzero(new_cell)
    cell_of = np.cumsum(new_cell) - 1
    sizes = np.diff(np.r_[begin, n])
    rank, size = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    rank[order] = (run + last[: len(run)] + 1)[run_of] - 2 * begin[cell_of]
    size[order] = sizes[cell_of]
    return rank, size


def _classify(
    value: NDArray[np.float64], cell: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]:
    """Scores by mid-rank percentile within each cell; the cells; and (cells, classes - 1) lowest values of
    the scores from 2 up."""
    rank, size = _twice_mid_rank(value, cell)
    # In whole numbers: a percentile that falls on a class limit must not hang on rounding.
    scores = rank * classes // (2 * np.maximum(size, 1)) + 1
    cells = np.unique(cell)
    limits = np.full((len(cells), classes - 1), np.inf)
    place = np.searchsorted(cells, cell)
    for wanted in range(2, classes + 1):
        reached = scores >= wanted
        np.minimum.at(limits[:, wanted - 2], place[reached], value[reached])
    return scores.astype(np.int8), cells, limits


def _cut_table(name: str, cells: Iterable[int], limits: NDArray[np.float64], classes: int) -> pd.DataFrame:
    within = ["".join(f"{letter}{digit}" for letter, digit in zip("RF", str(cell), strict=False)) for cell in cells]
    within = ["" if cell == "R0" else cell for cell in within]
    return pd.DataFrame(
        {
            "component": name,
            "within": np.repeat(np.array(within, dtype=object), classes - 1),
            "score": np.tile(np.arange(2, classes + 1), len(within)),
            "limit": limits.ravel(),
        }
    )


def _fixed_cuts(limits: Sequence[float], classes: int, name: str) -> NDArray[np.float64]:
    values = np.asarray(limits, dtype=float)
    if values.shape != (classes - 1,) or np.isnan(values).any() or (values[1:] < values[:-1]).any():
        raise ValueError(f"cuts: {name} needs {classes - 1} ascending limits, not {list(limits)}")
    return values


def _dirichlet(counts: NDArray[np.float64], pseudo: float) -> tuple[NDArray[np.float64], ...]:
    """Posterior mean of each cell's probability and its central 95 % interval, row by row."""
    hits = counts + pseudo
    total = hits.sum(axis=1, keepdims=True)
    probability = np.divide(hits, total, out=np.full(hits.shape, np.nan), where=total > 0)
    misses = total - hits
    bounds = [stats.beta.ppf(q, hits, misses) for q in (0.025, 0.975)]
    # Without smoothing a cell of none or all has no spread left: its interval is the point itself.
    low, high = (np.where(np.isnan(bound), probability, bound) for bound in bounds)
    return probability, low, high


def _codes(grades: ArrayLike | pd.Series, known: list[str], what: str) -> NDArray[np.int64]:
    found, distinct = pd.factorize(pd.Series(grades).reset_index(drop=True))
    if (found < 0).any():
        raise ValueError(f"{what}, row {int(np.argmax(found < 0))}: the grade is missing")
    position = pd.Index(known, dtype=object).get_indexer(pd.Index([str(name) for name in distinct], dtype=object))
    if (position < 0).any():
        unknown = int(np.argmax(position < 0))
        raise ValueError(f"{what}, row {int(np.argmax(found == unknown))}: {inputs.unknown(distinct[unknown], known)}")
    return position.astype(np.int64)[found]


def _check_weights(weights: Mapping[str, float]) -> None:
    given = np.array(list(weights.values()), dtype=float)
    if not (given >= 0).all() or abs(given.sum() - 1) > 1e-9:
        raise ValueError(f"weights must be zero or more and sum to 1; {dict(weights)} sum to {given.sum():g}")
