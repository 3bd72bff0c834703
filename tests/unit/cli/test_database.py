"""The operator's commands open the database that the settings name."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from ltxserve.cli.database import open_database
from ltxserve.errors import DatabaseUnavailable
from ltxserve.settings import Settings
from tests.guards.tree import run_python


def test_the_database_is_made_in_the_data_folder(tmp_path: Path):
    with open_database(Settings(data_dir=tmp_path / "data")):
        assert (tmp_path / "data" / "ltxserve.db").is_file()


def test_a_url_of_its_own_counts(tmp_path: Path):
    url = SecretStr(f"sqlite:///{tmp_path / 'mine.db'}")
    with open_database(Settings(data_dir=tmp_path / "data", database_url=url)):
        assert (tmp_path / "mine.db").is_file()
    assert not (tmp_path / "data").exists()


def test_nothing_is_made_without_upgrade(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "data")
    with (
        pytest.raises(DatabaseUnavailable),
        open_database(settings, upgrade=False) as database,
        database.read(),
    ):
        pass
    assert not (tmp_path / "data").exists()


def test_without_the_service_installed_the_fix_is_said(tmp_path: Path):
    code = (
        "import sys\n"
        "sys.modules['sqlalchemy'] = None\n"
        "from pathlib import Path\n"
        "from ltxserve.cli.database import open_database\n"
        "from ltxserve.errors import ConfigurationError\n"
        "from ltxserve.settings import Settings\n"
        "try:\n"
        "    open_database(Settings(data_dir=Path(sys.argv[1]))).__enter__()\n"
        "except ConfigurationError as error:\n"
        "    print(error.code, error.hint)\n"
    )
    run = run_python(code, str(tmp_path))
    assert run.stdout.startswith("backend_missing"), run.stderr
    assert "ltxserve[server]" in run.stdout
