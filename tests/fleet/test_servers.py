"""Which servers there are, of a file, of ~/.ssh/config, or written out."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama.fleet.errors import NoServers
from llama.fleet.ssh import SshServer, chosen, from_config, from_file

KNOWN = [SshServer(f"llama-{i:02}", f"10.0.0.{i}") for i in range(12)]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_lists_them(tmp_path: Path) -> None:
    text = (
        "# ours\nllama-00 vagrant@10.0.0.7:2222\n\nllama-01  10.0.0.8 # the second\ngrid.example.org\nme@[::1]:22\n"
    )
    assert from_file(written(tmp_path / "servers", text)) == (
        SshServer("llama-00", "10.0.0.7", "vagrant", 2222),
        SshServer("llama-01", "10.0.0.8"),
        SshServer("grid.example.org", "grid.example.org"),
        SshServer("me@[::1]:22", "::1", "me", 22),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lists no servers"),
        ("a b c\n", "line 1: 'a b c' is no server"),
        ("a 10.0.0.1\na 10.0.0.2\n", "line 2: a is there twice"),
        ("a 10.0.0.1:99999\n", "is no server"),
        ("a me@\n", "is no server"),
    ],
)
def test_a_line_that_cannot_be_one_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(NoServers, match=says):
        from_file(written(tmp_path / "servers", text))


def test_the_config_of_ssh_names_hosts(tmp_path: Path) -> None:
    written(tmp_path / "more", "Host llama-02\n  Port 2222\n")
    text = "Host llama-00 llama-01 !bad\n  HostName 10.0.0.1\nHost llama-*\n  User me\n"
    text += "host=grid # a grid\nInclude more\n"
    names = [server.name for server in from_config(written(tmp_path / "config", text))]
    assert names == ["llama-00", "llama-01", "grid", "llama-02"]
    assert from_config(tmp_path / "none") == ()


def test_words_choose_among_them() -> None:
    def names(*words: str) -> list[str]:
        return [server.name for server in chosen(words, KNOWN, "of a file")]

    assert names("llama-*") == [server.name for server in KNOWN]
    assert names("llama-{09..11}", "llama-0[01]") == ["llama-00", "llama-01", "llama-09", "llama-10", "llama-11"]
    assert chosen(["you@10.9.9.9:23"], KNOWN, "")[0] == SshServer("you@10.9.9.9:23", "10.9.9.9", "you", 23)
    assert chosen(["10.9.9.9"], KNOWN, "")[0] == SshServer("10.9.9.9", "10.9.9.9")


@pytest.mark.parametrize("word", ["bns-*", "llama-12", "llama-{11..13}", "localhost"])
def test_a_word_that_means_none_is_named_with_what_there_is(word: str) -> None:
    with pytest.raises(NoServers, match=r"no server of a file; there are llama-00, llama-01, .* and 7 more"):
        chosen([word], KNOWN, "of a file")
    with pytest.raises(NoServers, match="which has none"):
        chosen([word], [], "of a file")
