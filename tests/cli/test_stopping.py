"""What Ctrl-C says where a command keeps what it has done."""

from __future__ import annotations

import pytest

from llama.cli.stopping import goes_on, some


def test_ctrl_c_tells_what_is_kept_and_that_the_same_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt), goes_on(lambda: some("allsky", len(done), "maps")):
        done.extend(range(3))
        raise KeyboardInterrupt
    expected = "llama: stopped; 3 maps are kept in allsky; the same command goes on from there\n"
    assert capsys.readouterr().err == expected


def test_nothing_is_said_of_what_ends_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), goes_on(lambda: some("allsky", 0, "maps")):
        raise ValueError("wrong")
    with goes_on(lambda: some("allsky", 1, "maps")):
        pass
    assert capsys.readouterr().err == ""
