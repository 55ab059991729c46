"""Servers with TLS and sign-in, started once for all these tests, and certificates that are not to be trusted."""

import shutil

import pytest

from apps.stack import certificates
from tests.connectors.own_server import OwnServer, absent
from tests.served.secured_stack import SecuredStack

SOURCE = "simulator:instruments=4,days=1,ticks=6000"


@pytest.fixture(scope="package")
def stack(tmp_path_factory):
    for server, binary in (("InfluxDB", "influxdb/influxd"), ("Kafka", "kafka/classpath")):
        if not OwnServer.is_installed(binary):
            absent(f"{server} is not installed here; `ita stack up --native` installs it")
    made = SecuredStack(tmp_path_factory.mktemp("secured"), SOURCE)
    try:
        made.begin()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="package")
def ran(stack):
    """Return the stack on which every worker has come to its end, each under its own account."""
    stack.desk.start_all()
    stack.desk.wait(300)
    return stack


@pytest.fixture(scope="package")
def strangers(tmp_path_factory):
    """Return the authority of somebody else."""
    folder = tmp_path_factory.mktemp("strangers")
    certificates.make_certificates(folder)
    return certificates.authority(folder)


@pytest.fixture(scope="package")
def expired(stack, tmp_path_factory):
    """Return a folder of certificates of the same authority that have ended."""
    folder = tmp_path_factory.mktemp("expired")
    for name in ("ca.crt", "ca.key"):
        shutil.copy(stack.tls / name, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "SERVER_DAYS", 0)
        certificates.make_certificates(folder)
    return folder
