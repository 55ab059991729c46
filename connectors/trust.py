"""What of TLS no waiting mends: a certificate not to be trusted, and a server that speaks it not, or nothing else."""

import socket
import ssl
from urllib.parse import urlsplit

PROBE_SECONDS = 3.0
LASTING = (
    "certificate",
    "client sent an http request to an https server",
    "record layer failure",
    "unsupported protocol",
    "wrong version number",
    "wrong_version_number",
)


def lasting(failure: BaseException) -> bool:
    """Say whether an error is of that kind, by its words: libraries have no code of their own for it."""
    said = str(failure).lower()
    return any(words in said for words in LASTING)


def wants_tls(url: str) -> bool:
    """Say whether a server that is configured without TLS speaks it.

    A plain request to such a server may come to no more than a cut connection, so it is asked when one was cut.
    """
    address = urlsplit(url)
    if address.scheme == "https" or address.hostname is None or address.port is None:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address.hostname, address.port), PROBE_SECONDS) as wire,
            context.wrap_socket(wire),
        ):
            return True
    except OSError:
        return False


def distrust(host: str, port: int, authority: str | None) -> str | None:
    """Return why the certificate of a TLS server is not trusted; None where it is, or where none is shown.

    For clients that keep the reason to themselves. `authority` is the file of the issuer's certificate, None for
    those of the machine.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
        with (
            socket.create_connection((host, port), PROBE_SECONDS) as wire,
            context.wrap_socket(wire, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as failure:
        return failure.verify_message
    except OSError:
        return None


def advice(server: str) -> str:
    """Return what to do about it; `server` is its part of servers.yaml."""
    return (
        f"its certificate has to be valid and come from the authority in the file that ITA_{server}__CA names, and "
        "TLS has to be configured as the server speaks it; `ita stack secrets --secure` makes certificates of this "
        "machine's servers again where they end, and a restart of the server takes them"
    )
