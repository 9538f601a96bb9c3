"""Each compiled loop beside the same thing written out row by row."""

from collections.abc import Iterator

import numpy as np
import pytest

from training.stream import loops

SIZE, KEYS = 600, 7
DICE = np.random.default_rng(11)
TIMES = np.sort(DICE.integers(1_000, 4_000, SIZE))  # so few instants that many payments tie
CODES = DICE.integers(0, KEYS, SIZE)
VALUES = np.round(DICE.gamma(2, 10, SIZE))
LABELS = (DICE.random(SIZE) < 0.6).astype(float)
KEYED = loops.grouped(CODES, KEYS)


def earlier(at: int, delay: int, own: bool = False) -> list[int]:
    """The key's payments before this one whose time is `now - delay` or less."""
    return [one for one in range(at + own) if CODES[one] == CODES[at] and TIMES[one] <= TIMES[at] - delay]


def rows() -> Iterator[int]:
    yield from range(0, SIZE, 7)


def test_payments_are_grouped_key_by_key_in_order() -> None:
    order, starts = KEYED
    for key in range(KEYS):
        assert order[starts[key] : starts[key + 1]].tolist() == np.flatnonzero(key == CODES).tolist()


@pytest.mark.parametrize(("delay", "own"), [(0, 0), (0, 1), (200, 0), (200, 1)])
def test_counts_and_sums_within_a_window(delay: int, own: int) -> None:
    counts, sums = loops.within(*KEYED, TIMES, VALUES, 300, delay, own)
    for at in rows():
        met = [one for one in earlier(at, delay, bool(own)) if TIMES[one] > TIMES[at] - delay - 300]
        assert (counts[at], sums[at]) == (len(met), VALUES[met].sum())


@pytest.mark.parametrize("delay", [0, 200])
def test_decayed_sums(delay: int) -> None:
    sums = loops.decayed(*KEYED, TIMES, VALUES, 400, delay)
    for at in rows():
        met = earlier(at, delay)
        assert sums[at] == pytest.approx(sum(VALUES[met] * 0.5 ** ((TIMES[at] - delay - TIMES[met]) / 400)))


def test_the_largest_of_a_window() -> None:
    most = loops.largest(*KEYED, TIMES, VALUES, 300)
    for at in rows():
        met = [one for one in earlier(at, 0) if TIMES[one] > TIMES[at] - 300]
        assert most[at] == max(VALUES[met], default=0.0)


def test_habits_are_quantiles_of_the_latest_amounts() -> None:
    codes = np.zeros(SIZE, np.int64)
    found = loops.habits(*loops.grouped(codes, 1), VALUES)
    assert np.isnan(found[0]).all()
    for at in range(1, SIZE, 13):
        kept = VALUES[max(0, at - loops.REMEMBERED) : at]
        assert found[at, :5] == pytest.approx(np.quantile(kept, [0.25, 0.5, 0.75, 0.9, 1.0]))
        ranked = (kept < VALUES[at]).sum() + ((kept == VALUES[at]).sum() + 1) / 2
        assert found[at, 5] == pytest.approx(ranked / (len(kept) + 1))


def test_runs_are_what_the_matured_labels_end_with() -> None:
    plain = LABELS * (VALUES < 20)
    found = loops.runs(*KEYED, TIMES, LABELS, plain, 200)
    for at in rows():
        met = earlier(at, 200)
        clean = [place for place, one in enumerate(met) if not LABELS[one]]
        run = met[clean[-1] + 1 if clean else 0 :]
        expected = np.full(7, np.nan)
        expected[0], expected[6] = len(run), len(earlier(at, 0)) - len(met)
        if run:
            expected[1], expected[2] = plain[run].sum(), TIMES[at] - TIMES[run[0]]
        if run and clean:
            expected[3] = TIMES[at] - TIMES[met[clean[-1]]]
        if frauds := [place for place, one in enumerate(met) if LABELS[one]]:
            expected[4], expected[5] = TIMES[at] - TIMES[met[frauds[-1]]], len(met) - 1 - frauds[-1]
        np.testing.assert_array_equal(found[at], expected)
