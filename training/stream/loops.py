"""Compiled loops over the payments of each card or terminal. What is read is always earlier in the order of time.

`order` lists the payments key by key, each key's in the order of time; key k has `order[starts[k]:starts[k + 1]]`.
Times and spans are microseconds. All loops stand in this file because Numba's cache does not see a change elsewhere.
"""

from typing import Final

import numpy as np

from features.compiling import loop
from training.stream.payments import Floats, Ints

REMEMBERED: Final = 128
"""How many of a card's latest amounts make its habit: a season at a payment a day, and cheap to keep sorted."""


@loop
def grouped(keys: Ints, count: int) -> tuple[Ints, Ints]:
    """`(order, starts)` of codes 0..count-1."""
    starts = np.zeros(count + 1, np.int64)
    for key in keys:
        starts[key + 1] += 1
    starts = np.cumsum(starts)
    places, order = starts[:-1].copy(), np.empty(len(keys), np.int64)
    for at in range(len(keys)):
        order[places[keys[at]]] = at
        places[keys[at]] += 1
    return order, starts


@loop
def within(
    order: Ints, starts: Ints, times: Ints, values: Floats, span: int, delay: int, own: int
) -> tuple[Floats, Floats]:
    """Number and sum of `values` among the key's payments in `(now - delay - span, now - delay]`; itself if `own`."""
    counts, sums = np.zeros(len(times)), np.zeros(len(times))
    for key in range(len(starts) - 1):
        left = right = starts[key]
        total = 0.0
        for place in range(starts[key], starts[key + 1]):
            at = order[place]
            upper = times[at] - delay
            while right < place + own and times[order[right]] <= upper:
                total += values[order[right]]
                right += 1
            while left < right and times[order[left]] <= upper - span:
                total -= values[order[left]]
                left += 1
            counts[at] = right - left
            # What is left of a sum of fractions after everything has left it is no evidence.
            if left == right:
                total = 0.0
            sums[at] = total
    return counts, sums


@loop
def decayed(order: Ints, starts: Ints, times: Ints, values: Floats, half_life: int, delay: int) -> Floats:
    """Sum of `values` of the key's payments up to `now - delay`, each halved every `half_life` since then."""
    sums, rate = np.zeros(len(times)), np.log(2) / half_life
    for key in range(len(starts) - 1):
        right, total, last = starts[key], 0.0, 0
        for place in range(starts[key], starts[key + 1]):
            at = order[place]
            while right < place and times[order[right]] <= times[at] - delay:
                met = order[right]
                total = total * np.exp(-rate * (times[met] - last)) + values[met]
                last = times[met]
                right += 1
            sums[at] = total * np.exp(-rate * (times[at] - delay - last)) if right > starts[key] else 0.0
    return sums


@loop
def largest(order: Ints, starts: Ints, times: Ints, values: Floats, span: int) -> Floats:
    """The largest of `values` among the key's earlier payments in `(now - span, now]`, 0 if there is none above it.

    A queue of those that can still become the largest: each payment enters and leaves it once.
    """
    most, queue = np.zeros(len(times)), np.empty(len(times), np.int64)
    for key in range(len(starts) - 1):
        head = tail = 0
        for place in range(starts[key], starts[key + 1]):
            at = order[place]
            while head < tail and times[queue[head]] <= times[at] - span:
                head += 1
            if head < tail:
                most[at] = max(0.0, values[queue[head]])
            while head < tail and values[queue[tail - 1]] <= values[at]:
                tail -= 1
            queue[tail] = at
            tail += 1
    return most


@loop
def habits(order: Ints, starts: Ints, amounts: Floats) -> Floats:
    """`(payments, 6)` of the key's latest REMEMBERED amounts before each: quartiles 1 to 3, ninth decile, largest, and
    the share of them below this amount (ties half). NaN before the first.
    """
    found, kept = np.full((len(amounts), 6), np.nan), np.empty(REMEMBERED)
    for key in range(len(starts) - 1):
        size = 0
        for place in range(starts[key], starts[key + 1]):
            amount = amounts[order[place]]
            if size > 0:
                _describe(kept[:size], amount, found[order[place]])
            if size == REMEMBERED:
                gone = np.searchsorted(kept[:size], amounts[order[place - REMEMBERED]])
                kept[gone : size - 1] = kept[gone + 1 : size].copy()
                size -= 1
            to = np.searchsorted(kept[:size], amount)
            kept[to + 1 : size + 1] = kept[to:size].copy()
            kept[to] = amount
            size += 1
    return found


@loop
def _describe(kept: Floats, amount: float, into: Floats) -> None:
    last = len(kept) - 1
    for at, share in enumerate((0.25, 0.5, 0.75, 0.9, 1.0)):
        lower = int(share * last)
        part = share * last - lower
        into[at] = kept[lower] * (1 - part) + kept[min(lower + 1, last)] * part
    below, upto = np.searchsorted(kept, amount), np.searchsorted(kept, amount, side="right")
    into[5] = (below + upto + 1) / 2 / (len(kept) + 1)


@loop
def runs(order: Ints, starts: Ints, times: Ints, labels: Floats, plain: Floats, delay: int) -> Floats:
    """`(payments, 7)` of what the matured labels (up to `now - delay`) of a key say at each of its payments.

    The latest labels that are all fraud are a run: its length, how many of it are `plain`, time since its first fraud
    and since the last clean payment before it (NaN without a run, without one); then time since the last fraud, number
    of clean payments since it (NaN without one), and how many payments have no mature label yet.
    """
    found = np.full((len(times), 7), np.nan)
    for key in range(len(starts) - 1):
        right = starts[key]
        length, plain_ones, clean = 0, 0.0, 0
        first, last, last_clean = -1, -1, -1
        for place in range(starts[key], starts[key + 1]):
            at = order[place]
            now = times[at]
            while right < place and times[order[right]] <= now - delay:
                met = order[right]
                if labels[met] == 1:
                    first = times[met] if length == 0 else first
                    plain_ones = plain[met] + (plain_ones if length else 0.0)
                    length, last, clean = length + 1, times[met], 0
                else:
                    length, last_clean, clean = 0, times[met], clean + 1
                right += 1
            found[at, 0], found[at, 6] = length, place - right
            if length:
                found[at, 1], found[at, 2] = plain_ones, now - first
            if length and last_clean >= 0:
                found[at, 3] = now - last_clean
            if last >= 0:
                found[at, 4], found[at, 5] = now - last, clean
    return found
