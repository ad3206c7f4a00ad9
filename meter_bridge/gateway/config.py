"""The configuration of a gateway: one TOML file, read strictly.

home = "/var/lib/gateway"      readings that wait, and what has to survive a restart
bridge = "127.0.0.1:26690"     or a table with home, key and node, to run one in this process
chain_id = "street-1"          what readings are signed for; else what is pinned beside the keys

[[meter]]
id = "HOME-07"                 as registered on the chain
key = "home-07"                in the keyring, or a file
format = "sml"
source = { type = "serial", device = "/dev/ttyUSB0", baud = 9600 }
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from blockenergy.bridge.v1.bridge_pb2 import TelegramFormat

from client.errors import UsageError
from client.files.bounded import read_text
from meter_bridge.client.parse import FORMAT_NAMES
from meter_bridge.formats.telegram import METER_ID, METER_ID_FORM
from meter_bridge.sources import SOURCES, Source

FILE_BYTES_MAX = 4 * 1024 * 1024
METERS_MAX = 10_000
# Each has a thread of its own.
SOURCES_MAX = 500
OFFSET_MAX_S = 14 * 3600
T = TypeVar("T")


@dataclass(frozen=True)
class OwnBridge:
    """A bridge that runs in the gateway's own process."""

    home: Path
    key: str
    node: str


@dataclass(frozen=True)
class MeterConfig:
    """One meter."""

    id: str
    key: str
    format: str
    source: dict[str, Any]
    # What the meter calls itself, if its source has telegrams of several meters.
    serial: str = ""
    # Offsets of the meter's clock from UTC in seconds, in winter and in summer.
    utc_offsets: list[int] = field(default_factory=lambda: [3600, 7200])
    # Telegrams without any check of their own, from a source that cannot stand in for one.
    accept_unprotected: bool = False
    # Keys that open or verify telegrams: names in the keyring, or files.
    encryption_key: str = ""
    authentication_key: str = ""
    master_key: str = ""
    public_key: str = ""
    # What a value without a name is.
    obis: str = ""
    # Where registers start that are summed up from intervals or power.
    initial_import_wh: int = 0
    initial_export_wh: int = 0

    @property
    def format_id(self) -> TelegramFormat:
        """The format as the table of formats has it."""
        return FORMAT_NAMES[self.format]


@dataclass(frozen=True)
class TlsConfig:
    """Files of a connection to a bridge on another machine."""

    cert: Path
    key: Path
    ca: Path


@dataclass(frozen=True)
class GatewayConfig:
    """A gateway."""

    home: Path
    meter: list[dict[str, Any]]
    bridge: dict[str, Any] | str = "127.0.0.1:26690"
    tls: dict[str, Any] | None = None
    chain_id: str = ""
    keyring: Path | None = None
    # Of the chain; learnt from the bridge if it is not given.
    slot_length_s: int = 0
    # Max seconds off the end of a slot; 0 for a tenth of it, max 60.
    tolerance_s: int = 0
    # Readings that wait for the bridge at most; a meter makes 2,688 in four weeks.
    waiting_max: int = 1_000_000
    # How long telegrams of sent readings are kept, for disputes.
    raw_days: int = 35


@dataclass(frozen=True)
class Gateway:
    """A whole configuration, checked."""

    options: GatewayConfig
    meters: tuple[tuple[MeterConfig, Source], ...]
    own_bridge: OwnBridge | None
    tls: TlsConfig | None


def load(path: Path) -> Gateway:
    """Reads and checks a file. Errors: MissingError, UsageError with a sentence."""
    try:
        document = tomllib.loads(read_text(path, FILE_BYTES_MAX))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    return check(document, path.parent)


