"""`assay reconcile` on a real book: payouts through the saga and the fake provider, statements as files."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from features.events import Event
from features.home import Home
from features.log import row_of
from pipelines.cli import app
from pipelines.instants import instant_shown
from pipelines.reconcile import run as reconcile_run
from serving import records
from serving.database import open_database
from serving.decision import Action
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.payouts import attempts, saga
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.provider import Settled
from serving.payouts.providers.inbox import WAITS_MICROS_MAX, Effect, accept, apply_waiting, receive
from serving.payouts.providers.notices import Notice
from serving.payouts.reconciliation import kept
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PayoutOrder

DAY = 24 * 3_600 * 1_000_000
NOW = 20_000 * DAY
PERIOD = ("--since", instant_shown(NOW - 10 * DAY), "--until", instant_shown(NOW + 10 * DAY))
Run = Callable[..., Result]


class Town:
    """A home with a book, the fake provider and people who withdraw 5 yuan or dollars each."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.engine: Engine = open_database(self.home.records)
        self.people = 0

    def pay(self, *faults: Fault, currency: str = "CNY") -> str:
        """A withdrawal through the saga; the provider's key."""
        self.people += 1
        name = f"ann{self.people}"
        with self.engine.begin() as connection:
            credit_reward(connection, Reward(f"e-{name}", name, 9_000_000, 0, currency, matures_at=0), NOW)
            held = hold_withdrawal(connection, WithdrawalOrder(name, name, 5_000_000, currency), NOW)
            saga.start(connection, PayoutOrder(name, held.id, name), NOW)
            saga.decide(connection, name, Action.APPROVE, f"d-{name}", NOW)
        self.run({name: faults})
        with self.engine.begin() as connection:
            of_name = select(attempts.PAYOUT_ATTEMPT.c.provider_key).where(attempts.PAYOUT_ATTEMPT.c.payout_id == name)
            return str(connection.scalar(of_name))

    def run(self, script: Any = None, now: int = NOW) -> FakeProvider:
        provider = FakeProvider(self.home.root / "fake-provider.db", script)
        advance_payouts(self.engine.begin, provider, now)
        return provider


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path / "home")
    yield town
    town.engine.dispose()


@pytest.fixture
def run(town: Town) -> Run:
    environment = {"COLUMNS": "80", "ASSAY_HOME": str(town.home.root)}
    return lambda *arguments: CliRunner().invoke(app, ["reconcile", *map(str, arguments)], env=environment)


def figures(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.output.splitlines()[-1])
    return found


def rows(place: Path) -> list[dict[str, str]]:
    with place.open(newline="") as file:
        return list(csv.DictReader(file))


def written(place: Path, *lines: str, header: str = "key,reference,amount,currency,state,at") -> Path:
    place.write_text("\n".join([header, *lines, ""]))
    return place


def line(key: str, amount: str = "5.00", currency: str = "CNY", state: str = "settled", reference: str = "") -> str:
    return f"{key},{reference or f'fake-{key[:12]}'},{amount},{currency},{state},{instant_shown(NOW)}"


def test_what_the_fake_paid_in_two_currencies_agrees_with_the_book(town: Town, run: Run, tmp_path: Path) -> None:
    for currency, fault in (("CNY", Fault.NONE), ("USD", Fault.NONE), ("CNY", Fault.REFUSE)):
        town.pay(fault, currency=currency)
    place = tmp_path / "fake.csv"
    assert run("fake-statement", "--out", place, "--as-of", instant_shown(NOW)).exit_code == 0
    found = run("statement", "fake", "--from", place, *PERIOD, "--as-of", instant_shown(NOW))
    assert found.exit_code == 0, found.output
    agreed = {"count": 1, "micros": 5_000_000}
    assert figures(found)["agreed"] == {"CNY": agreed, "USD": agreed}
    assert (figures(found)["breaks"], figures(found)["lines"]) == (0, 3)


def test_a_statement_of_one_payment_is_told_as_one_line(town: Town, run: Run, tmp_path: Path) -> None:
    town.pay(Fault.NONE)
    assert run("fake-statement", "--out", tmp_path / "fake.csv").output.startswith("1 line in ")


def test_a_notice_that_contradicts_the_book_is_shown_to_a_person(town: Town, run: Run) -> None:
    key = town.pay()
    provider = town.run()
    provider.fail(key)
    headers, body = provider.notify(key, "failed after all")
    assert figures(run("breaks"))["contradictions"] == 0
    with town.engine.begin() as connection:
        assert receive(connection, provider, headers, body, NOW) is Effect.CONTRADICTED
    found = run("breaks")
    assert (found.exit_code, figures(found)["contradictions"]) == (0, 1)
    assert "fake contradicts itself with its notice failed after all" in found.output


