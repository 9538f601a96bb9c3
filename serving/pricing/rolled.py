"""The rollout on the disk, and the policy that a person is served: a file that is replaced as a whole.

`FOLDER/rollout.json` holds both versions and every move; `FOLDER/policies/VERSION.yaml` the text of each version. A
service never holds a lock: it looks whether the file is another one, which costs microseconds.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import structlog

from serving.policy import Policy, load_policy
from serving.pricing.rollout import Move, Rollout, Step, version_for

PRICING: Final = ("reward", "pricing")
"""The sections of a policy that a rollout may change; the others are always those of the policy that serves."""
FILE: Final = "rollout.json"

log = structlog.get_logger()


def file_of(folder: Path, version: str) -> Path:
    return folder / "policies" / f"{version}.yaml"


def read(folder: Path) -> Rollout | None:
    """None where none was ever started. Raises ValueError, with the remedy, for a damaged file."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        body = json.loads(text)
        moves = tuple(Move(**move | {"step": Step(move["step"])}) for move in body["moves"])
        rollout = Rollout(body["incumbent"], body["candidate"], int(body["person_margin_micros_max"]), moves)
    except (ValueError, LookupError, TypeError) as damage:
        raise ValueError(f"{file} is damaged ({damage}): put it back from a backup, or remove it") from damage
    if not moves:
        raise ValueError(f"{file} names no move: put it back from a backup, or remove it")
    return rollout


def write(folder: Path, rollout: Rollout) -> None:
    """Whole or not at all: a reader sees the state before or the state after."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / FILE, json.dumps(asdict(rollout), indent=1).encode())


def keep(folder: Path, policy_file: Path) -> Policy:
    """Copy a policy file to where the service finds it by its version. Raises PolicyError for a bad one."""
    policy = load_policy(policy_file)
    kept = file_of(folder, policy.version)
    kept.parent.mkdir(parents=True, exist_ok=True)
    _replace(kept, policy_file.read_bytes())
    return policy


def differing(policy: Policy, other: Policy) -> list[str]:
    """Sections outside of pricing in which two policies differ: a rollout could not stage these."""
    names = [name for name in Policy.model_fields if name not in PRICING and name != "version"]
    return [name for name in names if getattr(policy, name) != getattr(other, name)]


class Served:
    """Which policy a person is served. What cannot be read leaves everybody with `usual`, and is logged once.

    A rollout holds for the policy that it was started against: once `usual` is another one (a changed limit, the kill
    switch, or the candidate itself, installed for good), everybody is served that.
    """

    def __init__(self, folder: Path, usual: Policy, key: bytes) -> None:
        self._folder, self._usual, self._key = folder, usual, key
        self._seen: tuple[int, int, int] | None = None
        self._rollout: Rollout | None = None
        self._candidate = usual

    def policy_for(self, user_id: str) -> Policy:
        """With the sections of pricing, and the version, of the person's side of the rollout."""
        self._look()
        if self._rollout is None or version_for(self._rollout, user_id, self._key) == self._rollout.incumbent:
            return self._usual
        return self._candidate

    def _look(self) -> None:
        seen = _stamp(self._folder / FILE)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            rollout = read(self._folder)
            holds = rollout is not None and rollout.share > 0 and rollout.incumbent == self._usual.version
            self._candidate = candidate_of(self._folder, rollout, self._usual) if holds and rollout else self._usual
            self._rollout = rollout if holds else None
        except (OSError, ValueError) as failure:
            self._rollout = None
            log.exception("rollout_unreadable", reason=str(failure), served=self._usual.version)


def candidate_of(folder: Path, rollout: Rollout, usual: Policy) -> Policy:
    """`usual` with the candidate's sections of pricing. Raises ValueError for a file that is not the one started."""
    file = file_of(folder, rollout.candidate)
    found = load_policy(file)
    if found.version != rollout.candidate:
        raise ValueError(f"{file} is version {found.version}: it was edited; put the started file back, or roll back")
    pricing = {name: getattr(found, name) for name in PRICING if name in Policy.model_fields}
    return usual.model_copy(update=pricing | {"version": found.version})


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _replace(file: Path, content: bytes) -> None:
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as beside:
        beside.write(content)
        beside.flush()
        os.fsync(beside.fileno())
    Path(beside.name).replace(file)
