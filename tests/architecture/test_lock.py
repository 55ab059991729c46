"""The lock files hold one version of a package for every Python that the project runs on.

Two versions mean that what is tested on one Python is not what runs on the other.
"""

import re
from collections import Counter

import pytest


@pytest.mark.parametrize("name", ["requirements.lock", "infra/bootstrap.lock"])
def test_no_package_is_locked_at_two_versions(root, name):
    packages = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", (root / name).read_text(), re.MULTILINE)

    assert packages
    assert [package for package, count in Counter(packages).items() if count > 1] == []
