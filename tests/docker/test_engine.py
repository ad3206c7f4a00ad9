"""Which client is taken, and what is said where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node_config.testnet.engine import EngineError, find_client, run

# Commands that answer as Docker's client does.
TOO_NEW = 'test "$1" = version && echo 28.2.2'
WITH_PLUGIN = f'{TOO_NEW} || test "$1" = buildx'
OLD = 'test "$1" = version && echo 20.10.24'
WITHOUT_ENGINE = "echo 'Cannot connect to the Docker daemon.' >&2; exit 1"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DOCKER", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in "abc"))
    return tmp_path


def put(path: Path, folder: str, script: str) -> str:
    file = path / folder / "docker"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("script", [OLD, WITH_PLUGIN])
def test_a_client_that_can_build_is_taken(path: Path, script: str) -> None:
    expected = put(path, "b", script)
    assert find_client() == expected


def test_a_client_without_its_plugin_is_passed_over(path: Path) -> None:
    put(path, "a", TOO_NEW)
    expected = put(path, "b", OLD)
    assert find_client() == expected


def test_the_client_that_is_named_is_the_only_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, "b", OLD)
    monkeypatch.setenv("DOCKER", put(path, "a", TOO_NEW))
    with pytest.raises(EngineError, match="a/docker cannot build with BuildKit; install"):
        find_client()


def test_no_client_and_no_engine_are_sentences(path: Path) -> None:
    with pytest.raises(EngineError, match="there is no docker command; install Docker"):
        find_client()
    put(path, "a", WITHOUT_ENGINE)
    with pytest.raises(EngineError, match="Cannot connect to the Docker daemon"):
        find_client()


def test_a_command_that_hangs_is_given_up() -> None:
    with pytest.raises(EngineError, match=r"`sleep 60` has not ended after 0\.1 s"):
        run(["sleep", "60"], deadline_s=0.1)
