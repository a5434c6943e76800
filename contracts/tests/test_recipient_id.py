"""How alerts name a client's people."""

import pytest
from contracts.directory import recipient_id


@pytest.mark.parametrize("sub", ["earl-du-chene", "a" * 64])
def test_a_plain_sub_names_its_person(sub: str) -> None:
    assert recipient_id(sub) == sub


@pytest.mark.parametrize("sub", ["auth0|éloïse", "a.b", "a" * 65, "a\n"])
def test_any_other_sub_becomes_a_token_of_its_own(sub: str) -> None:
    assert recipient_id(sub).startswith("person-")
    assert len(recipient_id(sub)) == 39
    assert recipient_id(sub) != recipient_id(sub + "b")
