"""A model as a folder: what training and serving share, by file format alone.

```
behaviour.txt    LightGBM text model of the behaviour features
graph.txt        the same for the device graph; absent when that part was left out
heads.json       {"event": {"intercept": -0.3, "weights": {"behaviour": 0.9, "graph": 0.2}},
                  "withdrawal": the same, or {"shared_with": "event"}}
signature.json   {"features": all names in the order of the vector, "behaviour": names in the order of the booster,
                  "graph": the same ([] when left out), "categorical": names, "left_out": {part: reason},
                  "target": "fraud" | "reversal", "features_version": text, "trained_at": microseconds since 1970,
                  "training_rows": count, "base_rate": share of positives in the training slice}
```

A booster's raw margin z is its prediction with `raw_score=True` on float64 values, NaN for missing; categorical values
are small integers, and one that was never seen is treated like missing. The score is
`sigmoid(intercept + sum(weights[part] * z[part]))` over the parts named in the weights.
"""

import json
from pathlib import Path
from typing import Any

import lightgbm

from training.boosters import PARTS
from training.heads import Head
from training.models import Model


def save(model: Model, folder: Path) -> Path:
    """Write the files into `folder`, which is made if needed; an older model there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        file = folder / f"{part}.txt"
        file.unlink(missing_ok=True)
        if part in model.boosters:
            file.write_text(model.boosters[part].model_to_string())
    _write(folder / "heads.json", _heads(model))
    _write(folder / "signature.json", signature(model))
    return folder


def load(folder: Path) -> Model:
    """The inverse of `save`: the loaded model gives the same scores to the last bit.

    Raises FileNotFoundError for a folder without a model.
    """
    heads = json.loads((folder / "heads.json").read_text())
    described = json.loads((folder / "signature.json").read_text())
    boosters = {
        part: lightgbm.Booster(model_str=(folder / f"{part}.txt").read_text())
        for part in PARTS
        if (folder / f"{part}.txt").exists()
    }
    return Model(
        features=tuple(described.pop("features")),
        groups={part: tuple(described.pop(part)) for part in PARTS},
        categorical=tuple(described.pop("categorical")),
        boosters=boosters,
        heads={name: Head(**head) for name, head in heads.items() if "shared_with" not in head},
        left_out=described.pop("left_out"),
        context=described,
    )


def signature(model: Model) -> dict[str, Any]:
    """What `signature.json` holds."""
    parts = {part: list(model.groups[part]) if part in model.boosters else [] for part in PARTS}
    names = {"features": list(model.features), **parts, "categorical": list(model.categorical)}
    return {**names, "left_out": dict(model.left_out), **model.context}


def _heads(model: Model) -> dict[str, Any]:
    own = {name: {"intercept": head.intercept, "weights": dict(head.weights)} for name, head in model.heads.items()}
    return {"withdrawal": {"shared_with": "event"}} | own


def _write(file: Path, body: dict[str, Any]) -> None:
    file.write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
