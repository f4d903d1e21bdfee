"""`llama`: finds the command, loads its module and nothing else, and turns errors into one line."""

from __future__ import annotations

import argparse
import codecs
import difflib
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import llama
from llama.advice import Advice

if TYPE_CHECKING:
    from llama.app import App

COMMANDS: dict[tuple[str, ...], tuple[str, str]] = {
    ("demo",): ("demo", "run the main job on a packaged alert"),
    ("run",): ("run", "keep events up to date"),
    ("event",): ("event", "what an event holds, and why; veto, lock, adopt, remake, repair, check"),
    ("event", "import"): ("event_import", "take in an event folder of the software before this"),
    ("flags",): ("flags", "show or set the flags of events"),
    ("skymap_info",): ("skymap_info", "start an event by hand (also: llama files skymap_info)"),
    ("files", "skymap_info"): ("skymap_info", "start an event by hand"),
    ("files", "i3"): ("files_i3", "list neutrinos by hand"),
    ("files", "fermi"): ("files_fermi", "list gamma-ray bursts by hand"),
    ("listen", "gcn"): ("listen_gcn", "hear GCN: archive everything, make events of alerts"),
    ("listen", "scimma"): ("listen_scimma", "hear SCiMMA: the same alerts by another way"),
    ("listen", "lvalert"): ("listen_lvalert", "hear the stream that is internal to LIGO, Virgo and KAGRA"),
    ("listen", "replay"): ("listen_replay", "notices from files or the archive, the listener's way"),
    ("poll", "gracedb"): ("poll_gracedb", "find alerts that were missed, in GraceDB"),
    ("batch",): ("batch", "run a pipeline over many inputs"),
    ("com", "do"): ("com_do", "servers of DigitalOcean: list, create, snapshot, destroy"),
    ("com", "s3", "ls"): ("com_s3_ls", "list what is in a store that speaks S3"),
    ("com", "s3", "get"): ("com_s3_get", "fetch files and folders from it"),
    ("com", "s3", "put"): ("com_s3_put", "put files and folders into it"),
    ("install",): ("install", "fetch large data files and check their digests"),
    ("search", "list"): ("search_list", "the search of each population"),
    ("search", "show"): ("search_show", "every number of a search with its source"),
    ("review",): ("review", "the five review cases, through the real pipeline"),
    ("dev", "background", "draw"): ("background_draw", "draw background events and write a table"),
    ("dev", "background", "pvalue"): ("background_pvalue", "the tables of a folder -> populations.hdf5"),
    ("dev", "background", "table"): ("background_table", "background events -> a text table, a row per event"),
    ("dev", "background", "table_singles"): ("background_table_singles", "the same, a row per neutrino"),
    ("dev", "clean"): ("dev_clean", "old test events to their archive, older notices packed, flags set"),
    ("dev", "cluster"): ("dev_cluster", "try a cluster, or show what is submitted to it, before a study"),
    ("dev", "dv"): ("dv", "one command on many servers over SSH"),
    ("dev", "drop"): ("dv", "the same as llama dev dv"),
    ("dev", "dataset", "check"): ("dev_dataset_check", "whether a data set is as a study wants it"),
    ("dev", "neutrinos"): ("neutrinos", "background, signal or doublet neutrino lists of a study as files"),
    ("dev", "rehearse"): ("rehearse", "the whole way of a fleet, played on this machine"),
    ("dev", "roll"): ("dev_roll", "end of a run: the current run's events to past_runs/RUN"),
    ("dev", "season"): ("season", "a season of the response tables from a sample in the public formats"),
    ("dev", "sensitivity"): ("sensitivity", "efficiencies, distributions and figures of a study"),
    ("dev", "simulate"): ("simulate", "sky maps of simulated mergers, with tables and lists"),
    ("dev", "skymaps", "lists"): ("skymaps_lists", "sky maps of a population as lists per detector combination"),
    ("dev", "skymaps", "compress"): ("skymaps_compress", "gzip a folder of sky maps into another"),
    ("dev", "trials"): ("trials", "background, signal or doublet trials of a study, at either depth"),
    ("dev", "upload"): ("dev_upload", "a folder into a store, under keys that say the content, with a manifest"),
    ("dev", "validate"): ("validate", "check by simulation that the statistic is right; writes a report"),
}
"""Words typed -> (module in llama.cli, one line of help). `skymap_info` is also a program of its own."""

_COMMANDS = {" ".join(name): Advice(name) for name in COMMANDS}
_HELP, _SETTINGS = Advice(("--help",)), Advice(("--help-env",))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Our arrays are small and several steps run at once: threads of the linear algebra library take longer to wake
    # than to work. Set before numpy is loaded, here and in every process that is started from here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _mend_streams()
    return _run(lambda: _answer(words))


def skymap_info() -> int:
    """The program `skymap_info`."""
    return main(["skymap_info", *sys.argv[1:]])


def _mend_streams() -> None:
    """Whatever the terminal can show and whoever started us: text can be printed.

    A character that the locale does not know is shown as `?`, a byte of a file's name that is no text is passed on as
    it is; what was closed by the caller is thrown away.
    """
    codecs.register_error("llama", _printable)
    # Never closed by us: they stand in for the process's own streams
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="llama")


