"""`assay holds`: fit the waits of rewards to what became of earlier ones, and put them into the home."""

import json
from collections import Counter
from pathlib import Path
from typing import Final

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from features.home import Home
from features.log import Log
from pipelines.console import UserError, counted, out
from pipelines.instants import instant_shown
from serving.ledger.waits import NAME
from serving.policy import HOUR, load_policy
from training.holds.rewards import DAY, Rewards
from training.holds.settings import load_settings
from training.holds.table import WaitTable

_LINES_MAX: Final = 60


def fit(home: Home, settings: Path | None, as_of: int | None, *, is_dry: bool = False) -> None:
    """The log of the home teaches what it had recorded by `as_of`, left out: all; the newest table replaces the old.

    Where it `is_dry`, the table is shown, and the home keeps what it has. The last line is the table as JSON.
    """
    chosen = load_settings(settings)
    log = Log(home.log)
    if not log.files():
        raise UserError(f"{home.log} holds no log: load, simulate or backfill one first")
    last = _until(log, as_of)
    table = WaitTable.fit(Rewards.of(log), last, chosen)
    _show(table)
    text = table.dumps()
    if is_dry:
        out.print(f"{counted(table.rewards, 'reward', 'rewards')} until {instant_shown(last)}; nothing was written")
    else:
        _put(home.root / NAME, text)
        out.print(
            f"{counted(table.rewards, 'reward', 'rewards')} until {instant_shown(last)} taught {home.root / NAME}; "
            f"a running service uses it from the next reward on, until {instant_shown(last + chosen.stale_days * DAY)}"
        )
    typer.echo(json.dumps(json.loads(text)))


def _until(log: Log, as_of: int | None) -> int:
    """After its end a log knows nothing: what was not taken back by then would count as never taken back."""
    end = log.last()[1]
    if as_of is not None and as_of > end:
        raise UserError(f"--as-of lies after the log, which ends at {instant_shown(end)}: name an instant before that")
    return end if as_of is None else as_of


def _put(file: Path, text: str) -> None:
    """Whole or not at all: a service may read it at any moment."""
    beside = file.with_suffix(".new")
    beside.write_text(text, "utf-8")
    beside.replace(file)


def _show(table: WaitTable) -> None:
    """Hours by partner and kind, a column a tier of trust, at most _LINES_MAX lines, with how many rewards of all goals
    taught each below them; the file tells goals apart.
    """
    tiers = table.settings.trust.tiers
    rows: dict[tuple[str, str], dict[int, float]] = {}
    seen: Counter[tuple[str, str, int]] = Counter()
    for cell, days, count in zip(table.cells, table.days, table.counts, strict=True):
        seen[cell.partner or "any", cell.kind, cell.tier] += int(count)
        if not cell.goal:
            rows.setdefault((cell.partner or "any", cell.kind), {})[cell.tier] = 24 * float(days)
    policy = load_policy()
    out.print("hours until a reward can be withdrawn (of so many rewards); trust 1 had the fewest taken back")
    shown = Table(box=SIMPLE)
    shown.add_column("partner, kind", overflow="fold")
    for heading in ("policy", "new", *map(str, range(1, tiers))):
        shown.add_column(heading, justify="right")
    before = ""
    for (partner, kind), hours in list(rows.items())[:_LINES_MAX]:
        waits = [f"{hours[tier]:g}\n({seen[partner, kind, tier]:,})" for tier in range(tiers)]
        name = kind if partner == before else f"{escape(partner)}\n{kind}"
        gap = "" if partner == before else "\n"
        shown.add_row(name, f"{gap}{policy.maturity(kind) / HOUR:g}", *(gap + wait for wait in waits))
        before = partner
    out.print(shown)
    if len(rows) > _LINES_MAX:
        out.print(f"and {len(rows) - _LINES_MAX:,} lines more, all of them in the file")
