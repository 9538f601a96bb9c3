"""The handsets and the app's installations on them: own, shared, public, second-hand, a rack's, or emulated."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.events import Attestation, Device, DeviceKind, DeviceProvenance
from training.simulator.batch import MISSING, Integers
from training.simulator.families import HOUSEHOLD, habit
from training.simulator.habits import chances
from training.simulator.networks import mixed
from training.simulator.population import NEVER, Circle, People, Truths
from training.simulator.sharing import has_one_phone, machines_of, nobody, previous_owners

# An installation's number is slot * people + person: the first handset, the one that follows it, a shared tablet or
# a cafe's machine.
SLOTS: Final = 3
FIRST, NEXT, SHARED = range(SLOTS)
SECOND_HAND_SHARE: Final = 0.03
UPGRADE_SHARE: Final = 0.05
TABLET_SHARE: Final = 0.4
OPTED_OUT_SHARE: Final = 0.12
NO_GAID_SHARE: Final = 0.10
NO_HARDWARE_SHARE: Final = 0.08
ZERO_GAID: Final = "00000000-0000-0000-0000-000000000000"
MODELS: Final = (
    ("Redmi 12C", "android", 1, "720x1650"),
    ("vivo Y36", "android", 1, "1080x2388"),
    ("OPPO A58", "android", 2, "1080x2400"),
    ("Redmi Note 13", "android", 2, "1080x2400"),
    ("HONOR X50", "android", 3, "1220x2652"),
    ("realme GT Neo5", "android", 3, "1240x2772"),
    ("Xiaomi 14", "android", 4, "1200x2670"),
    ("HUAWEI P60", "android", 4, "1220x2700"),
    ("Xiaomi 14 Ultra", "android", 5, "1440x3200"),
    ("iPhone SE", "ios", 3, "750x1334"),
    ("iPhone 13", "ios", 4, "1170x2532"),
    ("iPhone 15 Pro", "ios", 5, "1179x2556"),
    ("Lenovo Tab M10", "android", 2, "1200x1920"),
)
CAFE_MODEL: Final = len(MODELS) - 1
_MODEL_SHARES: Final = (0.13, 0.12, 0.13, 0.14, 0.10, 0.07, 0.07, 0.06, 0.02, 0.04, 0.07, 0.05, 0.0)
ANDROID_VERSIONS: Final = ("10", "11", "12", "13", "14")
IOS_VERSIONS: Final = ("15.8", "16.7", "17.2", "17.5", "18.0")
_VERSION_SHARES: Final = (0.08, 0.15, 0.25, 0.30, 0.22)
ATTESTATIONS: Final = tuple(Attestation)
# Shares of the verdicts in the order of ATTESTATIONS: on a sound handset, and on a rooted or emulated one.
_SOUND: Final = (0.42, 0.40, 0.08, 0.02, 0.08)
_UNSOUND: Final = (0.06, 0.16, 0.28, 0.34, 0.16)


@dataclass(frozen=True)
class Handsets:
    """Arrays over handsets. `model` and `version` are places in this module's lists. A cafe's machine is used through
    its browser, which can attest nothing.
    """

    model: Integers
    version: Integers
    is_emulator: Truths
    is_rooted: Truths
    attestation: Integers
    opted_out: Truths
    is_browser: Truths


@dataclass(frozen=True)
class Fleet:
    """`handset` over installations; over people, the day on which the next handset replaces the first (or NEVER),
    whether they use a shared tablet or a cafe's machine, and whose phone they got, that day or as newcomers (or
    MISSING). `seed_of_ids` is equal where two installations report the same hardware.
    """

    handsets: Handsets
    handset: Integers
    seed_of_ids: Integers
    change_day: Integers
    has_tablet: Truths
    users: int
    previous_owner: Integers = field(default_factory=nobody)

    def installation(self, user: Integers, day: int, on_tablet: Truths) -> Integers:
        """The installation that each person uses on a day."""
        slot = np.where(day >= self.change_day[user], NEXT, FIRST)
        return np.where(on_tablet & self.has_tablet[user], SHARED, slot) * self.users + user


def draw_fleet(rng: np.random.Generator, people: People, days: int) -> Fleet:
    users = people.count
    own = np.arange(users)
    sharing = rng.spawn(1)[0]
    first = _first_handsets(rng, people.circle)
    following, change_day, previous_owner = _changes(rng, people, first, days)
    one_phone = has_one_phone(sharing, people.circle.household, change_day != NEVER)
    first, following = (np.where(one_phone, people.circle.leader, phone) for phone in (first, following))
    newcomers = _start_on_used_phones(sharing, people, first, change_day)
    first, following = (np.where(newcomers == MISSING, phone, newcomers) for phone in (first, following))
    tablet = 2 * users + people.circle.group
    with_tablet = rng.random(tablet.max() + 1) < TABLET_SHARE
    has_tablet = (people.circle.family == HOUSEHOLD) & with_tablet[tablet] & (rng.random(users) < 0.7)
    machine = machines_of(sharing, people.circle.cafe, people.circle.group)
    tablet = np.where(machine == MISSING, tablet, 2 * users + machine)
    has_tablet |= machine != MISSING
    handset = np.concatenate([first, following, np.where(has_tablet, tablet, own)])
    resets = np.tile(rng.random(users) < habit("reset")[people.circle.acts_as], SLOTS)
    # A wiped or cloned handset reports ids that nobody has seen.
    seed_of_ids = np.where(resets, 4 * users + np.arange(SLOTS * users), handset)
    handsets = _with_browsers(draw_handsets(rng, people, handset), tablet[machine != MISSING])
    previous_owner = np.where(newcomers == MISSING, previous_owner, newcomers)
    return Fleet(handsets, handset, seed_of_ids, change_day, has_tablet, users, previous_owner)


def _first_handsets(rng: np.random.Generator, circle: Circle) -> Integers:
    """Own handsets, numbered as their owners; accounts of a rack take turns on the handset of one of them."""
    per_handset = habit("accounts_per_handset")[circle.family].astype(np.int64)
    chance = habit("shared_handset")[circle.family] * np.where(circle.quiet, 0.5, 1.0)
    shares = rng.random(len(circle.family)) < chance
    in_order = np.lexsort((circle.place, circle.group))
    position = np.empty_like(in_order)
    position[in_order] = np.arange(len(in_order))
    holder = in_order[position - circle.place % per_handset]
    return np.where(shares, holder, np.arange(len(shares)))


def _changes(
    rng: np.random.Generator, people: People, first: Integers, days: int
) -> tuple[Integers, Integers, Integers]:
    """`(next handset, day of the change, whose it was)`: some buy a new handset, some of them sell the old one."""
    users = people.count
    following, change_day = first.copy(), np.full(users, NEVER)
    honest = rng.permutation(np.flatnonzero(~people.circle.is_fraud))
    pairs = round(SECOND_HAND_SHARE * users)
    sellers, buyers = honest[:pairs], honest[pairs : 2 * pairs]
    upgraders = honest[2 * pairs : 2 * pairs + round(UPGRADE_SHARE * users)]
    day = rng.integers(days // 5, max(days // 5 + 1, days * 4 // 5), users)
    for changing in (sellers, upgraders):
        following[changing] = users + changing
        change_day[changing] = day[changing]
    following[buyers] = first[sellers]
    change_day[buyers] = day[sellers]
    previous_owner = np.full(users, MISSING)
    previous_owner[buyers] = sellers
    return following, change_day, previous_owner


def _start_on_used_phones(rng: np.random.Generator, people: People, first: Integers, change_day: Integers) -> Integers:
    """Whose phone each newcomer starts on: that of somebody honest who fell silent, and who had no other."""
    users_of = np.bincount(first, minlength=people.count)
    is_plain = ~people.circle.is_fraud & (change_day == NEVER) & (users_of[np.arange(people.count)] == 1)
    is_plain &= (first == np.arange(people.count)) & (people.circle.cafe == MISSING)
    luck, leaves, joins = rng.random(people.count) < 0.5, people.span.end, people.span.join
    return previous_owners(rng, leaves, joins, is_plain & luck & (leaves <= joins.max()), is_plain & ~luck)


def _with_browsers(handsets: Handsets, machines: Integers) -> Handsets:
    """The machines of cafes are alike, sound, and attest nothing."""
    is_browser = np.zeros(len(handsets.model), np.bool_)
    is_browser[machines] = True
    unattested = ATTESTATIONS.index(Attestation.UNAVAILABLE)
    return replace(
        handsets,
        model=np.where(is_browser, CAFE_MODEL, handsets.model),
        is_emulator=handsets.is_emulator & ~is_browser,
        is_rooted=handsets.is_rooted & ~is_browser,
        attestation=np.where(is_browser, unattested, handsets.attestation),
        is_browser=is_browser,
    )


def draw_handsets(rng: np.random.Generator, people: People, handset: Integers) -> Handsets:
    """Handsets take after the habits of the first person who uses them; those of a group resemble each other."""
    count = int(handset.max()) + 1
    owner = np.zeros(count, np.int64)
    owner[handset[::-1]] = np.tile(np.arange(people.count), SLOTS)[::-1]
    acts_as = people.circle.acts_as[owner]
    alike = people.circle.is_fraud[owner] & (rng.random(count) < 0.5)
    model = rng.choice(len(MODELS), count, p=_MODEL_SHARES)
    model = np.where(alike, model[people.circle.leader[owner]], model)
    is_emulator = rng.random(count) < habit("emulator")[acts_as]
    is_rooted = rng.random(count) < chances(rng, habit("rooted")[acts_as])
    return Handsets(
        model=model,
        version=rng.choice(len(ANDROID_VERSIONS), count, p=_VERSION_SHARES),
        # Three emulators in ten hide what they are.
        is_emulator=is_emulator & (rng.random(count) < 0.7),
        is_rooted=is_rooted,
        attestation=_attestations(rng, is_emulator | is_rooted),
        opted_out=rng.random(count) < OPTED_OUT_SHARE,
        is_browser=np.zeros(count, np.bool_),
    )


def _attestations(rng: np.random.Generator, unsound: Truths) -> Integers:
    sound = rng.choice(len(ATTESTATIONS), len(unsound), p=_SOUND)
    return np.where(unsound, rng.choice(len(ATTESTATIONS), len(unsound), p=_UNSOUND), sound)


def reported_ids(fleet: Fleet, salt: int) -> list[list[dict[str, Any]]]:
    """What the client reports of each installation: a list of devices, an install id among them, or a browser's."""
    install = mixed(salt, 13, np.arange(len(fleet.handset)))
    hardware, advertising = mixed(salt, 11, fleet.seed_of_ids), mixed(salt, 12, fleet.seed_of_ids)
    chance = mixed(salt, 14, fleet.handset) % np.uint64(1000)
    is_ios, opted_out = is_apple(fleet.handsets)[fleet.handset], fleet.handsets.opted_out[fleet.handset]
    parts = zip(hardware.tolist(), advertising.tolist(), chance.tolist(), is_ios, opted_out, strict=True)
    phones = [
        [
            *(_apple_ids(hard, soft) if ios else _android_ids(hard, soft, luck, out)),
            _device(DeviceKind.INSTALL, f"i-{number:016x}"),
        ]
        for number, (hard, soft, luck, ios, out) in zip(install.tolist(), parts, strict=True)
    ]
    # Every visitor of a cafe meets the browser that the last one left.
    browser, is_browser = mixed(salt, 15, fleet.handset), fleet.handsets.is_browser[fleet.handset]
    for at in np.flatnonzero(is_browser):
        phones[at] = [_device(DeviceKind.WEB, f"w-{browser[at]:016x}")]
    return phones


