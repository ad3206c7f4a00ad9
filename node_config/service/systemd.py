"""Puts units where systemd finds them, starts and stops them, and takes them away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client.errors import ClientError, MissingError, UsageError

SYSTEM_FOLDER = Path("/etc/systemd/system")
DEADLINE_S = 120.0
# Present while systemd manages this machine: sd_booted(3).
BOOTED = Path("/run/systemd/system")
_WORKING_DIRECTORY = re.compile(r"^WorkingDirectory=(.*)$", re.MULTILINE)


class SystemdError(ClientError):
    """systemctl has failed; the text ends with what it said."""


@dataclass(frozen=True, slots=True)
class Manager:
    """The system's manager, or that of the user who runs this."""

    is_user: bool

    @property
    def folder(self) -> Path:
        """Where an administrator, or a user, puts units."""
        if not self.is_user:
            return SYSTEM_FOLDER
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(config) / "systemd" / "user"

    @property
    def command(self) -> list[str]:
        """The program systemctl for this manager."""
        return ["systemctl", *(["--user"] if self.is_user else [])]

    def require_usable(self) -> None:
        """Raises MissingError without systemd, UsageError without the rights for it."""
        if shutil.which("systemctl") is None or not BOOTED.is_dir():
            raise MissingError("systemd does not run on this machine; --dry-run prints the units")
        if not self.is_user and os.geteuid() != 0:
            raise UsageError(
                "only root installs services of the system; use sudo, or --user for your own"
            )

    def install(self, units: Mapping[str, str]) -> None:
        """Writes the units and starts the first of them, now and at every boot.

        Raises UsageError if one of them is there for another folder, and SystemdError.
        """
        for name, text in units.items():
            self._require_same_folder(self.folder / name, text)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in units.items():
            draft = self.folder / f".{name}.draft"
            draft.write_text(text)
            draft.chmod(0o644)
            draft.replace(self.folder / name)
        self._call("daemon-reload")
        first = next(iter(units))
        self._call("enable", first)
        self._call("restart", first)

    def uninstall(self, names: Sequence[str]) -> list[Path]:
        """Stops the units, in order, and removes them; returns what was removed."""
        found = [self.folder / name for name in names if (self.folder / name).exists()]
        if found:
            self._call("disable", "--now", found[0].name)
            for path in found:
                path.unlink()
            self._call("daemon-reload")
        return found

    def _call(self, *arguments: str) -> None:
        try:
            subprocess.run(
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip() or f"exit status {error.returncode}"
            raise SystemdError(f"{' '.join(map(str, error.cmd))} failed: {said}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SystemdError(f"systemctl {' '.join(arguments)} failed: {error}") from error

    @staticmethod
    def _require_same_folder(path: Path, text: str) -> None:
        known = _WORKING_DIRECTORY.findall(path.read_text()) if path.exists() else []
        if known and known != _WORKING_DIRECTORY.findall(text):
            raise UsageError(
                f"{path} runs the folder {known[0]}; remove that first, with: "
                "blockenergy service uninstall"
            )
