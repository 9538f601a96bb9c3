"""The direct method's model: ridge regression with one slope a feature for all arms, and each arm's departure from it.

A small linear model on purpose: where it is wrong, the doubly robust estimators correct it, and it costs milliseconds.
"""

from typing import Final

import numpy as np

from training.offpolicy.logged import Floats, Ints, Logged

FOLDS: Final = 3
SHARED_PENALTY: Final = 1.0
ARM_PENALTY: Final = 10.0
"""An arm's own slopes are believed as if ten rows had first said that it is like the others."""
_BLOCK: Final = 100


def crossfitted(logged: Logged, folds: int = FOLDS) -> Floats:
    """(rows, arms): the payoff expected of each arm, predicted by a model that saw no row of the same person."""
    fold = logged.persons[1] % folds
    parts = [_sums(logged, np.flatnonzero(fold == one)) for one in range(folds)]
    grams, moments = sum(gram for gram, _ in parts), sum(moment for _, moment in parts)
    predicted = np.empty((len(logged), logged.arms))
    for one, (gram, moment) in enumerate(parts):
        rows = fold == one
        slopes = _solved(grams - gram, moments - moment)
        predicted[rows] = np.clip(logged.context[rows] @ slopes.T, 0, 1)
    return np.asarray(predicted * logged.gains)


def foreseen(logged: Logged) -> Floats:
    """(rows): the payoff of whatever will be chosen, each row predicted from rows before it alone; 0 for the first.

    Refitted whenever the log has doubled: what a confidence sequence bets on must not know what is to come.
    """
    payoff, context = logged.payoff, logged.context
    predicted = np.zeros(len(logged))
    penalty = SHARED_PENALTY * np.eye(context.shape[1])
    begin = _BLOCK
    while begin < len(logged):
        seen, next_ones = slice(0, begin), slice(begin, 2 * begin)
        gram, moment = context[seen].T @ context[seen] + penalty, context[seen].T @ payoff[seen]
        predicted[next_ones] = context[next_ones] @ np.linalg.solve(gram, moment)
        begin *= 2
    return predicted


def _sums(logged: Logged, rows: Ints) -> tuple[Floats, Floats]:
    """Of each arm: the Gram matrix of its rows (arms, features, features) and their moments (arms, features)."""
    size = logged.context.shape[1]
    grams, moments = np.zeros((logged.arms, size, size)), np.zeros((logged.arms, size))
    for arm in range(logged.arms):
        chosen = rows[logged.arm[rows] == arm]
        part = logged.context[chosen]
        grams[arm], moments[arm] = part.T @ part, part.T @ logged.outcome[chosen]
    return grams, moments


def _solved(grams: Floats, moments: Floats) -> Floats:
    """(arms, features): slopes b + d_a, least in squares + SHARED_PENALTY |b|^2 + ARM_PENALTY sum |d_a|^2.

    Each d_a follows from b by (G_a + p I) d_a = m_a - G_a b, and b from what they sum to.
    """
    unit = np.eye(grams.shape[1])
    inverse = np.linalg.inv(grams + ARM_PENALTY * unit)
    left = SHARED_PENALTY * unit + ARM_PENALTY * (inverse @ grams).sum(axis=0)
    right = ARM_PENALTY * np.einsum("aij,aj->i", inverse, moments)
    shared = np.linalg.solve(left, right)
    departures = np.einsum("aij,aj->ai", inverse, moments - grams @ shared)
    return np.asarray(shared + departures)
