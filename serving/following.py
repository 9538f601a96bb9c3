"""Serving follows the registry's aliases without a restart: fetched and warmed here, swapped between two requests."""

from typing import Final

import structlog
from prometheus_client import Gauge

from serving.parts import Parts
from serving.records import Unit
from serving.scoring import CHAMPION, SHADOW, FraudModel, Registry, RegistryAwayError, UnfitModelError
from serving.shadow import Shadow

LOOK_SECONDS: Final = 3.0

log = structlog.get_logger()
_serving = Gauge("assay_model_version", "Version that scores under an alias here; 0 for none", ["alias"])
_refused = Gauge(
    "assay_model_refused_version", "Version that an alias names and this service refuses; 0 for none", ["alias"]
)
_answers = Gauge("assay_registry_up", "Whether the registry answered when it was last asked")


class Following:
    """One look asks where the aliases point. What is new is downloaded, checked and warmed on the thread that looks;
    the writer only exchanges one reference, between two requests. Whatever goes wrong, what serves goes on serving.
    """

    def __init__(self, parts: Parts, registry: Registry, shadow: Shadow) -> None:
        self._parts, self._registry, self._shadow = parts, registry, shadow
        self._unfit = parts.refused  # for whoever asks /readyz
        self._is_away = False

    def look(self) -> None:
        """Once. Raises Problem (503) while the writer is busy; the next look does what this one could not."""
        try:
            named = self._registry.named()
            self._follow_champion(named.get(CHAMPION))
            self._follow_shadow(named.get(SHADOW))
        except RegistryAwayError as away:
            self._say(away)
        else:
            self._say(None)

    def _follow_champion(self, version: str | None) -> None:
        """An alias that was taken away leaves the model: something must decide."""
        before = self._parts.fraud
        model = self._newly_named(CHAMPION, version, before.version)
        if model is not None:
            self._parts.writer.do_now(lambda unit: self._swap(unit, model))
            log.info("champion_follows", version=model.version, before=before.version)
        _serving.labels(CHAMPION).set(_number(self._parts.fraud.version))

    def _swap(self, _: Unit, model: FraudModel) -> None:
        # The writer runs every flow, one after the other: none sees two models. Whoever looks still holds the old one,
        # so that its memory is given back there and not here.
        self._parts.fraud = model

    def _follow_shadow(self, version: str | None) -> None:
        """The champion needs no shadow of its own."""
        if version is None or version == self._parts.fraud.version:
            self._unfit.pop(SHADOW, None)
            self._shadow.follow(None)
        else:
            model = self._newly_named(SHADOW, version, self._shadow.version)
            if model is not None:
                self._shadow.follow(model)
                log.info("shadow_follows", version=model.version)
        _refused.labels(SHADOW).set(_number(self._unfit.get(SHADOW)))
        _serving.labels(SHADOW).set(_number(self._shadow.version))

    def _newly_named(self, alias: str, version: str | None, serving: str | None) -> FraudModel | None:
        """The model that `alias` names since the last look; None for the same one, and for one that is unfit."""
        if version is None or version == serving:
            self._unfit.pop(alias, None)
        elif version != self._unfit.get(alias):
            try:
                return self._registry.model(version)
            except UnfitModelError as unfit:
                self._unfit[alias] = version
                log.warning("model_refused", alias=alias, version=version, reason=str(unfit), serving=serving)
        _refused.labels(alias).set(_number(self._unfit.get(alias)))
        return None

    def _say(self, away: RegistryAwayError | None) -> None:
        """To the metrics at every look, to the log when it changes."""
        _answers.set(away is None)
        if away is not None and not self._is_away:
            log.warning("registry_away", reason=str(away), serving=self._parts.fraud.version)
        elif away is None and self._is_away:
            log.info("registry_back")
        self._is_away = away is not None


def _number(version: str | None) -> int:
    """A figure for the metrics; the registry numbers its versions from 1."""
    return int(version) if version is not None and version.isdigit() else 0
