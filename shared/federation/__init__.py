"""The federation file: what devices and the server agree on. See `schema` for its sections."""

from shared.federation.reading import default_federation_text, read_federation, write_toml
from shared.federation.schema import GROUPS, FederationFile

__all__ = ["GROUPS", "FederationFile", "default_federation_text", "read_federation", "write_toml"]
