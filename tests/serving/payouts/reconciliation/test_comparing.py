"""Planted breaks of every cause are found with it, and a clean history has none."""

import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.money import MICROS_MAX
from serving.payouts.reconciliation.causes import Cause, Side
from serving.payouts.reconciliation.comparing import DAY, Compared, Terms, compare
from serving.payouts.reconciliation.rates import Rate
from serving.payouts.reconciliation.rows import LINES, OURS

START, END = 20_000 * DAY, 20_030 * DAY
MIDDLE = START + 15 * DAY
PATIENCE = 2 * DAY
Row = dict[str, Any]


def line(key: str | None = "k", **more: Any) -> Row:
    told: Row = dict.fromkeys(LINES) | {"statement": "s", "row": 1, "state": "paid", "amount_micros": 5_000_000}
    return told | {"currency": "USD", "fee_micros": 0, "occurred_at": MIDDLE, "key": key} | more


def payment(id_: str = "p", key: str = "k", **more: Any) -> Row:
    told: Row = {"id": id_, "key": key, "reference": None, "standing": "due", "amount_micros": 5_000_000}
    return told | {"currency": "USD", "at": MIDDLE} | more


def compared(lines: list[Row], ours: list[Row], side: Side = Side.PROVIDER, **terms: Any) -> Compared:
    numbered = [one | {"row": number} for number, one in enumerate(lines, 1)]
    stated = {"covered": [(START, END)]} | terms
    return compare(
        pl.DataFrame(numbered, schema=LINES), pl.DataFrame(ours, schema=OURS), Terms(side, PATIENCE, **stated)
    )


def causes(found: Compared) -> list[tuple[str, str]]:
    return sorted(zip(found.breaks["subject"], found.breaks["cause"], strict=True))


def test_what_agrees_is_no_break() -> None:
    found = compared([line()], [payment()])
    assert found.breaks.is_empty()
    assert found.judged["agrees"].to_list() == [True]


R1, R2 = {"reference": "r1"}, {"reference": "r2"}
PLANTED: list[tuple[Cause, list[Row], list[Row], int | None]] = [
    (Cause.UNKNOWN_TO_US, [line("other")], [], 5_000_000),
    (Cause.UNKNOWN_TO_THEM, [], [payment()], -5_000_000),
    (Cause.TIMING, [], [payment(at=END - DAY)], -5_000_000),
    (Cause.TIMING, [], [payment(at=START + DAY)], -5_000_000),
    (Cause.AMOUNT, [line(amount_micros=5_000_001)], [payment()], 1),
    (Cause.FEE, [line(amount_micros=4_750_000, fee_micros=250_000)], [payment()], -250_000),
    (Cause.EXCHANGE_RATE, [line(currency="CNY", amount_micros=35_000_000)], [payment()], None),
    (Cause.PAID_TWICE, [line(**R1), line(**R2)], [payment()], 5_000_000),
    (Cause.PAID_TWICE, [line(), line()], [payment()], 5_000_000),
    (
        Cause.PAID_TWICE,
        [line("k1", **R1), line("k2", **R2)],
        [payment(key="k1", standing="refused"), payment(key="k2")],
        5_000_000,
    ),
    (Cause.PAID_TWICE, [line(**R1), line(currency="CNY", **R2)], [payment()], None),
    (Cause.RETURNED_LATER, [line(**R1), line(state="returned", **R2)], [payment()], -5_000_000),
    (Cause.RETURNED_LATER, [line(**R1), line(None, state="returned", original="r1", **R2)], [payment()], -5_000_000),
    (Cause.REFUSED_THERE, [line(state="refused")], [payment()], -5_000_000),
    (Cause.REFUSED_THERE, [line(state="refused")], [payment(standing="open")], -5_000_000),
    (Cause.PENDING_THERE, [line(state="pending")], [payment()], -5_000_000),
    (Cause.GIVEN_BACK_BUT_PAID, [line()], [payment(standing="returned")], 5_000_000),
    (Cause.GIVEN_BACK_BUT_PAID, [line()], [payment(standing="refused", at=END)], 5_000_000),
    (Cause.SETTLED_UNRECORDED, [line()], [payment(standing="open")], 0),
    (Cause.DUPLICATED_ROW, [line(**R1), line(**R1)], [payment()], 5_000_000),
]


