"""Where an InfluxDB is; a module of its own, since importing its client takes half a second."""

from typing import NamedTuple


class InfluxServer(NamedTuple):
    """Where InfluxDB is, and how to sign in; `ca` names the file of the issuer of its certificate."""

    url: str
    organisation: str
    bucket: str
    token: str
    ca: str = ""
    gzip: bool = False
