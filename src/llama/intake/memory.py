"""What a run remembers of alerts beside its events: the numbers it gave, and retractions of what has not come yet."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from llama.engine.folder import Journal, Run, fsync_folder, settle, storage_errors
from llama.intake.numbering import FILENAME
from llama.intake.retraction import FOLDER as RETRACTIONS


def copy_memory(run: Run, into: Path) -> None:
    """A copy of it in another run's folder, whole or not at all; what is there by those names is replaced."""
    source, target = run.path / ".llama", into / ".llama"
    if not source.is_dir():
        return
    with storage_errors(into):
        target.mkdir(parents=True, exist_ok=True)
        with Journal(source).lock():
            if (source / FILENAME).exists():
                temporary = target / f".{secrets.token_hex(8)}"
                shutil.copyfile(source / FILENAME, temporary)
                settle(temporary)
                temporary.replace(target / FILENAME)
        if (run.path / RETRACTIONS).is_dir():
            shutil.copytree(run.path / RETRACTIONS, into / RETRACTIONS, dirs_exist_ok=True)
            for path in (into / RETRACTIONS).rglob("*"):
                if path.is_file():
                    settle(path)
        fsync_folder(target)
