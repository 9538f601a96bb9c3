"""House rules of the code. Each failure says its fix; each list of exceptions gives reasons and may only shrink."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

LONG_FILES: dict[str, str] = {
    "notebooks/cases.py": "a notebook is one page; marimo writes each cell as a function with its names",
}
LONG_FUNCTIONS: dict[str, str] = {}
CLOCKS = {
    "features/log.py": "defines recorded_now, the only clock that is read",
    "serving/background.py": "an edge: what happens without being asked happens now",
    "serving/parts.py": "hands the clock to the writer, which stamps each unit of work",
}
FLOAT_MONEY: dict[str, str] = {}
UNEXPLAINED: dict[str, str] = {}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SUPPRESSION = re.compile(
    r"#\s*(?:ruff:\s*)?(?:noqa|type:\s*ignore)(?::\s*([A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)|\[([\w, -]+)\])?"
)


def assert_only_known(offenders: dict[str, str], known: dict[str, str], fix: str) -> None:
    """`offenders`: place -> what is wrong there. `known`: place -> why it may stay."""
    new = {place: what for place, what in offenders.items() if place not in known}
    assert not new, f"{fix}\n" + "\n".join(f"  {place}: {what}" for place, what in new.items())
    cured = known.keys() - offenders.keys()
    assert not cured, f"these are cured, delete them from the list of exceptions: {sorted(cured)}"


def nodes(sources: dict[Path, str]) -> Iterator[tuple[Path, ast.AST]]:
    for file, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            yield file, node


def test_a_file_is_short_enough_to_be_read_at_once(python: dict[Path, str]) -> None:
    lengths = {str(file): text.count("\n") for file, text in python.items()}
    offenders = {file: f"{lines} lines" for file, lines in lengths.items() if lines > FILE_LINES_MAX}
    assert_only_known(offenders, LONG_FILES, f"split along its ideas what is longer than {FILE_LINES_MAX} lines:")


def test_a_function_fits_on_a_screen(python: dict[Path, str]) -> None:
    offenders = {}
    for file, node in nodes(python):
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                offenders[f"{file}::{node.name}"] = f"{lines} lines"
    assert_only_known(offenders, LONG_FUNCTIONS, f"name its steps: a function has at most {FUNCTION_LINES_MAX} lines:")


def test_nothing_below_the_edges_reads_a_clock(product: dict[Path, str]) -> None:
    offenders = {
        str(file): f"line {node.lineno}: {ast.unparse(node)}"
        for file, node in nodes(product)
        if file.parts[0] != "pipelines" and isinstance(node, (ast.Name, ast.Attribute)) and reads_a_clock(node)
    }
    assert_only_known(offenders, CLOCKS, "take the instant as an argument, in microseconds:")


def reads_a_clock(node: ast.Name | ast.Attribute) -> bool:
    """Durations (`perf_counter`, `monotonic`) are no clock: they cannot tell what time it is."""
    words = ast.unparse(node).split(".")[-2:]
    if words[-1] == "recorded_now":
        return True
    return words in [
        ["datetime", "now"],
        ["datetime", "utcnow"],
        ["datetime", "today"],
        ["date", "today"],
        ["time", "time"],
        ["time", "time_ns"],
    ]


def test_libraries_print_nothing(product: dict[Path, str]) -> None:
    offenders = {
        f"{file}:{node.lineno}": ast.unparse(node)
        for file, node in nodes(product)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert_only_known(offenders, {}, "return it, log it, or show it with pipelines.console:")


def test_money_is_never_a_float(product: dict[Path, str]) -> None:
    offenders = {
        f"{file}:{name}": f"annotated {annotation}"
        for file, node in nodes(product)
        for name, annotation in annotated(node)
        if re.search(r"_micros(_|$)", name) and re.search(r"\bfloat", annotation)
    }
    assert_only_known(offenders, FLOAT_MONEY, "make it an int of micros; name it differently if it is an estimate:")


def annotated(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Names with their annotations: variables and fields, arguments, and functions with what they return."""
    if isinstance(node, ast.AnnAssign):
        yield ast.unparse(node.target), ast.unparse(node.annotation)
    if isinstance(node, ast.arg) and node.annotation:
        yield node.arg, ast.unparse(node.annotation)
    if isinstance(node, FUNCTIONS) and node.returns:
        yield node.name, ast.unparse(node.returns)


def test_a_suppression_gives_its_reason(python: dict[Path, str]) -> None:
    offenders = {f"{file}:{line}": code for file, text in python.items() for line, code in unexplained(text)}
    fix = "say why beside it, `# noqa: XYZ1  # why`; the first of its code in a file speaks for the others:"
    assert_only_known(offenders, UNEXPLAINED, fix)


def unexplained(text: str) -> Iterator[tuple[int, str]]:
    explained: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        for found in SUPPRESSION.finditer(token.string):
            codes = re.split(r"[,\s]+", found[1] or found[2] or "everything")
            if len(re.findall(r"\w+", SUPPRESSION.sub("", token.string))) >= 2:
                explained.update(codes)
            yield from ((token.start[0], code) for code in codes if code not in explained)
