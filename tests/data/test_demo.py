"""The demo warehouse keeps its promises: same seed, same content; what is planted can be found again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from data.demo import build, chunk, geography, planted, truth, warehouse, window
from data.demo.lists import rows
from queries.schema import SURVEY_ITEMS, metadata

ALL_TABLES = sorted(metadata.tables)

YEAR_OF_EACH_CUSTOMER = """
    WITH sales AS (
        SELECT customer_key, sum(revenue) AS revenue, sum(cost_of_goods) AS cost
        FROM sales_line WHERE sold_on BETWEEN DATE '2025-11-17' AND DATE '2026-11-15' GROUP BY ALL
    ), served AS (
        SELECT customer_key, sum(round(quantity * unit_rate, 2)) AS service
        FROM service_event JOIN activity_rate r USING (activity_key)
        WHERE served_on BETWEEN DATE '2025-11-17' AND DATE '2026-11-15'
          AND served_on >= valid_from AND (valid_to IS NULL OR served_on < valid_to) GROUP BY ALL
    ), direct AS (
        SELECT customer_key, sum(amount) AS direct
        FROM direct_cost WHERE incurred_on BETWEEN DATE '2025-11-17' AND DATE '2026-11-15' GROUP BY ALL
    )
    SELECT coalesce(revenue, 0)::DOUBLE AS revenue,
           (coalesce(revenue, 0) - coalesce(cost, 0) - coalesce(service, 0) - coalesce(direct, 0))::DOUBLE
               AS profit
    FROM sales FULL JOIN served USING (customer_key) FULL JOIN direct USING (customer_key)
"""

SPELLS = f"""
    WITH response AS (
        SELECT customer_key, answered_on, (satisfaction + {" + ".join(SURVEY_ITEMS)}) / 8.0 AS score,
               lead(answered_on) OVER (PARTITION BY customer_key ORDER BY answered_on) AS following
        FROM survey
    ), spell AS (
        SELECT *, least(coalesce(following, DATE '2026-11-16'), DATE '2026-11-16', answered_on + 182) AS over
        FROM response
    )
    SELECT score::DOUBLE AS score, (over - answered_on) / 30.4375 AS months,
           count(*) FILTER (kind = 'complaint') AS complaint,
           count(*) FILTER (kind = 'praise') AS praise,
           count(*) FILTER (kind = 'referral') AS referral
    FROM spell s LEFT JOIN word_of_mouth w
      ON w.customer_key = s.customer_key AND happened_on >= answered_on AND happened_on < over
    GROUP BY s.customer_key, answered_on, score, over
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.duckdb"
    build(path, customers=20_000, seed=1)
    return path


@pytest.fixture(scope="module")
def facts(demo: Path) -> dict:
    return truth(demo)


@pytest.fixture
def ask(demo: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(demo), read_only=True) as connection:
        yield connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> object:
    return connection.execute(sql).fetchone()[0]


def checksums(path: Path) -> dict[str, tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            name: connection.execute(
                f"SELECT count(*), sum(hash(t)::HUGEINT), bit_xor(hash(t)) FROM {name} t"
            ).fetchone()
            for name in ALL_TABLES
        }


# --- building


def test_same_seed_same_content_and_another_seed_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "CHUNK", 300)
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        build(tmp_path / f"{name}.duckdb", customers=1_000, seed=seed)
    one_, same, other = (checksums(tmp_path / f"{name}.duckdb") for name in ("one", "same", "other"))
    assert one_ == same
    assert one_["sales_line"] != other["sales_line"]
    assert truth(tmp_path / "one.duckdb") == truth(tmp_path / "same.duckdb")


def test_chunks_do_not_depend_on_the_order_in_which_they_are_drawn() -> None:
    staff = geography.staff_for(20)
    later = chunk.draw(1, 7, 101, 10, staff)
    chunk.draw(1, 6, 91, 10, staff)
    again = chunk.draw(1, 7, 101, 10, staff)
    assert np.array_equal(later.lines.revenue, again.lines.revenue)


