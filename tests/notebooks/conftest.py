"""What tests of notebooks share: each names its notebook, and runs it from top to bottom on a home of its choice."""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from features.home import Home

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the NOTEBOOK of the test's module on a home, with what a person would have chosen: what it defines, its
    `outputs`, and the text of all of them as one `page`.
    """

    def run_on(home: Home, **given: Any) -> dict[str, Any]:
        monkeypatch.setenv("ASSAY_HOME", str(home.root))
        notebook = request.module.NOTEBOOK
        spec = importlib.util.spec_from_file_location(f"{notebook.stem}_notebook", notebook)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        outputs, defined = module.app.run(defs=given)
        page = "\n".join(str(getattr(one, "text", "")) for one in outputs)
        return dict(defined) | {"outputs": outputs, "page": page}

    return run_on
