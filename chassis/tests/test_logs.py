"""What stands in the logs, and what never does."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from chassis.errors import Unavailable
from chassis.logs import configure_logs, logger

PERSONAL = "somebody@example.org"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard output, with the logs configured as a service does."""
    before, level = list(logging.root.handlers), logging.root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    with structlog.contextvars.bound_contextvars():
        configure_logs(service="upload", level="INFO")
        yield written
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


def _last(lines: io.StringIO) -> dict[str, str]:
    line: dict[str, str] = json.loads(lines.getvalue().splitlines()[-1])
    return line


def _refuse(error: Exception) -> None:
    raise error


def _fail() -> None:
    try:
        _refuse(ValueError(PERSONAL))
    except ValueError as error:
        raise Unavailable("database_unavailable", PERSONAL) from error


def test_a_line_is_json_with_its_event_and_bound_ids(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(document="d1"):
        logger().info("document_stored", seconds=0.1)
    line = _last(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "document_stored",
        "level": "info",
        "service": "upload",
        "document": "d1",
        "seconds": 0.1,
    }


def test_an_exception_is_told_by_type_code_and_place_without_its_message(lines: io.StringIO) -> None:
    try:
        _fail()
    except Unavailable as error:
        logger().error("handler_failed", exc_info=error)
    told = _last(lines)["exception"]
    assert "chassis.errors.Unavailable database_unavailable" in told
    assert "builtins.ValueError" in told
    assert "test_logs.py" in told
    assert PERSONAL not in lines.getvalue()


def test_a_library_s_exception_and_a_group_are_told_without_their_messages(lines: io.StringIO) -> None:
    try:
        _refuse(ExceptionGroup(PERSONAL, [KeyError(PERSONAL)]))
    except ExceptionGroup:
        logging.getLogger("library").exception("something_failed")
    told = _last(lines)
    assert "KeyError" in told["exception"]
    assert told["event"] == "something_failed"
    assert PERSONAL not in lines.getvalue()


def test_lines_of_requests_with_their_paths_are_left_out(lines: io.StringIO) -> None:
    logging.getLogger("httpx").info("GET https://store/facture.pdf")
    logging.getLogger("uvicorn.access").info("GET /uploads/0192")
    assert lines.getvalue() == ""


async def test_what_asyncio_says_of_an_error_that_nobody_took_does_not_quote_it(lines: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    lost = loop.create_future()
    lost.set_exception(ValueError(PERSONAL))
    loop.call_exception_handler({"message": "Nobody took it", "future": lost, "exception": lost.exception()})
    assert PERSONAL not in lines.getvalue()
    assert _last(lines)["event"] == "Nobody took it"
    assert "ValueError" in _last(lines)["exception"]
