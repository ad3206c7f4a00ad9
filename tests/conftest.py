"""Failures inside the shared helpers of tests show what differs, as those inside tests do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support.vectors", "tests.support.world")
