"""A candidate price policy from the offer log to everybody: judged, started, advanced, rolled back."""

import json
from collections import deque
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from features.home import Home
from features.secrets import SECRET_BYTES
from pipelines import evaluated, staged
from pipelines.cli_price import app
from pipelines.console import UserError
from pipelines.evaluated import evaluate, keep
from pipelines.offered import offers_of_home, read_offers
from pipelines.repriced import Span, repriced
from serving.policy import DEFAULT, HOUR, Policy, load_policy
from serving.pricing.desk import Asked, Desk, Outcome
from serving.pricing.rolled import Served
from serving.pricing.rollout import Live, Rollout, Step, judged, position
from training.offpolicy.overlap import Refusal

VALUE = 2_000_000
LEVELS = [200_000, 300_000, 500_000, 800_000, 1_200_000]


def chance_of(reward_micros: int) -> float:
    """The margin, chance x (value - reward), is largest at 500,000."""
    return float(1 / (1 + np.exp(3.04 - np.log1p(reward_micros / 10_000))))


def margin_of(reward_micros: int) -> float:
    return chance_of(reward_micros) * (VALUE - reward_micros)


START = 1_700_000_000_000_000


def offers(rows: int, seed: int, base: int = 800_000, tried: float = 0.5, **changed: object) -> pl.DataFrame:
    """Everybody is offered `base`, and by lot one level less or more; who completes what is known."""
    draws, at = np.random.default_rng(seed), LEVELS.index(base)
    steps = draws.choice([-1, 0, 1], rows, p=[tried / 2, 1 - tried, tried / 2])
    rewards = np.array(LEVELS)[at + steps]
    offered = START + np.sort(draws.integers(0, 20 * 24 * HOUR, rows))
    complete_by = offered + load_policy().reward.complete_hours * HOUR
    table = pl.DataFrame(
        {
            "offer_id": [f"o{number}" for number in range(rows)],
            "user_id": [f"u{number % (rows // 3)}" for number in range(rows)],
            "task_kind": "survey",
            "segment": "new",
            "campaign_id": "c1",
            "currency": "CNY",
            "value_micros": VALUE,
            "reward_micros": rewards,
            "propensity": np.where(steps == 0, 1 - tried, tried / 2),
            "stratum": "local",
            "policy_version": "old",
            "allowed_micros": json.dumps([10_000, 20_000, 50_000, 100_000, *LEVELS]),
            "offered_at": offered,
            "accept_by": offered + HOUR,
            "complete_by": complete_by,
            "completed": draws.random(rows) < np.array([chance_of(one) for one in rewards]),
        }
    )
    return table.with_columns(**{name: pl.lit(one) for name, one in changed.items()})


def policy_file(folder: Path, share_of_value: float = 0.25, **changed: object) -> Path:
    """Static prices at a quarter of the value, 500,000, unless it is said otherwise."""
    body = yaml.safe_load(DEFAULT.read_text())
    body["reward"]["share_of_value"] = share_of_value
    body["pricing"] |= {"is_static": True} | changed
    file = folder / "candidate.yaml"
    file.write_text(yaml.safe_dump(body))
    return file


def written(folder: Path, table: pl.DataFrame) -> Path:
    file = folder / "offers.parquet"
    table.write_parquet(file)
    return file


END = Span(START + 30 * 24 * HOUR)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Its key is chosen, so that every run gives the same people the candidate."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    made = Home.from_environment()
    made.root.mkdir()
    (made.root / "offer.key").write_bytes(bytes(range(SECRET_BYTES)))
    return made


def test_a_candidate_that_finds_the_better_level_passes(tmp_path: Path) -> None:
    """Logged is 800,000 and its neighbours; the best is 500,000."""
    found = evaluate(offers(9_000, 51), policy_file(tmp_path), END)
    assert found.assessment.verdict.passed, found.assessment.verdict.reasons
    values, low = found.assessment.values, found.assessment.uplift_low
    assert values is not None
    assert low is not None
    logged = 0.5 * margin_of(800_000) + 0.25 * margin_of(500_000) + 0.25 * margin_of(1_200_000)
    assert found.assessment.logged_value is not None
    assert found.assessment.logged_value.value == pytest.approx(logged, rel=0.05)
    assert 0 < low < margin_of(500_000) - logged
    assert values["dr"].value == pytest.approx(margin_of(500_000), rel=0.06)


def test_the_log_of_a_desk_replayed_under_its_own_policy_gives_back_every_propensity() -> None:
    """So that what is judged is what would run: the same code, fed in the same order."""
    policy = load_policy()
    table = desk_log(policy, 4_000)
    found = repriced(table, policy, policy, Span(END.as_of, warm_up=0.0))
    logged = found.logged
    assert len(logged) > 3_000
    assert len(set(logged.propensity)) > 3
    np.testing.assert_allclose(found.candidate[np.arange(len(logged)), logged.arm], logged.propensity)


