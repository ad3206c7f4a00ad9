"""Queries of balances, holds and denominations."""

from __future__ import annotations

from blockenergy.bank.v1 import query_pb2, state_pb2
from cosmos.bank.v1beta1 import query_pb2 as cosmos_query_pb2
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest, PageResponse
from cosmos.base.v1beta1.coin_pb2 import Coin

from chain import auth
from chain.bank import keeper
from chain.bank.state import ARREARS, BALANCES, DENOMS, HOLDS, PARAMS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.state.paging import PAGE_MAX, get_page
from chain.runtime.tx import decode_address

HOLDS_ADDED_MAX = 10_000


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """The limits of holds."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def balance(
    ctx: Context, request: cosmos_query_pb2.QueryBalanceRequest
) -> cosmos_query_pb2.QueryBalanceResponse:
    """The balance of one denomination."""
    amount = keeper.get_balance(ctx, decode_address(request.address), request.denom)
    return cosmos_query_pb2.QueryBalanceResponse(
        balance=Coin(denom=request.denom, amount=str(amount))
    )


def all_balances(
    ctx: Context, request: cosmos_query_pb2.QueryAllBalancesRequest
) -> cosmos_query_pb2.QueryAllBalancesResponse:
    """Every balance of an address."""
    coins, page = _coins_of(ctx, request.address, request.pagination)
    return cosmos_query_pb2.QueryAllBalancesResponse(balances=coins, pagination=page)


def spendable_balances(
    ctx: Context, request: cosmos_query_pb2.QuerySpendableBalancesRequest
) -> cosmos_query_pb2.QuerySpendableBalancesResponse:
    """Every balance that can be spent now."""
    coins, page = _coins_of(ctx, request.address, request.pagination)
    return cosmos_query_pb2.QuerySpendableBalancesResponse(balances=coins, pagination=page)


def total_supply(
    ctx: Context, request: cosmos_query_pb2.QueryTotalSupplyRequest
) -> cosmos_query_pb2.QueryTotalSupplyResponse:
    """The supply of every denomination."""
    page, pagination = get_page(ctx, DENOMS, request.pagination)
    coins = [Coin(denom=denom, amount=str(info.supply)) for denom, info in page]
    return cosmos_query_pb2.QueryTotalSupplyResponse(supply=coins, pagination=pagination)


def supply_of(
    ctx: Context, request: cosmos_query_pb2.QuerySupplyOfRequest
) -> cosmos_query_pb2.QuerySupplyOfResponse:
    """The supply of one denomination."""
    info = DENOMS.get(ctx, request.denom)
    amount = str(info.supply if info else 0)
    return cosmos_query_pb2.QuerySupplyOfResponse(amount=Coin(denom=request.denom, amount=amount))


def denom_metadata(
    ctx: Context, request: cosmos_query_pb2.QueryDenomMetadataRequest
) -> cosmos_query_pb2.QueryDenomMetadataResponse:
    """How one denomination is shown to people."""
    info = keeper.require_denom(ctx, request.denom)
    metadata = _make_metadata(request.denom, info)
    return cosmos_query_pb2.QueryDenomMetadataResponse(metadata=metadata)


def denoms_metadata(
    ctx: Context, request: cosmos_query_pb2.QueryDenomsMetadataRequest
) -> cosmos_query_pb2.QueryDenomsMetadataResponse:
    """How every denomination is shown to people."""
    page, pagination = get_page(ctx, DENOMS, request.pagination)
    found = [_make_metadata(name, info) for name, info in page]
    return cosmos_query_pb2.QueryDenomsMetadataResponse(metadatas=found, pagination=pagination)


def denom(ctx: Context, request: query_pb2.QueryDenomRequest) -> query_pb2.QueryDenomResponse:
    """One denomination."""
    info = keeper.require_denom(ctx, request.denom)
    return query_pb2.QueryDenomResponse(denom=request.denom, info=info)


def denoms(ctx: Context, request: query_pb2.QueryDenomsRequest) -> query_pb2.QueryDenomsResponse:
    """All denominations."""
    page, pagination = get_page(ctx, DENOMS, request.pagination)
    entries = [query_pb2.QueryDenomResponse(denom=name, info=info) for name, info in page]
    return query_pb2.QueryDenomsResponse(denoms=entries, pagination=pagination)


def balances(
    ctx: Context, request: query_pb2.QueryBalancesRequest
) -> query_pb2.QueryBalancesResponse:
    """What an address has, free and on hold, per denomination, and whether that is all of it.
    Deposits count as on hold.
    """
    fee_denom = auth.get_params(ctx).fee_denom
    owner = decode_address(request.address)
    free, page = get_page(ctx, BALANCES.under(owner), PageRequest(limit=PAGE_MAX))
    partial = bool(page.next_key)
    held: dict[str, int] = {}
    for number, (_, hold) in enumerate(HOLDS.under(owner).items(ctx)):
        if number == HOLDS_ADDED_MAX:
            partial = True
            break
        held[hold.denom] = held.get(hold.denom, 0) + hold.amount
        if hold.deposit:
            held[fee_denom] = held.get(fee_denom, 0) + hold.deposit
    return query_pb2.QueryBalancesResponse(
        free=[Coin(denom=name, amount=str(amount)) for name, amount in free],
        held=[Coin(denom=name, amount=str(held[name])) for name in sorted(held)],
        partial=partial,
    )


def holds(ctx: Context, request: query_pb2.QueryHoldsRequest) -> query_pb2.QueryHoldsResponse:
    """The holds of an owner."""
    owner = decode_address(request.owner)
    page, pagination = get_page(ctx, HOLDS.under(owner), request.pagination)
    entries = [query_pb2.OwnedHold(hold_id=hold_id, hold=hold) for hold_id, hold in page]
    return query_pb2.QueryHoldsResponse(holds=entries, pagination=pagination)


def arrears(ctx: Context, request: query_pb2.QueryArrearsRequest) -> query_pb2.QueryArrearsResponse:
    """What accounts owe the default fund."""
    page, pagination = get_page(ctx, ARREARS, request.pagination)
    entries = [
        query_pb2.OwedArrears(debtor=bech32.encode(debtor), denom=denom, amount=amount)
        for (debtor, denom), amount in page
    ]
    return query_pb2.QueryArrearsResponse(arrears=entries, pagination=pagination)


def _coins_of(
    ctx: Context, address: str, pagination: PageRequest
) -> tuple[list[Coin], PageResponse]:
    page, response = get_page(ctx, BALANCES.under(decode_address(address)), pagination)
    return [Coin(denom=name, amount=str(amount)) for name, amount in page], response


def _make_metadata(name: str, info: state_pb2.Denom) -> cosmos_query_pb2.Metadata:
    """Without decimals there is one unit only, which cannot have two names."""
    units = [cosmos_query_pb2.DenomUnit(denom=name)]
    if info.decimals:
        units.append(cosmos_query_pb2.DenomUnit(denom=info.symbol, exponent=info.decimals))
    return cosmos_query_pb2.Metadata(
        denom_units=units,
        base=name,
        display=units[-1].denom,
        name=info.symbol,
        symbol=info.symbol,
    )
