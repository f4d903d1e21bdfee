"""What servers said, on the screen: in one of several forms, with one number of all, and a table of who failed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from llama.fleet.errors import NotToBeDone
from llama.fleet.ssh import Reply

FORMS = ("lines", "blocks", "raw", "json")
_ESCAPES = {"\\n": "\n", "\\t": "\t"}
_FIELDS = ("name", "host", "out", "err", "status")


@dataclass(frozen=True)
class Spoken:
    """What one server said to a command: text, complaints, exit status."""

    out: str
    err: str = ""
    status: int | None = 0


@dataclass
class Saying:
    """Shows replies in the order of the servers.

    Attributes:
        form: one of FORMS, or a text with fields in braces. reduce: `sum` or `linecount`; empty for neither.
        quiet: with `linecount`, show how many lines each said in place of the lines.
    """

    form: str = "lines"
    reduce: str = ""
    quiet: bool = False
    total: int = field(default=0, init=False)
    wide: int = field(default=0, init=False)

    def check(self) -> None:
        """NotToBeDone for a form that cannot be filled in."""
        if self.form not in FORMS:
            try:
                self._filled("", "", Spoken(""))
            except (KeyError, IndexError, ValueError, AttributeError) as error:
                fields = " ".join(f"{{{name}}}" for name in _FIELDS)
                raise NotToBeDone(f"-f {self.form!r} cannot be used ({error}); it may have {fields}") from None

    def show(self, replies: Sequence[Reply[Spoken]]) -> bool:
        """All of them, the number, and who failed; whether all is well."""
        self.wide = max((len(reply.server.name) for reply in replies), default=0)
        failed = {reply.server.name: reply.why for reply in replies if reply.why}
        for reply in replies:
            if reply.value is not None:
                why = self._show(reply.server.name, reply.server.host, reply.value)
                if why:
                    failed.setdefault(reply.server.name, why)
            elif self.form == "json":
                print(json.dumps({"name": reply.server.name, "host": reply.server.host, "why": reply.why}))
        if self.reduce and self.form != "json":
            print(f"total {self.total}")
        sys.stdout.flush()
        self._tell(failed, len(replies))
        return not failed

    def _show(self, name: str, host: str, said: Spoken) -> str:
        """Show one; why it failed, empty when it did not."""
        shown = said
        if self.reduce == "sum":
            try:
                self.total += int(said.out.split()[-1]) if said.out.split() else 0
            except ValueError:
                return f"says no number to add: {' '.join(said.out.split())[-60:]!r}"
        elif self.reduce == "linecount":
            lines = len(said.out.splitlines())
            self.total += lines
            shown = Spoken(f"{lines}\n", said.err, said.status) if self.quiet else said
        self._print(name, host, shown)
        if said.status == 0:
            return ""
        return "was ended by a signal" if said.status is None else f"exit status {said.status}"

    def _print(self, name: str, host: str, said: Spoken) -> None:
        if self.form == "json":
            print(json.dumps({"name": name, "host": host, "out": said.out, "err": said.err, "status": said.status}))
            return
        if self.form == "blocks":
            print(f"==> {name} <==\n{said.out.rstrip()}\n")
        elif self.form == "raw":
            print(said.out, end="")
        elif self.form == "lines":
            print("".join(f"{name:<{self.wide}}  {line}\n" for line in said.out.splitlines()), end="")
        else:
            print(self._filled(name, host, said))
        for line in said.err.splitlines():
            print(f"{name:<{self.wide}}  {line}", file=sys.stderr)

    def _filled(self, name: str, host: str, said: Spoken) -> str:
        form = self.form
        for typed, meant in _ESCAPES.items():
            form = form.replace(typed, meant)
        return form.format(name=name, host=host, out=said.out.rstrip("\n"), err=said.err, status=said.status)

    def _tell(self, failed: dict[str, str], servers: int) -> None:
        """The table at the end: who failed, and why."""
        if failed:
            print(f"\nfailed at {len(failed)} of {servers} servers:", file=sys.stderr)
            for name, why in sorted(failed.items()):
                print(f"  {name:<{self.wide}}  {why}", file=sys.stderr)
