"""A home's health for whoever keeps it: what `assay monitor` finds, as pictures.

`marimo run notebooks/health.py`, with ASSAY_HOME naming the home; `make health` also serves the profiles it links to.
"""

import marimo

app = marimo.App(width="medium", app_title="Assay: health")

with app.setup:
    from html import escape
    from urllib.parse import urlencode

    import marimo as mo
    import numpy as np

    from features.home import Home
    from notebooks import health_drawing, profile_drawing, sentences, wording
    from pipelines.console import UserError
    from pipelines.monitor import monitor, scores_compared
    from training.monitoring import promises
    from training.monitoring.limits import Limits
    from training.scrubbing import RATIO_MIN

    SHOWN_MAX = 10
    PROFILES = "profiles.py"


@app.cell
def _():
    days = mo.ui.number(1, 90, value=7, step=1, label="Recent days")
    against = mo.ui.number(
        0, 365, value=0, step=1, label="Against so many days before (0: the champion's training period)"
    )
    _about = "What `assay monitor` finds, as pictures. The newest instant of the log is today; all times are UTC."
    mo.vstack([mo.md("# Health"), mo.md(_about), mo.hstack([days, against], justify="start", gap=1.5, wrap=True)])
    return against, days


@app.cell
def _(against, days):
    report, refusal = None, None
    try:
        with mo.status.spinner("Reading, scoring and comparing"):
            report = monitor(Home.from_environment(), int(days.value), int(against.value) or None)
    except UserError as _failure:
        refusal = str(_failure)
    mo.callout(mo.md(f"**There is nothing to watch yet.** {escape(refusal)}."), kind="info") if refusal else None
    return refusal, report


@app.cell
def _(report):
    def _verdict():
        if not report.alerts:
            return mo.callout(mo.md("**No alert stands.**"), kind="success")
        said = "\n".join(f"- **{one.check}**: {wording.as_written(one.sentence)}" for one in report.alerts)
        return mo.callout(mo.md(f"**{len(report.alerts)} to look at.**\n\n{said}"), kind="danger")

    def _compared():
        watched, periods = report.watched, report.watched.periods
        unknown = [one for one in report.findings if one.value is None]
        silent = "\n".join(f"- {one.check}: {wording.as_written(one.sentence)}" for one in unknown)
        parts = [
            mo.md(
                f"Champion: **version {watched.champion.version}**. Recent: **{promises.week_of(periods.recent)}**. "
                f"Reference: **{promises.week_of(periods.reference)}**."
            ),
            _verdict(),
        ]
        if unknown:
            parts.append(mo.accordion({f"Not measured: {len(unknown)}": mo.md(silent)}))
        return mo.vstack(parts)

    _compared() if report else None
    return


@app.cell
def _(report):
    def _figure():
        unlearned, known = report.watched.unlearned, scores_compared(report.watched)
        bins = health_drawing.score_bins(np.concatenate(known))
        names = [f"{label}: {promises.week_of(span)}" for label, span in _spans(unlearned)]
        with profile_drawing.drawn_for(mo.app_meta().theme):
            counts = [bins.counts(scores) for scores in known]
            figure = profile_drawing.spread_figure(
                bins, counts, names, lambda score: f"{score:.2g}", "score of the champion; bins grow by a factor"
            )
            return mo.as_html(figure)

    def _spans(periods):
        return (("reference", periods.reference), ("recent", periods.recent))

    def _shown():
        said = next(one.sentence for one in report.findings if one.check == "score")
        parts = [mo.md(f"## Scores\n\n{wording.as_written(said)}")]
        return mo.vstack(parts if report.score is None else [*parts, _figure()])

    _shown() if report else None
    return


