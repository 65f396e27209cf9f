"""The type checker of the import hook in conftest.py."""

from beartype import BeartypeConf, beartype

# PEP 484 lets an int stand where a float is asked for; beartype does when told so.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
