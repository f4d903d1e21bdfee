"""SCiMMA's Hopskotch, and the stream that is internal to LIGO, Virgo and KAGRA on the same servers, by their clients.

Both clients wait inside themselves until a message comes and mark messages as they please, so they open the
connection, with their logins and addresses, and what goes on on it is `llama.services.kafka`, as for GCN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from llama.ports import LVALERT, SCIMMA, Broker, BrokerError, Incoming, Opener, Provider
from llama.sections import About, Secret, Section, hiding
from llama.services.kafka import Connection, check_loopback, incoming, lacks, place

SERVER = "kafka.scimma.org:9092"
HEARTBEAT = "sys.heartbeat"
_RENEW = "make new ones at https://my.hop.scimma.org and set username and password of [{}]"


@dataclass(frozen=True)
class ScimmaSettings:
    """How SCiMMA is heard."""

    username: Annotated[str, About("who we are to SCiMMA; make one at https://my.hop.scimma.org")]
    password: Annotated[Secret, About("proves it; made with the username")]
    group: Annotated[
        str | None, About("the name our place is kept under; by default USERNAME- and one made for this data_dir")
    ] = None
    topics: Annotated[tuple[str, ...], About("what is heard")] = ("igwn.gwalert",)
    heartbeat: Annotated[str, About("the topic that says that SCiMMA is alive; empty for none")] = HEARTBEAT
    silence_s: Annotated[
        float, About("without a heartbeat for so long there is a new connection; 0 never", least=0)
    ] = 120.0
    bootstrap: Annotated[
        str | None, About("a broker on this machine in SCiMMA's place, for tests: 127.0.0.1:PORT")
    ] = None


@dataclass(frozen=True)
class LvalertSettings:
    """How the internal stream of LIGO, Virgo and KAGRA is heard."""

    username: Annotated[str, About("who we are to SCiMMA; members make one at https://my.hop.scimma.org")]
    password: Annotated[Secret, About("proves it; made with the username")]
    source: Annotated[str, About("whose stream: gracedb, gracedb-playground, gracedb-test")] = "gracedb"
    group: Annotated[
        str | None, About("the name our place is kept under; by default USERNAME- and one made for this data_dir")
    ] = None
    topics: Annotated[tuple[str, ...], About("what is heard, without the name of its source")] = ("superevent",)
    heartbeat: Annotated[str, About("the topic that says that the stream is alive; empty for none")] = HEARTBEAT
    silence_s: Annotated[
        float, About("without a heartbeat for so long there is a new connection; 0 never", least=0)
    ] = 120.0
    bootstrap: Annotated[
        str | None, About("a broker on this machine in the stream's place, for tests: 127.0.0.1:PORT")
    ] = None


SCIMMA_SETTINGS = Section("scimma", ScimmaSettings)
LVALERT_SETTINGS = Section("lvalert", LvalertSettings)


def _whole(stream: Any, found: Any) -> tuple[bytes, str]:
    """The message itself, where SCiMMA sent only its address because it is large; and the name its sender gave it."""
    headers = dict(found.headers() or ())
    name = (headers.get("_id") or b"").hex()
    data = found.value() or b""
    if headers.get("_format") != b"external":
        return data, name
    fetched = _fetched(stream, found, data)
    return (data if fetched is None else fetched), name


def _fetched(stream: Any, found: Any, data: bytes) -> bytes | None:
    """What is at the address in a message; None when it gives none, or there is nothing: no other try helps then.

    Raises BrokerError when another may.
    """
    from confluent_kafka import KafkaError
    from hop.models import ExternalMessage

    try:
        url = str(ExternalMessage.deserialize(data).url)
    except (ValueError, TypeError):
        return None
    try:
        # hop fetches these only where it also unpacks them, and we keep what was sent
        fetched = stream._fetch_external(url, True, found)
    except Exception as error:  # noqa: BLE001 - the one seam to hop, whose errors are of many kinds
        if isinstance(error, OSError) and isinstance(error, ValueError):  # as requests tells of what is no address
            return None
        raise BrokerError("unreachable", f"a large message could not be fetched ({error})") from None
    if isinstance(fetched, tuple):
        return bytes(fetched[1]._raw.value())
    why = fetched.error()
    if why.code() in (KafkaError.RESOURCE_NOT_FOUND, KafkaError._VALUE_DESERIALIZATION):
        return None
    raise BrokerError("unreachable", f"a large message could not be fetched ({why.str()})")


class HopBroker:
    """A stream of hop's that moves its place on only past what is safe.

    `open_stream` opens one for these topics and this group, and is given what hears of errors.
    """

    def __init__(
        self,
        name: str,
        section: str,
        settings: ScimmaSettings | LvalertSettings,
        data_dir: Path,
        open_stream: Callable[[Sequence[str], str, Callable[[Any], None]], Any],
        prefix: str = "",
    ) -> None:
        self.name = name
        self.heartbeat = settings.heartbeat
        self.silence_s = settings.silence_s
        self._renew = _RENEW.format(section)
        self._settings, self._data_dir, self._open, self._prefix = settings, data_dir, open_stream, prefix
        self._topics: tuple[str, ...] = ()
        self._missing: list[str] = []
        self._stream: Any = None
        self._connection: Connection | None = None

    @property
    def group(self) -> str:
        """The name under which our place is kept; SCiMMA wants it to begin with the username."""
        return self._settings.group or f"{self._settings.username}-{place(self._data_dir)}"

    @property
    def caught_up(self) -> bool:
        """Whether the end of every topic was reached."""
        return self._connection is not None and self._connection.caught_up

    def subscribe(self, topics: Sequence[str]) -> tuple[str, ...]:
        """What its own settings say: these are other streams than those that messengers name."""
        wanted = [f"{self._prefix}{one}" for one in self._settings.topics]
        self._topics = tuple(dict.fromkeys([*wanted, *filter(None, [self.heartbeat])]))
        return self._topics

    def receive(self, timeout_s: float) -> Incoming | None:
        """The next message."""
        if self._connection is None:
            self._connection = self._connect()
        if self._missing:
            topic = self._missing.pop()
            text = (
                f"{self.name} has no topic {topic}; it is not heard, the others are: take it out or mend its spelling"
            )
            raise BrokerError("unknown topic", text, topic)
        found = self._connection.take(timeout_s)
        if found is None:
            return None
        data, name = _whole(self._stream, found)
        return incoming(found, data, f"{found.topic()}-{name}" if name else "")

    def safe(self, mark: object) -> None:
        """Told in the background; it never hears of more than is safe."""
        if self._connection is not None:
            self._connection.safe(mark)

    def drop(self) -> None:
        """Let go, after telling what is safe."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()

    def close(self) -> None:
        """The same."""
        self.drop()

    def _connect(self) -> Connection:
        connection = Connection(self.name, self._renew)
        known = list(self._topics)
        while known:
            try:
                self._stream = self._open(known, self.group, connection.remember)
            except ValueError as error:  # of a topic that is not there hop makes an error of the whole
                absent = next((one for one in known if f"topic {one} does not exist" in str(error)), None)
                if absent is None:
                    raise BrokerError("other", f"{self.name}: {error}") from None
                known.remove(absent)
                self._missing.append(absent)
            except Exception as error:  # noqa: BLE001 - the one seam to hop, whose errors are of many kinds
                raise self._translated(error, connection) from None
            else:
                # hop's own reading waits until a message comes, and cannot be stopped meanwhile
                connection.consumer = self._stream._consumer._consumer
                return connection
        self._missing.clear()
        raise BrokerError("other", f"{self.name} has none of the topics {', '.join(self._topics)}; set others")

    def _translated(self, error: Exception, connection: Connection) -> BrokerError:
        given = error.args[0] if error.args else None
        if hasattr(given, "code"):
            return connection.translated(given)
        return BrokerError("other", f"{self.name} says ({type(error).__name__}: {error}); it is tried again")