@app.cell
def _(report):
    def _link(name):
        asked = urlencode({"file": PROFILES, "feature": name})
        style = "text-decoration: underline"
        return mo.Html(f'<a href="?{escape(asked)}" target="_blank" style="{style}">{escape(wording.label(name))}</a>')

    def _row(one, finding):
        return {
            "What": _link(one.name),
            "PSI": sentences.of_psi(one.drift.psi),
            "Limit": sentences.of_psi(finding.limit),
            "Others now": wording.share(one.share),
            "Missing": f"{wording.share(one.drift.missing_before)} → {wording.share(one.drift.missing_after)}",
            "Alert": "yes" if finding.stands else "",
        }

    def _shown():
        moved = {one.name: one for one in report.features}
        findings = [one for one in report.findings if one.check == "features" and one.name in moved][:SHOWN_MAX]
        head = (
            "## Features that moved most\n\nNearest to their limit first. *Others now*: the least share of the events "
            "that must have other values than before. A name opens its profile where `make health` serves both."
        )
        if not findings:
            return mo.vstack([mo.md(head), mo.md("One of the periods has no events, so nothing can be compared.")])
        table = mo.ui.table(
            [_row(moved[one.name], one) for one in findings],
            selection=None,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
            wrapped_columns=["What"],
            column_widths={"What": 400, "PSI": 80, "Limit": 80, "Others now": 110, "Missing": 130, "Alert": 70},
        )
        said = "\n".join(
            f"- *{escape(wording.label(one.name))}*: {sentences.of_drift(moved[one.name].drift)}" for one in findings
        )
        return mo.vstack([mo.md(head), table, mo.accordion({"The same in sentences": mo.md(said)})])

    _shown() if report else None
    return


@app.cell
def _(report):
    def _shown():
        said = [one.sentence for one in report.findings if one.check in ("calibration", "recall")]
        parts = [mo.md("## Matured weeks: does the score keep its word?\n\n" + _list(said))]
        if report.cohorts:
            with profile_drawing.drawn_for(mo.app_meta().theme):
                figure = health_drawing.weeks_figure(report.cohorts, Limits.read().calibration_ratio_max)
                parts.append(mo.as_html(figure))
            parts.append(
                mo.md(
                    "*An event is in its week when its outcome has had its time, so the newest weeks are not here. "
                    "Intervals (95%) resample people. Who was declined shows no outcome and is in no week.*"
                )
            )
        return mo.vstack(parts)

    def _list(said):
        return "\n".join(f"- {wording.as_written(one)}" for one in dict.fromkeys(said))

    _shown() if report else None
    return


@app.cell
def _(report):
    def _shown():
        parts = [mo.md("## How long outcomes take")]
        if any(one.before.outcomes or one.recent.outcomes for one in report.delays):
            with profile_drawing.drawn_for(mo.app_meta().theme):
                parts.append(mo.as_html(health_drawing.delays_figure(report.delays)))
            parts.append(
                mo.md(
                    "*The reference leaves out the log's beginning, when only quick outcomes could have arrived, so "
                    "it may hold few. Outcomes that a model caused are left out.*"
                )
            )
        else:
            parts.append(mo.md("No outcome is on record yet."))
        return mo.vstack(parts)

    _shown() if report else None
    return


@app.cell
def _(report):
    def _shown():
        head = (
            "## What partners take back\n\nReversals for reasons other than fraud among the events that settled in a "
            "period, beside events of the same kind and risk that other partners brought. Orange: an alert, because "
            "the excess is new. An old one is the partner's terms, or its habit."
        )
        if not report.partners:
            return mo.md(f"{head}\n\nNo partner has enough settled events to compare.")
        with profile_drawing.drawn_for(mo.app_meta().theme):
            return mo.vstack([mo.md(head), mo.as_html(health_drawing.partners_figure(report.partners, RATIO_MIN))])

    _shown() if report else None
    return


@app.cell
def _(report):
    def _row(one):
        return {
            "Reason": wording.REASONS.get(one.code, one.code),
            "Before": wording.share(one.share_before),
            "Recent": wording.share(one.share_recent),
        }

    def _shown():
        if not report.reasons:
            return mo.md("## Reasons of live decisions\n\nNo live decisions in one of the periods.")
        total = f"{report.reasons[0].total_recent:,} recent decisions, {report.reasons[0].total_before:,} before."
        table = mo.ui.table(
            [_row(one) for one in report.reasons],
            selection=None,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
        )
        return mo.vstack([mo.md(f"## Reasons of live decisions\n\n{total}"), table])

    _shown() if report else None
    return


if __name__ == "__main__":
    app.run()
