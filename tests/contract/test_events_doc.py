"""docs/events.md lists the events as the registry does, and its promises are the contract's."""

import json
import re

import yaml
from contracts.__main__ import FOLDER
from contracts.registry import BY_TYPE, EVENTS
from contracts.streams import DOCUMENTS

from deploy.events import DOCS, documents

_TEXT = (DOCS / "events.md").read_text(encoding="utf-8")


def test_what_is_made_from_the_registry_is_as_it_says() -> None:
    for name, text in documents().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"docs/{name} is stale: `make events`"


def test_every_event_has_its_row_section_and_place_on_the_page() -> None:
    page = documents()["asyncapi.html"]
    for event in EVENTS:
        assert f"| `{event.name}` | {event.source.removeprefix('/connect/')} | " in _TEXT
        assert f"### `{event.name}`\n" in _TEXT
        assert all(f"| `{name}` |" in _TEXT for name in event.model.model_fields)
        assert f'id="{event.key}"' in page


def test_every_link_into_the_contract_leads_somewhere() -> None:
    links = re.findall(r"\]\((\.\./[^)#]+)\)", _TEXT)
    assert len(links) > 2 * len(EVENTS)
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_the_envelope_shown_is_one_of_ours() -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", _TEXT, re.DOTALL)[0])
    event = BY_TYPE[shown["type"]]
    assert shown["source"] == event.source
    assert shown["data"].keys() == {name for name, field in event.model.model_fields.items() if field.is_required()}


def test_the_program_shown_compiles_and_names_our_stream() -> None:
    program = re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL)[0]
    compile("async def main():\n" + "\n".join(f"    {line}" for line in program.splitlines()), "events.md", "exec")
    assert f'"{DOCUMENTS.name}"' in program


def test_what_a_subscriber_may_publish_is_told_and_declares_no_consumer() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))
    consumer = document["x-jetstream"]["consumer"]
    assert consumer["api_prefix"] in consumer["may_publish"][0]
    assert f'prefix="{consumer["api_prefix"]}"' in _TEXT
    assert not any("CREATE" in subject for subject in consumer["may_publish"])
