"""Whether a transaction may enter: before it waits for a block, and before it is executed.

Promises that both are the same rule, and that what is refused changes nothing. A transaction that
is admitted has used up its sequence and paid its fee, whatever becomes of its messages.
"""

from __future__ import annotations

from collections.abc import Callable

from blockenergy.auth.v1 import state_pb2

from chain import auth, bank, registry
from chain.runtime import bech32
from chain.runtime.context import BlockInfo, Context, Event
from chain.runtime.errors import ChainError, ErrorCode, SdkError
from chain.runtime.store import CacheStore, Reader
from chain.runtime.tx import DecodedTx, SignerData, TxCache

OK = 0


class TxResult:
    """What became of a transaction. Code 0 is success; code and data enter the next block hash."""

    __slots__ = (
        "code",
        "codespace",
        "data",
        "events",
        "fault",
        "gas_used",
        "gas_wanted",
        "log",
    )

    def __init__(
        self,
        code: int = OK,
        codespace: str = "",
        log: str = "",
        data: bytes = b"",
        gas_wanted: int = 0,
        gas_used: int = 0,
        events: list[Event] | None = None,
    ) -> None:
        self.code = code
        self.codespace = codespace
        self.log = log
        self.data = data
        self.gas_wanted = gas_wanted
        self.gas_used = gas_used
        self.events: list[Event] = [] if events is None else events
        # Set if a fault of the chain, not of the sender, refused it: to be logged loudly.
        self.fault: BaseException | None = None

    def fail(self, error: ErrorCode, log: str) -> None:
        """Notes a refusal."""
        self.code, self.codespace, self.log = error.code, error.codespace, log


def refuse(refusal: ChainError) -> TxResult:
    """The result of a transaction that is not admitted."""
    result = TxResult()
    result.fail(refusal.error, refusal.log)
    return result


class Admission:
    """Admits transactions one after the other, as if each stood behind the last in a block.

    As nothing is executed meanwhile, parameters and permissions stay as they are, and of an account
    only the sequence changes: each is read once.
    """

    def __init__(self, reader: Reader, block: BlockInfo, cache: TxCache) -> None:
        # For what is asked outside any transaction.
        self._ctx = Context(CacheStore(reader), block)
        self._cache = cache
        self._params: state_pb2.Params | None = None
        self._accounts: dict[bytes, state_pb2.Account] = {}
        self._permitted: set[tuple[bytes, frozenset[int]]] = set()

    @property
    def height(self) -> int:
        """Of the block that is to hold them."""
        return self._ctx.block.height

    def check(self, raw: bytes) -> TxResult:
        """Admits a transaction or says why not: form, permission, fee, sequence, signature."""
        try:
            tx = self._cache.get(raw)
            ctx = Context(self._ctx.store, self._ctx.block, tx.signer)
            params = self._params = self._params or auth.get_params(ctx)
            gas, _ = _admit(ctx, tx, params, self._require_permission, self._get_account)
        except ChainError as refusal:
            return refuse(refusal)
        return TxResult(gas_wanted=tx.gas_limit, gas_used=gas)

    def prefetch_signature(self, raw: bytes) -> tuple[DecodedTx, SignerData] | None:
        """The signature check that `check` will make of a transaction, so that it can be made
        ahead: whoever finds it good notes that in the transaction (`verified_for`).

        None if it has been made, or if the transaction will be refused before. A guess that turns
        out wrong costs time and changes nothing: the check is then made for what the state says.
        """
        try:
            tx = self._cache.get(raw)
            if tx.verified_for is not None:
                return None
            account = self._get_account(self._ctx, tx.signer)
        except ChainError:
            return None
        signer_data = auth.get_signer_data(account, tx, self._ctx.block.chain_id)
        return None if signer_data is None else (tx, signer_data)

    def _require_permission(self, ctx: Context, signer: bytes, roles: frozenset[int]) -> None:
        if (signer, roles) not in self._permitted:
            registry.require_permission(ctx, signer, roles)
            self._permitted.add((signer, roles))

    def _get_account(self, ctx: Context, signer: bytes) -> state_pb2.Account:
        account = self._accounts.get(signer)
        if account is None:
            account = self._accounts[signer] = _require_account(ctx, signer)
        return account


def admit(ctx: Context, tx: DecodedTx) -> int:
    """Lets one transaction in, uses up its sequence and takes its fee; returns its gas.

    It refuses before it changes anything.
    """
    params = auth.get_params(ctx)
    gas, account = _admit(ctx, tx, params, registry.require_permission, _require_account)
    auth.put_account(ctx, tx.signer, account)
    return gas


def require_permission(ctx: Context, tx: DecodedTx) -> None:
    """Refuses a transaction whose signer may not send one of its messages."""
    for handler, _ in tx.messages:
        registry.require_permission(ctx, tx.signer, handler.roles)


def _admit(
    ctx: Context,
    tx: DecodedTx,
    params: state_pb2.Params,
    permit: Callable[[Context, bytes, frozenset[int]], None],
    get_account: Callable[[Context, bytes], state_pb2.Account],
) -> tuple[int, state_pb2.Account]:
    """The gas of a transaction, and its account with the sequence used up; the fee is taken.

    It refuses before it changes anything. `permit` and `get_account` may remember what they read.
    """
    gas = auth.validate_basic(tx, params, ctx.block.height)
    for handler, _ in tx.messages:
        permit(ctx, tx.signer, handler.roles)
    _require_fee(ctx, tx)
    account = get_account(ctx, tx.signer)
    auth.authenticate(account, tx, ctx.block.chain_id)
    _take_fee(ctx, tx, params.fee_collector)
    return gas, account


def _require_account(ctx: Context, signer: bytes) -> state_pb2.Account:
    account = auth.get_account(ctx, signer)
    if account is None:
        raise ChainError(SdkError.UNKNOWN_ADDRESS)
    return account


def _require_fee(ctx: Context, tx: DecodedTx) -> None:
    for denom, amount in tx.fee:
        if bank.get_balance(ctx, tx.signer, denom) < amount:
            raise ChainError(SdkError.INSUFFICIENT_FUNDS, f"the fee is {amount}{denom}")


def _take_fee(ctx: Context, tx: DecodedTx, fee_collector: str) -> None:
    for denom, amount in tx.fee:
        bank.transfer(ctx, tx.signer, bech32.decode(fee_collector), denom, amount)
