"""The chain behind a CometBFT node: the only file of the bridge with RPC and transactions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from blockenergy.auth.v1 import query_pb2 as auth_query
from blockenergy.auth.v1 import state_pb2 as auth_state
from blockenergy.metering.v1 import query_pb2 as metering_query
from blockenergy.metering.v1.state_pb2 import (
    READING_RESULT_UNSPECIFIED,
    Reading,
    ReadingResult,
)
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadings, MsgSubmitReadingsResponse
from blockenergy.registry.v1 import errors_pb2 as registry_errors
from blockenergy.registry.v1 import query_pb2 as registry_query
from blockenergy.registry.v1.role_pb2 import ROLE_BRIDGE
from blockenergy.registry.v1.state_pb2 import STATUS_ACTIVE
from google.protobuf.message import Message

from chain.runtime.gas import compute_message_gas
from client.account import DEFAULT_WAIT_S, Signer, TxOutcome
from client.errors import ClientError, RejectedError
from client.node.rpc import Rpc
from client.node.rpc_types import NodeStatus
from client.queries import query
from client.signing.keys import AccountKey
from meter_bridge.chain.chain import (
    ChainRejectedError,
    ChainUnreachableError,
    Head,
    Meter,
    Params,
    Result,
)
from meter_bridge.chain.proofs import Proofs

R = TypeVar("R", bound=Message)
T = TypeVar("T")

log = logging.getLogger(__name__)

# Max transactions in flight.
TXS_AT_ONCE = 4
# Max readings in flight: half a second of signature checks in one block.
READINGS_AT_ONCE_MAX = 4_000
# The largest encoded reading: a meter id of 64 bytes, a signature, a hash, and three numbers of 63
# bits.
READING_BYTES_MAX = 202
# Max size of a transaction without its messages, and of a message without its readings.
TX_BYTES_MAX = 512
MESSAGE_BYTES_MAX = 160
# The gas of an empty message, and of each reading in it.
MESSAGE_GAS = compute_message_gas(MsgSubmitReadings())
READING_GAS = compute_message_gas(MsgSubmitReadings(readings=[Reading()])) - MESSAGE_GAS
# Min time to wait for a submission to be included in a block.
WAIT_MIN_S = 5.0
METER_UNKNOWN = ("registry", registry_errors.METER_UNKNOWN)
PARTICIPANT_UNKNOWN = ("registry", registry_errors.PARTICIPANT_UNKNOWN)


class NodeChain:
    """The chain behind a CometBFT node, used with the bridge's account key.

    It signs for `chain_id` only; a node on another chain counts as unreachable. A submission waits
    up to `wait_s` for its block. With `proofs`, parameters, registrations and outcomes count only
    if they are proven; otherwise the node counts as unreachable.
    """

    def __init__(
        self,
        rpc: Rpc,
        key: AccountKey,
        chain_id: str,
        wait_s: float = DEFAULT_WAIT_S,
        proofs: Proofs | None = None,
    ) -> None:
        self._rpc = rpc
        self._key = key
        self._wait_s = wait_s
        self._chain_id = chain_id
        self._proofs = proofs
        self._signer: Signer | None = None
        self._readings_per_message = 1
        self._readings_per_tx = 1

    @property
    def bridge(self) -> str:
        """The address of the bridge's account."""
        return self._key.address

    def get_head(self) -> Head:
        """The node's latest block."""
        status = self._get_status()
        # It is made of a list, which has no proof. Who lies about it delays readings.
        try:
            window = query(
                self._rpc,
                metering_query.QueryReadingWindowRequest(),
                metering_query.QueryReadingWindowResponse,
            )
        except ClientError as error:
            raise unreachable(error) from error
        time_s = status.latest_time_ns // 1_000_000_000
        return Head(status.latest_height, time_s, window.first_slot)

    def get_params(self) -> Params:
        """The parameters that a bridge needs, collected from their modules."""
        self._get_status()
        metering = self._query(
            metering_query.QueryParamsRequest(), metering_query.QueryParamsResponse
        ).params
        auth = self._get_auth_params()
        self._readings_per_message = metering.readings_per_message_max
        self._readings_per_tx = compute_readings_per_tx(auth, metering.readings_per_message_max)
        # A signer reads the gas and fee parameters only once, so make a new one.
        self._signer = Signer(
            self._rpc,
            self._key,
            chain_id=self._chain_id,
            # Leaves time to submit once more before the reading deadline.
            wait_s=max(WAIT_MIN_S, min(self._wait_s, metering.reading_deadline_s / 2)),
            get_params=self._get_auth_params,
        )
        return Params(
            chain_id=self._chain_id,
            slot_length_s=metering.slot_length_s,
            readings_max=min(READINGS_AT_ONCE_MAX, self._readings_per_tx * TXS_AT_ONCE),
        )

    def get_meter(self, meter_id: str) -> Meter | None:
        """A registered meter, or None."""
        request = registry_query.QueryMeterRequest(meter_id=meter_id)
        try:
            found = self._ask(request, registry_query.QueryMeterResponse).meter
        except RejectedError as error:
            if (error.codespace, error.code) == METER_UNKNOWN:
                return None
            raise unreachable(error) from error
        except ClientError as error:
            raise unreachable(error) from error
        return Meter(found.bridge, found.pub_key, found.status == STATUS_ACTIVE)

    def find_account_problem(self) -> str:
        """What the registrar has to do about the bridge's account; see `Chain`."""
        request = registry_query.QueryParticipantRequest(address=self.bridge)
        try:
            found = self._ask(request, registry_query.QueryParticipantResponse).participant
        except RejectedError as error:
            if (error.codespace, error.code) != PARTICIPANT_UNKNOWN:
                raise unreachable(error) from error
            return f"{self._name_account()} is not registered; ask the registrar to add it."
        except ClientError as error:
            raise unreachable(error) from error
        if found.status != STATUS_ACTIVE:
            return f"{self._name_account()} is suspended or removed; ask the registrar."
        if ROLE_BRIDGE not in found.roles:
            return f"{self._name_account()} lacks the role of a bridge; ask the registrar for it."
        return ""

    def _name_account(self) -> str:
        return f"The bridge's account {self.bridge}"

    def submit(self, readings: Sequence[Reading]) -> Sequence[Result]:
        """Submits readings in as few transactions as possible; see `Chain.submit`."""
        # Check again that the node is on our chain: signatures are valid on one chain only.
        self._get_status()
        parts = split(readings, self._readings_per_tx)
        sent = [start(partial(self._submit_tx, part)) for part in parts]
        results: list[Result] = []
        try:
            for future in sent:
                results += future.result()
        except (ChainUnreachableError, ChainRejectedError) as error:
            if not results:
                raise
            log.warning("%d readings have no result yet: %s", len(readings) - len(results), error)
        return results

    def _submit_tx(self, readings: Sequence[Reading]) -> list[Result]:
        """Submits readings in one transaction and waits for its block."""
        assert self._signer is not None, "parameters are read before anything is submitted"
        messages = [
            MsgSubmitReadings(bridge=self._key.address, readings=part)
            for part in split(readings, self._readings_per_message)
        ]
        try:
            outcome = self._signer.send(messages).require_ok()
            if self._proofs:
                outcome = self._proofs.prove(outcome, messages).require_ok()
        except RejectedError as error:
            raise ChainRejectedError(f"The chain rejects the submission: {error}.") from error
        except ClientError as error:
            raise unreachable(error) from error
        return read_results(outcome, len(readings))

    def _get_status(self) -> NodeStatus:
        """The node's status. Errors: ChainUnreachableError if it is on another chain."""
        try:
            status = self._rpc.status()
        except ClientError as error:
            raise unreachable(error) from error
        if self._chain_id != status.chain_id:
            raise ChainUnreachableError(
                f"The node is on chain {status.chain_id}, but this bridge serves {self._chain_id}."
            )
        return status

    def _get_auth_params(self) -> auth_state.Params:
        return self._query(auth_query.QueryParamsRequest(), auth_query.QueryParamsResponse).params

    def _query(self, request: Message, response_type: type[R]) -> R:
        try:
            return self._ask(request, response_type)
        except ClientError as error:
            raise unreachable(error) from error

    def _ask(self, request: Message, response_type: type[R]) -> R:
        """The response to a query, proven if it has to be. Errors: ClientError."""
        if self._proofs:
            return self._proofs.query(request, response_type)
        return query(self._rpc, request, response_type)


