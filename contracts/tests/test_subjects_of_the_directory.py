"""Who somebody is, by their `sub`, in the directory as it is now."""

import pytest
from contracts.directory import (
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


class Copy:
    """A copy of the bucket that counts how often it is read whole."""

    def __init__(self) -> None:
        self.version, self.looks = 0, 0
        self.held: dict[str, bytes] = {}
        jeanny = OfficePerson(office="14", sub="jj", name="JEANNY", email="jj@x.example", role="collaborator")
        self.put(person_key("14", "jj"), jeanny)
        self.put(client_key("14", "chene"), account("chene", "owner", "wife"))
        self.put(client_key("14", "pont"), account("pont", "owner"))
        self.put(client_key("53", "tilleuls"), account("tilleuls", "farmer", office="53"))

    def put(self, key: str, value: Value) -> None:
        self.held[key] = value.model_dump_json().encode()
        self.version += 1

    def remove(self, key: str) -> None:
        del self.held[key]
        self.version += 1

    def entries(self) -> dict[str, bytes]:
        self.looks += 1
        return self.held


@pytest.fixture
def copy() -> Copy:
    return Copy()


@pytest.fixture
def directory(copy: Copy) -> Directory:
    return Directory(copy.entries, version=lambda: copy.version)


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
    assert [client.id for client in directory.clients_advised_by("14", "jj")] == ["chene", "pont"]
    assert [client.id for client in directory.clients_advised_by("53", "jj")] == ["tilleuls"]
    assert directory.clients_advised_by("14", "stranger") == []


def test_who_leaves_an_account_leaves_it_at_once(directory: Directory, copy: Copy) -> None:
    assert directory.subject("wife")
    copy.put(client_key("14", "chene"), account("chene", "owner", contact="camille"))
    assert directory.subject("wife") is None
    assert [client.id for client in directory.clients_advised_by("14", "jj")] == ["pont"]
    copy.remove(client_key("14", "pont"))
    owner = directory.subject("owner")
    assert owner is not None
    assert owner.clients == ("chene",)


def test_a_copy_that_stays_the_same_is_gone_through_once(directory: Directory, copy: Copy) -> None:
    directory.subject("owner")
    looks = copy.looks
    for sub in ("owner", "wife", "jj", "stranger"):
        directory.subject(sub)
    assert copy.looks == looks


def test_without_a_version_every_change_shows_too(copy: Copy) -> None:
    directory = Directory(copy.entries)
    assert directory.subject("owner")
    copy.remove(client_key("14", "chene"))
    copy.remove(client_key("14", "pont"))
    assert directory.subject("owner") is None


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"office": "14"}', b"\xff\xfe"])
def test_a_record_that_cannot_be_read_is_in_nobody_else_s_way(copy: Copy, broken: bytes) -> None:
    told: list[str] = []
    copy.held.update({client_key("14", "pont"): broken, person_key("14", "other"): broken, office_key("14"): broken})
    directory = Directory(copy.entries, version=lambda: copy.version, unreadable=told.append)
    owner = directory.subject("owner")
    assert owner is not None
    assert owner.clients == ("chene",)
    assert directory.subject("jj")
    assert [client.id for client in directory.clients_advised_by("14", "jj")] == ["chene"]
    assert (directory.client("14", "pont"), directory.office("14")) == (None, None)
    assert directory.subject("other") is None
    # Once, however often it is looked up.
    assert sorted(told) == [client_key("14", "pont"), office_key("14"), person_key("14", "other")]


def test_a_record_that_is_mended_counts_at_once_and_a_worse_one_is_told_again(copy: Copy) -> None:
    told: list[str] = []
    directory = Directory(copy.entries, version=lambda: copy.version, unreadable=told.append)
    for broken in (b"{", b"{{"):
        copy.held[client_key("14", "chene")] = broken
        copy.version += 1
        assert directory.subject("wife") is None
    copy.put(client_key("14", "chene"), account("chene", "owner", "wife"))
    assert directory.subject("wife")
    assert told == [client_key("14", "chene")] * 2
