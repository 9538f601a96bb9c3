"""A logit under a Gaussian prior and a box: its mode, Laplace's covariance, and how well the prior expected the counts.

Compiled: a curve has some sixteen terms, and thousands of curves are fitted.
"""

import numpy as np

from features.compiling import loop
from serving.pricing.arrays import Floats, Truths

STEPS_MAX = 60
HALVINGS_MAX = 40
CLOSE = 1e-9


@loop
def posterior(
    design: Floats, counts: Floats, mean: Floats, covariance: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats, float]:
    """The mode within [low, high], the inverse of the curvature there, and the logarithm of the evidence.

    `design` is (levels, terms), `counts` (levels, 2): offered and completed, whole or discounted. The rest has a row
    for each term. The log posterior is concave, so that there is one mode, and Newton finds it. The evidence is
    Laplace's, up to a constant of the counts: it compares priors on the same counts.
    """
    precision, prior_size = inverse(covariance)
    at = np.minimum(np.maximum(mean, low), high)
    best = _log_posterior(design, counts, mean, precision, at)
    curvature = precision.copy()
    for _ in range(STEPS_MAX):
        slope, curvature = _slope(design, counts, mean, precision, at)
        step = _free_step(slope, curvature, (at <= low) & (slope < 0) | (at >= high) & (slope > 0))
        reached, share = best, 1.0
        next_at = at
        for _halving in range(HALVINGS_MAX):
            next_at = np.minimum(np.maximum(at + share * step, low), high)
            reached = _log_posterior(design, counts, mean, precision, next_at)
            if reached >= best:
                break
            share /= 2
        if reached < best:
            break
        moved = np.abs(next_at - at).max()
        at, best = next_at, reached
        if moved < CLOSE:
            break
    found, curved = inverse(curvature)
    return at, found, best - (curved + prior_size) / 2


@loop
def inverse(positive: Floats) -> tuple[Floats, float]:
    """Of a positive definite matrix, and the logarithm of its determinant. Gauss and Jordan need no pivots here."""
    terms = len(positive)
    found, left = np.eye(terms), positive.copy()
    size = 0.0
    for one in range(terms):
        pivot = left[one, one]
        size += np.log(pivot)
        for column in range(terms):
            left[one, column] /= pivot
            found[one, column] /= pivot
        for other in range(terms):
            factor = left[other, one]
            if other != one and factor != 0:
                for column in range(terms):
                    left[other, column] -= factor * left[one, column]
                    found[other, column] -= factor * found[one, column]
    return found, size


@loop
def _log_posterior(design: Floats, counts: Floats, mean: Floats, precision: Floats, at: Floats) -> float:
    away = at - mean
    total: float = -0.5 * np.dot(away, np.dot(precision, away))
    for level in range(len(design)):
        if counts[level, 0] > 0:
            log_odds = np.dot(design[level], at)
            softplus = max(log_odds, 0.0) + np.log1p(np.exp(-abs(log_odds)))
            total += counts[level, 1] * log_odds - counts[level, 0] * softplus
    return total


@loop
def _slope(design: Floats, counts: Floats, mean: Floats, precision: Floats, at: Floats) -> tuple[Floats, Floats]:
    slope = -np.dot(precision, at - mean)
    curvature = precision.copy()
    terms = len(at)
    for level in range(len(design)):
        if counts[level, 0] <= 0:
            continue
        row = design[level]
        chance = 1 / (1 + np.exp(-np.dot(row, at)))
        surprise = counts[level, 1] - counts[level, 0] * chance
        weight = counts[level, 0] * chance * (1 - chance)
        for one in range(terms):
            if row[one] != 0:
                slope[one] += row[one] * surprise
                for other in range(terms):
                    curvature[one, other] += row[one] * row[other] * weight
    return slope, curvature


@loop
def _free_step(slope: Floats, curvature: Floats, pinned: Truths) -> Floats:
    """Newton's step in the terms that are not held at an end of the box (Bertsekas, SIAM J. Control 20, 1982)."""
    free_slope, free_curvature = slope.copy(), curvature.copy()
    for term in range(len(slope)):
        if pinned[term]:
            free_slope[term] = 0
            free_curvature[term] = 0
            free_curvature[:, term] = 0
            free_curvature[term, term] = 1
    return _solved(free_curvature, free_slope)


@loop
def _solved(positive: Floats, right: Floats) -> Floats:
    """The solution of a positive definite system, by Cholesky."""
    terms = len(right)
    root = np.zeros_like(positive)
    found = right.copy()
    for one in range(terms):
        for other in range(one + 1):
            left = positive[one, other]
            for column in range(other):
                left -= root[one, column] * root[other, column]
            root[one, other] = np.sqrt(left) if one == other else left / root[other, other]
        for column in range(one):
            found[one] -= root[one, column] * found[column]
        found[one] /= root[one, one]
    for one in range(terms - 1, -1, -1):
        for row in range(one + 1, terms):
            found[one] -= root[row, one] * found[row]
        found[one] /= root[one, one]
    return found
