"""Limits are read whole, and a mistake in the file is named."""

from pathlib import Path

import pytest

from training.monitoring.limits import DEFAULT, Limits


def test_each_limit_has_its_reason_above_it() -> None:
    lines = DEFAULT.read_text().splitlines()
    keys = [at for at, line in enumerate(lines) if line and not line.startswith("#")]
    assert all(lines[at - 1].startswith("#") for at in keys)
    assert Limits.read().psi_min == 0.25


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("psi_min: 0.25", "psi_min: 0", "psi_min must be a number"),
        ("psi_min: 0.25", "psi_min: .nan", "psi_min must be a number"),
        ("psi_min: 0.25", "psi_min: true", "psi_min must be a number"),
        ("psi_min:", "psi_least:", "missing psi_min, unknown psi_least"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(DEFAULT.read_text().replace(old, new))
    with pytest.raises(ValueError, match=said):
        Limits.read(file)
