"""Filling a home: the log, and a manifest that says where it came from and on which clock it runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.home import Home
from features.log import Log
from pipelines import load
from pipelines.load import load_folder, load_simulated

HEADINGS = "user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,ip_address,class"


def shop(folder: Path, people: int) -> Path:
    """A sign-up a day, and the purchases ten days later, in the form of a mapping that is shipped."""
    folder.mkdir()
    rows = [
        f"{at},2/{at + 1}/2015 10:00,2/{at + 11}/2015 10:00,{at + 5},d{at},SEO,Safari,F,30,{732758368 + at},{at % 2}"
        for at in range(people)
    ]
    (folder / "shop.csv").write_text("\n".join([HEADINGS, *rows]) + "\n")
    return folder


def test_a_simulated_home_says_so_and_ends_before_today(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    summary = load_simulated(home, users=100, days=30, seed=3)
    assert home.manifest == {
        "folder": "simulated",
        "source": "simulated",
        "clock": "wall",
        "target": "fraud",
        "seed": 3,
    }
    sequence, as_of = Log(home.log).last()
    assert sequence == summary.events + summary.outcomes
    assert as_of < datetime.now(UTC).timestamp() * 1e6


def test_a_folder_of_data_is_ingested_and_its_newest_events_are_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "HELD_BACK", 3)
    home = Home(tmp_path / "home")
    report = load_folder(home, shop(tmp_path / "fraudecom", people=10))
    assert (report.events, report.outcomes, report.rejected) == (20, 10, 0)
    last = Log(home.log).last()[0]
    assert home.manifest == {
        "folder": "fraudecom",
        "source": "fraudecom",
        "clock": "events",
        "target": "fraud",
        "last_sequence": last,
    }
    aside = list(Log(home.held_back).rows())
    assert aside[0]["sequence"] == last + 1
    assert [row["kind"] for row in aside].count("purchase") == 3


def test_a_home_is_never_left_with_half_a_manifest(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(ValueError, match="is not a folder"):
        load_folder(home, tmp_path / "nowhere")
    assert home.manifest == {}
    assert not home.root.exists()
