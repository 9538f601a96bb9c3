"""PayPal's own OpenAPI document, served by prism: every request is checked against it, every answer made from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipelines.doubles.tools import running_tool, tool


@contextmanager
def running_prism(document: Path) -> Iterator[str]:
    """Yields its address. Raises FileNotFoundError where prism is not installed, or `document` is no file."""
    if not document.is_file():
        raise FileNotFoundError(f"{document} is no OpenAPI document: set ASSAY_PAYPAL_OPENAPI to its path")
    program = tool("@stoplight/prism-cli/dist/index.js")

    def command(port: int) -> list[str]:
        # --errors: what breaks the document is answered with an error, not with a warning.
        options = ["--errors", "--host", "127.0.0.1", "--port", str(port)]
        return ["node", str(program), "mock", *options, str(document)]

    with running_tool(command, _is_ready) as address:
        yield address


def _is_ready(address: str) -> bool:
    try:
        httpx.get(f"{address}/", timeout=2)
    except httpx.HTTPError:
        return False
    return True