def test_a_notice_of_nobodys_payment_is_shown_to_a_person(town: Town, run: Run) -> None:
    with town.engine.begin() as connection:
        accept(connection, "stripe", Notice("evt_1", "another system's", Settled("r")), NOW)
    assert figures(run("breaks"))["foreign"] == 0
    with town.engine.begin() as connection:
        apply_waiting(connection, NOW + WAITS_MICROS_MAX)
    found = run("breaks")
    assert (found.exit_code, figures(found)["foreign"]) == (0, 1)
    assert "1 notice is of payments that this book never knew" in found.output
    assert "stripe evt_1" in found.output


def test_breaks_of_a_real_book_are_found_kept_and_closed_by_a_later_statement(
    town: Town, run: Run, tmp_path: Path
) -> None:
    good, lost, unknown = town.pay(), town.pay(), town.pay(Fault.LOSE_ANSWER)
    first = written(tmp_path / "first.csv", line(good, "5.01"), line(unknown), line("stranger", "7"))
    told = ("--as-of", instant_shown(NOW + DAY))
    found = run("statement", "fake", "--from", first, *PERIOD, *told, "--out", tmp_path / "breaks.csv")
    assert found.exit_code == 3, found.output
    causes = {"amount": 1, "settled_unrecorded": 1, "unknown_to_them": 1, "unknown_to_us": 1}
    assert figures(found)["causes"] == causes
    assert {row["cause"]: row["difference"] for row in rows(tmp_path / "breaks.csv")} == {
        "amount": "0.010000",
        "settled_unrecorded": "0.000000",
        "unknown_to_them": "-5.000000",
        "unknown_to_us": "7.000000",
    }
    town.run(now=NOW + DAY)  # the saga looks the unknown one up
    later = written(tmp_path / "later.csv", line(lost))
    found = run("statement", "fake", "--from", later, *PERIOD, *told)
    assert figures(found)["causes"] == {"amount": 1, "unknown_to_us": 1}
    assert (figures(found)["opened"], figures(found)["closed"]) == (0, 2)
    with town.engine.begin() as connection:
        closed = connection.execute(select(kept.BREAK).where(kept.BREAK.c.resolved_at.is_not(None))).all()
    assert {row.resolved_by for row in closed} == {"assay"}


def test_the_same_file_twice_changes_nothing_whatever_it_is_called(town: Town, run: Run, tmp_path: Path) -> None:
    key = town.pay()
    place = written(tmp_path / "a.csv", line(key), line("stranger"))
    copy = written(tmp_path / "b.csv", line(key), line("stranger"))
    first = run("statement", "fake", "--from", place, "--from", copy, *PERIOD)
    before = _kept(town)
    again = run("statement", "fake", "--from", copy, *PERIOD)
    assert (first.exit_code, again.exit_code) == (3, 3)
    assert figures(first)["new_statements"] == 1
    assert {name: figures(again)[name] for name in ("new_statements", "opened", "closed", "lines")} == {
        "new_statements": 0,
        "opened": 0,
        "closed": 0,
        "lines": 2,
    }
    assert _kept(town) == before


def _kept(town: Town) -> list[Any]:
    with town.engine.begin() as connection:
        return [tuple(row) for table in (kept.BREAK, kept.STATEMENT) for row in connection.execute(select(table))]


def test_two_statements_of_one_name_are_told_apart(town: Town, run: Run, tmp_path: Path) -> None:
    key = town.pay()
    (tmp_path / "other").mkdir()
    january = written(tmp_path / "Download.csv", line(key))
    february = written(tmp_path / "other" / "Download.csv", line(key), line(town.pay()))
    found = run("statement", "fake", "--from", january, "--from", february, *PERIOD)
    assert found.exit_code == 0, found.output


def test_a_break_closed_by_a_person_stays_closed_until_its_difference_changes(
    town: Town, run: Run, tmp_path: Path
) -> None:
    key = town.pay()
    run("statement", "fake", "--from", written(tmp_path / "a.csv", line(key, "5.01")), *PERIOD)
    shown = run("breaks", "--out", tmp_path / "breaks.csv")
    assert shown.exit_code == 3
    id_ = rows(tmp_path / "breaks.csv")[0]["id"]
    assert id_ in shown.output.splitlines(), "whole, on a narrow terminal too"
    assert "needs a reason" in run("resolve", id_, "--reason", " ", "--by", "bo").output
    assert run("resolve", id_, "--reason", "a gift of theirs", "--by", "bo").exit_code == 0
    assert "closed before by bo" in run("resolve", id_, "--reason", "x", "--by", "cy").output
    assert run("statement", "fake").exit_code == 0
    assert run("breaks").exit_code == 0
    more = written(tmp_path / "b.csv", line(key, "0.01", state="settled", reference="again"))
    found = run("statement", "fake", "--from", more, *PERIOD)
    assert figures(found)["causes"] == {"paid_twice": 1}


