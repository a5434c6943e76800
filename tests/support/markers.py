"""Words made up for one test that stand for what is personal, and where they turn up."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any


class Markers:
    """Each word is told apart from all others; what it stands for is what `found` says."""

    def __init__(self) -> None:
        self._meanings: dict[str, str] = {}

    def word(self, meaning: str) -> str:
        """A new word, fit for a file's name, a person's and an address."""
        made = f"zq{uuid.uuid4().hex[:14]}"
        for form in (made, *_in_base64(made)):
            self._meanings[form] = meaning
        return made

    def found(self, text: str | bytes) -> set[str]:
        """What the words in it stand for, also those that stand there in base64, or in other letters."""
        whole = text.decode(errors="replace") if isinstance(text, bytes) else text
        folded = whole.casefold()
        return {meaning for form, meaning in self._meanings.items() if form in whole or form in folded}

    def in_directory(self, value: bytes) -> bytes:
        """A record of the directory whose names and addresses are such words."""
        return json.dumps(self._marked(json.loads(value))).encode()

    def _marked(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._marked(each) for each in value]
        if not isinstance(value, dict):
            return value
        marked = {name: self._marked(each) for name, each in value.items()}
        who = value.get("role") or ("person" if "sub" in value else "client")
        if "name" in value:
            marked["name"] = f"Marie {self.word(f'name of {who}')}"
        for name in {"email", "inbox"} & value.keys():
            marked[name] = f"{self.word(f'{name} of {who}')}@{self.word(f'domain of {name} of {who}')}.example"
        return marked


def _in_base64(word: str) -> Iterator[str]:
    """How a word shows in the base64 of a text, wherever it begins there."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + word.encode()).decode().rstrip("=")
        # The first and the last letter also say something of what is before and after.
        yield coded[-(-before * 8 // 6) : (before + len(word)) * 8 // 6]
