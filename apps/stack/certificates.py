"""A private authority and a certificate for each server of this machine, made with openssl, kept beside the secrets."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from apps.stack.native import ServerFailed

AUTHORITY = "ca"
SERVERS = ("kafka", "influx", "s3", "minio", "postgres", "redis")
NAMES = "DNS:localhost,IP:127.0.0.1"
AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
RENEWED_SECONDS = 30 * 86_400
"""A certificate that ends sooner than that is made again."""
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def authority(folder: Path) -> Path:
    """Return the file that clients check servers with."""
    return folder / f"{AUTHORITY}.crt"


def certificate(folder: Path, server: str) -> tuple[Path, Path]:
    """Return the certificate of a server, its issuer's after it, and its key."""
    return folder / f"{server}.crt", folder / f"{server}.key"


def make_certificates(folder: Path) -> list[str]:
    """Make what is missing or about to end, for the owner alone; return the names of what was made.

    A new authority signs every server anew. Raises ServerFailed with openssl's words.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = not _lasts(authority(folder))
    if fresh:
        _make_authority(folder)
    made = [name for name in SERVERS if fresh or not _lasts(certificate(folder, name)[0])]
    for name in made:
        _make_certificate(folder, name)
    return [*([AUTHORITY] if fresh else []), *made]


def _make_authority(folder: Path) -> None:
    with _private(folder) as work:
        crt, key = Path(work) / "crt", Path(work) / "key"
        _openssl(
            "req", "-x509", *CURVE, "-keyout", str(key), "-out", str(crt),
            "-days", str(AUTHORITY_DAYS), "-subj", "/CN=ita private authority",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        key.replace(folder / f"{AUTHORITY}.key")
        crt.replace(authority(folder))


def _make_certificate(folder: Path, server: str) -> None:
    """Make a key and a certificate that serves, and lets Kafka's and SeaweedFS's parts know each other."""
    with _private(folder) as work:
        crt, key, asked = (Path(work) / name for name in ("crt", "key", "csr"))
        extensions = Path(work) / "extensions"
        extensions.write_text(
            f"subjectAltName={NAMES}\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        _openssl("req", *CURVE, "-keyout", str(key), "-out", str(asked), "-subj", f"/CN=ita-{server}")
        _openssl(
            "x509", "-req", "-in", str(asked), "-out", str(crt), "-days", str(SERVER_DAYS),
            "-CA", str(authority(folder)), "-CAkey", str(folder / f"{AUTHORITY}.key"),
            "-set_serial", f"0x{os.urandom(16).hex()}", "-extfile", str(extensions),
        )  # fmt: skip
        for made, kept in zip((crt, key), certificate(folder, server), strict=True):
            made.chmod(0o600)
            made.replace(kept)


def _private(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the owner alone, on the same disk, that goes away."""
    return tempfile.TemporaryDirectory(dir=folder, prefix=".making-")


def _lasts(path: Path) -> bool:
    """Return whether a certificate is there and does not end soon."""
    if not path.exists():
        return False
    said = _run("x509", "-in", str(path), "-noout", "-checkend", str(RENEWED_SECONDS))
    return said.returncode == 0


def _openssl(*words: str) -> None:
    said = _run(*words)
    if said.returncode:
        raise ServerFailed(f"openssl {words[0]}: {' '.join(said.stderr.split()[-40:])}")


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ServerFailed(
            "openssl makes the certificates and is missing; install it (apt-get install openssl)"
        )
    return subprocess.run(  # noqa: S603  names of our own
        [openssl, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