def _printable(error: UnicodeError) -> tuple[str | bytes, int]:
    """How what cannot be encoded is printed."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("replace")(error)


def _answer(words: list[str]) -> int:
    if words[:1] in (["-V"], ["--version"]):
        print(f"llama {llama.__version__}")
        return 0
    if words[:1] == ["--help-env"]:
        return _print_settings()
    command = command_of(words)
    return _usage(words) if command is None else _call(command, words[len(command) :])


def parser_of(command: tuple[str, ...]) -> argparse.ArgumentParser:
    """What understands the words after a command."""
    module = importlib.import_module(f"llama.cli.{COMMANDS[command][0]}")
    parser = argparse.ArgumentParser(
        prog=" ".join(("llama", *command)),
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prefix_chars=getattr(module, "PREFIX_CHARS", "-"),
    )
    parser.add_argument("-V", "--version", action="version", version=f"llama {llama.__version__}")
    module.add_arguments(parser)
    return parser


def _call(command: tuple[str, ...], words: list[str]) -> int:
    from llama.cli.places import brought_here
    from llama.sections import hiding

    module = importlib.import_module(f"llama.cli.{COMMANDS[command][0]}")
    arranged: Callable[[list[str]], list[str]] = getattr(module, "arranged", list)
    args = parser_of(command).parse_intermixed_args(arranged(words))
    with _application() as app, hiding(app.secrets):  # in messages and in tracebacks
        return int(module.main(brought_here(args, app), app) or 0)


def _application() -> App:
    """The one application of this command. Says first what is odd about the settings."""
    from llama.app import App
    from llama.installed import Providers
    from llama.settings import unknown_variables

    providers = Providers()
    # A misspelt variable would be ignored in silence, and the default used
    for name, near in unknown_variables(os.environ, providers.sections).items():
        meant = f"did you mean {near}?" if near else f"{_SETTINGS} lists them"
        print(f"llama: warning: there is no setting {name}; {meant}", file=sys.stderr)
    app = App.read(providers=providers)
    for note in app.settings.notes:
        print(f"llama: note: {note}", file=sys.stderr)
    return app


def _print_settings() -> int:
    from llama.settings import describe

    with _application() as app:
        print(describe(app.settings, app.providers.sections))
    return 0


def command_of(words: list[str]) -> tuple[str, ...] | None:
    """The command that these words begin with; None when there is none."""
    for length in (3, 2, 1):
        if (head := tuple(words[:length])) in COMMANDS:
            return head
    return None


def _usage(words: list[str]) -> int:
    asked = not words or any(word in ("-h", "--help") for word in words)
    group = tuple(word for word in words if not word.startswith("-"))
    listed = {name: text for name, (_, text) in COMMANDS.items() if name[: len(group)] == group}
    if not listed:
        print(f"llama: no command {' '.join(group)!r}{_near(group)}; {_HELP} lists them", file=sys.stderr)
        return 2
    stream = sys.stdout if asked else sys.stderr
    head = " ".join(("llama", *group))
    more = "" if group else "   (-V version, --help-env settings)"
    print(f"usage: {head} COMMAND [OPTIONS]{more}\n", file=stream)
    for name, text in listed.items():
        print(f"  llama {' '.join(name):<25} {text}", file=stream)
    print("\nEach command has --help.", file=stream)
    return 0 if asked else 2


def _near(group: tuple[str, ...]) -> str:
    """The command that is spelt most like it, as a question."""
    typed = " ".join(group)
    close = difflib.get_close_matches(typed, _COMMANDS, n=1) or difflib.get_close_matches(group[0], _COMMANDS, n=1)
    return f" (did you mean {_COMMANDS[close[0]]}?)" if close else ""


def _run(call: Callable[[], int]) -> int:
    try:
        status = call()
        sys.stdout.flush()  # a full disk or a closed pipe is to be met here, not at exit
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) left: nothing more to say, and no traceback at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        print(
            "llama: there is not enough memory for this; close other programs, or give smaller files", file=sys.stderr
        )
        return 1
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        print(f"llama: {_message(error)}", file=sys.stderr)
        _drop_unprintable()
        return 1


def _drop_unprintable() -> None:
    """Throw away what standard output does not take, or Python would complain of it once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _expected() -> tuple[type[Exception], ...]:
    """Errors with a message for people; anything else is a fault of ours and shows its traceback."""
    from llama.engine.errors import EngineError
    from llama.fleet.errors import FleetError
    from llama.formats.errors import FormatError
    from llama.operate.errors import OperateError
    from llama.ports import BrokerError, CloudError, GraceDBError, TransferError
    from llama.sections import SecretError
    from llama.services.errors import ServiceError
    from llama.settings import SettingsError

    ours = (
        EngineError,
        FormatError,
        ServiceError,
        GraceDBError,
        BrokerError,
        CloudError,
        TransferError,
        SettingsError,
        SecretError,
        OperateError,
        FleetError,
    )
    return (*ours, OSError)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