def test_a_log_on_which_budgets_bound_is_replayed_to_the_very_prices(offered_home: Home) -> None:
    """Every price and every propensity of a served home, for the pressures that it was chosen under are logged."""
    policy, table = load_policy(), offers_of_home(offered_home)
    pressed = table.filter(pl.col("value_pressure") > 0.1)
    assert len(pressed) > 300, "the campaigns' budgets bind"
    found = repriced(table, policy, policy, Span(warm_up=0.0))
    assert len(found.logged) == (table["stratum"] == "local").sum()
    chosen = found.candidate[np.arange(len(found.logged)), found.logged.arm]
    np.testing.assert_array_equal(chosen, found.logged.propensity)
    blind = repriced(table.drop("value_pressure", "reward_pressure"), policy, policy, Span(warm_up=0.0))
    assert (blind.candidate[np.arange(len(blind.logged)), blind.logged.arm] != chosen).mean() > 0.1


def test_what_no_log_can_answer_says_what_to_do(tmp_path: Path, offered_home: Home) -> None:
    table, candidate = offers_of_home(offered_home), policy_file(tmp_path)
    with pytest.raises(ValueError, match=r"of none of .* offers is it known yet .* give --as-of"):
        evaluate(table, candidate, Span(START))
    with pytest.raises(ValueError, match="was drawn by lot: the policy that served had static prices"):
        evaluate(table.with_columns(stratum=pl.lit("static")), candidate)
    first = table.head(1).with_columns(offered_at=pl.col("offered_at") - HOUR, stratum=pl.lit("local"))
    late = pl.concat([first, table.with_columns(stratum=pl.lit("static"))])
    with pytest.raises(ValueError, match="give a smaller --warm-up"):
        evaluate(late, candidate, Span(warm_up=0.9))


def desk_log(policy: Policy, rows: int) -> pl.DataFrame:
    """What a desk offers to whoever comes, within ten days, learning on its way."""
    desk, dice, draws = Desk(policy), Random(57), np.random.default_rng(57)  # noqa: S311  # a simulation, no secrets
    late, span, hour = policy.reward.late_hours * HOUR, policy.reward.complete_hours * HOUR, -1
    made: list[dict[str, object]] = []
    waiting: deque[tuple[int, Outcome]] = deque()
    for number, now in enumerate((START + np.sort(draws.integers(0, 10 * 24 * HOUR, rows))).tolist()):
        if now // HOUR != hour:
            hour = now // HOUR
            while waiting and waiting[0][0] <= now:
                known_from, outcome = waiting.popleft()
                desk.learn(outcome, known_from)
            desk.tick(now, {})
        kind = ["survey", "game"][number % 2]
        asked = Asked("c1", kind, "new", VALUE, "CNY", 1.0, 1.0, 0, VALUE)
        quote = desk.quotes([asked], now, dice).offers[0][1]
        completed = bool(draws.random() < chance_of(quote.reward_micros))
        outcome = Outcome("c1", kind, "new", "CNY", quote.reward_micros, VALUE, 1.0, completed, now + span + late)
        waiting.append((now + span + late, outcome))
        made.append(
            {
                "offer_id": f"o{number:05d}",
                "user_id": f"u{number % 500}",
                "task_kind": kind,
                "segment": "new",
                "campaign_id": "c1",
                "currency": "CNY",
                "value_micros": VALUE,
                "reward_micros": quote.reward_micros,
                "propensity": quote.propensity,
                "stratum": quote.stratum,
                "policy_version": quote.policy_version,
                "allowed_micros": json.dumps(quote.allowed_micros),
                "offered_at": now,
                "accept_by": now + HOUR,
                "complete_by": now + span,
                "completed": completed,
            }
        )
    return pl.DataFrame(made)


def test_a_candidate_that_learns_is_replayed_on_what_was_known_then(tmp_path: Path) -> None:
    """It finds 500,000 on its way, from outcomes of others, and is judged on what comes after."""
    asked = Span(END.as_of, warm_up=0.7)
    found = evaluate(offers(9_000, 51), policy_file(tmp_path, is_static=False), asked)
    assert found.repriced.left_out["the candidate was still learning"] > 6_000
    assert found.assessment.refused == ()
    assert found.assessment.values is not None
    assert found.assessment.values["snips"].value == pytest.approx(margin_of(500_000), rel=0.1)


def test_the_same_policy_is_no_uplift_and_fails(tmp_path: Path) -> None:
    found = evaluate(offers(6_000, 52, base=500_000, tried=0.05), policy_file(tmp_path), END)
    assert not found.assessment.verdict.passed
    assert found.assessment.refused == ()
    assert "lower bound of the uplift" in found.assessment.verdict.reasons[0]


