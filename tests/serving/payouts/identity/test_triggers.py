import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.payouts.identity.states import Identity, State
from serving.payouts.identity.triggers import DAY, NoticeKind, Paid, announced, room
from serving.policy import load_policy

POLICY = load_policy().identity
ROLLING, CUMULATIVE = POLICY.amounts["CNY"].rolling_micros, POLICY.amounts["CNY"].cumulative_micros
NOW = 1_000 * DAY
AMOUNTS = st.integers(0, 2 * CUMULATIVE)


def ann(state: State, until: int | None = None, *, is_demanded: bool = False) -> Identity:
    return Identity("ann", state, 1, check_count=0, is_demanded=is_demanded, verified_until=until, updated_at=0)


NOBODY = ann(State.NONE)
VERIFIED = ann(State.VERIFIED, NOW + 400 * DAY)


def test_the_amount_itself_can_be_paid_and_not_a_micro_more() -> None:
    place = room({}, "CNY", POLICY)
    assert (place.left_micros, place.limit_micros) == (ROLLING, ROLLING)
    assert place.holds(ROLLING)
    assert not place.holds(ROLLING + 1)


def test_what_was_paid_long_ago_counts_for_ever() -> None:
    place = room({"CNY": Paid(0, CUMULATIVE - 5)}, "CNY", POLICY)
    assert (place.left_micros, place.limit_micros) == (5, CUMULATIVE)


def test_a_currency_without_amounts_is_paid_to_known_people_only() -> None:
    assert not room({}, "CHF", POLICY).holds(1)
    assert room({"CHF": Paid(1, 1)}, "CNY", POLICY).left_micros == 0


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(POLICY.amounts)), st.integers(0, 10**11), max_size=5))
def test_being_paid_in_several_currencies_hides_nothing(paid: dict[str, int]) -> None:
    usage = {currency: Paid(amount, amount) for currency, amount in paid.items()}
    shares = sum(amount / POLICY.amounts[currency].rolling_micros for currency, amount in paid.items())
    left = room(usage, "CNY", POLICY).left_micros
    assert left == pytest.approx(max(1 - shares, 0) * ROLLING, abs=ROLLING * 1e-9 + 1)


@settings(max_examples=40, deadline=None)
@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_more_paid_never_leaves_more_room(before: int, more: int, elsewhere: int) -> None:
    usage = {"CNY": Paid(before, before), "USD": Paid(elsewhere, elsewhere)}
    after = usage | {"CNY": Paid(before + more, before + more)}
    assert 0 <= room(after, "CNY", POLICY).left_micros <= room(usage, "CNY", POLICY).left_micros


def notice(paid: int, earned: int = 0, identity: Identity = NOBODY) -> NoticeKind | None:
    said = announced(identity, room({"CNY": Paid(paid, paid)}, "CNY", POLICY), "CNY", POLICY, NOW, earned)
    return said.kind if said else None


def test_it_is_said_before_work_begins_and_not_from_the_first_day() -> None:
    share = int(ROLLING * POLICY.announce_share)
    assert notice(share - 1) is None
    assert notice(share) is NoticeKind.NEAR
    assert notice(ROLLING) is NoticeKind.NEAR
    assert notice(ROLLING, earned=1) is NoticeKind.NEEDED


def test_what_is_earned_and_not_paid_counts_too() -> None:
    share = int(ROLLING * POLICY.announce_share)
    assert notice(0, earned=share - 1) is None
    assert notice(0, earned=share) is NoticeKind.NEAR
    assert notice(0, earned=ROLLING + 1) is NoticeKind.NEEDED


def test_the_words_say_how_much_is_left() -> None:
    said = announced(NOBODY, room({}, "CNY", POLICY), "CNY", POLICY, NOW, ROLLING - 12_340_000)
    assert said is not None
    assert "12.34 CNY more" in said.sentence
    assert said.left_micros == 12_340_000


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State.REQUIRED, NoticeKind.NEEDED),
        (State.PENDING, NoticeKind.PENDING),
        (State.FAILED, NoticeKind.FAILED),
        (State.EXPIRED, NoticeKind.EXPIRED),
    ],
)
def test_past_the_amount_the_words_fit_the_state(state: State, kind: NoticeKind) -> None:
    assert notice(ROLLING, 1, ann(state)) is kind


def test_somebody_known_is_told_only_that_the_proof_will_end() -> None:
    assert notice(CUMULATIVE, 1, VERIFIED) is None
    ending = ann(State.VERIFIED, NOW + DAY)
    said = announced(ending, room({}, "CNY", POLICY), "CNY", POLICY, NOW)
    assert said is not None
    assert (said.kind, "1972-09-28" in said.sentence) == (NoticeKind.EXPIRES, True)


def test_what_a_person_demands_is_said_whatever_was_paid() -> None:
    assert notice(0, 0, ann(State.REQUIRED, is_demanded=True)) is NoticeKind.NEEDED
