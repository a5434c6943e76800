"""JSON logs on standard output: one static event name in the past tense, and fields.

Ids are bound once, by the worker or the HTTP middleware, with `structlog.contextvars`. Of an exception its type and
where it happened are logged, and the code of one of ours, never its message: a library's message quotes what it was
given, and that is personal.
"""

import logging
import sys
import traceback
from types import TracebackType

import structlog

Logger = structlog.stdlib.BoundLogger


def configure_logs(*, service: str, level: str) -> None:
    """Send this process's logs, and those of the libraries it uses, to standard output as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_without_messages),
    ]
    foreign: list[structlog.typing.Processor] = [structlog.stdlib.add_logger_name, _without_objects, *shared]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("event"),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Access lines carry paths with ids, and the metrics count requests already.
    for noisy in ("uvicorn.access", "botocore", "boto3", "urllib3", "httpx", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def _without_objects(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Of what asyncio says only the first line: the others show the objects concerned, an error's message with them."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _without_messages(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    return "\n".join(_lines(exc_info[1], seen=set()))


def _lines(error: BaseException, *, seen: set[int]) -> list[str]:
    seen.add(id(error))
    lines = [f"{type(error).__module__}.{type(error).__qualname__} {getattr(error, 'code', '')}".rstrip()]
    frames = traceback.extract_tb(error.__traceback__)
    lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    inner = [*(error.exceptions if isinstance(error, BaseExceptionGroup) else ())]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for each in (*inner, cause):
        if each is not None and id(each) not in seen:
            lines += ["caused by", *_lines(each, seen=seen)]
    return lines


def about(**ids: str) -> None:
    """Have all further lines of this task, and of those that it starts, carry these ids."""
    structlog.contextvars.bind_contextvars(**ids)


def logger() -> Logger:
    """The logger of this process."""
    log: Logger = structlog.get_logger()
    return log
