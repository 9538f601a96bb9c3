"""Hillstrom's randomised e-mail as a world whose every policy has a known value, and biased logs drawn from it.

The world is the extract itself, a finite population. People with the same interest, tenure, channel, place and recency
make a stratum; the experiment gave each of them one of three mails at random, and the share that visited, by stratum
and mail, is what the mail does there: by definition, without error. A log is drawn row by row with replacement: a
person of the extract gives the stratum, the logging policy gives the mail by its known probability in that stratum, and
the outcome is that of somebody in the stratum who truly got this mail. So the value of a policy is exactly
sum over strata of share x sum over mails of probability x visit rate, and that is the truth all figures are held to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from training.offpolicy.logged import Floats, Ints, Logged

MAILS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
_TRAITS: Final = ("interest", "newbie", "channel", "zip_code", "recency")
_FLOOR: Final = 0.08
"""The logging policy gives each mail to everybody with at least this probability."""
_BANDS: Final = (3, 8)  # months since the last purchase
GOOD: Final = ("men's mail to all", "mail that fits")
NEUTRAL: Final = "neither better nor worse"
HARMFUL: Final = ("no mail", "mail that does not fit", "worse by 3%", "worse by 1%")


@dataclass(frozen=True)
class World:
    """Strata (S) by mails (A): `share` (S) of people, `visits` (S, A) rates, `context` (S, features), and for drawing
    the cells' rows: `outcomes` of all rows sorted by cell, `begin` and `size` (S, A).
    """

    share: Floats
    visits: Floats
    context: Floats
    outcomes: Floats
    begin: Ints
    size: Ints
    logging: Floats

    def value(self, policy: Floats) -> float:
        """Visits a person under `policy` (S, A): the truth."""
        return float(self.share @ (policy * self.visits).sum(axis=1))


def read_world(file: Path) -> World:
    """Raises ValueError where a stratum lacks one of the mails: then nothing says what it does there."""
    table = pl.read_csv(file).with_columns(_interest(), _band(), arm=pl.col("segment").replace_strict(_NUMBERS))
    strata = table.group_by(_TRAITS).len().sort(_TRAITS).with_row_index("stratum")
    table = table.join(strata, on=_TRAITS).sort("stratum", "arm")
    cells = table["stratum"].to_numpy().astype(np.int64) * len(MAILS) + table["arm"].to_numpy()
    size = np.bincount(cells, minlength=strata.height * len(MAILS))
    if not size.all():
        raise ValueError(f"{file}: {int((size == 0).sum())} strata lack a mail: use the whole extract")
    outcomes = table["visit"].to_numpy().astype(np.float64)
    sums = np.bincount(cells, weights=outcomes, minlength=len(size))
    shape = (strata.height, len(MAILS))
    return World(
        share=strata["len"].to_numpy() / table.height,
        visits=(sums / size).reshape(shape),
        context=_context(strata),
        outcomes=outcomes,
        begin=(np.cumsum(size) - size).reshape(shape),
        size=size.reshape(shape),
        logging=_logging(strata),
    )


_NUMBERS: Final = {mail: number for number, mail in enumerate(MAILS)}


def _interest() -> pl.Expr:
    """What was bought before: 1 for women's, 2 for men's, 3 for both."""
    return (pl.col("mens") * 2 + pl.col("womens")).alias("interest")


def _band() -> pl.Expr:
    return pl.sum_horizontal([(pl.col("recency") > least).cast(pl.Int64) for least in _BANDS]).alias("recency")


def _context(strata: pl.DataFrame) -> Floats:
    ones = [np.ones(strata.height)]
    for trait in _TRAITS:
        values = strata[trait].unique().sort()
        ones += [(strata[trait] == value).to_numpy().astype(np.float64) for value in values[1:]]
    return np.column_stack(ones)


def _logging(strata: pl.DataFrame) -> Floats:
    """Mail goes to those who would come anyway: lately here, long known; and men's mail to men's customers."""
    band, interest = strata["recency"].to_numpy(), strata["interest"].to_numpy()
    eager = 1.5 - 1.2 * band - 1.0 * strata["newbie"].to_numpy()
    scores = np.column_stack([np.zeros(strata.height), eager + 0.8 * (interest == 2), eager + 0.8 * (interest == 1)])
    chances = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True)
    return np.asarray(_FLOOR + (1 - len(MAILS) * _FLOOR) * chances)


def policies_of(world: World) -> Mapping[str, Floats]:
    """Each (S, A). Two are better than the logging policy, one is exactly as good, four are worse; by their truth."""
    everybody = np.ones(len(world.share))
    womens = world.context[:, 1] + world.context[:, 2] == 0  # the first interest, women's alone, has no column
    men, women, none = np.eye(3)[1], np.eye(3)[2], np.eye(3)[0]
    fitting = np.where(womens[:, None], 0.9 * women + 0.1 * men, 0.9 * men + 0.1 * women)
    unfit = np.where(womens[:, None], none, 0.6 * women + 0.4 * none)
    all_men, no_mail = np.outer(everybody, men), np.outer(everybody, none)
    now = world.value(world.logging)
    named = dict(zip(GOOD, (all_men, fitting), strict=True))
    named[NEUTRAL] = _mixed(world, fitting, unfit, now)
    nearly = [_mixed(world, fitting, unfit, share * now) for share in (0.97, 0.99)]
    return named | dict(zip(HARMFUL, (no_mail, unfit, *nearly), strict=True))


def _mixed(world: World, better: Floats, worse: Floats, value: float) -> Floats:
    """The mixture of two policies with exactly this value."""
    high, low = world.value(better), world.value(worse)
    share = (value - low) / (high - low)
    assert 0 <= share <= 1, "the value lies outside of what the two policies span"
    return np.asarray(share * better + (1 - share) * worse)


def drawn(world: World, rows: int, draws: np.random.Generator) -> tuple[Logged, Ints]:
    """A log of `rows` choices, and the stratum of each. Each draw is a person of its own: the draws are independent."""
    strata = draws.choice(len(world.share), rows, p=world.share)
    reached = np.cumsum(world.logging[strata], axis=1) < draws.random(rows)[:, None]
    arms = np.minimum(reached.sum(axis=1), len(MAILS) - 1)
    picked = (draws.random(rows) * world.size[strata, arms]).astype(np.int64)
    logged = Logged(
        context=world.context[strata],
        arm=arms,
        propensity=world.logging[strata, arms],
        outcome=world.outcomes[world.begin[strata, arms] + picked],
        gain=np.ones((1, len(MAILS))),
        person=np.arange(rows),
        propensity_min=_FLOOR,
    )
    return logged, strata
