"""What the lists say of an event, each feature defined once: read from a row, or from a table, to the same value.

Without a list, or where the event does not say, a feature is missing (NaN); 0 means that the list was asked and knows
nothing. Being on a list is no proof: people who mind their privacy use a VPN, so these weigh and never decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.intelligence.history import Epoch
from features.intelligence.lists import Known, Lists
from features.intelligence.ranges import Vector
from features.intelligence.reading import ListKind


class Lookup(Protocol):
    """A list, or several together, that can be asked."""

    def of(self, text: str) -> float: ...

    def of_many(self, texts: Sequence[str]) -> Vector: ...


@dataclass(frozen=True)
class Listed:
    """1 when `kinds[0]` holds what `column` says, else 0. With two kinds, the second tells what to look for in it."""

    name: str
    column: str
    kinds: tuple[ListKind, ...]
    description: str
    reason: str
    unit: str = "1 or 0"


LISTED: Final = (
    Listed(
        "ip__is_data_centre",
        "ip_key",
        (ListKind.DATA_CENTRE,),
        "the person's address lies in a range of a data centre",
        "people sit behind providers and carriers; farms rent servers",
    ),
    Listed(
        "ip__is_vpn",
        "ip_key",
        (ListKind.VPN,),
        "the person's address lies in a range of a VPN",
        "a VPN fakes the country that a campaign pays for, and hides that many people are one",
    ),
    Listed(
        "ip__is_tor",
        "ip_key",
        (ListKind.TOR,),
        "the person's address is an exit of Tor",
        "nobody does paid tasks over Tor who does not hide",
    ),
    Listed(
        "ip__is_data_centre_asn",
        "ip_key",
        (ListKind.ASN_RANGES, ListKind.DATA_CENTRE_ASN),
        "the network that announces the person's address is a data centre's",
        "a new range is announced days before lists of ranges know it",
    ),
    Listed(
        "email__is_disposable",
        "email_domain",
        (ListKind.DISPOSABLE_EMAIL,),
        "the e-mail address is of a provider of addresses for minutes",
        "a sign-up bonus is taken many times with addresses that cost nothing",
    ),
    Listed(
        "device__is_emulator_model",
        "fingerprint_model",
        (ListKind.EMULATOR_MODEL,),
        "the model is one that only emulators report",
        "an emulator says that it is none, and forgets to change its name",
    ),
)
COLUMNS: Final = tuple(dict.fromkeys(["sequence", *(feature.column for feature in LISTED)]))


class Intelligence:
    """The features of LISTED, each event by the lists that applied at its sequence."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self._epoch: Epoch | None = None
        self._lookups: list[Lookup | None] = []

    def read(self, row: Mapping[str, Any], into: Vector) -> None:
        """Write the features of LISTED into `into`. `row` has COLUMNS."""
        lookups = self._lookups_at(row["sequence"])
        for at, feature in enumerate(LISTED):
            text, lookup = row[feature.column], lookups[at]
            into[at] = np.nan if text is None or lookup is None else lookup.of(text)

    def vectors(self, table: pa.Table) -> Vector:
        """The same for a table in the order of its sequence: `(rows, features)`."""
        matrix = np.full((table.num_rows, len(LISTED)), np.nan)
        sequences = table["sequence"].to_numpy()
        cuts = [*np.searchsorted(sequences, self.lists.history.starts).tolist(), len(sequences)]
        for start, stop in pairwise(cuts):
            if start < stop:
                self._fill(table.slice(start, stop - start), matrix[start:stop])
        return matrix

    def _fill(self, rows: pa.Table, into: Vector) -> None:
        for at, lookup in enumerate(self._lookups_at(rows["sequence"][0].as_py())):
            if lookup is not None:
                into[:, at] = _column(rows[LISTED[at].column], lookup)

    def _lookups_at(self, sequence: int) -> list[Lookup | None]:
        epoch = self.lists.history.epoch_at(sequence)
        if epoch is not self._epoch:
            known = self.lists.of_epoch(epoch)
            self._epoch, self._lookups = epoch, [_lookup(feature, known) for feature in LISTED]
        return self._lookups


def _lookup(feature: Listed, known: Known) -> Lookup | None:
    if any(kind not in known for kind in feature.kinds):
        return None
    found: Lookup = known[feature.kinds[0]]
    if len(feature.kinds) == 1:
        return found
    numbered: Lookup = known[feature.kinds[0]].mapped(map(float, known[feature.kinds[1]]))
    return numbered


def _column(values: pa.ChunkedArray, lookup: Lookup) -> Vector:
    """Each different value is looked up once."""
    encoded = values.combine_chunks().dictionary_encode()
    table = np.append(lookup.of_many(encoded.dictionary.to_pylist()), np.nan)
    return np.asarray(table[pc.fill_null(encoded.indices, len(table) - 1).to_numpy()])
