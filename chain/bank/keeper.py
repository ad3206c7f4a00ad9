"""Moving money: the verbs that other modules use.

Each verb keeps the sum of balances, holds and deposits equal to the supply. A verb rejects before
it writes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from blockenergy.bank.v1 import errors_pb2, events_pb2, state_pb2

from chain import auth
from chain.bank.state import ARREARS, BALANCES, DENOM_COUNT, DENOMS, HOLD_IDS, HOLDS, PARAMS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, ErrorCodes, SdkError, require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import AMOUNT_MAX

BankError = ErrorCodes("bank", errors_pb2.Error.DESCRIPTOR)
# Denominations of carbon credits begin with it, and no others.
CREDIT_PREFIX = "credit/"
# Those of vouchers, which stand for denominations of other chains, with this.
VOUCHER_PREFIX = "ibc/"


def module_account(name: str) -> bytes:
    """The address of a module's account, for which nobody can sign."""
    return hashlib.sha256(f"blockenergy module account {name}".encode()).digest()[:20]


# Advances what others cannot pay, and is owed it.
DEFAULT_FUND = module_account("default fund")


def get_balance(state: HasStore, owner: bytes, denom: str) -> int:
    """What an owner can spend of a denomination."""
    return BALANCES.get(state, (owner, denom)) or 0


def read_balances_ahead(state: HasStore, owners: Sequence[bytes], denom: str) -> None:
    """Reads the balances of owners, given in the order of their addresses, for what follows."""
    BALANCES.read_ahead(state, [(owner, denom) for owner in owners])


def get_denom(state: HasStore, denom: str) -> state_pb2.Denom | None:
    """A denomination, or None."""
    return DENOMS.get(state, denom)


def get_hold(state: HasStore, owner: bytes, hold_id: int) -> state_pb2.Hold | None:
    """A hold, or None."""
    return HOLDS.get(state, (owner, hold_id))


def transfer(ctx: Context, source: bytes, target: bytes, denom: str, amount: int) -> None:
    """Moves money; rejects an amount that the balance does not cover."""
    _take(ctx, source, denom, amount)
    _give(ctx, target, denom, amount)


def transfer_up_to(ctx: Context, source: bytes, target: bytes, denom: str, amount: int) -> int:
    """Moves up to an amount, limited by the balance; returns what it moved."""
    balance = get_balance(ctx, source, denom)
    moved = min(balance, amount)
    if moved:
        _set_balance(ctx, source, denom, balance - moved)
        _give(ctx, target, denom, moved)
    return moved


def get_arrears(state: HasStore, debtor: bytes, denom: str) -> int:
    """What an account owes the default fund; nothing, if it has a balance."""
    return ARREARS.get(state, (debtor, denom)) or 0


def owe(ctx: Context, debtor: bytes, denom: str, amount: int) -> int:
    """Has an account owe the default fund an amount, and pay of it what its balance covers;
    returns what it owes now. From then on all money that comes to it goes to the fund first.
    """
    rest = amount - transfer_up_to(ctx, debtor, DEFAULT_FUND, denom, amount)
    owed = get_arrears(ctx, debtor, denom) + rest
    if rest:
        ARREARS.set(ctx, (debtor, denom), owed)
    return owed


def require_balance(state: HasStore, owner: bytes, denom: str, amount: int) -> int:
    """What an owner can spend; rejects an amount that this does not cover."""
    balance = get_balance(state, owner, denom)
    if balance < amount:
        detail = f"{balance}{denom} is smaller than {amount}{denom}"
        raise ChainError(SdkError.INSUFFICIENT_FUNDS, detail)
    return balance


def get_deposit(state: HasStore) -> int:
    """The deposit for an entry of the state that an account asks for, in the fee denomination."""
    return PARAMS.get_shared(state).deposit_per_entry


