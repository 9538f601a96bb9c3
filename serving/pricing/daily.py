"""The daily curve: past a threshold, each further task of a person's day pays a smaller share of its reward.

With E for the rewards, as offered, of what the person began today, the share that the next micro pays is

    m(E) = 1                                     up to A = full_until_micros,
           falling in a straight line            from A to B = least_from_micros,
           least_share                           from B on;

the day's pay is its integral T(E), and a task that is begun at E with reward r pays `T(E + r) - T(E)`. So

- m is continuous and never rises, T rises and is concave: to do more always pays more, and ever less so;
- a day's pay telescopes to T of the sum, to the micro: it depends neither on how work is divided into tasks nor on
  their order, and T is computed in integers, rounded in the person's favour, so that rounding makes no total fall;
- accounts of one person share one E (see `earned`), so a second account earns nothing extra; two people who share a
  network, a household or a purse have an E each.

How an offer uses it:

    today = day_of(at_micros, policy.daily)
    earned = earned_micros(connection, graph, user_id, currency, today, policy.daily)      # serving.pricing.earned
    said(earned, reward_micros, currency, policy.daily)     # in the offer, in words
    owed = paid_micros(earned, reward_micros, policy.daily)  # locked when the task is begun, and paid as locked
    count(connection, user_id, currency, today, reward_micros, owed)           # in the same commit as the lock

The day is that of the beginning, in `time_zone`. What was begun counts at once, or many tasks begun together would
all be paid in full; given up or run out, it is counted back with the same amounts, negative. Later tasks that were
begun meanwhile keep what they were promised. Each currency has an E of its own. What a platform promises by itself,
without an offer, is paid as promised and counts for nothing here.
"""

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from features.events import instant_of
from features.money import in_words
from serving.policy import DailyCurve

MILLION: Final = 1_000_000


def day_of(at_micros: int, curve: DailyCurve) -> int:
    """The day to which an instant belongs, numbered from 0001-01-01 as 1; it begins at midnight in `time_zone`."""
    return instant_of(at_micros).astimezone(ZoneInfo(curve.time_zone)).toordinal()


def total_micros(earned_micros: int, curve: DailyCurve) -> int:
    """T: what a day pays of rewards that sum to `earned_micros`, 0 or more. What is cut is rounded down."""
    ramp = curve.least_from_micros - curve.full_until_micros
    inside = min(max(earned_micros - curve.full_until_micros, 0), ramp)
    beyond = max(earned_micros - curve.least_from_micros, 0)
    cut = _cut_millionths(curve) * (inside * inside + 2 * ramp * beyond)
    return earned_micros - cut // (2 * ramp * MILLION)


def paid_micros(earned_micros: int, reward_micros: int, curve: DailyCurve) -> int:
    """What a task of `reward_micros` pays that is begun after rewards of `earned_micros` on the same day."""
    return total_micros(earned_micros + reward_micros, curve) - total_micros(earned_micros, curve)


def paid_each(earned_micros: int, rewards_micros: Iterable[int], curve: DailyCurve) -> list[int]:
    """What each goal of one task pays, locked together and in this order: their sum is the whole task's pay."""
    paid = []
    for reward in rewards_micros:
        paid.append(paid_micros(earned_micros, reward, curve))
        earned_micros += reward
    return paid


def multiplier(earned_micros: int, curve: DailyCurve) -> float:
    """m(E): the share of its reward that the next small task pays, from 1 down to `least_share`."""
    ramp = curve.least_from_micros - curve.full_until_micros
    inside = min(max(earned_micros - curve.full_until_micros, 0), ramp)
    return 1 - _cut_millionths(curve) * inside / ramp / MILLION


def said(earned_micros: int, reward_micros: int, currency: str, curve: DailyCurve) -> str:
    """The curve in words, for the person, with what this task pays if it is begun now."""
    full, least = (in_words(micros, currency) for micros in (curve.full_until_micros, curve.least_from_micros))
    rule = (
        f"Rewards are paid in full up to {full} a day. Above that each further one pays a smaller share, falling "
        f"evenly to {curve.least_share:.0%} from {least} on. A day begins at midnight in {curve.time_zone}, tasks "
        "count on the day they are begun, and all accounts of one person count together: if that "
        "shows only later, what was paid beyond this is settled when money is withdrawn."
    )
    paid = paid_micros(earned_micros, reward_micros, curve)
    if paid == reward_micros:
        return rule
    so_far, whole, now = (in_words(micros, currency) for micros in (earned_micros, reward_micros, paid))
    return f"{rule} You have begun tasks worth {so_far} today: begun now, this one pays {now} of {whole}."


def _cut_millionths(curve: DailyCurve) -> int:
    return MILLION - round(curve.least_share * MILLION)
