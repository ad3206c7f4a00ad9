"""The Docker engine of this machine, used by its command line.

Promise: what fails is an EngineError of one sentence, with what the command itself said behind it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from client.errors import ClientError

CLIENT_VARIABLE = "DOCKER"
ANSWER_DEADLINE_S = 30.0
COMMAND_DEADLINE_S = 300.0
BUILD_DEADLINE_S, PULL_DEADLINE_S = 3600.0, 1800.0
# Up to this version a client has BuildKit built in; later ones need a plugin.
LAST_WITH_BUILDKIT = 22


class EngineError(ClientError):
    """There is no engine, or a command failed."""

    exit_code = 3


class Engine:
    """Docker on this machine: raises EngineError if there is no client, or no engine responds."""

    def __init__(self) -> None:
        self.docker = find_client()
        self.compose = self._find_compose()

    def run(
        self,
        *arguments: str,
        deadline_s: float = COMMAND_DEADLINE_S,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """The output of `docker ARGUMENTS`."""
        return run([self.docker, *arguments], deadline_s, environment)

    def has_image(self, image: str) -> bool:
        """Whether the engine has an image."""
        return succeeds([self.docker, "image", "inspect", image])

    def pull(self, image: str) -> bool:
        """Whether the engine has an image or could pull it."""
        return self.has_image(image) or succeeds([self.docker, "pull", image], PULL_DEADLINE_S)

    def build(
        self, folder: Path, arguments: Sequence[str], output: IO[bytes] | None = None
    ) -> None:
        """Builds with BuildKit, which secrets require; `output` receives its output."""
        command = [self.docker, "build", "--progress", "plain", *arguments, str(folder)]
        environment = {"DOCKER_BUILDKIT": "1"}
        run(command, BUILD_DEADLINE_S, environment, output)

    def _find_compose(self) -> list[str]:
        for command in ([self.docker, "compose"], ["docker-compose"]):
            if shutil.which(command[0]) and succeeds([*command, "version"]):
                return command
        raise EngineError("docker compose is missing; install it, 1.29 or newer")


def find_client() -> str:
    """The first client that reaches an engine and can build: $DOCKER, or from the PATH."""
    named = os.environ.get(CLIENT_VARIABLE)
    problem = "there is no docker command; install Docker, or name one with DOCKER=/path/to/docker"
    for client in [named] if named else _list_clients():
        try:
            version = run([client, "version", "--format", "{{.Client.Version}}"], ANSWER_DEADLINE_S)
        except EngineError as error:
            problem = error.sentence
            continue
        major = version.strip().partition(".")[0]
        if (major.isdigit() and int(major) <= LAST_WITH_BUILDKIT) or succeeds(
            [client, "buildx", "version"]
        ):
            return client
        problem = f"{client} cannot build with BuildKit; install its plugin buildx"
    raise EngineError(problem)


def run(
    command: Sequence[str],
    deadline_s: float = COMMAND_DEADLINE_S,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> str:
    """The output of a command, unless it goes to `output`; raises EngineError if it fails."""
    shown = " ".join(command[:3])
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=output or subprocess.PIPE,
            timeout=deadline_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"`{shown}` has not ended after {deadline_s:g} s") from error
    except OSError as error:
        raise EngineError(f"{command[0]} does not run: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or b"").decode(errors="replace").strip().splitlines()
        raise EngineError(f"`{shown}` failed: {said[-1] if said else 'see above'}")
    return (done.stdout or b"").decode(errors="replace")


def succeeds(command: Sequence[str], deadline_s: float = ANSWER_DEADLINE_S) -> bool:
    """Whether a command succeeds."""
    try:
        run(command, deadline_s)
    except EngineError:
        return False
    return True


def _list_clients() -> Iterator[str]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / "docker"
        if os.access(path, os.X_OK) and path.is_file():
            yield str(path)
