"""When two accounts are one person: the rule, its reasons and its constants.

A ring says that accounts have to do with each other; *same person* says that one human being is behind two of them, and
limits and daily curves follow it. The ring is loose and cheap to be wrong about, this one takes money from people, so
it is a confidence from 0 to 1, and its evidence is what people do not share with those they live with:

- *The same verified identity* is the strongest: one document, one person. Not 1, since documents are bought and lent.
- *The same payout destination* is half of the answer: the money ends with one person, but couples and children are paid
  to one account. Alone it stays below PERSON_MIN.
- *A device*, once, however many of its ids are shared:
  - *one account after the other*, both on that handset alone, is how a person starts anew, and also how a phone is
    sold to a newcomer. It needs the same destination or identity to count: who bought a phone brings new ones.
  - *in turns*, both on that handset alone: one person with two accounts, or a family with one phone.
  - *in turns or after each other, and one of them has another handset*: a household's tablet, a phone that was sold by
    one who bought a new one. Weak.
  - Unattested, half: ids from an emulator or a rooted phone can be invented, also somebody else's.
  - A browser never counts. It may be anybody's.
- *What is proven one person's*: a destination or a handset that at least half of its users share with another account
  of theirs, as the above finds alone. A further account that is paid there, or that takes turns on that handset and
  has no other, is theirs, too. Half, since somebody may cash out for many who have nothing to do with each other, and
  one of them may have two accounts; a handset that a later account got after the others may have been sold.
- *Two different verified identities* speak against it, and so do two different payout destinations; only a shared
  identity outweighs them.
- *A network, a fingerprint, a referral* never count: carriers, dormitories and cafes share addresses, millions of
  phones share a fingerprint, and people refer their friends.

Pieces of evidence of different kinds are taken as independent: confidence = 1 - product of (1 - weight), times what
speaks against it. The weights are judgements, not estimates: no log says which accounts are one person. What they
are measured by is that in the simulator fewer than one link in a hundred is false (see lookalikes).
"""

from typing import Final

import numpy as np

from features.graph.peers import Weights

SAME_IDENTITY: Final = 0.97
SAME_DESTINATION: Final = 0.60
SUCCESSION: Final = 0.60
ONLY_HANDSET: Final = 0.60
FAMILY_HANDSET: Final = 0.20
PROVEN_PURSE: Final = 0.75
PROVEN_HANDSET: Final = 0.75
UNATTESTED_FACTOR: Final = 0.50
OTHER_IDENTITY_FACTOR: Final = 0.30
OTHER_DESTINATION_FACTOR: Final = 0.50
PERSON_MIN: Final = 0.70
"""From this confidence on, accounts count as one person. A destination with a family's tablet stays below: 0.68."""

ACCOUNTS_MAX: Final = 64
"""How many accounts one person is followed through."""

WEIGHTS: Final[Weights] = np.array(
    [
        SAME_IDENTITY,
        SAME_DESTINATION,
        SUCCESSION,
        ONLY_HANDSET,
        FAMILY_HANDSET,
        UNATTESTED_FACTOR,
        OTHER_IDENTITY_FACTOR,
        OTHER_DESTINATION_FACTOR,
        PERSON_MIN,
        PROVEN_PURSE,
        PROVEN_HANDSET,
    ]
)
