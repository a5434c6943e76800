"""A client without manners, as a process of its own: deposits at full speed, and waits for nothing it is told.

Arguments: the number of lines, a bearer token, then the origins, asked in turn. Until it is terminated; then it prints
how often which status came.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from itertools import cycle

import httpx

from tests.support.intake import STREAM, said
from tests.support.samples import invoice


async def _flood(lines: int, token: str, bases: list[str]) -> Counter[int]:
    answers: Counter[int] = Counter()
    turn, sample, stop = cycle(bases), invoice("facture.pdf", size=60_000), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    told = {
        "Tus-Resumable": "1.0.0",
        "Authorization": f"Bearer {token}",
        "Upload-Length": str(sample.size),
        "Upload-Metadata": said(filename=sample.name),
        **STREAM,
    }

    async def line(http: httpx.AsyncClient) -> None:
        while not stop.is_set():
            try:
                answer = await http.post(f"{next(turn)}/uploads", content=sample.content, headers=told)
                answers[answer.status_code] += 1
            except httpx.TransportError:
                answers[0] += 1

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=lines)) as http:
        await asyncio.gather(*(line(http) for _ in range(lines)))
    return answers


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_flood(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))))