def _scimma(host: Opener) -> Broker:
    asked = host.section(SCIMMA_SETTINGS)

    def opened(topics: Sequence[str], group: str, tell: Callable[[Any], None]) -> Any:
        from hop import Stream
        from hop.auth import Auth
        from hop.io import StartPosition

        address, local = _address(asked.bootstrap, "scimma")
        with hiding([asked.password]):
            auth = False if local else Auth(asked.username, asked.password.reveal())
            stream = Stream(auth=auth, start_at=StartPosition.EARLIEST, until_eos=True)
            url = f"kafka://{address}/{','.join(topics)}"
            return stream.open(url, "r", group_id=group, ignoretest=False, error_callback=tell)

    return HopBroker("SCiMMA", "scimma", asked, host.folders.data_dir, opened)


def _lvalert(host: Opener) -> Broker:
    asked = host.section(LVALERT_SETTINGS)

    def opened(topics: Sequence[str], group: str, tell: Callable[[Any], None]) -> Any:
        from hop.io import StartPosition
        from igwn_alert import client

        address, local = _address(asked.bootstrap, "lvalert")
        host_name, _, port = address.rpartition(":")
        with hiding([asked.password]):
            who = {"noauth": True} if local else {"username": asked.username, "password": asked.password.reveal()}
            server = {"server": f"kafka://{host_name}/", "port": int(port), "group": asked.source}
            stream = client(**who, **server, consumer_group=group)
            stream.start_at = StartPosition.EARLIEST  # its own way is to begin with what comes next
            stream.until_eos = True  # it says where the end is; we read on
            url = f"kafka://{address}/{','.join(topics)}"
            return stream.open(url, "r", group_id=group, ignoretest=False, error_callback=tell)

    return HopBroker("the LVK stream", "lvalert", asked, host.folders.data_dir, opened, f"{asked.source}.")


def _address(bootstrap: str | None, section: str) -> tuple[str, bool]:
    """Where the server is, and whether it is one on this machine, for tests."""
    if bootstrap is None:
        return SERVER, False
    check_loopback(bootstrap, f"bootstrap of [{section}]")
    return bootstrap, True


SCIMMA_PROVIDER: Provider[Broker] = Provider(SCIMMA, _scimma, (SCIMMA_SETTINGS,), lambda _: lacks("hop", "scimma"))
LVALERT_PROVIDER: Provider[Broker] = Provider(
    LVALERT, _lvalert, (LVALERT_SETTINGS,), lambda _: lacks("igwn_alert", "lvalert")
)
