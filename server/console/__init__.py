"""The operator's console: one page on this machine that shows a server live, and metrics for Prometheus."""

from server.console.monitoring import write_monitoring
from server.console.serving import serve_console

__all__ = ["serve_console", "write_monitoring"]