def check(document: Mapping[str, Any], folder: Path) -> Gateway:
    """Checks a document; its paths are relative to `folder`. Errors: UsageError."""
    options = take(GatewayConfig, document, "the file", folder)
    if not 1 <= len(options.meter) <= METERS_MAX:
        raise UsageError(f"the file has {len(options.meter)} meters, not 1 to {METERS_MAX}")
    if options.slot_length_s < 0 or options.tolerance_s < 0 or options.waiting_max < 1:
        raise UsageError("slot_length_s, tolerance_s and waiting_max are not negative")
    meters = tuple(
        check_meter(one, f"meter {place}", folder)
        for place, one in enumerate(options.meter, start=1)
    )
    counts = Counter(meter.id for meter, _ in meters)
    if repeated := next((one for one, count in counts.items() if count > 1), ""):
        raise UsageError(f"meter {repeated} has several tables; a meter has one source")
    if len({source for _, source in meters}) > SOURCES_MAX:
        raise UsageError(
            f"the meters have more than {SOURCES_MAX} different sources; run several gateways"
        )
    own = options.bridge
    return Gateway(
        options,
        meters,
        take(OwnBridge, own, "bridge", folder) if isinstance(own, dict) else None,
        take(TlsConfig, options.tls, "tls", folder) if options.tls is not None else None,
    )


def check_meter(document: Any, place: str, folder: Path) -> tuple[MeterConfig, Source]:
    """One meter and its source. Errors: UsageError."""
    meter = take(MeterConfig, document, place, folder)
    if METER_ID.fullmatch(meter.id) is None:
        raise UsageError(f"{place}: {meter.id!r} is not a meter id ({METER_ID_FORM})")
    place = f"meter {meter.id}"
    if meter.format not in FORMAT_NAMES:
        raise UsageError(f"{place}: format is one of {', '.join(FORMAT_NAMES)}")
    offsets = meter.utc_offsets
    if len(offsets) != 2 or max(map(abs, offsets)) > OFFSET_MAX_S:
        raise UsageError(f"{place}: utc_offsets are two offsets such as [3600, 7200]")
    if min(meter.initial_import_wh, meter.initial_export_wh) < 0:
        raise UsageError(f"{place}: registers do not start below zero")
    given = dict(meter.source)
    kind = SOURCES.get(given.pop("type", ""))
    if kind is None:
        raise UsageError(f"{place}: the type of its source is one of {', '.join(SOURCES)}")
    source = take(kind, given, f"{place}: source", folder)
    try:
        source.validate()
    except ValueError as error:
        raise UsageError(f"{place}: source: {error}") from error
    return meter, source


def take(kind: type[T], document: Any, place: str, folder: Path) -> T:
    """A dataclass from a table with its fields. Errors: UsageError names what is wrong with it."""
    if not isinstance(document, dict):
        raise UsageError(f"{place} is not a table")
    hints = get_type_hints(kind)
    fields = {one.name: one for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(document.keys() - fields.keys()):
        raise UsageError(f"{place}: {unknown[0]} is unknown; there are {', '.join(fields)}")
    required = [
        name
        for name, one in fields.items()
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    ]
    if missing := [name for name in required if name not in document]:
        raise UsageError(f"{place}: {missing[0]} is missing")
    values = {
        name: convert(hints[name], value, f"{place}: {name}", folder)
        for name, value in document.items()
    }
    return kind(**values)


def convert(hint: Any, value: Any, place: str, folder: Path) -> Any:
    """A value of TOML as a field needs it. Errors: UsageError."""
    choices = get_args(hint) if get_origin(hint) is UnionType or isinstance(hint, UnionType) else ()
    kinds = {get_origin(one) or one for one in choices or (hint,)}
    if Path in kinds and isinstance(value, str):
        return folder / value
    if isinstance(value, bool) and bool not in kinds:
        raise UsageError(f"{place} is not true or false")
    if not isinstance(value, tuple(kinds - {Path})):
        names = {str: "a text", int: "a whole number", bool: "true or false", list: "a list"}
        wanted = " or ".join(names.get(one, "a table") for one in kinds if one is not type(None))
        raise UsageError(f"{place} is not {wanted}")
    return value
