from dataclasses import replace

import polars as pl
import pytest

from training.labels import Target, settling_times
from training.splits import Boundaries, Labelling, boundaries, out_of_time, split

DAY = 86_400_000_000
AT_ONCE = dict.fromkeys(("reversal", "ban", "disposition", "clean"), 0)
BOUNDS = Boundaries(20 * DAY, 30 * DAY, 45 * DAY, 3 * DAY)
Log = tuple[pl.DataFrame, pl.DataFrame]


def labelling(log: Log) -> Labelling:
    return Labelling("fraud", AT_ONCE, settling_times(*log))


def test_slices_follow_each_other_in_time_with_a_gap_before_each_boundary(log: Log) -> None:
    slices = split(*log, labelling(log), BOUNDS)
    ends = {name: (rows.frame["as_of"].min(), rows.frame["as_of"].max()) for name, rows in slices.items()}
    assert ends["train"] == (0, 17 * DAY - DAY // 100)
    assert ends["calibrate"] == (20 * DAY, 27 * DAY - DAY // 100)
    assert ends["test"][0] == 30 * DAY


def test_the_future_changes_nothing_in_the_training_slice(log: Log) -> None:
    frame, outcomes = log
    future = pl.col("as_of") >= BOUNDS.calibrate_from
    shuffled = pl.when(future).then(pl.col("user__signal").shuffle(seed=1)).otherwise(pl.col("user__signal"))
    late = (pl.col("recorded_at") > BOUNDS.calibrate_from) & (pl.col("sequence") % 2 == 0)
    turned = outcomes.with_columns(reason=pl.when(late).then(pl.lit("quality")).otherwise(pl.col("reason")))
    before = split(frame, outcomes, labelling(log), BOUNDS)["train"]
    after = split(frame.with_columns(shuffled.alias("user__signal")), turned, labelling(log), BOUNDS)["train"]
    assert before.frame.equals(after.frame)
    assert (before.labels == after.labels).all()


def test_the_base_rate_of_every_slice_is_that_of_all_events(log: Log) -> None:
    slices = split(*log, labelling(log), BOUNDS)
    assert all(0.15 < rows.labels.mean() < 0.28 for rows in slices.values())


def test_boundaries_leave_room_for_two_waits(log: Log) -> None:
    frame, outcomes = log
    labels = labelling(log).read(frame, outcomes, 45 * DAY)
    found = boundaries(frame, labels, 45 * DAY, 3 * DAY)
    assert found.patient
    assert found.test_from - found.calibrate_from > 3 * DAY
    assert set(split(frame, outcomes, labelling(log), found)) == {"train", "calibrate", "test"}


def test_a_log_too_short_to_wait_reads_its_labels_at_the_end_and_says_so(log: Log) -> None:
    frame, outcomes = log
    labels = labelling(log).read(frame, outcomes, 45 * DAY)
    assert not boundaries(frame, labels, 45 * DAY, 15 * DAY).patient


def test_where_waiting_would_empty_a_slice_labels_are_read_at_the_end_and_it_says_so(log: Log) -> None:
    frame, outcomes = log
    slow = Labelling("fraud", AT_ONCE, dict.fromkeys(frame["kind"].unique(), 8 * DAY))
    labels = slow.read(frame, outcomes, 45 * DAY)
    waits = boundaries(frame, labels, 45 * DAY, 8 * DAY)
    assert waits.patient
    with pytest.raises(ValueError, match="needs both classes"):
        split(frame, outcomes, slow, waits)
    found, slices = out_of_time(frame, outcomes, slow, 45 * DAY)
    assert (found.patient, found.gap) == (False, 0)
    assert all(0 < rows.positives < len(rows.labels) for rows in slices.values())


def test_a_slice_of_one_class_or_none_names_itself_its_counts_and_the_remedy(log: Log) -> None:
    frame, outcomes = log
    clean = outcomes.filter(pl.col("kind") == "clean")
    with pytest.raises(
        ValueError, match=r"the train slice .* 0 of them positive.* take a longer log, .* a disposition `fraud`"
    ):
        split(frame, clean, labelling(log), BOUNDS)
    with pytest.raises(ValueError, match="the test slice needs both classes and has 0 labelled rows"):
        split(frame, outcomes, labelling(log), Boundaries(20 * DAY, 90 * DAY, 99 * DAY, 0))


@pytest.mark.parametrize(
    ("kept", "target", "says"),
    [
        ("clean", "fraud", r"no labelled event is a fraud, of .* a disposition `fraud`.* POST /v1/outcomes"),
        ("reversal", "fraud", r"every labelled event is a fraud, of .* an outcome `clean`"),
        ("clean", "reversal", r"no labelled event was reversed, of .* outcomes of the kind `reversal`"),
        ("reversal", "reversal", r"every labelled event was reversed, of .* as outcomes `clean`"),
    ],
)
def test_a_log_of_one_class_names_what_to_record(log: Log, kept: str, target: Target, says: str) -> None:
    frame, outcomes = log
    asked = replace(labelling(log), target=target)
    with pytest.raises(ValueError, match=says):
        out_of_time(frame, outcomes.filter(pl.col("kind") == kept), asked, 60 * DAY)


def test_without_any_label_the_remedy_is_to_load_outcomes(log: Log) -> None:
    frame, outcomes = log
    labels = labelling(log).read(frame, outcomes.clear(), 45 * DAY)
    with pytest.raises(ValueError, match="load outcomes"):
        boundaries(frame, labels, 45 * DAY, 0)
