"""What a list may be asked for."""

import pytest
from catalog.errors import Invalid
from catalog.listing import Sort


@pytest.mark.parametrize("text", ["name", "-name", "deposited_at", "-deposited_at", "size", "-size"])
def test_an_order_that_every_document_has_is_known(text: str) -> None:
    assert Sort.parse(text) == Sort(text.removeprefix("-"), descending=text.startswith("-"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["taken_at", "-taken_at", "--name", "sha256", ""])
def test_an_order_that_no_cursor_can_go_on_with_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Sort.parse(text)
