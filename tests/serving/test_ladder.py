"""The static price: on the ladder, within floor and margin, at the policy's share of the value."""

from hypothesis import given
from hypothesis import strategies as st

from serving.policy import Policy, load_policy
from serving.pricing.guardrails import ceiling_micros
from serving.pricing.ladder import price

SHIPPED = load_policy()


def policies() -> st.SearchStrategy[Policy]:
    ladders = st.lists(st.integers(1, 50), min_size=1, max_size=15, unique=True).map(sorted).map(tuple)
    return st.builds(policy, ladders, st.floats(0.05, 0.95), st.floats(0.05, 0.95))


def policy(ladder: tuple[int, ...], margin: float, share: float, floor: int = 1) -> Policy:
    changed = {"ladder_micros": ladder, "margin_min": margin, "share_of_value": share}
    reward, pricing = (
        SHIPPED.reward.model_copy(update=changed),
        SHIPPED.pricing.model_copy(update={"floor_micros": floor}),
    )
    return SHIPPED.model_copy(update={"reward": reward, "pricing": pricing})


@given(st.integers(1, 200), policies(), st.integers(0, 60), st.floats(0, 1))
def test_no_price_is_above_the_margin_below_the_floor_or_off_the_ladder(
    value: int, policy: Policy, floor: int, quality: float
) -> None:
    made, most = price(value, policy, floor, quality), ceiling_micros(value, quality, policy)
    kept = [level for level in policy.reward.ladder_micros if floor <= level <= most]
    assert (made is None) == (not kept)
    if made is not None:
        assert made.reward_micros in kept
        assert made.allowed_micros == tuple(kept)
        assert (made.propensity, made.stratum) == (1.0, "static")


def test_it_is_the_share_of_the_value_down_to_a_level() -> None:
    ladder = policy((50, 100, 200, 220, 250, 400), margin=0.3, share=0.5)
    assert [found.reward_micros for value in (399, 400, 439, 440) if (found := price(value, ladder))] == [
        100,
        200,
        200,
        220,
    ]


def test_the_lowest_allowed_level_may_be_above_the_share() -> None:
    found = price(200, policy((110, 200), margin=0.3, share=0.5))
    assert found is not None
    assert found.reward_micros == 110


def test_a_task_worth_less_than_the_lowest_reward_and_the_margin_has_no_price() -> None:
    ladder = policy((70, 100), margin=0.3, share=0.5)
    assert price(99, ladder) is None
    assert price(100, ladder) is not None