def reserve(
    ctx: Context,
    owner: bytes,
    denom: str,
    amount: int,
    beneficiary: str = "",
    deadline_s: int = 0,
    deposit: int = 0,
) -> int:
    """Puts money on hold and returns the id of the hold; rejects an uncovered amount.

    deposit: goes with the hold, and back to its owner when it ends.
    """
    _take_with_deposit(ctx, owner, denom, amount, deposit)
    hold_id = HOLD_IDS.next(ctx)
    hold = state_pb2.Hold(
        denom=denom,
        amount=amount,
        beneficiary=beneficiary,
        deadline_s=deadline_s,
        deposit=deposit,
    )
    HOLDS.set(ctx, (owner, hold_id), hold)
    return hold_id


def extend(ctx: Context, owner: bytes, hold_id: int, amount: int) -> None:
    """Adds to a hold; rejects an amount that the balance does not cover."""
    hold = _require_hold(ctx, owner, hold_id)
    _take(ctx, owner, hold.denom, amount)
    hold.amount += amount
    HOLDS.set(ctx, (owner, hold_id), hold)


def release(ctx: Context, owner: bytes, hold_id: int, amount: int) -> None:
    """Returns part of a hold to its owner; the hold stays, even if it is empty."""
    _give(ctx, owner, _shrink(ctx, owner, hold_id, amount), amount)


def pay_from_hold(ctx: Context, owner: bytes, hold_id: int, target: bytes, amount: int) -> None:
    """Pays part of a hold; the hold stays, even if it is empty."""
    _give(ctx, target, _shrink(ctx, owner, hold_id, amount), amount)


def move_hold(ctx: Context, owner: bytes, source_id: int, target_id: int, amount: int) -> int:
    """Moves part of a hold into another one of its owner, or into a new one if that is 0; returns
    the id of the other one. The money is on hold all the time, so that no arrears take it.
    """
    denom = _shrink(ctx, owner, source_id, amount)
    if not target_id:
        target_id = HOLD_IDS.next(ctx)
        HOLDS.set(ctx, (owner, target_id), state_pb2.Hold(denom=denom, amount=amount))
        return target_id
    target = _require_hold(ctx, owner, target_id)
    assert target.denom == denom, "two holds that are joined have two denominations"
    target.amount += amount
    HOLDS.set(ctx, (owner, target_id), target)
    return target_id


def post(ctx: Context, owner: bytes, hold_id: int, target: bytes, amount: int) -> int:
    """Pays from a hold and ends it; returns what of it went back to the owner, with the deposit."""
    hold = _require_hold(ctx, owner, hold_id)
    require(amount <= hold.amount, BankError.HOLD_TOO_SMALL)
    rest = hold.amount - amount
    HOLDS.delete(ctx, (owner, hold_id))
    _give(ctx, target, hold.denom, amount)
    _give(ctx, owner, hold.denom, rest)
    if hold.deposit:
        _give(ctx, owner, auth.get_params(ctx).fee_denom, hold.deposit)
    return rest


def void(ctx: Context, owner: bytes, hold_id: int) -> int:
    """Ends a hold and returns all of it to its owner; returns the amount."""
    return post(ctx, owner, hold_id, owner, 0)


def create_denom(ctx: Context, denom: str, issuer: str, symbol: str, decimals: int) -> None:
    """Creates a denomination; rejects one that exists, and too many. An empty issuer stands for a
    module of the chain: no message mints or burns it.
    """
    require(not DENOMS.has(ctx, denom), BankError.DENOM_EXISTS)
    most = PARAMS.get_shared(ctx).denoms_max
    require(DENOM_COUNT.last(ctx) < most, BankError.TOO_MANY_DENOMS, f"{most} in all")
    DENOM_COUNT.next(ctx)
    DENOMS.set(ctx, denom, state_pb2.Denom(issuer=issuer, symbol=symbol, decimals=decimals))
    ctx.emit(events_pb2.EventDenomCreated(denom=denom, issuer=issuer))


