"""The option table names every option once."""

from ltxserve.cli.options import OPTIONS


def test_names_and_flags_are_unique():
    names = [option.name for option in OPTIONS]
    flags = [flag for option in OPTIONS for part in option.flags for flag in part.split("/")]
    assert len(names) == len(set(names))
    assert len(flags) == len(set(flags))
    assert not {"-o", "--output", "--json", "--request", "-r"} & set(flags)


def test_every_option_says_what_it_does():
    assert all(option.help.endswith((".", "...")) for option in OPTIONS)