def _apple_ids(hardware: int, advertising: int) -> list[dict[str, Any]]:
    return [_device(DeviceKind.IDFV, _uuid(hardware, advertising).upper())]


def _android_ids(hardware: int, advertising: int, chance: int, opted_out: bool) -> list[dict[str, Any]]:
    devices = [_device(DeviceKind.ANDROID_ID, f"{hardware:016x}")] if chance < 1000 * (1 - NO_HARDWARE_SHARE) else []
    if opted_out:
        devices.append(_device(DeviceKind.GAID, ZERO_GAID, DeviceProvenance.OPTED_OUT))
    elif chance >= 1000 * NO_GAID_SHARE:
        devices.append(_device(DeviceKind.GAID, _uuid(advertising, hardware)))
    return devices


def _device(kind: DeviceKind, text: str, provenance: DeviceProvenance = DeviceProvenance.CLIENT) -> dict[str, Any]:
    return {"id": text, "kind": str(kind), "provenance": str(provenance)}


def _uuid(high: int, low: int) -> str:
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def partner_ids(devices: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """What a partner knows of the same installation: the advertising id, if there is one."""
    known = [device for device in devices if device["kind"] == DeviceKind.GAID]
    partner = str(DeviceProvenance.PARTNER)
    opted_out = str(DeviceProvenance.OPTED_OUT)
    return [
        device if device["provenance"] == opted_out else {**device, "provenance": partner} for device in known
    ] or None


def key_of(devices: list[dict[str, Any]] | None) -> str | None:
    """The key of the most durable id present, as the canonical event derives it."""
    durable = sorted(devices or [], key=lambda device: list(DeviceKind).index(device["kind"]))
    keys = [Device.model_validate(device).key for device in durable]
    return next((key for key in keys if key), None)


def is_apple(handsets: Handsets) -> NDArray[np.bool_]:
    return np.array([os == "ios" for _, os, _, _ in MODELS])[handsets.model]
