"""A lineage as people read it on a terminal, and whole, as JSON."""

import json
from dataclasses import asdict
from typing import Any, Final

import typer
from rich.markup import escape
from rich.tree import Tree

from features.events import instant_of
from pipelines.console import out
from pipelines.lineage import Lineage
from pipelines.steps import digest_of
from serving.policy import HOUR
from training import registry

_DIGEST_SHOWN: Final = 12
_WORDS: Final = {"champion": "promoted", "shadow": "made shadow", "shadow.dismissed": "dismissed as shadow"}
_BY_A_PERSON: Final = "decided_by_a_person"
_HIDDEN: Final = frozenset({"settings"})
"""Said by what differs from the defaults; `--json` has the whole."""


def show_lineage(lineage: Lineage) -> None:
    """A tree, the decision at its root; one digest stands for many files."""
    decided = lineage.decision
    tree = Tree(
        f"[bold]{escape(str(decided['event_id']))}[/bold]: {decided['action']} at {_when(decided['decided_at'])}, "
        f"revision {decided['revision']}, score {decided['score']}"
    )
    _add_revision(tree, lineage)
    if lineage.wait is not None:
        tree.add(escape(_waited(lineage.wait)))
    tree.add(f"policy {decided['policy_version']}, features {decided['features_version']}")
    model = tree.add(f"model version {decided['model_version']} of {registry.NAME}")
    if lineage.model is not None:
        _add_known(model, lineage.model)
    for manifest in lineage.steps:
        model = model.add(f"{manifest['step']}: {_files(manifest['files'])}")
        for name, value in manifest["inputs"].items():
            if name not in _HIDDEN:
                model.add(escape(_said(name, value)))
    out.print(tree)


def show_json(lineage: Lineage) -> None:
    """The whole as one object: `decision`, `first` (null unless a person revised it), `answers`, `wait` (null where
    nothing was credited), `model` (null where none decided), `steps`.
    """
    model = None if lineage.model is None else asdict(lineage.model)
    answers = [asdict(one) for one in lineage.answers]
    revised = {"decision": lineage.decision, "first": lineage.first, "answers": answers, "wait": lineage.wait}
    body = {**revised, "model": model, "steps": lineage.steps}
    typer.echo(json.dumps(body, default=str))


def _add_revision(tree: Tree, lineage: Lineage) -> None:
    """Who changed the decision."""
    if lineage.first is None:
        return
    before = f"revision 1 was {lineage.first['action']} at {_when(lineage.first['decided_at'])}"
    reasons = str(lineage.decision.get("reason_codes", ""))
    by = "by a person, not by the model" if _BY_A_PERSON in reasons else f"with the reasons {reasons}"
    revised = tree.add(escape(f"revised {by}: {before}"))
    for one in lineage.answers:
        revised.add(escape(f"disposition {one.disposition} at {_when(one.recorded_at)}, outcome {one.outcome_id}"))


def _waited(wait: dict[str, Any]) -> str:
    tier = "" if wait["trust"] is None else f", for trust {wait['trust']}"
    return f"reward waits {wait['wait_micros'] / HOUR:g} hours, by {wait['version']}{tier}"


def _add_known(model: Tree, known: registry.Known) -> None:
    model.add(f"MLflow run {known.run_id}")
    gate = model.add(f"gate: {known.verdict}")
    for reason in filter(None, known.reasons.split(registry.BETWEEN_REASONS)):
        gate.add(escape(reason))
    for act in known.acts:
        forced = ", forced" if act.forced else ""
        model.add(escape(f"{_WORDS[act.what]} by {act.by} at {_when(act.at)}{forced}: {act.reason}"))
    if not known.acts:
        model.add("no alias ever named it")


def _said(name: str, value: Any) -> str:
    if name == "as_of":
        return f"as of: {_when(value)}"
    if name == "settings_changed":
        differing = ", ".join(f"{setting} = {said}" for setting, said in value.items())
        return f"settings that differ from the defaults: {differing or 'none'}"
    if isinstance(value, dict):
        return f"{name}: {_files(value)}"
    return f"{name}: {'none' if value is None else value}"


def _files(digests: dict[str, str]) -> str:
    return f"{len(digests):,} files, digest over them {digest_of(digests)[:_DIGEST_SHOWN]}"


def _when(micros: int) -> str:
    return f"{instant_of(micros):%Y-%m-%d %H:%M:%S}"
