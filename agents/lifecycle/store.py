"""Models on disk: a folder by hash with LightGBM's texts and a manifest, and who is the champion.

STORE/models/HASH/{manifest.json,0.txt,...}
STORE/champions.json      the hashes that were promoted, the last is the champion
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agents.lifecycle.model import FORMAT, TARGETS, Model
from client.errors import MissingError, NotFoundError, UsageError

HASH_CHARACTERS_MIN = 4


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of models; it is made when the first is added."""

    folder: Path

    def add(self, model: Model) -> str:
        """Writes a model whole or not at all; returns its hash. One that is there stays."""
        target = self._models / model.hash
        if target.is_dir():
            return model.hash
        try:
            self._models.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=".new-", dir=self._models))
            for number, text in enumerate(model.texts):
                (made / f"{number}.txt").write_text(text, encoding="utf-8")
            (made / "manifest.json").write_text(_to_json(model.manifest), encoding="utf-8")
            made.chmod(0o755)
            try:
                made.rename(target)
            except OSError:
                # Somebody else wrote the same model at the same time.
                shutil.rmtree(made)
        except OSError as error:
            raise MissingError(f"{self.folder}: {error.strerror}") from None
        return model.hash

    def list_hashes(self) -> list[str]:
        """All models, by hash."""
        if not self._models.is_dir():
            return []
        return sorted(path.name for path in self._models.iterdir() if path.name[:1] != ".")

    def find(self, beginning: str) -> str:
        """The hash that begins so; raises NotFoundError or UsageError."""
        found = [one for one in self.list_hashes() if one.startswith(beginning.lower())]
        if len(beginning) < HASH_CHARACTERS_MIN or len(found) > 1:
            raise UsageError(f"{beginning} does not name one model; give more of its hash")
        if not found:
            raise NotFoundError(f"there is no model {beginning} in {self.folder}")
        return found[0]

    def read(self, model_hash: str) -> Model:
        """A model; raises MissingError if its files are not what the hash says."""
        folder = self._models / model_hash
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            paths = [folder / f"{number}.txt" for number in range(len(TARGETS))]
            model = Model(tuple(path.read_text(encoding="utf-8") for path in paths), manifest)
        except (OSError, ValueError):
            raise MissingError(f"{folder} is no model that can be read") from None
        if model.hash != model_hash or manifest.get("format") != FORMAT:
            raise MissingError(f"{folder} was changed: its content has another hash")
        return model

    def get_champion(self) -> str | None:
        """The hash of the model that is in use; None before the first was promoted."""
        champions = self._read_champions()
        return champions[-1] if champions else None

    def promote(self, model_hash: str) -> None:
        """Makes a model the champion."""
        self._write_champions([*self._read_champions(), model_hash])

    def roll_back(self) -> str:
        """Takes the last promotion back; returns the champion before it."""
        champions = self._read_champions()
        if len(champions) < 2:
            raise NotFoundError(f"{self.folder} has no champion before the present one")
        self._write_champions(champions[:-1])
        return champions[-2]

    @property
    def _models(self) -> Path:
        return self.folder / "models"

    @property
    def _path(self) -> Path:
        return self.folder / "champions.json"

    def _read_champions(self) -> list[str]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            raise MissingError(f"{self._path} cannot be read") from None
        if not isinstance(known, list) or not all(isinstance(one, str) for one in known):
            raise MissingError(f"{self._path} is not a list of hashes")
        return known

    def _write_champions(self, champions: list[str]) -> None:
        new = self._path.with_suffix(".new")
        try:
            with new.open("w", encoding="utf-8") as file:
                file.write(_to_json(champions))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise MissingError(f"{self._path}: {error.strerror}") from None


def _to_json(content: object) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"
