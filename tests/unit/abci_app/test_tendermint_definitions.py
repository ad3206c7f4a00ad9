"""Our definitions of CometBFT's messages against the ones in CometBFT's own source."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
OURS = ROOT / "proto"
FILES = sorted(path.relative_to(OURS).as_posix() for path in OURS.glob("tendermint/**/*.proto"))
GO_DEADLINE_S = 60


@pytest.fixture(scope="module")
def sources() -> list[Path]:
    """The folders with CometBFT's definitions and with those they import."""
    comet = find_go_module("github.com/cometbft/cometbft")
    return [comet / "proto", find_go_module("github.com/cosmos/gogoproto")]


def find_go_module(name: str) -> Path:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    found = subprocess.run(
        ["go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", name],
        cwd=ROOT / "node_config" / "cometbft",
        capture_output=True,
        text=True,
        timeout=GO_DEADLINE_S,
        check=False,
    )
    folder = Path(found.stdout.strip())
    if not found.stdout.strip() or not folder.is_dir():
        pytest.skip(f"Go has not downloaded {name}")
    return folder


def test_there_is_something_to_compare() -> None:
    assert "tendermint/abci/types.proto" in FILES


@pytest.mark.parametrize("name", FILES)
def test_names_numbers_and_types_are_those_of_cometbft(
    name: str, sources: list[Path], tmp_path: Path
) -> None:
    ours = compile_definition(name, [OURS], tmp_path / "ours")
    theirs = compile_definition(name, sources, tmp_path / "theirs")
    keep_what_is_ours(theirs, ours)
    assert ours == theirs


def keep_what_is_ours(theirs: FileDescriptorProto, ours: FileDescriptorProto) -> None:
    """Leaves out messages and enums that we do not have, and fields that ours only reserve."""
    known = {message.name: message for message in ours.message_type}
    messages = [message for message in theirs.message_type if message.name in known]
    for message in messages:
        mine = known[message.name]
        numbers = {n for gap in mine.reserved_range for n in range(gap.start, gap.end)}
        fields = [field for field in message.field if field.number not in numbers]
        if len(fields) < len(message.field):
            del message.field[:]
            message.field.extend(fields)
            mine.ClearField("reserved_range")
    enums = [enum for enum in theirs.enum_type if enum.name in {own.name for own in ours.enum_type}]
    del theirs.message_type[:], theirs.enum_type[:]
    theirs.message_type.extend(messages)
    theirs.enum_type.extend(enums)


def compile_definition(name: str, folders: Sequence[Path], output: Path) -> FileDescriptorProto:
    """Compiles one definition and leaves out what does not reach the wire."""
    include = [f"-I{folder}" for folder in folders]
    assert protoc.main(["protoc", *include, f"-I{find_well_known()}", f"-o{output}", name]) == 0
    (definition,) = FileDescriptorSet.FromString(output.read_bytes()).file
    definition.ClearField("options")
    definition.ClearField("dependency")
    for message in definition.message_type:
        strip_message(message)
    for enum in definition.enum_type:
        strip_enum(enum)
    return definition


def find_well_known() -> Path:
    return Path(protoc.__file__).parent / "_proto"


def strip_message(message: DescriptorProto) -> None:
    message.ClearField("options")
    for field in message.field:
        field.ClearField("options")
    for nested in message.nested_type:
        strip_message(nested)
    for enum in message.enum_type:
        strip_enum(enum)


def strip_enum(enum: EnumDescriptorProto) -> None:
    enum.ClearField("options")
    for value in enum.value:
        value.ClearField("options")
