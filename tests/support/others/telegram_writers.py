"""All telegrams that are written here, by name, with the format that they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import TelegramFormat

from tests.support.others import meter_telegrams as written
from tests.support.others import pushed_lists as pushed
from tests.support.others import wireless_telegrams as wireless

WRITERS: Mapping[str, tuple[TelegramFormat, Callable[..., bytes]]] = {
    "dsmr": (bridge_pb2.TELEGRAM_FORMAT_DSMR_P1, written.make_dsmr),
    "iec-62056-21": (bridge_pb2.TELEGRAM_FORMAT_IEC_62056_21, written.make_iec_62056_21),
    "dlms": (bridge_pb2.TELEGRAM_FORMAT_DLMS, written.make_dlms),
    "dlms-ciphered": (bridge_pb2.TELEGRAM_FORMAT_DLMS, written.make_dlms_ciphered),
    "dlms-wrapped": (bridge_pb2.TELEGRAM_FORMAT_DLMS, written.make_dlms_wrapped),
    "dlms-m-bus": (bridge_pb2.TELEGRAM_FORMAT_DLMS, pushed.make_dlms_m_bus),
    "dlms-blocks": (bridge_pb2.TELEGRAM_FORMAT_DLMS, pushed.make_dlms_blocks),
    "dlms-signed": (bridge_pb2.TELEGRAM_FORMAT_DLMS, pushed.make_dlms_signed),
    "dlms-kaifa": (bridge_pb2.TELEGRAM_FORMAT_DLMS, pushed.make_kaifa),
    "dlms-described": (bridge_pb2.TELEGRAM_FORMAT_DLMS, pushed.make_described),
    "dsmr-ciphered": (bridge_pb2.TELEGRAM_FORMAT_DLMS, written.make_dsmr_ciphered),
    "sml": (bridge_pb2.TELEGRAM_FORMAT_SML, written.make_sml),
    "sml-messages": (bridge_pb2.TELEGRAM_FORMAT_SML, written.make_sml_messages),
    "wmbus": (bridge_pb2.TELEGRAM_FORMAT_WMBUS, wireless.make_wmbus),
    "wmbus-cbc": (bridge_pb2.TELEGRAM_FORMAT_WMBUS, wireless.make_wmbus_cbc),
    "ieee-2030-5": (bridge_pb2.TELEGRAM_FORMAT_IEEE_2030_5, written.make_ieee_2030_5),
    "espi": (bridge_pb2.TELEGRAM_FORMAT_ESPI, written.make_espi),
    "cmep": (bridge_pb2.TELEGRAM_FORMAT_CMEP, written.make_cmep),
    "sense": (bridge_pb2.TELEGRAM_FORMAT_SENSE, written.make_sense),
    "n3rgy": (bridge_pb2.TELEGRAM_FORMAT_N3RGY, written.make_n3rgy),
    "ocmf": (bridge_pb2.TELEGRAM_FORMAT_OCMF, written.make_ocmf),
    "tasmota": (bridge_pb2.TELEGRAM_FORMAT_TASMOTA, written.make_tasmota),
}
# Formats in which no bit can be changed unnoticed.
PROTECTED = (
    "dsmr", "iec-62056-21", "dlms", "dlms-ciphered", "dlms-m-bus", "dlms-signed", "dlms-kaifa",
    "dlms-described", "sml", "sml-messages", "wmbus", "wmbus-cbc",
)  # fmt: skip
