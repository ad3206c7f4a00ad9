"""Messages about clients: what begins one, what it learns, what freezes it, how it goes on."""

from __future__ import annotations

from itertools import islice

from blockenergy.ibc.v1 import state_pb2
from ibc.core.client.v1 import tx_pb2
from ibc.core.client.v2 import tx_pb2 as tx_v2_pb2
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import params
from chain.ibc import events, forms, keeper, tendermint
from chain.ibc.identifiers import is_client_id
from chain.ibc.keeper import IbcError
from chain.ibc.state import CLIENT_COUNT, CLIENTS, CONSENSUS_STATES, PARAMS
from chain.ibc.tendermint import ClientError, ConsensusState, Height, SignedUpdate, Status
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require

CLIENT_TYPE = "07-tendermint"
# What a substitute may differ in: the rest says how the chain is verified.
_MAY_DIFFER = ("latest_height", "frozen_height", "trusting_period", "chain_id")


def create_client(ctx: Context, msg: tx_pb2.MsgCreateClient) -> tx_pb2.MsgCreateClientResponse:
    """Creates a client of another chain."""
    try:
        state = forms.unpack(msg.client_state, tendermint_pb2.ClientState)
        consensus = forms.unpack(msg.consensus_state, tendermint_pb2.ConsensusState)
        assert isinstance(state, tendermint_pb2.ClientState)
        assert isinstance(consensus, tendermint_pb2.ConsensusState)
        client, first = forms.read_client(state), forms.read_consensus(consensus)
        tendermint.require_valid(client, first, keeper.get_now_ns(ctx))
    except ClientError as error:
        raise ChainError(IbcError.CLIENT_INVALID, str(error)) from None
    count, most = CLIENT_COUNT.last(ctx), PARAMS.get_shared(ctx).clients_max
    require(count < most, IbcError.TOO_MANY_CLIENTS, f"{most} in all")
    client_id = f"{CLIENT_TYPE}-{count}"
    CLIENT_COUNT.next(ctx)
    CLIENTS.set(ctx, client_id, state_pb2.Client(state=state, creator=msg.signer))
    _keep(ctx, client_id, client.latest, first)
    events.announce_creation(ctx, client_id, client.latest)
    return tx_pb2.MsgCreateClientResponse(client_id=client_id)


def update_client(ctx: Context, msg: tx_pb2.MsgUpdateClient) -> tx_pb2.MsgUpdateClientResponse:
    """Tells a client of a later header, or of misbehaviour."""
    client = keeper.require_active(ctx, msg.client_id)
    try:
        message = forms.unpack(
            msg.client_message, tendermint_pb2.Header, tendermint_pb2.Misbehaviour
        )
    except ClientError as error:
        raise ChainError(IbcError.HEADER_INVALID, str(error)) from None
    if isinstance(message, tendermint_pb2.Misbehaviour):
        _take_misbehaviour(ctx, msg.client_id, client, message)
    else:
        assert isinstance(message, tendermint_pb2.Header)
        _take_header(ctx, msg.client_id, client, forms.read_header(message))
    return tx_pb2.MsgUpdateClientResponse()


def recover_client(ctx: Context, msg: tx_pb2.MsgRecoverClient) -> tx_pb2.MsgRecoverClientResponse:
    """Continues a client from where another one of the same chain is."""
    params.require_authority(ctx, msg.signer)
    client = keeper.require_client(ctx, msg.subject_client_id)
    status = keeper.get_client_status(ctx, msg.subject_client_id, client)
    detail = f"{msg.subject_client_id} is active"
    require(status is not Status.ACTIVE, IbcError.RECOVERY_INVALID, detail)
    substitute = keeper.require_active(ctx, msg.substitute_client_id)
    same = _hide_differences(client.state) == _hide_differences(substitute.state)
    require(same, IbcError.RECOVERY_INVALID, "the clients differ in more than they may")
    latest = forms.read_height(substitute.state.latest_height)
    consensus = keeper.get_consensus(ctx, msg.substitute_client_id, latest)
    assert consensus is not None, "an active client knows its latest height"
    client.state.CopyFrom(substitute.state)
    # Of another revision or a fork: nothing that was known proves anything any more.
    for height, _ in list(CONSENSUS_STATES.under(msg.subject_client_id).items(ctx)):
        CONSENSUS_STATES.delete(ctx, (msg.subject_client_id, height))
    CLIENTS.set(ctx, msg.subject_client_id, client)
    _keep(ctx, msg.subject_client_id, latest, consensus)
    events.announce_recovery(ctx, msg.subject_client_id)
    return tx_pb2.MsgRecoverClientResponse()


