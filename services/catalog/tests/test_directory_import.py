"""The directory's import: what is refused, with its line and reason, and what is written, in which order."""

import json
from pathlib import Path

import pytest
from catalog.directory_csv import COLUMNS
from catalog.directory_import import FaultyFile, Plan, apply, encoded, plan, read
from catalog.directory_rules import Reading, Record, Row, key_of
from chassis.errors import Unavailable
from contracts.directory import Client, Directory, Office
from contracts.values import Value

DEMO = Path(__file__).parents[3] / "deploy" / "local" / "demo-directory.csv"
HEADER = ",".join(COLUMNS)
OFFICE = "14,,,office,,CERFRANCE 14,accueil@cerfrance.example,"
ACCOUNTANT = "14,,,collaborator,jj,JEANNY JEROME,jj@cerfrance.example,"
OWNER = "14,chene,EARL du Chêne,client,chene,EARL du Chêne,contact@chene.example,"
CONTACT = "14,chene,EARL du Chêne,contact,jj,JEANNY JEROME,jj@cerfrance.example,comptable"


class Bucket:
    """A bucket in memory, that fails after `patience` writes."""

    def __init__(self, patience: int = 1000) -> None:
        self.entries: dict[str, bytes] = {}
        self.order: list[str] = []
        self.patience = patience

    async def write(self, key: str, value: bytes) -> None:
        if len(self.order) >= self.patience:
            raise Unavailable("broker_unreachable")
        self.order.append(key)
        self.entries[key] = value

    async def take(self, made: Plan) -> None:
        await apply(made.changes, self.write)

    def client(self, client: str, office: str = "14") -> Client:
        found = Directory(lambda: self.entries).client(office, client)
        assert found
        return found


def of_csv(*lines: str, held: Bucket | None = None) -> Plan:
    text = "\n".join((HEADER, *lines))
    return plan(read(text, json=False), held.entries if held else {})


def of_json(content: object, held: Bucket | None = None) -> Plan:
    return plan(read(json.dumps(content), json=True), held.entries if held else {})


def faults_of(*lines: str, held: Bucket | None = None) -> list[str]:
    with pytest.raises(FaultyFile) as faulty:
        of_csv(*lines, held=held)
    return [f"{fault.line}: {fault.reason}" for fault in faulty.value.faults]


async def test_the_demo_directory_is_imported_whole_and_then_found_unchanged() -> None:
    bucket = Bucket()
    text = DEMO.read_text("utf-8")
    first = plan(read(text, json=False), {})
    await bucket.take(first)
    assert first.written == {"offices": 2, "people": 4, "clients": 3}
    chene = bucket.client("earl-du-chene")
    assert [(contact.id, contact.sub, contact.role) for contact in chene.contacts][:2] == [
        ("comptable-jeanny-jerome", "jeanny-jerome", "comptable"),
        ("conseil-conseil-14", "conseil-14", "conseil"),
    ]
    assert [person.sub for person in chene.people] == ["earl-du-chene"]
    again = plan(read(text, json=False), bucket.entries)
    assert (again.changes, again.unchanged) == ((), first.written)


async def test_an_import_cut_off_anywhere_leaves_a_directory_that_holds_together_and_is_completed_by_the_next() -> None:
    text = DEMO.read_text("utf-8")
    whole = plan(read(text, json=False), {})
    for patience in range(len(whole.changes)):
        bucket = Bucket(patience)
        with pytest.raises(Unavailable):
            await bucket.take(whole)
        directory = Directory.of(bucket.entries)
        for kind, office, name in (key.split(".") for key in bucket.entries if not key.startswith("offices.")):
            assert directory.office(office)
            if kind == "clients":
                client = directory.client(office, name)
                assert client is not None
                assert all(directory.person(office, each.sub) for each in client.contacts if each.sub)
        bucket.patience = 1000
        await bucket.take(plan(read(text, json=False), bucket.entries))
        assert plan(read(text, json=False), bucket.entries).changes == ()