def compute_readings_per_tx(auth: auth_state.Params, readings_per_message: int) -> int:
    """Max readings in a transaction, given its limits on bytes, gas and messages."""
    bytes_left = auth.tx_bytes_max - TX_BYTES_MAX
    gas_left = auth.gas_limit_max - auth.gas_per_tx - auth.gas_per_byte * TX_BYTES_MAX
    gas_of_message = MESSAGE_GAS + auth.gas_per_byte * MESSAGE_BYTES_MAX
    gas_of_reading = READING_GAS + auth.gas_per_byte * READING_BYTES_MAX
    full_messages = min(
        auth.messages_per_tx_max,
        bytes_left // (MESSAGE_BYTES_MAX + readings_per_message * READING_BYTES_MAX),
        gas_left // (gas_of_message + readings_per_message * gas_of_reading),
    )
    if full_messages >= 1:
        return full_messages * readings_per_message
    by_bytes = (bytes_left - MESSAGE_BYTES_MAX) // READING_BYTES_MAX
    return max(1, min(by_bytes, (gas_left - gas_of_message) // gas_of_reading))


def read_results(outcome: TxOutcome, expected: int) -> list[Result]:
    """One result per reading of a transaction; errors: ChainRejectedError if they do not match."""
    results = [
        Result(code, outcome.height)
        for response in outcome.responses
        if isinstance(response, MsgSubmitReadingsResponse)
        for code in response.results
    ]
    known = set(ReadingResult.values()) - {READING_RESULT_UNSPECIFIED}
    if len(results) != expected or any(result.code not in known for result in results):
        raise ChainRejectedError(
            f"The chain's response at height {outcome.height} cannot be interpreted; "
            "upgrade the bridge to the chain's version."
        )
    return results


def start(work: Callable[[], T]) -> Future[T]:
    """Runs work on a daemon thread of its own, which does not delay the exit of the process."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001, it is raised where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="submit-tx", daemon=True).start()
    return future


def split(readings: Sequence[Reading], size: int) -> Iterator[Sequence[Reading]]:
    """Parts of up to `size` readings, in order."""
    for start in range(0, len(readings), size):
        yield readings[start : start + size]


def unreachable(error: ClientError) -> ChainUnreachableError:
    """The client's error with a capital and a full stop, as the bridge's errors have."""
    return ChainUnreachableError(f"{str(error)[:1].upper()}{str(error)[1:]}.")
