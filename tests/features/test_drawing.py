"""The picture of a neighbourhood: well-formed XML that shows each id as it is written, whatever it holds."""

from xml.etree import ElementTree as ET

import pytest

from features.drawing import draw
from features.graph import COLUMNS, DeviceGraph
from features.neighbourhood import neighbourhood


def drawn(user: str) -> str:
    graph = DeviceGraph()
    stamps = {"kind": "login", "sequence": 1, "event_time": 1, "as_of": 1}
    graph.fold(dict.fromkeys(COLUMNS) | stamps | {"user_id": user, "device_key": "web:1"})
    node = f"user:{user}"
    picture = draw(neighbourhood(graph, node), node, f"{node} as of event 1")
    return "\n".join(ET.fromstring(picture).itertext())  # noqa: S314  # the picture is our own


@pytest.mark.parametrize("user", [r"$\frac$", "$x$", r"\$1", "a_b^c", "<script>&amp;", "plain"])
def test_an_id_is_shown_as_it_is_written(user: str) -> None:
    told = drawn(user)
    assert f"user:{user} as of event 1" in told
    assert told.count(user) >= 2, "the title, and the node's label"


@pytest.mark.parametrize("letter", ["\ufffe", "\uffff", "\x0b"])
def test_what_xml_cannot_hold_is_shown_as_unknown(letter: str) -> None:
    assert "user:a\ufffdb as of event 1" in drawn(f"a{letter}b")
