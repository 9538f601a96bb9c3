"""A wrong mapping is answered with the key and its remedy."""

from pathlib import Path

import pytest

from features.ingest.errors import IngestError, MappingError
from features.ingest.load import load_mapping, mapping_for, parse_mapping, shipped

GOOD = """
name: shop
target: fraud
events:
  - kind: purchase
    occurred_at: time
    fields: {user_id: user, amount_micros: price, currency: {value: USD}}
outcome:
  of: purchase
  column: fate
  bad: 1
  clean: [0, no]
  meaning: {kind: reversal, reversal_kind: card_chargeback, reason: fraud}
  delay: 90m
"""


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("user_id:", "usr_id:", r"events.0.fields.*usr_id is not a field of an event; did you mean user_id\?"),
        ("target: fraud", "target: frauds", "target: Input should be 'fraud' or 'reversal'"),
        ("name: shop\n", "", "name: is required"),
        ("occurred_at: time", "occured_at: time", r"unknown key occured_at; did you mean occurred_at\?"),
        ("delay: 90m", "delay: 7 weeks", "outcome.delay: must be a number of minutes, hours or days"),
        ("  delay: 90m\n", "", "say when the outcome was known"),
        ("of: purchase", "of: sale", "outcome.of names no event: sale; events are purchase"),
        ("clean: [0, no]", "clean: [0, 1]", "1 is listed twice among bad, clean and unknown"),
        (", currency: {value: USD}", "", "amount_micros needs a currency"),
        ("{value: USD}", "{value: USD, column: money}", "either a column or a constant"),
        ("price", "{value: ten}", "amount_micros: the value ten must be a number"),
        ("price", "{column: price, as: cents}", "amount_micros.as: Input should be"),
        ("reason: fraud", "caused_by: person", "a reversal needs reason"),
        ("target: fraud", "target: fraud\nread: {time_zone: Mars}", "read.time_zone: must be a time zone such as"),
        ("target: fraud", "target: fraud\ntarget: reversal", "target is given twice"),
        ("kind: purchase", 'kind: purchase\n    id: "a{"', "events.0.id: must be text with column names in braces"),
        ("name: shop", "name: [", "is not YAML"),
        ("name: shop", f"name: {'[' * 5_000}", "is not YAML: it is nested too deep"),
    ],
)
def test_a_wrong_key_is_named_with_its_remedy(wrong: str, right: str, expected: str) -> None:
    assert wrong in GOOD
    with pytest.raises(MappingError, match=expected):
        parse_mapping(GOOD.replace(wrong, right), "my.yaml")


def test_scalars_stay_text_so_that_no_and_1_compare_with_cells() -> None:
    mapping = parse_mapping(GOOD, "my.yaml")
    assert mapping.outcome is not None
    assert (mapping.outcome.bad, mapping.outcome.clean) == (("1",), ("0", "no"))
    assert mapping.columns() == ["time", "user", "price", "fate"]


def test_an_unknown_name_lists_the_shipped_mappings() -> None:
    assert shipped() == ["fraudecom", "handbook", "talkingdata"]
    with pytest.raises(MappingError, match=r"did you mean talkingdata.*Shipped are fraudecom, handbook, talkingdata"):
        load_mapping("talkingdat")


def test_a_data_file_in_place_of_a_mapping_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_bytes(b"x" * 70_000)
    with pytest.raises(MappingError, match="is it the data"):
        load_mapping(tmp_path / "big.yaml")


def test_a_folder_brings_its_own_mapping_or_bears_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    own, named = tmp_path / "mine", tmp_path / "talkingdata"
    for folder in (own, named):
        folder.mkdir()
        (folder / "b.csv").touch()
        (folder / "a.parquet").touch()
        (folder / "notes.txt").touch()
    (own / "mapping.yaml").write_text(GOOD)
    assert mapping_for(own)[0].name == "shop"
    mapping, files = mapping_for(named)
    assert (mapping.name, [file.name for file in files]) == ("talkingdata", ["a.parquet", "b.csv"])


def test_a_folder_without_mapping_or_data_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"holds no mapping.yaml and no mapping is shipped"):
        mapping_for(tmp_path)
    (tmp_path / "mapping.yaml").write_text(GOOD)
    with pytest.raises(IngestError, match="holds no data"):
        mapping_for(tmp_path)
    with pytest.raises(IngestError, match="is not a folder"):
        mapping_for(tmp_path / "nowhere")
