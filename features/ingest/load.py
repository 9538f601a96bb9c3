"""Finds a mapping and reads its YAML, in which every scalar is text, as in a CSV file: `bad: 1` means the text 1."""

from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from features.ingest.errors import IngestError, MappingError, nearest
from features.ingest.mapping import Mapping
from features.written import NotYaml, read_yaml

MAPPING_BYTES_MAX: Final = 64 * 1024
ERRORS_SHOWN_MAX: Final = 5
OWN_MAPPING: Final = "mapping.yaml"
DATA_SUFFIXES: Final = (".csv", ".tsv", ".csv.gz", ".parquet")
_SHIPPED = resources.files("features.ingest").joinpath("mappings")


def shipped() -> list[str]:
    """The names of the mappings that come with Assay."""
    return sorted(item.name.removesuffix(".yaml") for item in _SHIPPED.iterdir() if item.name.endswith(".yaml"))


def load_mapping(name_or_path: str | Path) -> Mapping:
    """A shipped mapping by its name, or any mapping by its path. Raises MappingError."""
    if str(name_or_path) in shipped():
        return parse_mapping(_SHIPPED.joinpath(f"{name_or_path}.yaml").read_text("utf-8"), f"{name_or_path}")
    path = Path(name_or_path)
    if not path.is_file():
        hint = nearest(str(name_or_path), shipped())
        raise MappingError(
            f"{name_or_path} is neither a file nor a shipped mapping{hint} Shipped are {', '.join(shipped())}"
        )
    if path.stat().st_size > MAPPING_BYTES_MAX:
        raise MappingError(f"{path} is larger than {MAPPING_BYTES_MAX} bytes: is it the data instead of the mapping?")
    return parse_mapping(path.read_text("utf-8", errors="replace"), str(path))


def parse_mapping(text: str, origin: str) -> Mapping:
    """The mapping written in `text`; `origin` names it in errors. Raises MappingError."""
    try:
        body = read_yaml(text, is_all_text=True)
    except NotYaml as error:
        raise MappingError(f"{origin} {error}") from None
    if not isinstance(body, dict):
        raise MappingError(f"{origin} must hold keys such as name, target and events; see features/ingest/README.md")
    try:
        return Mapping.model_validate(body)
    except ValidationError as error:
        raise MappingError(_in_words(error, origin)) from None


def _in_words(error: ValidationError, origin: str) -> str:
    lines = []
    for fault in error.errors()[:ERRORS_SHOWN_MAX]:
        place = ".".join(str(step) for step in fault["loc"] if step != "[key]")
        message = "is required" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        lines.append(f"{origin}: {place + ': ' if place else ''}{message}")
    return "\n".join(lines)


def mapping_for(folder: Path) -> tuple[Mapping, list[Path]]:
    """The mapping of a data folder (its own mapping.yaml, or the shipped one of its name) and its data files."""
    if not folder.is_dir():
        raise IngestError(f"{folder} is not a folder; give one that holds data files and a {OWN_MAPPING}")
    own = folder / OWN_MAPPING
    name = folder.resolve().name
    if not own.is_file() and name not in shipped():
        raise MappingError(
            f"{folder} holds no {OWN_MAPPING} and no mapping is shipped for {name} (shipped: {', '.join(shipped())}); "
            f"write one as features/ingest/README.md shows"
        )
    files = sorted(file for file in folder.iterdir() if file.name.lower().endswith(DATA_SUFFIXES))
    if not files:
        raise IngestError(f"{folder} holds no data; put {', '.join(DATA_SUFFIXES)} files into it")
    return load_mapping(own if own.is_file() else name), files
