"""How the command line speaks: progress bars, tables, and failures that say in one sentence what to do."""

import errno
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from inspect import cleandoc, getdoc
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.home import Home
from pipelines.damaged import damage_behind

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class UserError(Exception):  # it is the user's to mend, and the message says how
    """A failure that one sentence explains."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn an expected failure into its sentence and exit code 1; defects keep their traceback.

    What an engine cannot read is looked for among the files of the home, for the engine does not name it.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read our output has gone, which is no failure
    except (UserError, ValueError, LookupError) as failure:
        # The text of a lost key is the key alone: that is a defect, and a sentence would hide where.
        if type(failure) in (KeyError, IndexError):
            raise
        damage = damage_behind(failure, Home.from_environment())
        refuse(UserError(damage) if damage else failure)
    except OSError as failure:
        refuse(UserError(_told(failure)))
    except KeyboardInterrupt:
        err.print("stopped")
        raise typer.Exit(130) from None
    except Exception as failure:
        if damage := damage_behind(failure, Home.from_environment()):
            refuse(UserError(damage))
        raise


_REMEDIES: Final = {
    errno.ENOSPC: "make room on that disk, and run it again",
    errno.EDQUOT: "make room within your quota, and run it again",
    errno.EROFS: "that file system is read-only: set ASSAY_HOME, or the option, to a folder that can be written",
    errno.EACCES: "give yourself the right to it, or choose another place",
    errno.EPERM: "give yourself the right to it, or choose another place",
    errno.ENOENT: "check the path",
    errno.EEXIST: "a file is there that is in the way: move it, or choose another place",
    errno.EISDIR: "a file was expected, a folder is there: move it away, or choose another place",
    errno.ENOTDIR: "a folder was expected, a file is there: move it away, or choose another place",
}


def _told(failure: OSError) -> str:
    """The path, the system's reason and what to do; an error that was given its own sentence keeps that."""
    if failure.errno is None:
        return str(failure)
    place, reason = failure.filename2 or failure.filename, failure.strerror or str(failure)
    remedy = _REMEDIES.get(failure.errno, "")
    return f"{f'{place}: ' if place else ''}{reason}{f': {remedy}' if remedy else ''}"


def refuse(failure: Exception) -> NoReturn:
    """Say what failed in one line, and leave with exit code 1."""
    err.print(f"[red]assay:[/red] {escape(str(failure))}", soft_wrap=True)
    raise typer.Exit(1) from failure


def assert_writable(option: str, folder: Path, file: Path | None = None) -> None:
    """Make `folder`, and see that it, and `file` in it if that is there, takes a write: before the work, not after it.

    Raises UserError that names the option, the place and the remedy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        if file is not None and file.exists():
            file.open("ab").close()
    except OSError as failure:
        raise UserError(f"{option}: {_told(failure)}") from None


def counted(number: int, one: str, many: str) -> str:
    """`1 line`, `1,200 lines`."""
    return f"{number:,} {one if number == 1 else many}"


def unwrapped(app: typer.Typer) -> None:
    """A docstring's lines end where the source's do; the paragraphs of a help end where the terminal's lines do."""
    for command in app.registered_commands:
        paragraphs = cleandoc(command.help or getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            unwrapped(group.typer_instance)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """A bar on the terminal; yields the function that moves it on. What ends in a failure leaves no bar behind."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(what, total=total)
        try:
            yield lambda steps: bar.advance(task, steps)
        except BaseException:
            bar.live.transient = True
            raise
        bar.update(task, total=bar.tasks[0].completed or 1, completed=bar.tasks[0].completed or 1)


@dataclass(frozen=True)
class BenchRow:
    """One line of a benchmark: what was asked, what was measured. `target` None: nothing was asked, only measured."""

    name: str
    target: str | None
    measured: str
    passed: bool | None = None


def report(title: str, rows: Sequence[BenchRow], figures: dict[str, Any]) -> None:
    """Print a benchmark as a table and, as the last line, one JSON object."""
    table = Table(title=title)
    for heading in ("", "target", "measured", ""):
        table.add_column(heading)
    for row in rows:
        mark = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[row.passed]
        table.add_row(row.name, row.target or "", row.measured, mark)
    assert "rows" not in figures, "`rows` is the list of the table's lines"
    out.print(table)
    typer.echo(json.dumps(figures | {"rows": [asdict(row) for row in rows]}))