def register_counterparty(
    ctx: Context, msg: tx_v2_pb2.MsgRegisterCounterparty
) -> tx_v2_pb2.MsgRegisterCounterpartyResponse:
    """Says which client of the other chain belongs to a client."""
    client = keeper.require_client(ctx, msg.client_id)
    require(msg.signer == client.creator, IbcError.NOT_CREATOR)
    require(not client.counterparty, IbcError.COUNTERPARTY_EXISTS)
    valid = is_client_id(msg.counterparty_client_id)
    valid = valid and tuple(msg.counterparty_merkle_prefix) == keeper.PREFIX
    require(valid, IbcError.COUNTERPARTY_INVALID)
    client.counterparty = msg.counterparty_client_id
    CLIENTS.set(ctx, msg.client_id, client)
    return tx_v2_pb2.MsgRegisterCounterpartyResponse()


def _take_header(
    ctx: Context, client_id: str, client: state_pb2.Client, update: SignedUpdate
) -> None:
    """Keeps what follows from a header; one that contradicts what is known freezes the client."""
    trusted = _require_trusted(ctx, client_id, update)
    rules, height = forms.read_client(client.state), update.height
    try:
        new = tendermint.verify_update(rules, trusted, update, keeper.get_now_ns(ctx))
    except ClientError as error:
        raise ChainError(IbcError.HEADER_INVALID, str(error)) from None
    known = keeper.get_consensus(ctx, client_id, height)
    before, after = _find_neighbours(ctx, client_id, height)
    if tendermint.contradicts(new, known, before, after):
        _freeze(ctx, client_id, client)
        return
    if known is None:
        _prune(ctx, client_id, rules.trusting_period_ns)
        _keep(ctx, client_id, height, new)
        client.state.latest_height.CopyFrom(forms.write_height(max(rules.latest, height)))
        CLIENTS.set(ctx, client_id, client)
    events.announce_update(ctx, client_id, height)


def _take_misbehaviour(
    ctx: Context,
    client_id: str,
    client: state_pb2.Client,
    misbehaviour: tendermint_pb2.Misbehaviour,
) -> None:
    """Freezes a client if two headers contradict each other."""
    headers = [forms.read_header(one) for one in (misbehaviour.header_1, misbehaviour.header_2)]
    first, second = ((_require_trusted(ctx, client_id, one), one) for one in headers)
    rules = forms.read_client(client.state)
    try:
        tendermint.verify_misbehaviour(rules, first, second, keeper.get_now_ns(ctx))
    except ClientError as error:
        raise ChainError(IbcError.HEADER_INVALID, str(error)) from None
    _freeze(ctx, client_id, client)


def _freeze(ctx: Context, client_id: str, client: state_pb2.Client) -> None:
    client.state.frozen_height.CopyFrom(forms.write_height(Height(0, 1)))
    CLIENTS.set(ctx, client_id, client)
    events.announce_misbehaviour(ctx, client_id)


def _require_trusted(ctx: Context, client_id: str, update: SignedUpdate) -> ConsensusState:
    """What is known of the header that an update begins with."""
    found = keeper.get_consensus(ctx, client_id, update.trusted_height)
    if found is None:
        height = update.trusted_height
        detail = f"nothing is known of the trusted height {height.revision}-{height.height}"
        raise ChainError(IbcError.HEADER_INVALID, detail)
    return found


def _find_neighbours(
    ctx: Context, client_id: str, height: Height
) -> tuple[ConsensusState | None, ConsensusState | None]:
    """The nearest known below and above a height."""
    known = CONSENSUS_STATES.under(client_id)
    below = next(known.items(ctx, before=height, reverse=True), None)
    above = next(known.items(ctx, after=height), None)
    before, after = (
        None if one is None else forms.read_consensus(one[1]) for one in (below, above)
    )
    return before, after


def _prune(ctx: Context, client_id: str, trusting_period_ns: int) -> None:
    """Forgets the earliest header, if it is too old to vouch for others."""
    for height, state in islice(CONSENSUS_STATES.under(client_id).items(ctx), 1):
        if forms.read_consensus(state).time_ns + trusting_period_ns <= keeper.get_now_ns(ctx):
            CONSENSUS_STATES.delete(ctx, (client_id, height))


def _keep(ctx: Context, client_id: str, height: Height, state: ConsensusState) -> None:
    CONSENSUS_STATES.set(ctx, (client_id, height), forms.write_consensus(state))


def _hide_differences(state: tendermint_pb2.ClientState) -> tendermint_pb2.ClientState:
    """What has to be the same in a client and its substitute."""
    found = tendermint_pb2.ClientState.FromString(state.SerializeToString())
    for name in _MAY_DIFFER:
        found.ClearField(name)
    return found
