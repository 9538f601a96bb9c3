"""The measures of the Fraud Detection Handbook, chapter 4: of payments, and of the cards that people can look at."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.stream.payments import Floats, Ints

CARDS: Final = 100


def card_precision(
    days: Ints, cards: Ints, labels: Floats, scores: Floats, *, top: int = CARDS, once: bool = True
) -> dict[int, float]:
    """For each day the share of compromised cards among the `top` with the highest scores of that day.

    A card has its highest score of the day and is compromised if any of its payments that day is fraud. `once`, as
    published: a compromised card that was found on one day is blocked, and no candidate on later days. Equal scores go
    by the card's code. With fewer than `top` cards the missing ones count as not compromised.
    """
    shares, found = {}, np.empty(0, np.int64)
    for day in np.unique(days):
        rows = (days == day) & ~np.isin(cards, found)
        listed, bad = _looked_at(cards[rows], labels[rows], scores[rows], top)
        shares[int(day)] = float(bad.sum()) / top
        if once:
            found = np.append(found, listed[bad])
    return shares


def _looked_at(cards: Ints, labels: Floats, scores: Floats, top: int) -> tuple[Ints, NDArray[np.bool_]]:
    """The `top` cards, and which of them are compromised."""
    different, codes = np.unique(cards, return_inverse=True)
    highest, worst = np.full(len(different), -np.inf), np.zeros(len(different))
    np.maximum.at(highest, codes, scores)
    np.maximum.at(worst, codes, labels)
    chosen = np.argsort(-highest, kind="stable")[:top]
    return different[chosen], worst[chosen] == 1
