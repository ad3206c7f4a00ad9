"""Messages of granters, and of those to whom they have given a right."""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.authz.v1 import events_pb2, state_pb2
from cosmos.authz.v1beta1 import authz_pb2, tx_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from chain import registry
from chain.authz import rules
from chain.authz.execution import Execution
from chain.authz.keeper import AuthzError
from chain.authz.state import GRANTS
from chain.runtime.context import Context
from chain.runtime.encoding import untrusted
from chain.runtime.errors import ChainError, require
from chain.runtime.module import Handler
from chain.runtime.tx import decode_address


class Msgs:
    """Messages about rights to these messages."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._execution = Execution(handlers)

    def grant(self, ctx: Context, msg: tx_pb2.MsgGrant) -> tx_pb2.MsgGrantResponse:
        """Gives a right, in place of the one before."""
        granter, grantee = decode_address(msg.granter), decode_address(msg.grantee)
        require(granter != grantee, AuthzError.GRANTEE_IS_GRANTER)
        registry.require_active(ctx, grantee)
        authorization = self._decode(msg.grant)
        ends_at_s = _read_end(ctx, msg.grant.expiration)
        others = [
            (other, grant.ends_at_s)
            for other, grant in GRANTS.under(granter).items(ctx)
            if other != grantee
        ]
        ended = [other for other, end_s in others if end_s <= ctx.block.time_s]
        few = len(others) - len(ended) < rules.GRANTS_MAX
        require(few, AuthzError.TOO_MANY_GRANTS, f"{rules.GRANTS_MAX} at a time")
        for other in ended:
            GRANTS.delete(ctx, (granter, other))
        grant = state_pb2.Grant(authorization=authorization, ends_at_s=ends_at_s)
        GRANTS.set(ctx, (granter, grantee), grant)
        ctx.emit(
            events_pb2.EventGranted(
                granter=msg.granter,
                grantee=msg.grantee,
                authorization=authorization,
                ends_at_s=ends_at_s,
            )
        )
        return tx_pb2.MsgGrantResponse()

    def exec(self, ctx: Context, msg: tx_pb2.MsgExec) -> tx_pb2.MsgExecResponse:
        """Executes messages of granters."""
        return self._execution.run(ctx, msg)

    def revoke(self, ctx: Context, msg: tx_pb2.MsgRevoke) -> tx_pb2.MsgRevokeResponse:
        """Takes a right back."""
        key = decode_address(msg.granter), decode_address(msg.grantee)
        grant = GRANTS.get(ctx, key)
        if grant is None:
            raise ChainError(AuthzError.GRANT_UNKNOWN)
        names = grant.authorization.messages
        whole = msg.msg_type_url == rules.AUTHORIZATION_TYPE_URL
        require(
            whole or msg.msg_type_url in names, AuthzError.GRANT_UNKNOWN, msg.msg_type_url[:100]
        )
        if whole or len(names) == 1:
            GRANTS.delete(ctx, key)
        else:
            names.remove(msg.msg_type_url)
            GRANTS.set(ctx, key, grant)
        ctx.emit(
            events_pb2.EventRevoked(
                granter=msg.granter, grantee=msg.grantee, msg_type_url=msg.msg_type_url
            )
        )
        return tx_pb2.MsgRevokeResponse()

    def _decode(self, grant: authz_pb2.Grant) -> state_pb2.TradeAuthorization:
        packed = grant.authorization
        known = packed.type_url == rules.AUTHORIZATION_TYPE_URL
        detail = f"{rules.AUTHORIZATION_TYPE_URL} is expected, not {packed.type_url[:100]!r}"
        require(known, AuthzError.AUTHORIZATION_INVALID, detail)
        invalid = AuthzError.AUTHORIZATION_INVALID
        authorization = untrusted.decode(state_pb2.TradeAuthorization, packed.value, invalid)
        detail = rules.find_authorization_error(authorization, self._handlers)
        require(not detail, invalid, detail)
        return authorization


def _read_end(ctx: Context, time: Timestamp) -> int:
    """A time in whole seconds since 1970; rejects one that is no end of a right given now."""
    left_s = time.seconds - ctx.block.time_s
    good = 0 <= time.nanos < 10**9 and 0 < left_s <= rules.ENDS_WITHIN_S
    require(good, AuthzError.END_INVALID)
    return time.seconds
