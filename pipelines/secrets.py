"""The secrets of a home, by the name that the commands import."""

from features.secrets import secret_of

__all__ = ["secret_of"]