def mint(ctx: Context, target: bytes, denom: str, amount: int) -> None:
    """Creates money; rejects an amount with which the supply would exceed 2^63 - 1."""
    info = require_denom(ctx, denom)
    require(info.supply + amount <= AMOUNT_MAX, BankError.SUPPLY_TOO_LARGE)
    info.supply += amount
    DENOMS.set(ctx, denom, info)
    _give(ctx, target, denom, amount)


def burn(ctx: Context, source: bytes, denom: str, amount: int) -> None:
    """Destroys money; rejects an amount that the balance does not cover."""
    info = require_denom(ctx, denom)
    _take(ctx, source, denom, amount)
    info.supply -= amount
    DENOMS.set(ctx, denom, info)


def require_denom(state: HasStore, denom: str) -> state_pb2.Denom:
    """The denomination; rejects an unknown one."""
    info = DENOMS.get(state, denom)
    if info is None:
        raise ChainError(BankError.DENOM_UNKNOWN)
    return info


def _require_hold(state: HasStore, owner: bytes, hold_id: int) -> state_pb2.Hold:
    hold = HOLDS.get(state, (owner, hold_id))
    if hold is None:
        raise ChainError(BankError.HOLD_UNKNOWN)
    return hold


def _shrink(ctx: Context, owner: bytes, hold_id: int, amount: int) -> str:
    """Takes an amount out of a hold; returns its denomination."""
    hold = _require_hold(ctx, owner, hold_id)
    require(amount <= hold.amount, BankError.HOLD_TOO_SMALL)
    hold.amount -= amount
    HOLDS.set(ctx, (owner, hold_id), hold)
    return hold.denom


def _take_with_deposit(ctx: Context, owner: bytes, denom: str, amount: int, deposit: int) -> None:
    """Rejects what the balances do not cover, before it writes anything."""
    fee_denom = auth.get_params(ctx).fee_denom if deposit else denom
    if fee_denom == denom:
        _take(ctx, owner, denom, amount + deposit)
    else:
        require_balance(ctx, owner, fee_denom, deposit)
        _take(ctx, owner, denom, amount)
        _take(ctx, owner, fee_denom, deposit)


def _take(ctx: Context, owner: bytes, denom: str, amount: int) -> None:
    assert amount >= 0
    if not amount:
        return
    balance = require_balance(ctx, owner, denom, amount)
    _set_balance(ctx, owner, denom, balance - amount)


def _give(ctx: Context, owner: bytes, denom: str, amount: int) -> None:
    assert amount >= 0
    if not amount:
        return
    balance = BALANCES.get(ctx, (owner, denom))
    if balance is None:
        # Only who has nothing can owe anything, so all others need not be looked up.
        balance, amount = 0, _pay_arrears(ctx, owner, denom, amount)
    if amount:
        BALANCES.set(ctx, (owner, denom), balance + amount)


def _pay_arrears(ctx: Context, debtor: bytes, denom: str, amount: int) -> int:
    """Gives the default fund what an account owes it, out of money that comes to the account;
    returns what is left of that.
    """
    owed = ARREARS.get(ctx, (debtor, denom))
    if owed is None:
        return amount
    paid = min(owed, amount)
    if paid < owed:
        ARREARS.set(ctx, (debtor, denom), owed - paid)
    else:
        ARREARS.delete(ctx, (debtor, denom))
    _give(ctx, DEFAULT_FUND, denom, paid)
    ctx.emit(
        events_pb2.EventArrearsPaid(
            debtor=bech32.encode(debtor), denom=denom, amount=paid, remaining=owed - paid
        )
    )
    return amount - paid


def _set_balance(ctx: Context, owner: bytes, denom: str, balance: int) -> None:
    if balance:
        BALANCES.set(ctx, (owner, denom), balance)
    else:
        BALANCES.delete(ctx, (owner, denom))