def test_money_that_stays_in_clearing_is_a_break_once_patience_is_over(town: Town, run: Run) -> None:
    key = town.pay(Fault.SETTLE_LATER)
    assert run("statement", "fake", "--as-of", instant_shown(NOW + DAY)).exit_code == 0
    late = run("statement", "fake", "--as-of", instant_shown(NOW + 3 * DAY))
    assert figures(late)["causes"] == {"clearing_stands": 1}
    town.run().settle(key)
    town.run(now=NOW + 3 * DAY)
    assert run("statement", "fake", "--as-of", instant_shown(NOW + 3 * DAY)).exit_code == 0


def test_a_formula_in_a_statement_is_not_one_in_the_file_written(town: Town, run: Run, tmp_path: Path) -> None:
    town.pay()
    place = written(tmp_path / "a.csv", line("=HYPERLINK(1)"), line("@SUM(1)", reference="+1"))
    run("statement", "fake", "--from", place, "--out", tmp_path / "breaks.csv")
    found = rows(tmp_path / "breaks.csv")
    assert {row["key"] for row in found} >= {"'=HYPERLINK(1)", "'@SUM(1)"}
    assert "'+1" in {row["reference"] for row in found}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([line("k"), line("l", "5.0000001")], "row 2, column amount: must be an amount such as 12.50"),
        ([line("k", "1e3")], "row 1, column amount"),
        ([line("k", "NaN")], "column amount"),
        ([line("k", "0.00")], "must not be zero"),
        ([line("k", "-5")], "positive where money was paid, not '-5'"),
        ([line("k", "99999999999")], "column amount"),
        ([line("k", "")], "not an empty cell"),
        ([line("k", currency="XXX")], "row 1, column currency: must be an ISO 4217 currency"),
        ([line("k", state="gone")], "column state: must be a word that the mapping lists"),
        ([line("k").replace(instant_shown(NOW), "yesterday")], "column at: must be a time"),
        (["k,r,5"], "row 1, column (row): must have 6 cells"),
        ([line("k" * 256)], "at most 255 characters"),
        ([f"{line('k', 'x')}"] * 9, "and 4 more"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_nothing_is_taken_in(
    town: Town, run: Run, tmp_path: Path, lines: list[str], told: str
) -> None:
    found = run("statement", "fake", "--from", written(tmp_path / "a.csv", *lines))
    assert found.exit_code == 2, found.output
    assert told in " ".join(found.output.split())
    assert "Traceback" not in found.output
    assert _kept(town) == []


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "is empty"),
        (b"key,reference,amount,currency,state,at\n", "if nothing moved, say so with --since and --until"),
        (b"key,reference,amuont,currency,state,at\n", "no column amount; did you mean amuont?"),
        ("key,reference,amount,currency,state,at\nä,r,5,CNY,settled,".encode("latin-1"), "encoding"),
        (b"key,key,amount\n", "two columns called key"),
        (b'key,reference,amount,currency,state,at\n"k' + b"x" * 200_000, "not well-formed CSV"),
    ],
)
def test_a_file_that_is_no_statement_says_what_is_wrong(
    town: Town, run: Run, tmp_path: Path, raw: bytes, told: str
) -> None:
    place = tmp_path / "a.csv"
    place.write_bytes(raw)
    found = run("statement", "fake", "--from", place)
    assert found.exit_code == 2, found.output
    assert told in " ".join(found.output.split())
    assert run("statement", "fake", "--from", tmp_path / "nowhere.csv").exit_code == 2
    assert run("statement", "nonsense").exit_code == 2
    assert _kept(town) == []


def test_a_period_without_movements_may_be_stated(town: Town, run: Run, tmp_path: Path) -> None:
    town.pay()
    found = run("statement", "fake", "--from", written(tmp_path / "a.csv"), *PERIOD)
    assert figures(found)["causes"] == {"unknown_to_them": 1}


PARTNER = "transaction_id,amount,currency,paid_at,status"


