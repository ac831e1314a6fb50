"""Errors a person can act on: what is wrong, where, and what to do about it."""

from __future__ import annotations


class PolytasteError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        message: What is wrong; names the field, file or id.
        remedy: One sentence saying what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ConfigError(PolytasteError):
    """An option or a configuration value is wrong."""

    exit_code = 2


class DataError(PolytasteError):
    """A file of data cannot be read or breaks its contract."""

    exit_code = 3


class NotFoundError(PolytasteError):
    """An item, a user or an artefact that was named does not exist.

    Attributes:
        suggestions: The closest names that do exist, best first.
    """

    exit_code = 4

    def __init__(self, message: str, remedy: str = "", suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy)
        self.suggestions = suggestions


class ServerError(PolytasteError):
    """The language-model server could not be started or reached by an operator's command."""

    exit_code = 5
