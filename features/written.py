"""YAML that people write: read whole, or refused by its line with what to do."""

from collections.abc import Hashable
from typing import Any, Final

import yaml

_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What the library raises for a day that there is not, a number of thousands of digits, or a tag that does not fit."""


class NotYaml(ValueError):  # noqa: N818  # named for what it is, as refusals are
    """`line` counts from 1, 0 where it is not known. `remedy` repeats nothing of the text, which may hold a secret; the
    message may.
    """

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        self.line, self.remedy = line, remedy
        super().__init__(f"is not YAML{self.place}: {problem}: {remedy}")

    @property
    def place(self) -> str:
        return f", line {self.line}" if self.line else ""


class _Checked(yaml.SafeLoader):
    """A key given twice is an error, not a silent loss, and what cannot be read is named by its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except NotYaml:
            raise
        except _UNREADABLE:
            problem = "a value looks like a date, a number or a tag and is none"
            raise NotYaml(
                _line(node.start_mark), problem, "correct the date, number or tag there, or put it in quotes"
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        _assert_once(self, node)
        return super().construct_mapping(node, deep)


class _Text(yaml.BaseLoader):
    """No guessing of types (`on`, `no` and dates stay text), and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        _assert_once(self, node)
        return super().construct_mapping(node, deep)


def read_yaml(text: str | bytes, *, is_all_text: bool = False) -> Any:
    """What it says; `is_all_text`: every scalar as text, as in a CSV file. Raises `NotYaml`."""
    try:
        return yaml.load(text, Loader=_Text if is_all_text else _Checked)  # noqa: S506  # both make plain values only
    except yaml.MarkedYAMLError as error:
        remedy = "look at its indentation, quotes, colons and brackets"
        raise NotYaml(_line(error.problem_mark), str(error.problem), remedy) from None
    except (yaml.YAMLError, UnicodeError):
        raise NotYaml(0, "it holds characters that no text has", "save it as text in UTF-8") from None
    except RecursionError:
        raise NotYaml(0, "it is nested too deep", "nest it as the shipped one, no deeper") from None


def _assert_once(loader: _Checked | _Text, node: yaml.MappingNode) -> None:
    known = set()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name is not None and (key.tag, name) in known:
            raise NotYaml(_line(key.start_mark), f"{name} is given twice", "give each key once")
        known.add((key.tag, name))


def _line(mark: yaml.Mark | None) -> int:
    return 0 if mark is None else mark.line + 1
