"""Chooses the engine that the settings ask for."""

from features.store.redis_rows import RedisRows
from features.store.rows import Rows
from features.store.settings import Settings
from features.store.sqlite_rows import SqliteRows


def rows_of(settings: Settings) -> Rows:
    """SQLite in the folder, or Redis. Nothing is sent yet: see `assert_reachable`."""
    if settings.redis is None:
        return SqliteRows(settings.online_file)
    return RedisRows(settings.redis, settings.project)


def assert_reachable(settings: Settings) -> None:
    """Raises Unreachable, with the remedy, if the settings name a Redis that does not answer."""
    if settings.redis is not None:
        engine = RedisRows(settings.redis, settings.project)
        engine.assert_reachable()
        engine.close()
