"""Finding an engine by name."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines import ENGINES, EngineChoice, find_engine


def test_the_embedded_engine_is_always_there() -> None:
    assert find_engine("unicorn").name == "unicorn"


@pytest.mark.parametrize(("name", "called"), [("renode", "renode"), ("both", "unicorn+renode")])
def test_renode_is_taken_from_where_the_user_says(standin: Path, name: str, called: str) -> None:
    assert find_engine(EngineChoice.of(name, renode=standin)).name == called


@pytest.mark.parametrize("name", ["renode", "both"])
def test_a_missing_renode_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="RENODE"):
        find_engine(name)


def test_an_unknown_engine_suggests_the_nearest() -> None:
    with pytest.raises(EngineError, match=r"unknown engine 'unicron'.*Did you mean 'unicorn'"):
        find_engine("unicron")


def test_simulate_leaves_renodes_own_profile(standin: Path, tmp_path: Path) -> None:
    model, profile = write_network("plain", tmp_path), tmp_path / "metrics.bin"
    options = [str(model), "--board", "microbit", "--renode", str(standin), "--profile", str(profile)]
    assert CliRunner().invoke(main, ["simulate", *options, "--engine", "renode"]).exit_code == 0
    assert profile.read_bytes() == b"profile"
    for wrong, what in (([], "unicorn has no option 'profile'"), ([str(model), "--engine", "renode"], "is of one run")):
        refused = CliRunner().invoke(main, ["simulate", *options, *wrong])
        assert (refused.exit_code, what in refused.stderr) == (2, True)


def test_looking_at_the_engines_loads_none() -> None:
    code = (
        "import sys, sparse_mcu.simulation.engines.protocol, sparse_mcu.simulation.execution.run; "
        "sys.exit('unicorn' in sys.modules or 'sparse_mcu.simulation.engines.renode' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_option_that_an_engine_lacks_is_refused(standin: Path) -> None:
    with pytest.raises(EngineError, match=r"unicorn has no option 'renode'. Use another engine: renode or both"):
        find_engine(EngineChoice.of("unicorn", renode=standin))
    assert EngineChoice.of("unicorn", renode=None) == EngineChoice()
    assert {EngineChoice.of("renode", renode=standin, profile=None)} == {EngineChoice("renode", (("renode", standin),))}


def test_engines_close_what_they_started(standin: Path) -> None:
    for name in ENGINES:
        engine = find_engine(EngineChoice.of(name, **({} if name == "unicorn" else {"renode": standin})))
        assert engine.version
        engine.close()
        engine.close()
        assert engine.version
        engine.close()
