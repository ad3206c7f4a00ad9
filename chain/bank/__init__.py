"""Money: denominations, balances, transfers and holds.

Promises that for each denomination the sum of all balances and holds is its supply, that only its
issuer changes the supply, that money on hold goes to the beneficiary or back to its owner, and that
money that comes to somebody with arrears pays these first.
"""

from blockenergy.bank.v1 import query_pb2, tx_pb2
from cosmos.bank.v1beta1 import query_pb2 as cosmos_query_pb2
from cosmos.bank.v1beta1 import tx_pb2 as cosmos_tx_pb2

from chain.bank import lifecycle, msgs, queries
from chain.bank.block import end_block
from chain.bank.genesis import validate_genesis, validate_params
from chain.bank.invariants import (
    debtors_have_nothing,
    denom_count,
    hold_ids,
    no_zero_balances,
    supply,
)
from chain.bank.keeper import (
    CREDIT_PREFIX,
    DEFAULT_FUND,
    VOUCHER_PREFIX,
    BankError,
    burn,
    create_denom,
    extend,
    get_arrears,
    get_balance,
    get_denom,
    get_deposit,
    get_hold,
    mint,
    module_account,
    move_hold,
    owe,
    pay_from_hold,
    post,
    read_balances_ahead,
    release,
    require_balance,
    reserve,
    transfer,
    transfer_up_to,
    void,
)
from chain.bank.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="bank",
    schema=SCHEMA,
    msg_services=(
        tx_pb2.DESCRIPTOR.services_by_name["Msg"],
        cosmos_tx_pb2.DESCRIPTOR.services_by_name["Msg"],
    ),
    msgs=msgs,
    query_services=(
        query_pb2.DESCRIPTOR.services_by_name["Query"],
        cosmos_query_pb2.DESCRIPTOR.services_by_name["Query"],
    ),
    queries=queries,
    end_block=end_block,
    invariants=(supply, denom_count, no_zero_balances, debtors_have_nothing, hold_ids),
    lifecycles=(lifecycle.HOLD,),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "CREDIT_PREFIX",
    "DEFAULT_FUND",
    "MODULE",
    "VOUCHER_PREFIX",
    "BankError",
    "burn",
    "create_denom",
    "extend",
    "get_arrears",
    "get_balance",
    "get_denom",
    "get_deposit",
    "get_hold",
    "mint",
    "module_account",
    "move_hold",
    "owe",
    "pay_from_hold",
    "post",
    "read_balances_ahead",
    "release",
    "require_balance",
    "reserve",
    "transfer",
    "transfer_up_to",
    "void",
]
