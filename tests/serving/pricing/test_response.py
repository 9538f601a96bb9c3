"""The response curve: a fold of counts, lawful everywhere, honest about what it does not know."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from serving.pricing.concave import is_lawful
from serving.pricing.response import EVERYTHING, Response

LADDER = (0, 100_000, 250_000, 500_000, 1_000_000, 2_000_000, 3_000_000)
KEYS = [("survey", "new"), ("survey", "old"), ("install", "new"), ("survey", ""), ("", ""), ("", "old")]

OFFERS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from([*LADDER, 123_456]), st.booleans(), st.integers(0, 60)),
    max_size=60,
)


def truth(rewards: np.ndarray, start: float = -0.8, any_pay: float = 1.1, steepness: float = 0.5) -> np.ndarray:
    return expit(start + any_pay * (rewards > 0) + steepness * np.log1p(rewards / 100_000))


def taught(key: tuple[str, str], offers: int, seed: int = 1, **curve: float) -> Response:
    rng = np.random.default_rng(seed)
    response = Response(LADDER)
    rewards = rng.choice(LADDER, offers)
    response.learn(key, rewards, rng.random(offers) < truth(rewards, **curve))
    return response


@settings(max_examples=40, deadline=None)
@given(offers=OFFERS, data=st.data())
def test_any_order_and_any_batching_give_the_same_bytes_and_curves(offers: list, data: st.DataObject) -> None:
    half_life = data.draw(st.sampled_from([None, 2.0]))
    one_by_one, batched = Response(LADDER, half_life_epochs=half_life), Response(LADDER, half_life_epochs=half_life)
    for key, reward, done, epoch in offers:
        one_by_one.learn(key, reward, done, epoch)
    shuffled = data.draw(st.permutations(offers))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(offers)), max_size=4)))
    for low, high in zip([0, *cuts], [*cuts, len(offers)], strict=True):
        groups: dict = {}
        for key, reward, done, epoch in shuffled[low:high]:
            groups.setdefault((key, epoch), []).append((reward, done))
        for (key, epoch), pairs in groups.items():
            batched.learn(key, *zip(*pairs, strict=True), epoch)
    assert one_by_one.dumps() == batched.dumps() == Response.loads(batched.dumps()).dumps()
    for key in KEYS:
        assert_same(one_by_one, batched, key)
        assert_same(one_by_one, Response.loads(one_by_one.dumps()), key)


def assert_same(one: Response, other: Response, key: tuple[str, str]) -> None:
    for name in ("chance", "low", "high"):
        assert getattr(one.curve(key), name).tobytes() == getattr(other.curve(key), name).tobytes()


@settings(max_examples=40, deadline=None)
@given(offers=OFFERS)
def test_every_curve_rises_with_pay_and_flattens_whatever_was_seen(offers: list) -> None:
    response = Response(LADDER)
    for key, reward, done, _ in offers:
        response.learn(key, reward, done)
    for key in [*KEYS, ("never", "seen")]:
        curve = response.curve(key)
        assert is_lawful(np.array(curve.levels_micros), curve.chance)
        assert np.all(np.diff(curve.chance) >= 0)
        assert np.all(np.diff(response.chance(key, np.arange(0, 4_000_000, 10_007))) >= 0)
        assert np.all((curve.low >= 0) & (curve.low <= curve.chance))
        assert np.all((curve.chance <= curve.high) & (curve.high <= 1))


def test_a_key_of_many_offers_finds_its_curve() -> None:
    curve = taught(("survey", "new"), 40_000).curve(("survey", "new"))
    assert np.abs(curve.chance - truth(np.array(LADDER))).max() < 0.02


def test_a_key_of_no_offers_has_the_curve_of_its_kind_and_is_less_sure_of_it() -> None:
    response = taught(("survey", "new"), 5_000)
    unseen, kind = response.curve(("survey", "old")), response.curve(("survey", ""))
    assert np.abs(unseen.chance - kind.chance).max() < 0.1
    assert np.all(unseen.high - unseen.low > kind.high - kind.low)


def test_more_offers_narrow_the_interval() -> None:
    few, many = (taught(("survey", "new"), offers).curve(EVERYTHING) for offers in (100, 10_000))
    assert np.all(many.high - many.low < (few.high - few.low) / 4)


@pytest.mark.parametrize(
    ("key", "reward", "completed", "words"),
    [
        (("survey", "new"), [float("nan")], [1], "reward_micros: not a finite"),
        (("survey", "new"), [-1], [1], "reward_micros: give whole micros from 0"),
        (("survey", "new"), [0.5], [1], "reward_micros: give whole micros"),
        (("survey", "new"), ["1"], [1], "reward_micros: not a finite number"),
        (("survey", "new"), [1], [float("nan")], "completed: give 0 or 1"),
        (("survey", "new"), [1], [2], "completed: give 0 or 1"),
        (("survey", "new"), [1], [None], "completed: give 0 or 1"),
        (("survey", "new"), [1, 2], [1], "completed: 1 outcomes for 2 rewards"),
        ("survey", [1], [1], "key: 'survey'; give the task's kind"),
        (("survey", None), [1], [1], "key: "),
    ],
)
def test_what_cannot_be_learnt_is_refused_by_its_name_and_leaves_nothing(
    key: object, reward: list, completed: list, words: str
) -> None:
    response = taught(("survey", "new"), 100)
    before = response.dumps()
    with pytest.raises(ValueError, match=words):
        response.learn(key, reward, completed)
    assert response.dumps() == before


@pytest.mark.parametrize("ladder", [[], [0], [1, 1], [2, 1], [-1, 1], list(range(16)), [float("nan"), 1]])
def test_a_ladder_that_is_none_is_refused(ladder: list) -> None:
    with pytest.raises(ValueError, match=r"ladder_micros|reward_micros"):
        Response(ladder)


@pytest.mark.parametrize("kept", [b"", b"{}", b"\xff", b"[]", b'{"format":2}'])
def test_bytes_that_are_no_response_are_refused(kept: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # json's own words for bytes that are no JSON
        Response.loads(kept)


@pytest.mark.parametrize("epoch", [float("nan"), 1.5, "1", None])
def test_an_epoch_that_is_no_whole_number_is_refused(epoch: object) -> None:
    with pytest.raises(ValueError, match="epoch: "):
        Response(LADDER).learn(("survey", "new"), [100_000], [1], epoch)


@pytest.mark.parametrize("completed", [0, 1])
def test_any_counts_give_a_curve_of_numbers(completed: int) -> None:
    """A billion offers at one level, all or none of them completed, and a ladder over seven powers of ten."""
    response = Response((1, 100, 10**7))
    response._restore(("survey", "new"), 0, 100, 10**9, completed * 10**9)
    for key in KEYS:
        curve = response.curve(key)
        assert np.all(np.isfinite([curve.chance, curve.low, curve.high]))
        assert is_lawful(np.array(curve.levels_micros), curve.chance)
    assert response.curve(("survey", "new")).chance[1] == pytest.approx(completed, abs=1e-3)


def test_after_a_start_no_offer_waits_for_a_compiler() -> None:
    """In a process of its own: in this one everything has been compiled before."""
    asked = """
from serving.pricing.posterior import posterior
from serving.pricing.response import Response, warm_up
warm_up()
known = list(posterior.signatures)
response = Response((0, 1_000_000, 2_000_000))
response.learn(("survey", "new"), [1_000_000, 2_000_000], [1, 0])
response.curve(("survey", "new"))
assert known and known == list(posterior.signatures), posterior.signatures
"""
    subprocess.run([sys.executable, "-c", asked], check=True)