def test_a_log_of_one_level_alone_is_refused(tmp_path: Path) -> None:
    table = offers(3_000, 53, base=1_200_000, tried=0.0)
    found = evaluate(table, policy_file(tmp_path), END)
    assert [one.name for one in found.assessment.refused][-1] in {"support_lacking", "effective_sample_low"}
    assert isinstance(found.assessment.refused[0], Refusal)


def test_a_looser_guardrail_fails_it(tmp_path: Path) -> None:
    found = evaluate(offers(9_000, 51), policy_file(tmp_path, steps_per_hour_max=15, similar_ratio_max=900.0), END)
    assert not found.assessment.verdict.passed
    assert "it must not be worse" in found.assessment.verdict.reasons[0]


def test_offers_count_by_their_time_and_not_by_their_outcome(tmp_path: Path) -> None:
    table = offers(6_000, 54)
    young = table["complete_by"] + load_policy().reward.late_hours * HOUR > START + 12 * 24 * HOUR
    hidden = table.with_columns(completed=pl.when(young & ~table["completed"]).then(None).otherwise(table["completed"]))
    found = evaluate(hidden, policy_file(tmp_path), Span(START + 12 * 24 * HOUR))
    assert found.repriced.left_out["too young"] == int(young.sum())
    assert found.assessment.refused == ()
    late = evaluate(hidden, policy_file(tmp_path), END)
    assert [one.name for one in late.assessment.refused] == ["outcome_missing"]


def test_what_is_missing_or_mixed_is_named(tmp_path: Path) -> None:
    table = offers(1_500, 55)
    with pytest.raises(ValueError, match="lacks the columns propensity"):
        read_offers(written(tmp_path, table.drop("propensity")))
    for wrong in (pl.lit("much"), pl.lit([1], pl.List(pl.Int64))):
        with pytest.raises(ValueError, match=r"is no offer log .*price log --out FILE"):
            read_offers(written(tmp_path, table.with_columns(reward_micros=wrong)))
    (tmp_path / "log.parquet").write_bytes(b"PAR0")
    with pytest.raises(ValueError, match=r"log\.parquet is no offer log"):
        read_offers(tmp_path / "log.parquet")
    with pytest.raises(ValueError, match="is no file: give --log FILE"):
        read_offers(tmp_path)
    two = pl.concat([table, table.with_columns(currency=pl.lit("USD"))])
    with pytest.raises(ValueError, match="CNY, USD: amounts of two cannot be added, give --currency"):
        evaluate(two, policy_file(tmp_path), END)
    blank = table.with_columns(propensity=pl.lit(None, pl.Float64))
    found = evaluate(blank, policy_file(tmp_path), END)
    assert [one.name for one in found.assessment.refused] == ["propensity_missing"]
    body = yaml.safe_load(DEFAULT.read_text())
    body["event"]["hold"] = 0.3
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(body))
    with pytest.raises(ValueError, match="outside of reward and pricing, too: event"):
        evaluate(table, other, END)


def test_a_rollout_starts_only_on_a_verdict_that_passed(tmp_path: Path, home: Home) -> None:
    candidate = policy_file(tmp_path)
    with pytest.raises(UserError, match="assay price evaluate"):
        staged.start(home, candidate, "try", "ann")
    keep(home, evaluate(offers(6_000, 52, base=500_000, tried=0.05), candidate, END))
    with pytest.raises(UserError, match="the gate refused"):
        staged.start(home, candidate, "try", "ann")
    keep(home, evaluate(offers(9_000, 51), candidate, END))
    rollout = staged.start(home, candidate, "the gate passed it", "ann")
    assert rollout.share == 0.01
    assert 0 < rollout.person_margin_micros_max < 10 * VALUE
    with pytest.raises(UserError, match="roll it back"):
        staged.start(home, candidate, "again", "ann")
    staged.roll_back(home, "enough", "ann")
    forced = staged.start(home, policy_file(tmp_path, share_of_value=0.3), "try", "ann", force=True)
    assert forced.moves[0].reason == "try (forced)"


