"""Names that are handed out once."""


class Names:
    """Hands out names, each once."""

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}

    def unique(self, wanted: str) -> str:
        """Returns `wanted`, or the first of wanted.1, wanted.2 ... that is free."""
        name = wanted
        while name in self._uses:
            self._uses[wanted] += 1
            name = f"{wanted}.{self._uses[wanted]}"
        self._uses[name] = 0
        return name
