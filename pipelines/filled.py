"""A log that holds something: what every command needs first, and says in the same words when it is missing."""

from pathlib import Path

from features.log import Log
from pipelines.console import UserError


def filled_log(folder: Path) -> Log:
    """The log in `folder`. Raises UserError, saying what fills it, when it holds nothing."""
    log = Log(folder)
    if not log.files():
        raise UserError(
            f"{folder} holds no events: run `assay up`, or `assay simulate --out {folder}` or "
            f"`assay ingest ... --out {folder}` first"
        )
    return log
