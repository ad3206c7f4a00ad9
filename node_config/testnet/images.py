"""The images of a test network and how they are built.

The environment adapts a build to a company's network: BASE_IMAGE, PIP_INDEX_URL, GOPROXY,
GONOSUMDB, DEBIAN_MIRROR, and CA_BUNDLE, a file of certificates (else PIP_CERT is used).
COMETBFT names a CometBFT executable where Go modules are not available.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import text_output
from client.errors import MissingError
from node_config.cometbft.toolchain import require_release
from node_config.testnet.engine import Engine, EngineError, run

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parent.parent
DOCKERFILE = FOLDER / "image" / "Dockerfile"
PULLED_BASE, MADE_BASE = "debian:bookworm-slim", "blockenergy/base:bookworm"
_TARGETS = ("validator", "testnet", "dashboard", "prometheus")
IMAGES = {name: f"blockenergy/{name}" for name in _TARGETS}
GRAFANA = "grafana/grafana:12.0.0"
PASSED_ON = ("PIP_INDEX_URL", "GOPROXY", "GONOSUMDB", "DEBIAN_MIRROR")
BASE_DEADLINE_S = 1800.0


def build(engine: Engine, output: IO[bytes] | None = None) -> None:
    """Builds all images, using the engine's cache.

    Raises MissingError without a checkout, and EngineError.
    """
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise MissingError("images are built in a checkout of the project")
    base = require_base(engine, output)
    arguments = [*make_arguments(base), "--file", str(DOCKERFILE)]
    for target, image in IMAGES.items():
        engine.build(CHECKOUT, [*arguments, "--target", target, "--tag", image], output)


def require_base(engine: Engine, output: IO[bytes] | None = None) -> str:
    """The base image: BASE_IMAGE, else Debian's, else one built here from Debian packages."""
    named = os.environ.get("BASE_IMAGE")
    if named:
        return named
    for image in (MADE_BASE, PULLED_BASE):
        if engine.has_image(image):
            return image
    if engine.pull(PULLED_BASE):
        return PULLED_BASE
    script = FOLDER / "image" / "base-image.sh"
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise EngineError(
            f"{PULLED_BASE} cannot be pulled; install debootstrap and make a base image with "
            f"`sudo sh {script}`, or name another one with BASE_IMAGE"
        )
    text_output.complain(f"{PULLED_BASE} cannot be pulled; making {MADE_BASE} from packages")
    environment = {"DOCKER": engine.docker}
    run(["sh", str(script), MADE_BASE], BASE_DEADLINE_S, environment, output)
    return MADE_BASE


def make_arguments(base: str) -> list[str]:
    """The build arguments of the Dockerfile."""
    arguments = ["--build-arg", f"BASE_IMAGE={base}"]
    for name in PASSED_ON:
        if os.environ.get(name):
            arguments += ["--build-arg", f"{name}={os.environ[name]}"]
    certificates = os.environ.get("CA_BUNDLE") or os.environ.get("PIP_CERT")
    if certificates:
        arguments += ["--secret", f"id=ca,src={certificates}"]
    return [*arguments, *_take_given_cometbft()]


def _take_given_cometbft() -> Iterator[str]:
    """Copies the CometBFT that $COMETBFT names to where the Dockerfile expects it."""
    given = os.environ.get("COMETBFT")
    if given:
        target = CHECKOUT / "dist" / "cometbft"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(require_release(given), target)
        yield from ("--build-arg", "COMETBFT=given")