@pytest.mark.parametrize(("cause", "lines", "ours", "difference"), PLANTED)
def test_a_planted_break_is_found_with_its_cause_and_difference(
    cause: Cause, lines: list[Row], ours: list[Row], difference: int | None
) -> None:
    found = compared(lines, ours).breaks
    assert found["cause"].to_list() == [cause]
    assert found["difference_micros"].to_list() == [difference]


@pytest.mark.parametrize(
    ("cause", "lines", "ours"),
    [
        (Cause.UNREPORTED, [line("other")], []),
        (Cause.UNPAID, [], [payment()]),
        (Cause.DUPLICATED_ROW, [line(), line()], [payment()]),
        (Cause.PAID_TWICE, [line(), line(occurred_at=MIDDLE + 1)], [payment()]),
        (Cause.RECORDED_TWICE, [line()], [payment(), payment()]),
    ],
)
def test_a_partners_breaks_have_causes_of_their_own(cause: Cause, lines: list[Row], ours: list[Row]) -> None:
    assert compared(lines, ours, Side.PARTNER).breaks["cause"].to_list() == [cause]


@pytest.mark.parametrize(
    "ours",
    [
        payment(at=START - 1),
        payment(at=END + 1),
        payment(standing="open"),
        payment(standing="refused"),
        payment(standing="returned"),
    ],
)
def test_what_no_statement_can_show_is_no_break(ours: Row) -> None:
    assert compared([], [ours]).breaks.is_empty()


def test_a_payment_that_was_paid_twice_and_returned_once_agrees() -> None:
    lines = [line(**R1), line(**R2), line(state="returned", reference="r3", original="r2")]
    assert compared(lines, [payment()]).breaks.is_empty()


def test_two_statements_that_show_the_same_line_show_one_movement() -> None:
    for more in (R1, {}):
        assert compared([line(**more), line(statement="t", **more)], [payment()]).breaks.is_empty()


def test_the_same_reference_dated_anew_is_the_same_movement() -> None:
    assert compared([line(**R1), line(statement="t", occurred_at=MIDDLE + DAY, **R1)], [payment()]).breaks.is_empty()


def test_a_reference_of_theirs_finds_a_payment_whose_key_they_lost() -> None:
    for named in (R1, R2 | {"original": "r1"}):
        assert compared([line(None, **named)], [payment(reference="r1")]).breaks.is_empty()
        other = compared([line(None, amount_micros=1, **named)], [payment(reference="r1")])
        assert other.breaks["cause"].to_list() == [Cause.AMOUNT], "by reference, not by its amount"


def test_amount_and_date_find_what_names_nothing_and_never_what_names_another() -> None:
    ours = [payment("p", "k"), payment("q", "l", at=MIDDLE + DAY)]
    near = [line(None, occurred_at=MIDDLE + PATIENCE), line(None, occurred_at=MIDDLE - PATIENCE)]
    assert compared(near, ours).breaks.is_empty()
    assert causes(compared([line("stranger")], ours[:1])) == [
        ("line:stranger", Cause.UNKNOWN_TO_US),
        ("payment:p", Cause.UNKNOWN_TO_THEM),
    ]
    for time in (MIDDLE + PATIENCE + 1, MIDDLE - PATIENCE - 1):
        assert len(compared([line(None, occurred_at=time, **R1)], ours[:1]).breaks) == 2
    assert len(compared([line(None, amount_micros=4_999_999, **R1)], ours[:1]).breaks) == 2
    assert len(compared([line(None, currency="EUR", **R1)], ours[:1]).breaks) == 2


@pytest.mark.parametrize(("theirs", "cause"), [(7_120_000, None), (7_155_600, None), (7_155_601, Cause.EXCHANGE_RATE)])
def test_a_known_rate_is_held_to_its_tolerance(theirs: int, cause: Cause | None) -> None:
    known = {"rates": [Rate.parse("USD/CNY=7.12")], "tolerance_ppm": 5_000}
    found = compared([line(amount_micros=theirs, currency="CNY")], [payment(amount_micros=1_000_000)], **known).breaks
    assert found["cause"].to_list() == ([] if cause is None else [cause])
    other_way = line(amount_micros=1_000_000), payment(amount_micros=7_120_000, currency="CNY")
    assert compared([other_way[0]], [other_way[1]], **known).breaks.is_empty()


def test_equal_amounts_of_two_currencies_are_not_mixed_up() -> None:
    lines = [line("k", currency="USD"), line("l", currency="CNY")]
    ours = [payment("p", "k", currency="CNY"), payment("q", "l", currency="USD")]
    assert [cause for _, cause in causes(compared(lines, ours))] == [Cause.EXCHANGE_RATE] * 2


