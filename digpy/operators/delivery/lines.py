"""The settings of one way of sending, read one by one; what is wrong is said all at once."""

from __future__ import annotations

from collections.abc import Mapping

from digpy.errors import ConfigError


class Lines:
    """The lines ``notification.*``; keys are given without that beginning."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._problems: list[str] = []

    def text(self, key: str) -> str:
        """The value, empty if it is not set. Line breaks are refused: they could end a header."""
        value = self._settings.get(f"notification.{key}", "")
        if any(ord(character) < ord(" ") for character in value):
            self.refuse(key, "contains a line break or another control character")
            return ""
        return value

    def required(self, key: str) -> str:
        """As `text`, of a setting that must be there."""
        if not self._settings.get(f"notification.{key}"):
            self.refuse(key, "is not set")
        return self.text(key)

    def below(self, family: str) -> dict[str, str]:
        """All values whose key begins with `family`, by the rest of the key."""
        start = f"notification.{family}."
        names = [key.removeprefix(start) for key in self._settings if key.startswith(start)]
        return {name: self.text(f"{family}.{name}") for name in names}

    def refuse(self, key: str, why: str) -> None:
        """Note a problem: ``notification.KEY`` and why; never the value."""
        self._problems.append(f"notification.{key} {why}")

    def finish(self) -> None:
        """Raises `ConfigError` with everything that was refused."""
        if self._problems:
            kind = self._settings.get("notification.type")
            listed = "\n".join(f"    {problem}" for problem in self._problems)
            raise ConfigError(f"notification.type is {kind}, but nothing can be sent:\n{listed}")
