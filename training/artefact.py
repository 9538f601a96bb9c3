"""A model as a folder: what training and serving share, by file format alone.

```
<part>.txt       LightGBM text model of each part, such as behaviour or graph; absent when it was left out
heads.json       {"event": {"intercept": -0.3, "weights": {"behaviour": 0.9, "graph": 0.2}},
                  "withdrawal": the same, or {"shared_with": "event"},
                  "reversal": the same, of the target reversal}; a head that could not be fitted is absent, with
                  those that share it
signature.json   {"features": all names in the order of the vector, "parts": {part: names in the order of its booster},
                  "categorical": names, "left_out": {part: reason}, "target": the main target, fraud or reversal,
                  "features_version": text, "trained_at": microseconds since 1970,
                  "training_rows": count, "base_rate": share of positives in the training slice}
```

A booster's raw margin z is its prediction with `raw_score=True` on float64 values, NaN for missing; categorical values
are small integers, and one that was never seen is treated like missing. The score is
`sigmoid(intercept + sum(weights[part] * z[part]))` over the parts named in the weights. The heads `event` and
`withdrawal` give P(fraud), the head `reversal` gives P(reversal).
"""

import json
from pathlib import Path
from typing import Any

import lightgbm

from training.heads import Head
from training.models import Model


class OlderFormatError(ValueError):
    """The folder was written before today's format, and is read no more."""


def save(model: Model, folder: Path) -> Path:
    """Write the files into `folder`, which is made if needed; an older model there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for older in folder.glob("*.txt"):
        older.unlink()
    for part, booster in model.boosters.items():
        (folder / f"{part}.txt").write_text(booster.model_to_string())
    _write(folder / "heads.json", _heads(model))
    _write(folder / "signature.json", signature(model))
    return folder


def load(folder: Path) -> Model:
    """The inverse of `save`: the loaded model gives the same scores to the last bit.

    Raises FileNotFoundError for a folder without a model, OlderFormatError for one in the format of before.
    """
    heads = json.loads((folder / "heads.json").read_text())
    described = json.loads((folder / "signature.json").read_text())
    if "parts" not in described:
        raise OlderFormatError(f"the model in {folder} has an older format, which is read no more: train it again")
    groups = {part: tuple(names) for part, names in described.pop("parts").items()}
    return Model(
        features=tuple(described.pop("features")),
        groups=groups,
        categorical=tuple(described.pop("categorical")),
        boosters={part: lightgbm.Booster(model_str=(folder / f"{part}.txt").read_text()) for part in groups},
        heads={name: Head(**head) for name, head in heads.items() if "shared_with" not in head},
        left_out=described.pop("left_out"),
        context=described,
    )


def signature(model: Model) -> dict[str, Any]:
    """What `signature.json` holds."""
    parts = {part: list(model.groups[part]) for part in model.boosters}
    names = {"features": list(model.features), "parts": parts, "categorical": list(model.categorical)}
    return {**names, "left_out": dict(model.left_out), **model.context}


def _heads(model: Model) -> dict[str, Any]:
    own = {name: {"intercept": head.intercept, "weights": dict(head.weights)} for name, head in model.heads.items()}
    shared = {"withdrawal": {"shared_with": "event"}} if "event" in own else {}
    return shared | own


def _write(file: Path, body: dict[str, Any]) -> None:
    # In the order of the model: a sum of floats depends on its order, and serving adds in that of the file.
    file.write_text(json.dumps(body, indent=1) + "\n")
