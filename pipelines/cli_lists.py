"""`assay lists`: look at lists of addresses, domains and models before they count, and put them into the home."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.home import Home
from pipelines.console import UserError, counted, err, explained, out

if TYPE_CHECKING:
    from features.intelligence.lists import Found

app = typer.Typer(
    help="Lists of data centres, VPNs, Tor, disposable e-mail and emulators: a home's own, in its folder lists/, "
    "or in the folder that ASSAY_LISTS names.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(help="a folder of lists, named by what they hold: vpn.txt, tor.txt, ...")]


@app.command()
def check(folder: Folder) -> None:
    """Say of each list in a folder what it holds, and why it would be refused. Nothing is changed."""
    with explained():
        _refuse(_shown(_examined(folder)))


@app.command()
def load(
    folder: Folder,
    smaller: Annotated[bool, typer.Option(help="a list may hold less than half of what it held")] = False,
) -> None:
    """Put the good lists of a folder into the home. A running service takes them without a restart."""
    from features.intelligence.writing import put  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        home = _own_home()
        found = _shown(_examined(folder, home, may_shrink=smaller))
        for one in found:
            if not one.reason:
                put(home.root / "lists", one.kind, one.raw)
        _refuse(found)


@app.command()
def drop(kind: Annotated[str, typer.Argument(help="as `assay lists check` shows it, e.g. vpn")]) -> None:
    """End a list: what it said is missing from then on, which is not the same as clean."""
    from features.intelligence.reading import DROPPED, ListKind  # noqa: PLC0415
    from features.intelligence.writing import put  # noqa: PLC0415

    with explained():
        if kind not in set(ListKind):
            raise UserError(f"{kind} is no kind of list: {', '.join(ListKind)}")
        put(_own_home().root / "lists", ListKind(kind), f"{DROPPED}\n".encode())
        out.print(f"{kind}: ends as soon as the service looks, at its start at the latest")


@app.command()
def history() -> None:
    """Which list applied since which event."""
    from features.intelligence.history import History  # noqa: PLC0415

    with explained():
        entries = History(Home.from_environment().root / "lists").entries
        for entry in entries:
            held = counted(entry.entries, "entry", "entries")
            out.print(f"from event {entry.since:,}: {entry.kind}, {held}, {entry.digest[:12] or 'none'}")
        if not entries:
            out.print("no list ever applied")


def _own_home() -> Home:
    import os  # noqa: PLC0415

    if named := os.environ.get("ASSAY_LISTS"):
        raise UserError(f"ASSAY_LISTS names {named}: put the files there, the home's own are not read")
    return Home.from_environment()


def _examined(folder: Path, home: Home | None = None, *, may_shrink: bool = False) -> "list[Found]":
    from features.intelligence.history import History  # noqa: PLC0415
    from features.intelligence.lists import examine, files_in  # noqa: PLC0415

    files = files_in(folder)
    if not files:
        raise UserError(f"{folder} holds no list; name the files by what they hold: vpn.txt, disposable_email.txt, ...")
    before = History(home.root / "lists") if home else None
    return [
        examine(kind, files[kind], before.current(kind).entries if before else 0, may_shrink=may_shrink)
        for kind in sorted(files)
    ]


def _shown(found: "list[Found]") -> "list[Found]":
    for one in found:
        entries, lines = counted(one.entries, "entry", "entries"), counted(one.bad, "line", "lines")
        held = "dropped" if one.dropped else f"{entries}, {lines} passed over"
        verdict = f"REFUSED: {one.reason}" if one.reason else "good"
        out.print(f"{one.kind} ({', '.join(one.files)}): {held}; {verdict}", markup=False, soft_wrap=True)
        for line in one.shown:
            err.print(f"  line {line.number:,}: {line.text!r} {line.reason}", markup=False, soft_wrap=True)
    return found


def _refuse(found: "list[Found]") -> None:
    refused = [one.kind for one in found if one.reason]
    if refused:
        raise UserError(f"refused: {', '.join(refused)}")
