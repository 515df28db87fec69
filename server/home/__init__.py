"""The folder of one server: its settings, keys and places, how it is made, and what may be wrong with it."""

from server.home.checks import check, mend
from server.home.finding import Finding
from server.home.founding import init
from server.home.home import Home
from server.home.settings import Limits, ServerSettings, settings_of

__all__ = ["Finding", "Home", "Limits", "ServerSettings", "check", "init", "mend", "settings_of"]
