"""The body of a request to the store."""

import io

from chassis.s3 import CHUNK, Window


def test_a_window_is_some_bytes_of_a_file_read_in_large_chunks_and_again() -> None:
    content = bytes(range(256)) * (3 * CHUNK // 256)
    window = Window(io.BytesIO(content), start=5, size=2 * CHUNK + 7)
    expected = content[5 : 2 * CHUNK + 12]
    assert len(window) == len(expected)
    assert window.read(16_384) == expected[: CHUNK // 2]
    window.seek(0)
    assert window.read() == expected
    assert window.read(16_384) == b""
    window.seek(0)
    assert b"".join(iter(lambda: window.read(16_384), b"")) == expected
