"""Time stamps of an authority that is OpenSSL's own, over HTTP."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from catalog.settings import TsaSettings
from catalog.tsa import TimeStampAuthority
from chassis.errors import Unavailable
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

pytestmark = pytest.mark.needs("openssl")
SAID = b'{"number":1}'
_CONFIG = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Authority:
    """`answer` replaces what OpenSSL says; `status` is of the HTTP answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer: bytes | None = None
        self.status = 200
        root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        root = _certificate("Root", root_key, issuer="Root", by=root_key, authority=True)
        signer = _certificate("TSA", key, issuer="Root", by=root_key, authority=False)
        self.root = _written(folder / "root.pem", root.public_bytes(Encoding.PEM))
        _written(folder / "tsa.pem", signer.public_bytes(Encoding.PEM))
        _written(folder / "key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _written(folder / "serial", b"01")
        _written(folder / "tsa.cnf", _CONFIG.format(folder=folder).encode())

    def stamped(self, query: bytes) -> bytes:
        """OpenSSL's reply."""
        _written(self.folder / "query", query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query"]
        command += ["-signer", "tsa.pem", "-inkey", "key.pem", "-out", "reply"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply").read_bytes()


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _certificate(
    name: str, key: EllipticCurvePrivateKey, *, issuer: str, by: EllipticCurvePrivateKey, authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(by, SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def url(authority: Authority) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = authority.stamped(query) if authority.answer is None else authority.answer
            self.send_response(authority.status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def stamp(authority: Authority, url: str, *, said: bytes = SAID, root: Path | None = None) -> bytes:
    """Asked as the catalog asks."""
    async with httpx.AsyncClient() as http:
        return await TimeStampAuthority(TsaSettings(url=url, roots_file=root or authority.root), http).stamp(said)


async def test_a_stamp_is_what_openssl_verifies(authority: Authority, url: str, tmp_path: Path) -> None:
    _written(tmp_path / "seal.tsr", await stamp(authority, url))
    _written(tmp_path / "seal.json", SAID)
    command = ["openssl", "ts", "-verify", "-data", "seal.json", "-in", "seal.tsr", "-CAfile", "root.pem"]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
    assert (await process.wait(), await process.communicate())[0] == 0


async def test_a_stamp_over_something_else_or_of_somebody_else_is_not_taken(
    authority: Authority, url: str, tmp_path: Path
) -> None:
    earlier = await stamp(authority, url)
    for answer in (earlier, b"", b"no stamp"):
        authority.answer = answer
        with pytest.raises(Unavailable) as refused:
            await stamp(authority, url)
        assert refused.value.code == "tsa_stamp_invalid"
    authority.answer = None
    (tmp_path / "other").mkdir()
    with pytest.raises(Unavailable) as foreign:
        await stamp(authority, url, root=Authority(tmp_path / "other").root)
    assert foreign.value.code == "tsa_stamp_invalid"


async def test_an_authority_that_is_away_is_waited_for(authority: Authority, url: str) -> None:
    authority.status = 503
    for address in (url, "http://127.0.0.1:1"):
        with pytest.raises(Unavailable) as away:
            await stamp(authority, address)
        assert away.value.code == "tsa_unreachable"
