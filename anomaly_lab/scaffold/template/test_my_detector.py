"""The detector keeps the contract: a line a check, and what is missing in plain words."""

import pytest
from my_detector import MyDetector

from anomaly_lab.contract.testing import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    """Each check gets a detector that is not fitted yet."""
    check(MyDetector())