async def test_a_client_in_the_file_replaces_that_client_and_no_other() -> None:
    bucket = Bucket()
    other = "14,pont,Garage du Pont,client,pont,Garage du Pont,pont@pont.example,"
    await bucket.take(of_csv(OFFICE, ACCOUNTANT, OWNER, CONTACT, other))
    await bucket.take(of_csv(CONTACT.replace("comptable", "conseil"), held=bucket))
    assert [contact.role for contact in bucket.client("chene").contacts] == ["conseil"]
    assert bucket.client("chene").people == ()
    assert bucket.client("pont").people


async def test_what_differs_is_written_in_order_and_only_the_rest_counts_as_unchanged() -> None:
    bucket = Bucket()
    garage, new = (f"14,{name},X,client,{name},X,x@x.example," for name in ("garage", "new"))
    await bucket.take(of_csv(OFFICE, ACCOUNTANT, OWNER, garage))
    moved, renamed = OWNER.replace("chene.example", "x.example"), OFFICE.replace("CERFRANCE 14", "X")
    made = of_csv(garage, moved, ACCOUNTANT, new, renamed, held=bucket)
    assert [key_of(record) for record in made.changes] == ["offices.14", "clients.14.chene", "clients.14.new"]
    assert (made.written, made.unchanged) == ({"offices": 1, "clients": 2}, {"people": 1, "clients": 1})


def test_no_record_of_a_large_import_is_compared_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(id="14", name="CERFRANCE 14", inbox="accueil@cerfrance.example")
    records: list[Record] = [office, *(Client(office="14", id=f"c{number}", name="C") for number in range(50_000))]
    held = {key_of(record): encoded(record) for record in records[::2]}
    # The first comparison ends it: there might be hundreds of millions.
    monkeypatch.setattr(Value, "__eq__", lambda _one, _other: pytest.fail("two records were compared"))
    made = plan(Reading(rows=[Row(0, "", record) for record in records]), held)
    assert (made.written, made.unchanged) == ({"clients": 25_000}, {"offices": 1, "clients": 25_000})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("14,,,chef,x,X,x@x.example,", "kind must be one of office, collaborator, admin, client, contact"),
        ("14,,,office,,CERFRANCE,,", "email is not an e-mail address"),
        ("14,,,office,,CERFRANCE,pas une adresse,", "email is not an e-mail address"),
        ("1 4,,,office,,CERFRANCE,a@b.example,", "office must be 1 to 64 letters, digits, '-' or '_'"),
        ("14,,,collaborator,,X,x@x.example,", "sub must have 1 to 255 characters"),
        ("14,,,collaborator,x,X,x@x.example,comptable", "role must be empty for kind collaborator"),
        ("14,pont,Pont,collaborator,x,X,x@x.example,", "client must be empty for kind collaborator"),
        ("14,,Pont,client,x,X,x@x.example,", "client must be 1 to 64 letters, digits, '-' or '_'"),
        ("14,pont,,client,x,X,x@x.example,", "client_name must have 1 to 255 characters"),
        ("14,pont,Pont,client,,X,x@x.example,", "sub must have 1 to 255 characters"),
        ("14,pont,Pont,contact,,X,x@x.example,chef", "role: Input should be 'comptable', 'conseil' or 'autre'"),
        ("14,pont,Pont,contact,,X,x@x.example,", "role: Input should be 'comptable', 'conseil' or 'autre'"),
        ("14,pont,Pont,contact,,X,a@b.example;c@d.example,autre", "email is not an e-mail address"),
        ("14,chene,EARL du Chene,contact,,X,x@x.example,autre", "client_name differs from the one on line 4"),
        (OFFICE, "the same office or person stands on line 2 already"),
        (ACCOUNTANT, "the same office or person stands on line 3 already"),
        (OWNER, "the same person in the same role stands on line 4 already"),
        (CONTACT, "the same person in the same role stands on line 5 already"),
        ("14,pont,Pont,client,jj,X,x@x.example,", "this sub also signs in as collaborator of office '14'"),
        ("14,pont,Pont", "3 columns instead of 8"),
        (
            "99,,,admin,x,X,x@x.example,",
            "office '99' has no inbox: neither this import nor the directory has that office",
        ),
    ],
)
def test_a_bad_row_is_reported_by_its_line_with_the_reason(line: str, reason: str) -> None:
    assert f"6: {reason}" in faults_of(OFFICE, ACCOUNTANT, OWNER, CONTACT, line)


