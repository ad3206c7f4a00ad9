"""All that is needed to verify a line of settlement without trusting this server."""

from __future__ import annotations

from blockenergy.dashboard.v1 import account_pb2
from blockenergy.validators.v1 import events_pb2
from sqlalchemy import select
from tendermint.crypto.proof_pb2 import ProofOp

from client.light.provider import LightBlock, fetch_block
from client.light.saved import make_line_key, make_root_key
from client.queries import query_store
from dashboard.answers.line_proof import prove_in_tables
from dashboard.errors import ApiError, Code
from dashboard.model.tables import EVENT
from dashboard.site import Visit

CHANGES_MAX = 50
# The powers that a block decides are in force from the second block after it on.
_CHANGE_AFTER = 1


def proof(visit: Visit, request: account_pb2.ProofRequest) -> account_pb2.ProofResponse:
    """The line of an account with its proof in the latest state that can be proven: as it is there,
    or, when its slot was removed, by the root over the lines of the slot.
    """
    rpc = visit.site.present.rpc
    block = fetch_block(rpc)
    module, key = make_line_key(request.slot, request.account)
    found = query_store(rpc, module, key, height=block.height - 1)
    value, ops = found.value, list(found.proof.ops)
    if not value:
        value, ops = _prove_by_root(visit, request, block.height - 1)
    saved = account_pb2.SavedProof(
        chain_id=visit.moment.chain_id,
        module=module,
        key=key,
        value=value,
        proof_ops=ops,
        block=_show(block),
        changes=_list_changes(visit, request.trusted_height, block.height),
    )
    response = account_pb2.ProofResponse(proof=saved)
    response.height, response.time_s = block.height - 1, block.header.time.seconds
    return response


def _prove_by_root(
    visit: Visit, request: account_pb2.ProofRequest, height: int
) -> tuple[bytes, list[ProofOp]]:
    """A line that only the tables have; ApiError where they do not have all lines of its slot."""
    module, key = make_root_key(request.slot)
    root = query_store(visit.site.present.rpc, module, key, height=height)
    with visit.site.engine.connect() as connection:
        proven = prove_in_tables(connection, request.slot, request.account) if root.value else None
    if proven is None:
        raise ApiError(Code.NOT_FOUND)
    value, op = proven
    return value, [ProofOp(type=op.type, key=op.key, data=op.data), *root.proof.ops]


def _list_changes(visit: Visit, trusted: int, height: int) -> list[account_pb2.VotedBlock]:
    """The blocks between the two that name other validators than their own for the next one."""
    if not 0 < trusted < height:
        return []
    changed = events_pb2.EventValidatorChanged.DESCRIPTOR.full_name
    query = (
        select(EVENT.c.height)
        .where(EVENT.c.type == changed, EVENT.c.height.between(trusted - 1, height - 2))
        .distinct()
        .order_by(EVENT.c.height)
        .limit(CHANGES_MAX + 1)
    )
    with visit.site.engine.connect() as connection:
        heights = connection.scalars(query).all()
    if len(heights) > CHANGES_MAX:
        raise ApiError(Code.TOO_LARGE)
    rpc = visit.site.present.rpc
    blocks = (fetch_block(rpc, decided + _CHANGE_AFTER) for decided in heights)
    return [_show(block) for block in blocks if trusted <= block.height < height]


def _show(block: LightBlock) -> account_pb2.VotedBlock:
    return account_pb2.VotedBlock(
        signed_header=block.signed_header,
        validators=block.validators,
        next_validators=block.next_validators,
    )
