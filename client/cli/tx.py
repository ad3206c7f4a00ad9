"""`blockenergy tx <module> <message>`: a command for every rpc of a Msg service.

The message is built from the options, shown for confirmation, signed with the key given by --from,
sent, and waited for. The message's signer field is set to the address of that key.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from blockenergy.options.v1 import options_pb2 as options
from blockenergy.registry.v1.role_pb2 import Role
from cosmos.authz.v1beta1.tx_pb2 import MsgExec
from google.protobuf.message import Message

import text_output
from chain.runtime.gas import get_message_gas
from client.account import Signer, TxOutcome
from client.catalog import Operation, get_messages
from client.cli import display
from client.cli.common import (
    Command,
    add_chain_id_option,
    add_commands,
    add_keyring_option,
    add_node_option,
    add_output_option,
    get_address,
    get_shown_denoms,
    make_lookups,
    show_values,
)
from client.cli.fields import add_options, build_message
from client.cli.outcomes import (
    format_order,
    get_exit_code,
    message_to_dict,
    order_to_dict,
)
from client.cli.prompts import YES_VARIABLE, ask_passphrase, confirm
from client.cli.values import COIN_EXAMPLE, Lookups, parse_coins
from client.cost import GasPrice, Wish
from client.definitions import (
    get_first_sentence,
    get_roles,
    get_short_name,
    get_signer,
    to_kebab_case,
)
from client.errors import UsageError
from client.node import chain_pin
from client.node.rpc import Rpc
from client.orders import OrderState, follow_orders
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from client.signing.tx import pack
from client.units import parse, parse_decimal
from client.watch import decode_events

_GAS_PRICE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z][A-Za-z0-9/:._-]*)", re.ASCII)


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds a command per module, with a subcommand per message."""
    add_commands(
        parser,
        {
            module: Command(", ".join(operations), "", partial(_fill_module, operations))
            for module, operations in get_messages().items()
        },
    )


def describe_signer(operation: Operation) -> str:
    """Who signs the message, as a sentence."""
    values = Role.DESCRIPTOR.values_by_number
    roles = [get_short_name(values[number]) for number in get_roles(operation.request)]
    signer = get_signer(operation.request).replace("_", " ")
    return f"The {signer} signs" + (f", as a {' or '.join(roles)}." if roles else ".")


def describe_gas(operation: Operation) -> str:
    """The gas that the message takes, as a sentence."""
    gas = get_message_gas(operation.request)
    parts = [f"{gas.own:,}"]
    parts += [f"{each:,} for each of {to_kebab_case(name)}" for name, each in gas.lists]
    parts += [f"{each:,} with {to_kebab_case(name)}" for name, each in gas.fields]
    return f"Gas: {', and '.join(parts)}."


def _fill_module(operations: dict[str, Operation], parser: argparse.ArgumentParser) -> None:
    add_commands(
        parser,
        {
            name: Command(
                get_first_sentence(operation.comment),
                f"{operation.comment} {describe_signer(operation)} {describe_gas(operation)}",
                partial(_fill_message, operation),
            )
            for name, operation in operations.items()
        },
    )


def _fill_message(operation: Operation, parser: argparse.ArgumentParser) -> None:
    add_options(parser, operation.request, required=True)
    add_sending_options(parser)
    parser.set_defaults(run=partial(_run, operation))


def add_sending_options(parser: argparse.ArgumentParser) -> None:
    """The options that `send` needs."""
    group = parser.add_argument_group("signing and sending")
    group.add_argument(
        "--from", dest="key", metavar="KEY", required=True, help="name of the signing key"
    )
    group.add_argument(
        "--fees", metavar="COINS", help=f"{COIN_EXAMPLE} (default: gas limit times gas price)"
    )
    group.add_argument(
        "--gas", metavar="NUMBER", help="gas limit (default: what the transaction takes)"
    )
    group.add_argument(
        "--gas-prices",
        metavar="PRICE",
        help="per unit of gas, such as 0.00005ueur (default: the chain's minimum)",
    )
    group.add_argument(
        "--granter",
        metavar="ADDRESS",
        help="send it for this account, which has given the key the right to it",
    )
    group.add_argument(
        "--fee-granter", metavar="ADDRESS", help="account whose allowance pays the fee"
    )
    group.add_argument(
        "--memo", metavar="TEXT", default="", help="a note stored with the transaction"
    )
    add_chain_id_option(group)
    group.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="wait for the block, and say what became of an order (default: wait)",
    )
    group.add_argument(
        "--yes", action="store_true", help=f"send without confirmation (also ${YES_VARIABLE}=1)"
    )
    add_node_option(parser)
    add_keyring_option(parser)
    add_output_option(parser)


def _run(operation: Operation, args: argparse.Namespace) -> int:
    return send(args, lambda lookups: build_message(operation.request, args, lookups))


