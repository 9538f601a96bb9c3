"""The list of features as people read it, or as programs do."""

from rich.table import Table

from features.vector import ALL, VERSION
from pipelines.console import UserError, out


def show_features(about: str, *, as_json: bool) -> None:
    """Those whose name holds `about`. Raises UserError when there is none."""
    chosen = [feature for feature in ALL if about in feature.name]
    if not chosen:
        raise UserError(f"no feature's name holds {about!r}: `assay features list` shows all {len(ALL)}")
    if as_json:
        named = ("name", "unit", "description", "reason")
        out.print_json(data=[{part: getattr(feature, part) for part in named} for feature in chosen])
        return
    table = Table("feature", "unit", "what it is", "why", title=f"{len(chosen)} features, version {VERSION}")
    for feature in chosen:
        table.add_row(feature.name, feature.unit, feature.description, feature.reason)
    out.print(table)
