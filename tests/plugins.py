"""Packages on how-to pages: put where Python finds them with the metadata that pip would write, or given to pip."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: str) -> list[tuple[str, str]]:
    """The kind and the text of every block of code on a page of the guides."""
    return re.findall(r"```(\w+)\n(.*?)```", _text(page), flags=re.DOTALL)


def _text(page: str) -> str:
    return (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")


def written(page: str, site: Path) -> None:
    """The page's files under `site`, installed."""
    for _, text in blocks(page):
        if named := re.match(r"# (\S+)\n", text):
            (site / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (site / named[1]).write_text(text, encoding="utf-8")
    project = tomllib.loads((site / "pyproject.toml").read_text())["project"]
    register(site, project["name"], project["entry-points"])


def register(site: Path, name: str, entries: dict[str, dict[str, str]]) -> None:
    """The metadata of a package with these entry points, by group and name."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_entry_points(entries))


def _entry_points(entries: dict[str, dict[str, str]]) -> str:
    lines = [
        line
        for group, found in entries.items()
        for line in (f"[{group}]", *(f"{key} = {where}" for key, where in found.items()))
    ]
    return "\n".join(lines) + "\n"


def pip_installed(page: str, folder: Path) -> Path:
    """Where pip has put the page's package, which it is given as a wheel; nothing is fetched and nothing built.

    What builds packages need not be on this machine, so the wheel is packed here as hatchling would: the metadata of
    the page's pyproject.toml, and all files of the package.
    """
    project = folder / "project"
    written(page, project)
    for place, text in re.findall(r"travels with the package, `(\S+)`:\n\n```json\n(.*?)```", _text(page), re.DOTALL):
        (project / place).write_text(text, encoding="utf-8")
    site = folder / "site-packages"
    words = ["install", "--no-deps", "--no-index", "--no-compile", "--target", site, packed(project, folder)]
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return site


def packed(project: Path, folder: Path) -> Path:
    """The project as pip takes it, packed by the rules of the wheel format."""
    told = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    module, version = told["name"].replace("-", "_"), told["version"]
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {name}\n" for name in told["dependencies"])
    files = {path.relative_to(project).as_posix(): path.read_bytes() for path in (project / module).rglob("*.*")}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {version}\n{needs}".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: llama\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = _entry_points(told["entry-points"]).encode()
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()) for name, data in files.items()}
    rows = [f"{name},sha256={digests[name].decode().rstrip('=')},{len(data)}" for name, data in files.items()]
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return wheel
