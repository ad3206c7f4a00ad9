"""Errors of the module: of messages, and of a release that must not execute a block."""

from __future__ import annotations

from blockenergy.upgrade.v1 import errors_pb2, state_pb2

from chain.runtime.errors import ErrorCodes

UpgradeError = ErrorCodes("upgrade", errors_pb2.Error.DESCRIPTOR)


class OtherReleaseError(Exception):
    """The block belongs to another release. The text is one sentence; `plan` is the upgrade that
    this release lacks, without a name if that is not what is wrong.
    """

    def __init__(self, text: str, plan: state_pb2.Plan | None = None) -> None:
        super().__init__(text)
        self.plan = plan or state_pb2.Plan()