def test_fifty_customers_fill_every_table(tmp_path: Path) -> None:
    path = tmp_path / "small.duckdb"
    build(path, customers=50, seed=1)
    with duckdb.connect(str(path), read_only=True) as connection:
        counts = {name: one(connection, f"SELECT count(*) FROM {name}") for name in ALL_TABLES}
    assert counts["customer"] == 50
    assert [name for name, count in counts.items() if not count and name != "stock_month"] == []


def test_a_file_that_exists_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "mine.duckdb"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"mine\.duckdb exists already"):
        build(path, customers=50)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.duckdb"]


def test_too_few_customers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 50 customers, not 49"):
        build(tmp_path / "tiny.duckdb", customers=49)


def test_progress_ends_at_one(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    build(tmp_path / "a.duckdb", customers=60, progress=lambda stage, done: heard.append((stage, done)))
    assert heard == [("customers", 0.0), ("customers", 1.0), ("totals", 0.0), ("totals", 1.0)]


def test_memory_for_a_million_customers_is_that_of_a_chunk() -> None:
    spans = warehouse._spans(1_000_000)
    assert max(size for _, _, size in spans) == 10_000
    assert sum(size for _, _, size in spans) == 1_000_000


# --- the contract


def test_every_table_is_filled_as_the_contract_says(ask: duckdb.DuckDBPyConnection) -> None:
    for table in metadata.tables.values():
        described = ask.execute(f"DESCRIBE {table.name}").fetchall()
        assert [column[0] for column in described] == [column.name for column in table.columns]
        assert one(ask, f"SELECT count(*) FROM {table.name}") > 0, table.name
        keys = ", ".join(column.name for column in table.primary_key)
        repeated = one(ask, f"SELECT count(*) - count(DISTINCT ({keys})) FROM {table.name}")
        assert repeated == 0, f"{table.name} repeats its key"


REFERENCES = (
    ("region.parent_key", "region"),
    ("employee.region_key", "region"),
    ("customer.region_key", "region"),
    ("customer.manager_key", "employee"),
    ("customer.acquisition_channel_key", "channel"),
    ("customer_profile.customer_key", "customer"),
    ("sales_line.customer_key", "customer"),
    ("sales_line.product_key", "product"),
    ("sales_line.channel_key", "channel"),
    ("service_event.activity_key", "activity"),
    ("service_event.customer_key", "customer"),
    ("service_event.channel_key", "channel"),
    ("direct_cost.customer_key", "customer"),
    ("survey.customer_key", "customer"),
    ("word_of_mouth.customer_key", "customer"),
    ("word_of_mouth.referred_key", "customer"),
    ("complaint.customer_key", "customer"),
    ("contact.employee_key", "employee"),
    ("opportunity_stage.customer_key", "customer"),
    ("stock_month.product_key", "product"),
    ("assignment.customer_key", "customer"),
    ("loyalty_entry.customer_key", "customer"),
)


@pytest.mark.parametrize(("column", "target"), REFERENCES)
def test_references_lead_somewhere(ask: duckdb.DuckDBPyConnection, column: str, target: str) -> None:
    table, key = column.split(".")
    lost = one(ask, f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT {target}_key FROM {target})")
    assert lost == 0


CODED = {
    "customer.kind": "kind",
    "customer.industry": "industry",
    "customer.size": "size",
    "employee.role": "role",
    "product.category": "category",
    "sales_line.payment_method": "payment_method",
    "activity.cost_pool": "cost_pool",
    "activity.driver_unit": "driver_unit",
    "direct_cost.kind": "direct_cost",
    "word_of_mouth.kind": "wom_kind",
    "word_of_mouth.channel": "wom_channel",
    "complaint.category": "complaint_category",
    "complaint.root_cause": "root_cause",
    "complaint.improvement": "improvement",
    "contact.channel": "contact_channel",
    "contact.purpose": "contact_purpose",
    "contact.outcome": "contact_outcome",
    "opportunity_stage.stage": "stage",
    "assignment.reason": "reason",
    "loyalty_entry.level": "loyalty_level",
    "loyalty_entry.benefit": "benefit",
    "event.kind": "event_kind",
    "customer_profile.sex": "sex",
    "customer_profile.education": "education",
    "customer_profile.religion": "religion",
    "customer_profile.zodiac": "zodiac",
    "customer_profile.hobbies": "hobby",
    "customer_profile.smokes": "yes_no",
    "customer_profile.drinks": "yes_no",
    "customer_profile.operating_history": "operating_history",
}


@pytest.mark.parametrize(("column", "domain"), CODED.items())
def test_codes_have_labels_in_both_languages(ask: duckdb.DuckDBPyConnection, column: str, domain: str) -> None:
    table, name = column.split(".")
    cells = ask.execute(f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL").fetchall()
    used = {code for (cell,) in cells for code in cell.split(",")}
    labelled = {row["code"] for row in rows("labels") if row["domain"] == domain and row["name_en"]}
    assert used <= labelled
    assert used


def test_days_fill_156_weeks(ask: duckdb.DuckDBPyConnection) -> None:
    first, last, weeks = ask.execute(
        "SELECT min(sold_on), max(sold_on), count(DISTINCT date_trunc('week', sold_on)) FROM sales_line"
    ).fetchone()
    assert date(2023, 11, 20) <= first <= date(2023, 11, 26)
    assert last == date(2026, 11, 15)
    assert weeks == window.WEEKS == 156


# --- customers and sales


def test_two_thirds_of_the_customers_are_chinese_and_have_two_names(ask: duckdb.DuckDBPyConnection) -> None:
    chinese, persons, chinese_names, latin_names, regions = ask.execute("""
        SELECT avg((code_ LIKE 'CN%')::INT), avg((kind = 'person')::INT),
               avg(regexp_matches(name, '^[\\p{Han}·]+$')::INT), avg((name_en ~ '^[^\\p{Han}]+$')::INT),
               count(DISTINCT code_)
        FROM (SELECT c.*, r.code AS code_ FROM customer c JOIN region r USING (region_key))
    """).fetchone()
    assert chinese == pytest.approx(0.655, abs=0.02)
    assert persons == pytest.approx(0.15, abs=0.01)
    assert (chinese_names, latin_names) == (1, 1)
    assert regions == 58


def test_half_of_the_customers_were_won_in_the_window_and_buy_on_that_day(
    ask: duckdb.DuckDBPyConnection,
) -> None:
    won, bought = ask.execute("""
        SELECT avg((acquired_on >= DATE '2023-11-20')::INT),
               avg((acquired_on = first_sale)::INT) FILTER (acquired_on >= DATE '2023-11-20')
        FROM customer
        LEFT JOIN (SELECT customer_key, min(sold_on) AS first_sale FROM sales_line GROUP BY ALL)
            USING (customer_key)
    """).fetchone()
    assert won == pytest.approx(0.55, abs=0.02)
    assert bought == 1
    assert one(ask, "SELECT min(acquired_on) FROM customer") > date(2015, 11, 1)


def test_a_return_takes_back_an_earlier_line(ask: duckdb.DuckDBPyConnection) -> None:
    returned, wrong = ask.execute("""
        SELECT count(*), count(*) FILTER (
            r.customer_key <> l.customer_key OR r.product_key <> l.product_key OR r.sold_on < l.sold_on
            OR r.quantity >= 0 OR -r.quantity > l.quantity OR r.revenue > 0 OR -r.revenue > l.revenue
            OR r.cost_of_goods >= 0 OR r.order_code <> l.order_code)
        FROM sales_line r JOIN sales_line l ON l.line_key = r.return_of
    """).fetchone()
    lines = one(ask, "SELECT count(*) FROM sales_line")
    assert 0.005 < returned / lines < 0.04
    assert wrong == 0
    assert one(ask, "SELECT count(*) FROM sales_line WHERE return_of IS NULL AND revenue < 0") == 0
    assert one(ask, "SELECT count(*) FROM sales_line WHERE cost_of_goods IS NULL") == 0


def test_spring_festival_is_quiet_and_double_eleven_is_busy(ask: duckdb.DuckDBPyConnection) -> None:
    week = """SELECT count(*) FROM sales_line JOIN customer USING (customer_key)
        JOIN region r USING (region_key) WHERE r.code LIKE 'CN%' AND sold_on BETWEEN """
    usual = one(ask, week + "DATE '2025-09-01' AND DATE '2025-09-07'")
    assert one(ask, week + "DATE '2026-02-15' AND DATE '2026-02-21'") < 0.3 * usual
    assert one(ask, week + "DATE '2025-11-05' AND DATE '2025-11-11'") > 1.2 * usual


def test_purchases_are_bgnbd_with_the_planted_parameters(ask: duckdb.DuckDBPyConnection, facts: dict) -> None:
    bought = ask.execute("""
        SELECT count(DISTINCT sold_on) - 1 AS x, min(sold_on) - DATE '2023-11-20' AS first,
               max(sold_on) - DATE '2023-11-20' AS last, bool_or(r.code LIKE 'CN%') AS chinese
        FROM sales_line JOIN customer c USING (customer_key) JOIN region r USING (region_key)
        WHERE return_of IS NULL AND acquired_on >= DATE '2023-11-20' AND kind = 'organisation'
        GROUP BY customer_key ORDER BY customer_key
    """).fetchnumpy()
    begin = window.TRADE.elapsed(bought["first"], bought["chinese"])
    recency = window.TRADE.elapsed(bought["last"], bought["chinese"]) - begin
    found = _fit_bgnbd(bought["x"], recency, window.WEEKS - begin)
    expected = facts["purchases"]["parameters"]["organisation"]
    assert found["r"] == pytest.approx(expected["r"], rel=0.12)
    assert found["alpha"] == pytest.approx(expected["alpha"], rel=0.12)
    drop_out = expected["a"] / (expected["a"] + expected["b"])
    assert found["a"] / (found["a"] + found["b"]) == pytest.approx(drop_out, rel=0.25)


def _fit_bgnbd(x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> dict[str, float]:
    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        level = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
        alive = -(r + x) * np.log(alpha + age)
        gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + recency)
        return -(level + np.where(x > 0, np.logaddexp(alive, gone), alive)).sum()

    fitted = minimize(loss, np.log([1, 5, 0.6, 25]), method="L-BFGS-B")
    return dict(zip(("r", "alpha", "a", "b"), np.exp(fitted.x), strict=True))


# --- profit


@pytest.mark.parametrize("customers", [5_000, 20_000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fifth_makes_the_profit_and_a_fifth_eats_it(customers: int, seed: int) -> None:
    record, staff = planted.Record(), geography.staff_for(customers)
    for span in warehouse._spans(customers):
        record.add(chunk.draw(seed, *span, staff))
    year = record.facts(customers, seed)["last_52_weeks"]
    assert 1.20 <= year["share_of_best_fifth"] <= 1.40
    assert 0.20 <= year["share_of_losers"] <= 0.25
    assert 0.08 <= year["profit_to_revenue"] <= 0.15


def test_the_truth_of_the_year_is_what_sql_adds_up(ask: duckdb.DuckDBPyConnection, facts: dict) -> None:
    year = ask.execute(YEAR_OF_EACH_CUSTOMER).fetchnumpy()
    best = np.sort(year["profit"])[::-1][: round(0.2 * len(year["profit"]))]
    expected = facts["last_52_weeks"]
    assert len(year["profit"]) == expected["active_customers"]
    assert year["revenue"].sum() == pytest.approx(expected["revenue"], abs=0.005)
    assert year["profit"].sum() == pytest.approx(expected["profit"], abs=0.005)
    assert best.sum() / year["profit"].sum() == pytest.approx(expected["share_of_best_fifth"], abs=1e-4)
    assert (year["profit"] < 0).mean() == pytest.approx(expected["share_of_losers"], abs=1e-4)


def test_losses_have_several_planted_causes(facts: dict) -> None:
    by_cause = facts["loss_causes"]["last_52_weeks"]
    losers = sum(cause["losers"] for cause in by_cause.values())
    for name, cause in by_cause.items():
        if name != "none":
            assert cause["losers"] / cause["active_customers"] > 0.6, name
            assert cause["losers"] / losers > 0.06, name
            assert cause["profit"] < 0, name
    assert by_cause["none"]["losers"] / by_cause["none"]["active_customers"] < 0.13
    assert {len(keys) > 300 for keys in facts["cause_of_customer"].values()} == {True}


# --- service


def test_rates_are_cost_over_capacity_and_follow_one_another(ask: duckdb.DuckDBPyConnection) -> None:
    wrong = one(ask, "SELECT count(*) FROM activity_rate WHERE unit_rate * weekly_capacity <> weekly_cost")
    gaps = one(
        ask,
        """SELECT count(*) FROM (SELECT valid_to, lead(valid_from) OVER
           (PARTITION BY activity_key ORDER BY valid_from) AS following FROM activity_rate)
           WHERE valid_to IS DISTINCT FROM following""",
    )
    assert (wrong, gaps) == (0, 0)


def test_capacity_is_used_at_75_to_95_per_cent(ask: duckdb.DuckDBPyConnection) -> None:
    used = ask.execute("""
        WITH week AS (
            SELECT activity_key, date_trunc('week', served_on) + INTERVAL 6 DAY AS sunday,
                   sum(quantity) AS used
            FROM service_event GROUP BY ALL)
        SELECT code, avg(used / weekly_capacity), max(used / weekly_capacity)
        FROM week JOIN activity_rate r ON r.activity_key = week.activity_key
             AND sunday >= valid_from AND (valid_to IS NULL OR sunday < valid_to)
             JOIN activity a ON a.activity_key = week.activity_key
        WHERE sunday >= DATE '2024-01-01' GROUP BY ALL
    """).fetchall()
    assert len(used) == 9
    assert [code for code, mean, _ in used if not 0.75 <= mean <= 0.95] == []
    assert {code: most for code, _, most in used}["urgent_delivery"] > 1.1


# --- satisfaction and word of mouth


def test_most_scores_lie_between_the_thresholds(ask: duckdb.DuckDBPyConnection, facts: dict) -> None:
    spell = ask.execute(SPELLS).fetchnumpy()
    months = spell["months"] / spell["months"].sum()
    assert months[spell["score"] < 2.6].sum() == pytest.approx(0.15, abs=0.03)
    assert months[spell["score"] > 4.2].sum() == pytest.approx(0.23, abs=0.03)
    inside = {kind: int(spell[kind].sum()) for kind in ("complaint", "praise", "referral")}
    assert inside == facts["word_of_mouth"]["realised"]["events"], "all talk falls into spells"


def test_word_of_mouth_follows_the_planted_curve(ask: duckdb.DuckDBPyConnection, facts: dict) -> None:
    spell, curve = ask.execute(SPELLS).fetchnumpy(), facts["word_of_mouth"]
    score = spell["score"]
    praise = curve["p0"] * np.exp(curve["kP"] * np.maximum(0, score - curve["tP"]))
    expected = {
        "complaint": curve["c0"] * np.exp(curve["kC"] * np.maximum(0, curve["tC"] - score)),
        "praise": praise,
        "referral": curve["referral_share"] * praise,
    }
    for kind, rate in expected.items():
        for low, high in ((1, 2), (2, 2.6), (2.6, 4.2), (4.2, 4.7), (4.7, 5.1)):
            there = (score >= low) & (score < high)
            mean = (rate * spell["months"])[there].sum()
            assert abs(spell[kind][there].sum() - mean) < 4.5 * np.sqrt(1.4 * mean) + 1, (kind, low)


def test_on_time_and_complaint_handling_drive_satisfaction(ask: duckdb.DuckDBPyConnection) -> None:
    answers = ask.execute(f"SELECT satisfaction, {', '.join(SURVEY_ITEMS)} FROM survey").fetchnumpy()
    items = np.column_stack([np.ones(len(answers["satisfaction"])), *(answers[item] for item in SURVEY_ITEMS)])
    slopes = np.linalg.lstsq(items, answers["satisfaction"].astype(float), rcond=None)[0][1:]
    strongest = sorted(zip(slopes, SURVEY_ITEMS, strict=True), reverse=True)[:2]
    assert [name for _, name in strongest] == ["on_time", "complaint_handling"]


def test_a_referred_customer_came_later_and_by_referral(ask: duckdb.DuckDBPyConnection) -> None:
    found, wrong = ask.execute("""
        SELECT count(*), count(*) FILTER (acquired_on <= happened_on OR ch.code <> 'referral')
        FROM word_of_mouth w JOIN customer c ON c.customer_key = referred_key
        JOIN channel ch ON ch.channel_key = acquisition_channel_key
    """).fetchone()
    assert found > 300
    assert wrong == 0


# --- grades, targets, stock and the rest


def test_assignments_follow_one_another_and_grades_have_their_shares(ask: duckdb.DuckDBPyConnection) -> None:
    gaps = one(
        ask,
        """SELECT count(*) FROM (SELECT valid_to, lead(valid_from) OVER
           (PARTITION BY customer_key ORDER BY valid_from) AS following FROM assignment)
           WHERE valid_to IS DISTINCT FROM following""",
    )
    assert gaps == 0
    shares = dict(
        ask.execute("SELECT grade, count(*) / 20000 FROM assignment WHERE valid_to IS NULL GROUP BY ALL").fetchall()
    )
    for grade, share in {"A": 0.08, "B": 0.22, "C": 0.45, "D": 0.25}.items():
        assert shares[grade] == pytest.approx(share, abs=0.035), grade
    assert one(ask, "SELECT count(*) FROM assignment WHERE reason IN ('value_up', 'value_down')") > 4_000
    assert one(ask, "SELECT count(DISTINCT tier) FROM assignment WHERE grade = 'A'") == 4


def test_targets_are_near_what_came_out_and_add_up(ask: duckdb.DuckDBPyConnection) -> None:
    actual = float(one(ask, "SELECT sum(revenue) FROM sales_line WHERE sold_on BETWEEN '2026-03-30' AND '2026-06-28'"))
    targets = ask.execute("""
        SELECT sum(value) FILTER (region_code = '' AND grade = ''), sum(value) FILTER (region_code <> ''),
               sum(value) FILTER (grade <> '')
        FROM target WHERE metric = 'revenue' AND starts_on = DATE '2026-03-30'
    """).fetchone()
    assert float(targets[0]) == pytest.approx(actual, rel=0.05)
    assert targets[0] == targets[1] == targets[2]
    assert one(ask, "SELECT count(DISTINCT starts_on) FROM target") == 13


def test_stock_adds_up_and_was_bought(ask: duckdb.DuckDBPyConnection) -> None:
    broken = one(
        ask,
        """SELECT count(*) FROM (SELECT *, lag(on_hand) OVER
           (PARTITION BY customer_key, product_key ORDER BY month) AS before FROM stock_month)
           WHERE before + purchased - sold <> on_hand OR on_hand < 0""",
    )
    unlike = one(
        ask,
        """WITH bought AS (SELECT customer_key, product_key, date_trunc('month', sold_on) AS month,
               sum(quantity) AS quantity FROM sales_line GROUP BY ALL)
           SELECT count(*) FROM stock_month s LEFT JOIN bought b USING (customer_key, product_key, month)
           WHERE s.purchased <> coalesce(b.quantity, 0)""",
    )
    assert (broken, unlike) == (0, 0)


def test_cases_are_in_order_and_some_are_open(ask: duckdb.DuckDBPyConnection) -> None:
    disorder, open_, all_ = ask.execute("""
        SELECT count(*) FILTER (first_response_at < opened_at OR resolved_at < first_response_at),
               count(*) FILTER (resolved_at IS NULL), count(*) FROM complaint
    """).fetchone()
    assert disorder == 0
    assert 0.01 < open_ / all_ < 0.10


def test_points_redeemed_were_earned(ask: duckdb.DuckDBPyConnection) -> None:
    overdrawn = one(
        ask,
        """SELECT count(*) FROM (SELECT sum(earned - redeemed) OVER
           (PARTITION BY customer_key ORDER BY entered_on) AS balance FROM loyalty_entry)
           WHERE balance < 0""",
    )
    assert overdrawn == 0
