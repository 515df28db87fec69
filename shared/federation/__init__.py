"""The federation file: what devices and the server agree on. See `schema` for its sections."""

from shared.federation.groups import GROUPS, PLAIN_HEAD_GROUPS, group_of_parameter
from shared.federation.head_sizes import group_size
from shared.federation.reading import default_federation_text, read_federation, write_toml
from shared.federation.reference import federation_reference, meanings_of_keys, settings_reference
from shared.federation.schema import FederationFile

__all__ = [
    "GROUPS",
    "PLAIN_HEAD_GROUPS",
    "FederationFile",
    "default_federation_text",
    "federation_reference",
    "group_of_parameter",
    "group_size",
    "meanings_of_keys",
    "read_federation",
    "settings_reference",
    "write_toml",
]