def earn(town: Town, number: int, partner: str = "acme", currency: str = "USD", revenue: int = 2_000_000) -> str:
    """A conversion that was recorded, scored by nobody and credited; its transaction id."""
    body = {"event_id": f"{partner}-{number}", "kind": "task_completed", "occurred_at": instant_shown(NOW)}
    body |= {"user_id": "ann", "partner_id": partner, "partner_transaction_id": f"t-{partner}-{number}"}
    event = Event.model_validate(body | {"task_id": "t", "revenue_micros": revenue, "currency": currency})
    with town.engine.begin() as connection:
        stamps = {"sequence": 10_000 * len(partner) + number, "recorded_at": NOW, "event_time": NOW, "as_of": NOW}
        records.record(records.Unit(connection, NOW), row_of(event) | stamps, event)
        reward = Reward(f"{partner}-{number}", "ann", 1_000_000, revenue, currency, NOW, partner_id=partner)
        credit_reward(connection, reward, NOW)
    return f"t-{partner}-{number}"


def paid(transaction: str, amount: str = "2", currency: str = "USD", status: str = "paid") -> str:
    return f"{transaction},{amount},{currency},{instant_shown(NOW)},{status}"


def test_a_partners_breaks_are_found_by_transaction_id(town: Town, run: Run, tmp_path: Path) -> None:
    ids = [earn(town, number, currency="CNY" if number == 5 else "USD") for number in range(7)]
    place = written(
        tmp_path / "acme.csv",
        paid(ids[0]),
        paid(ids[1], "1.90"),
        paid(ids[3], status="rejected"),
        *[paid(ids[4])] * 2,
        paid(ids[5], "0.28"),
        paid(ids[6], "14.2", "CNY"),
        paid("never"),
        header=PARTNER,
    )
    told = ("--party", "acme", *PERIOD, "--rate", "USD/CNY=7.12", "--tolerance", "0.5")
    found = run("statement", "partner", "--from", place, *told)
    causes = {"amount": 1, "duplicated_row": 1, "refused_there": 1, "unpaid": 1, "unreported": 1}
    assert figures(found)["causes"] == causes, found.output
    assert found.exit_code == 3
    strict = run("statement", "partner", *told[:-2])
    assert figures(strict)["causes"] == causes | {"exchange_rate": 2}


def test_a_partner_that_pays_less_often_than_others_is_named(town: Town, run: Run, tmp_path: Path) -> None:
    for partner, share in (("honest", 98), ("scrubber", 60)):
        ids = [earn(town, number, partner) for number in range(120)]
        lines = [paid(one) for number, one in enumerate(ids) if number % 100 < share]
        place = written(tmp_path / f"{partner}.csv", *lines, header=PARTNER)
        found = run("statement", "partner", "--party", partner, "--from", place, *PERIOD)
    assert figures(found)["causes"]["scrubbed"] == 1
    assert "scrubber pays less often than others" in found.output
    honest = run("statement", "partner", "--party", "honest")
    assert "scrubbed" not in figures(honest)["causes"]


def test_a_conversion_that_we_declined_and_they_pay_is_known_and_not_unreported(
    town: Town, run: Run, tmp_path: Path
) -> None:
    body = {"event_id": "e", "kind": "task_completed", "occurred_at": instant_shown(NOW), "user_id": "ann"}
    event = Event.model_validate(body | {"partner_id": "acme", "partner_transaction_id": "t-declined"})
    with town.engine.begin() as connection:
        stamps = {"sequence": 1, "recorded_at": NOW, "event_time": NOW, "as_of": NOW}
        records.record(records.Unit(connection, NOW), row_of(event) | stamps, event)
    place = written(tmp_path / "acme.csv", paid("t-declined"), header=PARTNER)
    found = run("statement", "partner", "--party", "acme", "--from", place, *PERIOD)
    assert figures(found)["causes"] == {"given_back_but_paid": 1}


def test_a_run_that_another_overtook_changes_nothing(
    town: Town, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = written(tmp_path / "a.csv", line(town.pay()))
    whole = reconcile_run.compare

    def overtaken(*given: Any) -> Any:
        with town.engine.begin() as connection:
            kept.keep_statement(connection, kept.Statement("provider:fake", "0" * 64, "b.csv", NOW, NOW, 0), NOW)
        return whole(*given)

    monkeypatch.setattr(reconcile_run, "compare", overtaken)
    found = run("statement", "fake", "--from", place, *PERIOD)
    assert found.exit_code == 1
    assert "another run took in a statement meanwhile" in found.output
    with town.engine.begin() as connection:
        assert [one.name for one in kept.statements(connection)] == ["b.csv"]
