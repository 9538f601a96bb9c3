"""Offers of a simulated platform through the running code, their audit on the command line, and figures of prices."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

from features.home import Home
from pipelines import priced
from pipelines.cli import app
from pipelines.paid import Paid, read_paid
from pipelines.pay_audit import audited
from pipelines.shown_pay import show_audit
from serving.database import open_database, reading
from serving.ledger import proofs
from serving.pricing.offer_log import OFFER, OFFER_GOAL


def pay(*arguments: str, home: Home) -> Result:
    return CliRunner().invoke(app, ["pay", *arguments], env={"COLUMNS": "300", "ASSAY_HOME": str(home.root)})


@pytest.fixture(scope="module")
def paid(offered_home: Home) -> Paid:
    return read_paid(offered_home)


def test_an_empty_home_and_one_without_offers_say_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert "/v1/price/offers" in pay("audit", home=home).output
    open_database(home.records).dispose()
    found = pay("audit", home=home)
    assert found.exit_code == 1
    assert "no offer was made" in found.output


def test_offers_are_simulated_on_an_empty_home_only(offered_home: Home) -> None:
    found = pay("simulate", home=offered_home)
    assert found.exit_code == 1
    assert "is not empty" in found.output


def test_what_was_simulated_is_a_sound_book_and_log(offered_home: Home, paid: Paid) -> None:
    engine = open_database(offered_home.records)
    with reading(engine) as connection:
        assert proofs.check(connection) == []
    engine.dispose()
    assert paid.offers["completed"].null_count() == 0, "time passed until every outcome was known"
    assert 0.02 < paid.offers["completed"].mean() < 0.6
    for order in paid.orders:
        assert 0 < order.charged["micros"].sum() <= order.deposited_micros


def test_who_is_offered_alike_is_found_alike(offered_home: Home) -> None:
    found = pay("audit", home=offered_home)
    figures = json.loads(found.output.splitlines()[-1])
    assert found.exit_code == 0
    assert figures["alerts"] == []
    assert {one["attribute"] for one in figures["groups"]} == {"country", "city_tier", "fingerprint_price_tier"}
    assert 0 < figures["similar"]["alike"] <= figures["similar"]["tasks"]


def test_an_audit_of_a_handful_of_offers_does_not_say_that_all_is_well(
    paid: Paid, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = paid.offers.sort("offered_at").tail(3)
    show_audit(audited(replace(paid, offers=newest), 30))
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert "nothing could be judged" in said
    assert "stands out in" not in said


def test_a_city_tier_that_is_offered_less_is_named_and_the_exit_code_says_so(
    offered_home: Home, paid: Paid, tmp_path: Path
) -> None:
    shutil.copytree(offered_home.root, tmp_path / "home")
    home = Home(tmp_path / "home")
    poorer = paid.offers.filter(pl.col("city_tier") == 3)["user_id"].unique().to_list()
    engine = open_database(home.records)
    with engine.begin() as connection:
        theirs = select(OFFER.c.offer_id).where(OFFER.c.user_id.in_(poorer))
        halved = update(OFFER_GOAL).values(reward_micros=OFFER_GOAL.c.reward_micros // 2)
        connection.execute(halved.where(OFFER_GOAL.c.offer_id.in_(theirs)))
    engine.dispose()
    found = pay("audit", "--json", str(tmp_path / "audit.json"), home=home)
    figures = json.loads((tmp_path / "audit.json").read_text())
    assert found.exit_code == 3
    assert any(one.startswith("city tier 3 is offered") for one in figures["alerts"]), figures["alerts"]
    (named,) = [one for one in figures["groups"] if (one["attribute"], one["group"]) == ("city_tier", "3")]
    assert named["stands"]
    assert named["ratio"]["value"] == pytest.approx(0.5, abs=0.05)


def test_the_newest_events_say_what_a_person_is(paid: Paid) -> None:
    known = paid.offers.drop_nulls("country")
    assert known.height > 0
    assert set(known["city_tier"]) <= {1, 2, 3, 4}
    assert known.group_by("user_id").agg(pl.col("country").n_unique())["country"].max() == 1


def test_the_learned_curve_follows_what_was_seen(paid: Paid) -> None:
    for one in priced.responses(paid):
        most = max(one.levels, key=lambda level: level.offered)
        chance = one.curve.chance[one.curve.levels_micros.index(most.reward_micros)]
        assert most.low - 0.02 <= chance <= most.high + 0.02
        assert (one.curve.low <= one.curve.chance).all()


def test_a_budget_is_planned_by_traffic_and_charged_by_completions(paid: Paid) -> None:
    for one in priced.burns(paid):
        assert one.plan[0] == 0
        assert one.plan[-1] == pytest.approx(1)
        assert 0 < one.charged[-1] <= 1
        assert one.off_plan < 1


def test_no_offer_breaks_the_margin_and_one_that_would_is_counted(paid: Paid) -> None:
    assert priced.breaches(paid) == (0, 0)
    dear = paid.offers.with_columns(reward_micros=pl.col("value_micros") * 3 // 4)
    assert priced.breaches(Paid(dear, [], paid.days, paid.policy)) == (paid.offers.height, 0)
    margin = paid.policy.reward.margin_min
    assert all(one.kept >= margin for one in priced.margins(paid))


def test_earners_share_what_was_owed_and_nobody_met_the_curve(paid: Paid) -> None:
    found, cut = priced.earners(paid), priced.cut(paid)
    assert found.total_micros == paid.offers.filter(pl.col("completed"))["owed_micros"].sum()
    assert (cut.cut_days, cut.cut_micros) == (0, 0)
    assert cut.reward_micros >= found.total_micros
    past = Paid(paid.offers, [], paid.days.with_columns(paid_micros=pl.col("reward_micros") // 2), paid.policy)
    assert priced.cut(past).cut_days == cut.days > 0


def test_two_currencies_are_shown_apart(paid: Paid) -> None:
    other = Paid(paid.offers.with_columns(currency=pl.lit("USD")), [], paid.days, paid.policy)
    both = Paid(pl.concat([paid.offers, other.offers.head(3)]), paid.orders, paid.days, paid.policy)
    assert priced.currencies(both) == ["CNY", "USD"]
    assert priced.of_currency(both, "USD").offers.height == 3
    assert priced.of_currency(both, "USD").days.height == 0