def send(args: argparse.Namespace, make_message: Callable[[Lookups], Message]) -> int:
    """Signs and sends a message, whose signer field is set here; returns the exit code."""
    rpc, keyring = Rpc(args.node), Keyring(args.keyring)
    lookups = make_lookups(rpc, keyring)
    address = get_signer_address(keyring, args.key)
    granter = get_address(keyring, args.granter) if args.granter else ""
    fee_granter = get_address(keyring, args.fee_granter) if args.fee_granter else ""
    chain_id = chain_pin.choose(keyring.folder, args.chain_id)
    message = make_message(lookups)
    descriptor: Any = message.DESCRIPTOR
    setattr(message, get_signer(descriptor), granter or address)
    if granter:
        message = MsgExec(grantee=address, msgs=[pack(message)])
    wish = _parse_cost(args, lookups)
    if not args.yes:
        confirm(message)
    key = keyring.load(args.key, ask_passphrase)
    assert isinstance(key, AccountKey), "checked by get_signer_address"
    _require_chain(rpc, keyring, chain_id)
    signer = Signer(
        rpc,
        key,
        chain_id=chain_id,
        fee=wish.fee,
        gas_limit=wish.gas_limit,
        gas_price=wish.gas_price,
        fee_granter=fee_granter,
    )
    outcome = signer.send([message], wait=args.wait, memo=args.memo).require_ok()
    return _show_outcome(args, rpc, outcome)


def _require_chain(rpc: Rpc, keyring: Keyring, chain_id: str) -> None:
    """Raises UsageError if the node is on another chain; pins the first one that is signed for."""
    claimed = rpc.status().chain_id
    if claimed != chain_id:
        raise UsageError(
            f"the node at {rpc.node} is on chain {claimed}, not on {chain_id}; check --node, or "
            "--chain-id if you know that the chain is another one"
        )
    if not chain_pin.read_pin(keyring.folder):
        chain_pin.pin(keyring.folder, chain_id)


def get_signer_address(keyring: Keyring, name: str) -> str:
    """The address of a signing key, which must be in the keyring."""
    info = keyring.get(name)
    if info.key_type != AccountKey.key_type:
        raise UsageError(
            f"--from: {name} is a {info.key_type} key; transactions are signed with account keys"
        )
    return info.address


def _parse_cost(args: argparse.Namespace, lookups: Lookups) -> Wish:
    if args.fees and args.gas_prices:
        raise UsageError("--fees and --gas-prices: give one of them")
    try:
        return Wish(
            gas_limit=parse(options.UNIT_NONE, args.gas) if args.gas else 0,
            fee=parse_coins(args.fees, lookups) if args.fees else None,
            gas_price=parse_gas_price(args.gas_prices) if args.gas_prices else None,
        )
    except UsageError as error:
        raise UsageError(f"--gas, --fees or --gas-prices: {error}") from None


def parse_gas_price(text: str) -> GasPrice:
    """The price of `0.00005ueur`."""
    found = _GAS_PRICE.fullmatch(text)
    micro = parse_decimal(found[1], 6) if found else None
    if found is None or micro is None:
        raise UsageError(f"{text[:100]!r} is not a price such as 0.00005ueur, max six decimals")
    return GasPrice(micro, found[2])


def _show_outcome(args: argparse.Namespace, rpc: Rpc, outcome: TxOutcome) -> int:
    """Prints the result, and what became of the orders in it; returns the exit code."""
    events = decode_events(outcome.events)
    if args.output == "json":
        orders = follow_orders(rpc, events, outcome.height)
        text_output.say(text_output.to_json(_to_dict(outcome, events, orders)))
        return get_exit_code(orders)
    values: dict[str, object] = {"hash": outcome.hash.hex().upper()}
    if outcome.height:
        values |= {"height": outcome.height, "gas_used": outcome.gas_used}
    else:
        values["status"] = "sent; see blockenergy query tx HASH"
    show_values(args, values)
    orders = follow_orders(rpc, events, outcome.height)
    for order in orders:
        text_output.say(f"\n{format_order(order)}")
    for response in outcome.responses:
        if response.DESCRIPTOR.fields and not orders:
            denoms = get_shown_denoms(rpc, [response])
            text_output.say(display.to_text(response, denoms, text_output.get_width()))
    return get_exit_code(orders)


def _to_dict(
    outcome: TxOutcome, events: Sequence[Message], orders: Sequence[OrderState]
) -> dict[str, object]:
    return {
        "hash": outcome.hash.hex().upper(),
        "height": str(outcome.height),
        "code": outcome.code,
        "codespace": outcome.codespace,
        "log": outcome.log,
        "gas_used": str(outcome.gas_used),
        "responses": [display.to_dict(response) for response in outcome.responses],
        "events": [message_to_dict(event) for event in events],
        "orders": [order_to_dict(order) for order in orders],
    }
