"""The library of wallets, without what it does to the interpreter."""

import sys
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

__all__ = ["Account", "LocalAccount"]

_USUAL: Final = 1_000
"""What the interpreter begins with. One of the library's own raises it to 100,000, and JSON that is nested so deeply
ends the process by a signal, where it should be an error."""

sys.setrecursionlimit(_USUAL)
