"""The office of the control plane's tests."""

from tests.control.conftest import office

__all__ = ["office"]