@pytest.mark.parametrize(
    ("text", "json_", "reason"),
    [
        ("", False, f"the first line must be {HEADER}"),
        (f"{HEADER}\n{OFFICE}\0", False, "role must be empty for kind office"),
        (f'{HEADER}\n14,,,office,,"CERFRANCE', False, "not CSV: unexpected end of data"),
        (f'{HEADER}\n14,,,office,,"CERFRANCE"14,a@b.example,', False, "not CSV: ',' expected after '\"'"),
        (
            f"{HEADER}\n14,,,office,,{'x' * 200_000},a@b.example,",
            False,
            "not CSV: field larger than field limit (131072)",
        ),
        (f"{HEADER}\n" + "14" + "," * 1000, False, "1001 columns instead of 8"),
        (f"{HEADER}\n14,,,office,,{'x' * 256},a@b.example,", False, "name must have 1 to 255 characters"),
        (f"{HEADER}\n14,,,office,,X,a@b.example%0aBcc: c@d.example,", False, "email is not an e-mail address"),
        (f"{HEADER}\n14.*,,,office,,X,a@b.example,", False, "office must be 1 to 64 letters, digits, '-' or '_'"),
        ("\ufeff\ufeff{}", True, "not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
        ("{", True, "not JSON: Expecting property name enclosed in double quotes"),
        ("[" * 100_000, True, "not JSON that can be read: lists in lists, or digits, without end"),
        ("1" * 5_000, True, "not JSON that can be read: lists in lists, or digits, without end"),
        ("[]", True, "the file must be an object of lists: offices, clients, people"),
        ('{"offices": {}}', True, "the file must be an object of lists: offices, clients, people"),
        ('{"bureaux": []}', True, "is not one of offices, clients, people"),
        ('{"offices": [null]}', True, "record: Input should be a valid dictionary or instance of _Office"),
        (
            '{"offices": [{"id": "14", "name": "\\ud800", "inbox": "a@b.example"}]}',
            True,
            "name must have 1 to 255 characters",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_reason(text: str, json_: bool, reason: str) -> None:
    with pytest.raises(FaultyFile) as faulty:
        plan(read(text, json=json_), {})
    assert reason in [fault.reason for fault in faulty.value.faults]


def test_all_bad_rows_are_reported_at_once() -> None:
    lines = ["14,,,chef,x,X,x@x.example,", OWNER, "", "99,,,admin,x,X,x@x.example,"]
    assert [fault.split(":")[0] for fault in faults_of(OFFICE, *lines)] == ["3", "6"]


async def test_what_the_directory_holds_already_counts() -> None:
    bucket = Bucket()
    await bucket.take(of_csv(OFFICE, ACCOUNTANT))
    assert of_csv(OWNER, CONTACT, held=bucket).written == {"clients": 1}
    moved = ["53,,,office,,CERFRANCE 53,a@b.example,", "53,,,collaborator,jj,JEANNY JEROME,jj@cerfrance.example,"]
    assert faults_of(*moved, held=bucket) == ["3: this sub also signs in as collaborator of office '14'"]


def test_the_columns_are_asked_for_by_name() -> None:
    with pytest.raises(FaultyFile) as faulty:
        plan(read("office;client\n14;x\n", json=False), {})
    assert faulty.value.faults[0].reason == f"the first line must be {HEADER}"


def test_a_file_from_a_french_spreadsheet_is_read() -> None:
    text = "\ufeff" + "\r\n".join((HEADER, OFFICE, OWNER)).replace(",", ";") + "\r\n"
    assert plan(read(text, json=False), {}).written == {"offices": 1, "clients": 1}


def test_a_quoted_cell_may_hold_commas_and_lines_and_the_next_fault_still_has_its_line() -> None:
    name = '"Chêne, père\net fils"'
    assert [fault.split(":")[0] for fault in faults_of(OFFICE, f"14,c,{name},client,c,{name},c@c.example,", "x")] == [
        "6"
    ]


async def test_a_contact_keeps_its_id_whatever_else_of_it_changes() -> None:
    ids = []
    for name in ("PAUL", "PAUL DUCHÊNE"):
        bucket = Bucket()
        line = f"14,chene,EARL du Chêne,contact,,{name},Paul@chene.example,autre"
        await bucket.take(of_csv(OFFICE, OWNER, line))
        ids.append(bucket.client("chene").contacts[0].id)
    assert ids[0] == ids[1]
    assert "paul" not in ids[0].casefold()


async def test_a_sub_that_is_no_plain_token_still_gives_a_contact_id_that_is_one() -> None:
    bucket = Bucket()
    await bucket.take(of_csv(OFFICE, CONTACT.replace("jj,", "auth0|jj@x.example,", 1)))
    assert bucket.client("chene").contacts[0].id.removeprefix("comptable-").isalnum()


JSON_OFFICE = {"id": "14", "name": "CERFRANCE 14", "inbox": "accueil@cerfrance.example"}
JSON_CONTACT = {"name": "JJ", "email": "jj@cerfrance.example", "role": "comptable"}


async def test_json_takes_what_the_bucket_holds() -> None:
    bucket = Bucket()
    await bucket.take(plan(read(DEMO.read_text("utf-8"), json=False), {}))
    held: dict[str, list[object]] = {"offices": [], "clients": [], "people": []}
    for key, value in bucket.entries.items():
        held[key.split(".")[0]].append(json.loads(value))
    assert of_json(held, bucket).changes == ()


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        ([], "", "the file must be an object of lists: offices, clients, people"),
        ({"office": []}, "office", "is not one of offices, clients, people"),
        ({"offices": [JSON_OFFICE, {"id": "53", "name": "X"}]}, "offices[1].inbox", "inbox is missing"),
        (
            {"offices": [JSON_OFFICE], "clients": [{"office": "14", "id": "c", "name": "C", "contact": []}]},
            "clients[0].contact",
            "contact is not a known field",
        ),
        (
            {"clients": [{"office": "14", "id": "c", "name": "C", "contacts": [{**JSON_CONTACT, "email": "x"}]}]},
            "clients[0].contacts[0].email",
            "email is not an e-mail address",
        ),
        (
            {
                "offices": [JSON_OFFICE],
                "clients": [{"office": "14", "id": "c", "name": "C", "contacts": [{**JSON_CONTACT, "id": "inbox"}]}],
            },
            "clients[0]",
            "the contact id 'inbox' is reserved",
        ),
        (
            {
                "offices": [JSON_OFFICE],
                "clients": [{"office": "14", "id": "c", "name": "C", "contacts": [JSON_CONTACT, JSON_CONTACT]}],
            },
            "clients[0]",
            "the same contact stands twice in this client, in the same role",
        ),
        ({"offices": [JSON_OFFICE, JSON_OFFICE]}, "offices[1]", "is the same as offices[0]"),
    ],
)
def test_a_bad_json_element_is_reported_by_its_path(content: object, place: str, reason: str) -> None:
    with pytest.raises(FaultyFile) as faulty:
        of_json(content)
    assert (place, reason) in [(fault.place, fault.reason) for fault in faulty.value.faults]


def test_a_fault_never_repeats_an_address() -> None:
    assert not any("secret" in fault for fault in faults_of(OFFICE, "14,,,admin,x,X,secret@@x,"))
