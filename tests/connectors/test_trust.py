"""What of TLS no waiting mends is told from what may pass."""

import pytest

from connectors.trust import advice, lasting


@pytest.mark.parametrize(
    "words",
    [
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)",
        "SSL error: certificate verify failed",
        "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
        "Response code: 400, Body: Client sent an HTTP request to an HTTPS server.",
    ],
)
def test_distrust_and_another_language_last(words):
    assert lasting(OSError(words))


@pytest.mark.parametrize(
    "words",
    [
        "Connection refused",
        "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol",
        "timed out",
    ],
)
def test_absence_and_a_cut_connection_may_pass(words):
    assert not lasting(OSError(words))


def test_the_advice_names_the_setting_of_the_server():
    assert "ITA_REDIS__CA" in advice("REDIS")
