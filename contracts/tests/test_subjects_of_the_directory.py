"""Who somebody is, by their `sub`, in the directory as it is now."""

import gc
from collections.abc import Iterator
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import pytest
from contracts.directory import (
    Change,
    Client,
    ClientPerson,
    Contact,
    Directory,
    OfficePerson,
    Subject,
    client_key,
    office_key,
    person_key,
)
from contracts.values import Value


def account(name: str, *subs: str, office: str = "14", contact: str = "jj") -> Client:
    people = tuple(ClientPerson(sub=sub, name=sub.upper(), email=f"{sub}@x.example") for sub in subs)
    adviser = Contact(id=contact, sub=contact, name=contact, email="c@x.example", role="comptable")
    inside = Contact(id="inside", name="Inside", email="i@x.example", role="autre")
    return Client(office=office, id=name, name=name, people=people, contacts=(adviser, inside))


class Held(dict[str, bytes]):
    """Entries that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()

    def items(self) -> Any:
        self.times += 1
        return super().items()


class Copy:
    """A copy of the bucket that tells of its changes."""

    def __init__(self) -> None:
        self.held = Held()
        self.followers: list[Change] = []
        jeanny = OfficePerson(office="14", sub="jj", name="JEANNY", email="jj@x.example", role="collaborator")
        self.put(person_key("14", "jj"), jeanny)
        self.put(client_key("14", "chene"), account("chene", "owner", "wife"))
        self.put(client_key("14", "pont"), account("pont", "owner"))
        self.put(client_key("53", "tilleuls"), account("tilleuls", "farmer", office="53"))

    def put(self, key: str, value: Value) -> None:
        self.write(key, value.model_dump_json().encode())

    def write(self, key: str, value: bytes) -> None:
        before = self.held.get(key)
        self.held[key] = value
        self._tell(key, before, value)

    def remove(self, key: str) -> None:
        self._tell(key, self.held.pop(key), None)

    def follow(self, change: Change) -> None:
        for key, value in self.held.items():
            change(key, None, value)
        self.followers.append(change)

    def entries(self) -> dict[str, bytes]:
        return self.held

    def _tell(self, key: str, before: bytes | None, now: bytes | None) -> None:
        for change in self.followers:
            change(key, before, now)


@pytest.fixture
def copy() -> Copy:
    return Copy()


@pytest.fixture
def directory(copy: Copy) -> Directory:
    return Directory(copy.entries, follow=copy.follow)


def test_a_client_has_all_their_accounts(directory: Directory) -> None:
    assert directory.subject("owner") == Subject(
        sub="owner", name="OWNER", email="owner@x.example", role="client", office="14", clients=("chene", "pont")
    )


def test_a_collaborator_has_a_role_and_an_office(directory: Directory) -> None:
    jeanny = directory.subject("jj")
    assert jeanny == Subject(sub="jj", name="JEANNY", email="jj@x.example", role="collaborator", office="14")


def test_whom_the_directory_does_not_know_is_nobody(directory: Directory) -> None:
    assert directory.subject("stranger") is None


def test_a_collaborator_advises_the_clients_of_their_own_office_alone(directory: Directory) -> None:
    assert directory.clients_advised_by("14", "jj") == ["chene", "pont"]
    assert directory.clients_advised_by("53", "jj") == ["tilleuls"]
    assert directory.clients_advised_by("14", "stranger") == []


def test_who_leaves_an_account_leaves_it_at_once(directory: Directory, copy: Copy) -> None:
    assert directory.subject("wife")
    copy.put(client_key("14", "chene"), account("chene", "owner", contact="camille"))
    assert directory.subject("wife") is None
    assert directory.clients_advised_by("14", "jj") == ["pont"]
    copy.remove(client_key("14", "pont"))
    owner = directory.subject("owner")
    assert owner is not None
    assert owner.clients == ("chene",)


def test_a_copy_is_gone_through_once_however_often_it_changes(directory: Directory, copy: Copy) -> None:
    times = copy.held.times
    for contact in ("jj", "camille", "jj"):
        copy.put(client_key("14", "chene"), account("chene", "owner", "wife", contact=contact))
        for sub in ("owner", "wife", "jj", "stranger"):
            directory.subject(sub)
            directory.clients_advised_by("14", sub)
    assert copy.held.times == times


def test_clients_stand_in_the_order_of_their_keys_however_they_came(copy: Copy, directory: Directory) -> None:
    copy.put(client_key("14", "abbaye"), account("abbaye", "owner"))
    copy.put(client_key("14", "chene"), account("chene", "owner", "son"))
    owner = directory.subject("owner")
    assert owner is not None
    assert owner.clients == tuple(directory.clients_advised_by("14", "jj")) == ("abbaye", "chene", "pont")


def test_a_collaborator_who_signs_in_for_a_client_too_comes_first_as_a_colleague(
    copy: Copy, directory: Directory
) -> None:
    copy.put(client_key("14", "verger"), account("verger", "jj"))
    jeanny = directory.subject("jj")
    assert jeanny is not None
    assert (jeanny.role, jeanny.clients) == ("collaborator", ())
    copy.remove(person_key("14", "jj"))
    jeanny = directory.subject("jj")
    assert jeanny is not None
    assert (jeanny.role, jeanny.clients) == ("client", ("verger",))


@pytest.mark.parametrize("followed", [True, False])
def test_who_is_taken_away_leaves_nothing_in_memory(copy: Copy, followed: bool) -> None:
    directory = Directory(copy.entries, follow=copy.follow if followed else None, unreadable=lambda _: None)
    copy.put(client_key("14", "secret"), account("secret", "erased"))
    copy.write(client_key("14", "torn"), b'{"name": "erased"')
    assert directory.subject("erased")
    assert directory.client("14", "secret")
    assert directory.client("14", "torn") is None
    assert "erased" in _held_by(directory)  # the copy itself
    copy.remove(client_key("14", "secret"))
    copy.remove(client_key("14", "torn"))
    assert "erased" not in _held_by(directory)
    assert "secret" not in _held_by(directory)


def _held_by(directory: Directory) -> str:
    """Whatever text can be reached from a directory."""
    found, seen, left = [], set(), [directory]
    while left:
        each: object = left.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        if isinstance(each, str | bytes):
            found.append(str(each))
        elif isinstance(each, FunctionType):
            left.extend(cell.cell_contents for cell in each.__closure__ or ())
        else:
            left.extend(gc.get_referents(each))
    return "\n".join(found)


def test_what_was_read_once_is_looked_up_in_entries_that_stay(copy: Copy) -> None:
    directory = Directory.of(copy.held)
    times = copy.held.times
    assert directory.subject("owner")
    assert directory.subject("stranger") is None
    assert copy.held.times == times


def test_before_there_is_a_copy_every_look_up_says_so() -> None:
    def nothing() -> dict[str, bytes]:
        raise LookupError

    for directory in (Directory(nothing), Directory(nothing, follow=lambda _: None)):
        for look_up in (directory.subject, directory.signing_in, partial(directory.clients_advised_by, "14")):
            with pytest.raises(LookupError):
                look_up("owner")
        with pytest.raises(LookupError):
            directory.client("14", "chene")


def test_without_being_told_every_change_shows_too(copy: Copy) -> None:
    directory = Directory(copy.entries)
    assert directory.subject("owner")
    copy.remove(client_key("14", "chene"))
    copy.remove(client_key("14", "pont"))
    assert directory.subject("owner") is None


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"office": "14"}', b"\xff\xfe"])
def test_a_record_that_cannot_be_read_is_in_nobody_else_s_way(copy: Copy, broken: bytes) -> None:
    told: list[str] = []
    for key in (client_key("14", "pont"), person_key("14", "other"), office_key("14")):
        copy.write(key, broken)
    directory = Directory(copy.entries, follow=copy.follow, unreadable=told.append)
    owner = directory.subject("owner")
    assert owner is not None
    assert owner.clients == ("chene",)
    assert directory.subject("jj")
    assert directory.clients_advised_by("14", "jj") == ["chene"]
    assert (directory.client("14", "pont"), directory.office("14")) == (None, None)
    assert directory.subject("other") is None
    assert sorted(set(told)) == [client_key("14", "pont"), office_key("14"), person_key("14", "other")]


def test_a_record_that_is_mended_counts_at_once_and_a_worse_one_is_told_again(copy: Copy) -> None:
    told: list[str] = []
    directory = Directory(copy.entries, follow=copy.follow, unreadable=told.append)
    for broken in (b"{", b"{{"):
        copy.write(client_key("14", "chene"), broken)
        assert directory.subject("wife") is None
    copy.put(client_key("14", "chene"), account("chene", "owner", "wife"))
    assert directory.subject("wife")
    assert told == [client_key("14", "chene")] * 2
