"""Card precision: the share of compromised cards among those that people have time to look at."""

import numpy as np
import pytest

from training.stream.measures import card_precision

DAYS = np.array([1, 1, 1, 1, 2, 2, 2, 2])
CARDS = np.array([7, 7, 8, 9, 7, 8, 9, 6])
LABELS = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
SCORES = np.array([0.9, 0.1, 0.8, 0.2, 0.9, 0.8, 0.7, 0.1])


def test_a_card_has_its_highest_score_and_any_fraud_of_its_day() -> None:
    """Day 1: card 7 is first and compromised by its other payment. Day 2: it is blocked, 8 and 9 are looked at."""
    assert card_precision(DAYS, CARDS, LABELS, SCORES, top=2) == {1: 0.5, 2: 0.5}


def test_without_blocking_a_found_card_can_be_found_again() -> None:
    assert card_precision(DAYS, CARDS, LABELS, SCORES, top=2, once=False) == {1: 0.5, 2: 1.0}


def test_cards_that_are_missing_count_as_not_compromised() -> None:
    assert card_precision(DAYS, CARDS, LABELS, SCORES, top=10) == {1: 0.2, 2: 0.1}


@pytest.mark.parametrize("once", [True, False])
def test_it_agrees_with_the_definition_written_out(once: bool) -> None:
    dice = np.random.default_rng(3)
    days, cards = dice.integers(0, 5, 2000), dice.integers(0, 150, 2000)
    labels, scores = (dice.random(2000) < 0.1).astype(float), dice.random(2000)
    blocked: set[int] = set()
    expected = {}
    for day in range(5):
        best: dict[int, tuple[float, float]] = {}
        for card, label, score in zip(
            cards[days == day].tolist(), labels[days == day], scores[days == day], strict=True
        ):
            if card not in blocked:
                most, worst = best.get(card, (0.0, 0.0))
                best[card] = max(most, score), max(worst, label)
        looked_at = sorted(best, key=lambda card: -best[card][0])[:20]
        bad = {card for card in looked_at if best[card][1]}
        expected[day] = len(bad) / 20
        blocked |= bad if once else set()
    assert card_precision(days, cards, labels, scores, top=20, once=once) == expected