def test_statements_a_night_apart_cover_it_and_those_a_week_apart_do_not() -> None:
    lost = payment(at=MIDDLE)
    near = [(START, MIDDLE - DAY // 3), (MIDDLE + DAY // 3, END)]
    far = [(START, MIDDLE - 3 * DAY), (MIDDLE + 3 * DAY, END)]
    assert compared([], [lost], covered=near).breaks["cause"].to_list() == [Cause.UNKNOWN_TO_THEM]
    assert compared([], [lost], covered=far).breaks.is_empty()


def test_sums_beyond_what_a_book_holds_are_refused_rather_than_wrapped() -> None:
    many = [line("other", amount_micros=MICROS_MAX, occurred_at=MIDDLE + one) for one in range(1_100)]
    with pytest.raises(ValueError, match="line:other add up to more"):
        compared(many, [])


Break = Callable[[Row, Row], tuple[list[Row], Cause]]


def history(seed: int, size: int, side: Side) -> tuple[list[Row], list[Row]]:
    """Payments of every harmless sort in two currencies, and what a truthful statement shows of them, shuffled."""
    rng = random.Random(seed)  # noqa: S311  # a history, not a secret
    lines, ours = [], []
    for number in range(size):
        money = {"amount_micros": rng.randrange(1, 10**9), "currency": rng.choice(["USD", "CNY"])}
        at = rng.randrange(START, END - PATIENCE)
        standing = rng.choices(["due", "open", "refused", "returned"], [8, 1, 1, 1])[0]
        ours.append(payment(f"p{number}", f"k{number}", at=at, standing=standing, **money))
        shown = line(f"k{number}", reference=f"r{number}", occurred_at=at + rng.randrange(PATIENCE), **money)
        if standing == "due":
            lines.append(shown)
        if standing == "returned" and side is Side.PROVIDER:
            lines += [shown, shown | {"state": "returned", "reference": f"b{number}", "original": f"r{number}"}]
    rng.shuffle(lines)
    return lines, ours


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 40), side=st.sampled_from(Side))
def test_a_clean_history_has_no_break(seed: int, size: int, side: Side) -> None:
    lines, ours = history(seed, size, side)
    found = compared(lines, ours, side)
    assert found.breaks.is_empty()
    assert found.judged["agrees"].sum() == sum(one["standing"] == "due" for one in ours)


def _plant(cause: Cause, shown: Row) -> list[Row]:
    amount = shown["amount_micros"]
    planted: dict[Cause, list[Row]] = {
        Cause.UNKNOWN_TO_THEM: [],
        Cause.AMOUNT: [shown | {"amount_micros": amount + 1}],
        Cause.FEE: [shown | {"amount_micros": amount + 3, "fee_micros": 3}],
        Cause.EXCHANGE_RATE: [shown | {"currency": "EUR"}],
        Cause.PAID_TWICE: [shown, shown | {"reference": "again", "occurred_at": shown["occurred_at"] + 1}],
        Cause.RETURNED_LATER: [shown, shown | {"reference": "back", "state": "returned"}],
        Cause.REFUSED_THERE: [shown | {"state": "refused"}],
        Cause.DUPLICATED_ROW: [shown, shown],
        Cause.UNKNOWN_TO_US: [shown, shown | {"key": "stranger", "reference": "stranger"}],
    }
    return planted[cause]


@pytest.mark.parametrize(
    "cause",
    [
        Cause.UNKNOWN_TO_THEM,
        Cause.AMOUNT,
        Cause.FEE,
        Cause.EXCHANGE_RATE,
        Cause.PAID_TWICE,
        Cause.RETURNED_LATER,
        Cause.REFUSED_THERE,
        Cause.DUPLICATED_ROW,
        Cause.UNKNOWN_TO_US,
    ],
)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_one_break_in_a_random_history_is_found_and_nothing_else(cause: Cause, seed: int) -> None:
    lines, ours = history(seed, 30, Side.PROVIDER)
    inner = {
        one["key"] for one in ours if one["standing"] == "due" and START + PATIENCE < one["at"] < END - 2 * PATIENCE
    }
    place = next(at for at, one in enumerate(lines) if one["key"] in inner)
    found = compared([*lines[:place], *_plant(cause, lines[place]), *lines[place + 1 :]], ours)
    assert [one for _, one in causes(found)] == [cause]
