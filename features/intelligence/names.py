"""Names on a list: e-mail domains with all that lies below them, and models of devices."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from features.addresses import REMEMBERED
from features.events import DOMAIN_LENGTH_MAX

Vector = np.ndarray[Any, np.dtype[np.float64]]

LABEL_LENGTH_MAX: Final = 63  # RFC 1035, 2.3.4
MODEL_LENGTH_MAX: Final = 64  # as in an event
# Whoever calls one of these disposable calls half of all people disposable: providers, and suffixes that are no domain.
PUBLIC: Final = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com icloud.com me.com qq.com 163.com "
    "126.com sina.com sohu.com foxmail.com aliyun.com naver.com mail.ru yandex.ru gmx.de web.de proton.me aol.com "
    "co.uk org.uk ac.uk com.cn net.cn org.cn edu.cn com.hk com.tw com.sg com.my co.jp ne.jp co.kr com.br com.au "
    "net.au co.in co.id co.th com.vn com.ph com.mx com.tr com.ar co.za".split()
)


class TooCommon(ValueError):  # noqa: N818  # it says what the name is
    """A name that so many honest people share that no list may hold it."""


def domain_of(text: str) -> str | None:
    """The one spelling of a domain: lower case, ASCII (IDNA, RFC 3490), no dot at the end. None for anything else."""
    return _domain_of(text) if len(text) <= DOMAIN_LENGTH_MAX + 1 else None


@lru_cache(REMEMBERED)
def _domain_of(text: str) -> str | None:
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    name = name.lower().removesuffix(".")
    return name if len(name) <= DOMAIN_LENGTH_MAX and all(map(_is_label, name.split("."))) else None


def _is_label(label: str) -> bool:
    return 0 < len(label) <= LABEL_LENGTH_MAX and label.replace("-", "").replace("_", "").isalnum()


def listed_domain(text: str) -> str:
    """A line of a list of domains. Raises ValueError if it is none, TooCommon if half the world would match it."""
    name = domain_of(text)
    if name is None:
        raise ValueError("is no domain")
    if "." not in name:
        raise TooCommon("is a whole top-level domain")
    if name in PUBLIC:
        raise TooCommon("belongs to everybody: a large provider, or a suffix under which anybody registers")
    return name


class Domains:
    """Answers 1 for a listed domain and for all below it (`mail.mailinator.com`), else 0; NaN for what is no domain."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._labels_max = max((name.count(".") + 1 for name in self._names), default=0)

    def of(self, text: str) -> float:
        name = domain_of(text)
        if name is None:
            return np.nan
        labels = name.split(".")[-self._labels_max :]
        return float(any(".".join(labels[at:]) in self._names for at in range(len(labels))))

    def of_many(self, texts: Sequence[str]) -> Vector:
        return np.array([self.of(text) for text in texts], dtype=np.float64)


def model_of(text: str) -> str:
    """A model's name as it is compared: capitals and spaces do not matter, nor what comes after 64 characters."""
    return " ".join(text[:MODEL_LENGTH_MAX].casefold().split())


def listed_model(text: str) -> str:
    """A line of a list of models; a `*` at the end matches whatever follows. Raises ValueError, TooCommon."""
    name = model_of(text)
    if "*" in name[:-1] or not name:
        raise ValueError("may hold a * only at its end")
    if len(name.rstrip("*")) < 3:
        raise TooCommon("is shorter than three letters and would match too many")
    return name


class Models:
    """Answers 1 for a listed model, also by its beginning where the list ends it with `*`; else 0."""

    def __init__(self, names: Iterable[str]) -> None:
        known = frozenset(names)
        self._whole = frozenset(name for name in known if not name.endswith("*"))
        self._beginnings = frozenset(name[:-1] for name in known if name.endswith("*"))
        self._lengths = sorted({len(name) for name in self._beginnings})

    def of(self, text: str) -> float:
        name = model_of(text)
        return float(name in self._whole or any(name[:length] in self._beginnings for length in self._lengths))

    def of_many(self, texts: Sequence[str]) -> Vector:
        return np.array([self.of(text) for text in texts], dtype=np.float64)
