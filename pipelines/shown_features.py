"""The list of features as people read it, or as programs do. A name is never cut: it is what one looks for."""

from collections.abc import Sequence
from typing import Any, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from features.rings.table import RING_FEATURES, RING_VERSION
from features.vector import ALL, VERSION
from pipelines.console import UserError, out

ARRIVAL: Final = "arrival"
NIGHTLY: Final = "nightly"
_WORDS_WIDTH: Final = 90
"""What unit, meaning and reason need beside the longest name to stay readable in columns."""

Made = tuple[str, Any]
"""When a feature is made, and the feature."""


def show_features(about: str, *, as_json: bool) -> None:
    """Those whose name holds `about`. Raises UserError when there is none."""
    listed = [*((ARRIVAL, feature) for feature in ALL), *((NIGHTLY, feature) for feature in RING_FEATURES)]
    chosen = [(made, feature) for made, feature in listed if about in feature.name]
    if not chosen:
        raise UserError(f"no feature's name holds {about!r}: `assay features list` shows all {len(listed)}")
    if as_json:
        named = ("name", "unit", "description", "reason")
        out.print_json(data=[{part: getattr(one, part) for part in named} | {"made": made} for made, one in chosen])
        return
    longest = max(len(feature.name) for _, feature in chosen)
    (_show_columns if out.width >= longest + _WORDS_WIDTH else _show_lines)(chosen)


def _title(chosen: Sequence[Made]) -> str:
    nightly = sum(made == NIGHTLY for made, _ in chosen)
    of_events = f"{len(chosen) - nightly} features of each event, version {VERSION}"
    of_nights = f"{nightly} nightly features of each person, version {RING_VERSION}"
    return "; ".join(said for said, number in ((of_events, len(chosen) - nightly), (of_nights, nightly)) if number)


def _show_columns(chosen: Sequence[Made]) -> None:
    table = Table(title=_title(chosen))
    table.add_column("feature", no_wrap=True, min_width=max(len(feature.name) for _, feature in chosen))
    for heading in ("made", "unit", "what it is", "why"):
        table.add_column(heading)
    for made, feature in chosen:
        table.add_row(feature.name, made, feature.unit, feature.description, feature.reason)
    out.print(table)


def _show_lines(chosen: Sequence[Made]) -> None:
    out.print(_title(chosen), soft_wrap=True)
    for made, feature in chosen:
        mark = " (nightly)" if made == NIGHTLY else ""
        out.print(f"{feature.name}{mark}", soft_wrap=True, markup=False)
        unit = f" [{feature.unit}]" if feature.unit else ""
        out.print(Padding(Text(f"{feature.description}{unit}: {feature.reason}"), (0, 0, 0, 4)))
