"""Appends what the service recorded to the event log, so that live traffic and reviewers' answers are learned from."""

from features.home import Home
from features.log import Log, LogWriter, table_of
from serving.database import has_records, open_records, reading
from serving.knowledge import rows_of
from serving.records import recorded_after


def append_recorded(home: Home) -> int:
    """How many records were appended. They keep their sequence; running it again appends only what is new."""
    if not has_records(home):
        return 0
    last, as_of = Log(home.log).last()
    engine = open_records(home)
    with reading(engine) as connection:
        rows = rows_of(recorded_after(connection, last))
    engine.dispose()
    if rows:
        assert rows[0]["sequence"] == last + 1, "the records continue where the log ends"
        LogWriter(home.log, next_sequence=last + 1, as_of=as_of).append(table_of(rows))
    return len(rows)