def test_the_commands_tell_and_move(tmp_path: Path, home: Home) -> None:
    run, candidate = CliRunner().invoke, str(policy_file(tmp_path))
    log = str(written(tmp_path, offers(9_000, 51)))
    done = run(app, ["evaluate", "--log", log, "--policy", candidate, "--as-of", "2023-12-14"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["passed"], told["reasons"]
    words = ["--reason", "the gate passed it", "--by", "ann"]
    assert run(app, ["rollout", "start", "--policy", candidate, *words]).exit_code == 0
    served = Served(evaluated.folder_of(home), load_policy(), staged.key_of(home))
    share = np.mean([served.policy_for(f"u{one}").version == told["candidate"] for one in range(5_000)])
    assert share == pytest.approx(0.01, abs=0.006)
    status = run(app, ["rollout", "status"])
    assert status.exit_code == 0, status.output
    assert "0 people of the lesser group are known, not met" in " ".join(status.stdout.split())
    assert "stay" in run(app, ["rollout", "advance"]).stdout
    assert run(app, ["rollout", "rollback", "--reason", "enough", "--by", "ann"]).exit_code == 0
    assert served.policy_for("u1") == load_policy()
    assert run(app, ["rollout", "rollback", "--reason", "enough", "--by", "ann"]).exit_code == 1


def test_a_home_without_a_rollout_or_records_says_so(tmp_path: Path, home: Home) -> None:
    """That nothing has begun is an answer; a log of nothing is a mistake."""
    run = CliRunner().invoke
    status = run(app, ["rollout", "status"])
    assert (status.exit_code, "`assay price rollout start` begins one" in status.stdout) == (0, True)
    assert run(app, ["rollout", "advance"]).exit_code == 1
    candidate = str(policy_file(tmp_path))
    for asked in (["log", "--out", str(tmp_path / "log.parquet")], ["evaluate", "--policy", candidate]):
        refused = run(app, asked)
        assert refused.exit_code == 1
        assert "has no records, and so no offers" in " ".join(refused.output.split())
    assert not (tmp_path / "log.parquet").exists()
    assert not home.records.exists()


@pytest.mark.parametrize(("worth", "step"), [(1.0, Step.ADVANCE), (0.3, Step.ROLLBACK)])
def test_live_offers_of_a_served_home_decide(home: Home, tmp_path: Path, worth: float, step: Step) -> None:
    """16,000 people at the second stage; with a harmful candidate only three of ten complete who else would."""
    key, usual = staged.key_of(home), load_policy()
    first = Rollout("old", "new", VALUE, ())
    rollout = Rollout("old", "new", VALUE, (staged.started("old", "new", VALUE, START, "passed", "ann").moves[0],))
    rollout = staged.advanced(rollout, START, "as good", "ann")
    table = live_offers(first, key, rollout.share, worth)
    found = staged.figures(table, rollout, key, usual, START + 40 * 24 * HOUR)
    assert found.candidate_people == pytest.approx(800, abs=120)
    assert found.breaches == 0
    assert judged(rollout, found, staged.Rules(), START + 40 * 24 * HOUR).step is step
    early = staged.figures(table, rollout, key, usual, START + HOUR)
    assert early == Live(0, 0, 0.0, float("inf"), 0)


def live_offers(rollout: Rollout, key: bytes, share: float, worth: float) -> pl.DataFrame:
    draws, count = np.random.default_rng(56), 16_000
    has = np.array([position(f"u{one}", "new", key) < share for one in range(count)])
    chance = np.where(has, 0.6 * worth, 0.6)
    return pl.DataFrame(
        {
            "user_id": [f"u{one}" for one in range(count)],
            "policy_version": np.where(has, "new", "old"),
            "offered_at": START + np.arange(count) * 1_000_000,
            "value_micros": np.full(count, VALUE),
            "reward_micros": np.full(count, 300_000),
            "completed": draws.random(count) < chance,
        }
    )


def test_an_offer_of_the_candidate_beyond_the_margin_rolls_back(home: Home) -> None:
    key = staged.key_of(home)
    rollout = staged.started("old", "new", VALUE, START, "passed", "ann")
    table = live_offers(rollout, key, 0.01, 1.0)
    beyond = table.with_columns(
        reward_micros=pl.when(pl.col("policy_version") == "new").then(1_500_000).otherwise(300_000)
    )
    found = staged.figures(beyond, rollout, key, load_policy(), START + HOUR)
    assert found.breaches == (table["policy_version"] == "new").sum()
    assert judged(rollout, found, staged.Rules(), START + HOUR).step is Step.ROLLBACK


@pytest.mark.parametrize(("base", "tried", "code"), [(800_000, 0.5, 0), (1_200_000, 0.0, 1)])
def test_the_verdict_is_the_exit_code_and_is_told_and_kept_all_the_same(
    home: Home, tmp_path: Path, base: int, tried: float, code: int
) -> None:
    asked = ["evaluate", "--policy", policy_file(tmp_path), "--log", written(tmp_path, offers(9_000, 51, base, tried))]
    result = CliRunner().invoke(app, list(map(str, [*asked, "--as-of", "2023-12-14T22:13:20Z"])))
    assert result.exit_code == code, result.output
    told = json.loads(result.output.splitlines()[-1])
    assert told["passed"] is (code == 0)
    assert evaluated.kept(home, told["candidate"]) == told
