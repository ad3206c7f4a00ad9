"""Errors of the module."""

from __future__ import annotations

from blockenergy.authz.v1 import errors_pb2

from chain.runtime.errors import ErrorCodes

AuthzError = ErrorCodes("authz", errors_pb2.Error.DESCRIPTOR)
