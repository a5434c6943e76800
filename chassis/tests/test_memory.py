"""What is freed goes back to the system."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from chassis import memory

BLOCK, COUNT = 200_000, 200


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told how much to keep")
def test_large_blocks_among_small_ones_that_are_kept_go_back_to_the_system() -> None:
    alone = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    before, most, after = map(int, alone.stdout.split())
    assert most - before > COUNT * BLOCK // 2
    assert after - before < COUNT * BLOCK // 8


def _resident() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def _use() -> None:
    memory.keep_little()
    # By itself glibc keeps blocks of a size of which one was freed.
    first = bytearray(BLOCK)
    del first
    before, blocks, kept = _resident(), list[bytearray](), list[bytearray]()
    for _ in range(COUNT):
        blocks.append(bytearray(b"x" * BLOCK))
        kept.append(bytearray(b"x" * 2_000))
    most = _resident()
    blocks.clear()
    sys.stdout.write(f"{before} {most} {_resident()}")


if __name__ == "__main__":
    _use()
