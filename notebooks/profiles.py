"""One feature for a data scientist: what it is, how it is spread, how it moved, and what it tells of the label.

`marimo run notebooks/profiles.py`, with ASSAY_HOME naming the home; add `?feature=user__count__1h` to open one.
"""

import marimo

app = marimo.App(width="medium", app_title="Assay: profile of a feature")

with app.setup:
    from html import escape
    from urllib.parse import urlencode

    import marimo as mo
    import numpy as np

    from features.home import Home
    from features.vector import ALL, CATEGORICAL, FEATURES, VERSION
    from notebooks import distribution, profile_drawing, profiling, relation, sentences, wording
    from training.labels import TARGETS
    from training.monitoring import drift

    DEFINED = {feature.name: feature for feature in ALL}
    MOVED_MAX = 20


@app.cell
def _():
    known = profiling.known_of(Home.from_environment())
    is_empty = isinstance(known, str)
    return is_empty, known


@app.cell
def _(is_empty, known):
    def _about():
        if is_empty:
            return mo.callout(mo.md(known), kind="info")
        thinned = f" Of more than {profiling.ROWS_MAX:,} events in a period, so many are read, evenly thinned."
        return mo.md(
            f"{known.events.height:,} events of {known.days} in `{known.home.root}`, features `{VERSION}`. Days are "
            f"UTC. Newer events are here after `assay backfill`.{thinned * (known.events.height > profiling.ROWS_MAX)}"
        )

    mo.vstack([mo.md("# Profile of a feature"), _about()])
    return


@app.cell
def _():
    wanted_name = mo.query_params().get("feature") or FEATURES[0]
    return (wanted_name,)


@app.cell
def _(is_empty, known):
    kind = mo.ui.dropdown(
        {"every kind": None} | {wording.plain(one): one for one in ([] if is_empty else known.kinds)},
        value="every kind",
        allow_select_none=False,
        label="Event",
    )
    return (kind,)


@app.cell
def _(is_empty, kind, known, wanted_name):
    def _period(label, days, chosen):
        return mo.ui.date_range(days.first, days.last, (chosen.first, chosen.last), label=label)

    _said = {name: f"{wording.label(name)}  ({name})" for name in FEATURES}
    feature = mo.ui.dropdown(
        {text: name for name, text in _said.items()},
        value=_said.get(wanted_name, _said[FEATURES[0]]),
        searchable=True,
        allow_select_none=False,
        full_width=True,
        label="Feature",
    )
    target = mo.ui.dropdown(list(TARGETS), value=TARGETS[0], allow_select_none=False, label="Label")
    earlier, later = None, None
    if not is_empty:
        _before, _after = profiling.usual_periods(known.days)
        earlier, later = _period("Earlier", known.days, _before), _period("Later", known.days, _after)
    _lost = mo.callout(f"No feature of this release is called {wanted_name}.", kind="warn")
    mo.vstack(
        [
            *([] if wanted_name in DEFINED else [_lost]),
            feature,
            mo.hstack([earlier, later, kind, target], justify="start", gap=1.5, wrap=True),
        ]
    ) if not is_empty else None
    return earlier, feature, later, target


@app.cell
def _(earlier, later):
    periods = [profiling.Days(*one.value) for one in (earlier, later)] if earlier is not None else []
    return (periods,)


@app.cell
def _(is_empty, kind, known, periods):
    is_wanted = np.empty(0, dtype=bool) if is_empty else known.of_kind(kind.value)
    places = [profiling.thinned(one.mask(known.times) & is_wanted) for one in periods]
    return is_wanted, places


@app.cell
def _(feature, is_empty, known):
    name = feature.value
    is_category = name in CATEGORICAL
    _words = profiling.words_of(known.home, name) if is_category and not is_empty else {}

    def say(number):
        return wording.value(name, number, {DEFINED[name].column: _words.get(number)} if is_category else {})

    _unit = wording.unit(name, None)
    axis = f"{wording.label(name)}{f' ({_unit})' if _unit else ''}"
    return axis, is_category, name, say


@app.cell
def _(is_empty, name):
    def _definition():
        one = DEFINED[name]
        unit = f"<br>**Unit of the value as stored:** {one.unit}" if one.unit else ""
        return mo.md(
            f"## {wording.label(name)[0].upper()}{wording.label(name)[1:]}\n\n`{name}`<br>"
            f"**Definition:** {one.description}.{unit}<br>**Why it exists:** {one.reason or 'nobody wrote it down'}."
        )

    mo.callout(_definition()) if not is_empty else None
    return


@app.cell
def _(is_empty, known, name, places):
    values = np.empty(0) if is_empty else known.column(name)
    samples = [values[one] for one in places]
    return samples, values


@app.cell
def _(axis, is_category, name, periods, samples, say):
    def _figure(both, spread):
        bins = distribution.histogram_bins(both, spread, categorical=is_category)
        counts = [bins.counts(sample) for sample in samples]
        with profile_drawing.drawn_for(mo.app_meta().theme):
            return mo.as_html(profile_drawing.spread_figure(bins, counts, list(map(str, periods)), say, axis))

    def _shown():
        both = np.concatenate(samples)
        spread = distribution.spread_of(both)
        title = mo.md(f"## How it is spread\n\n{sentences.of_spread(name, spread, categorical=is_category)}")
        return mo.vstack([title, _figure(both, spread)] if spread.different > 1 else [title])

    _shown() if samples else None
    return


@app.cell
def _(is_category, samples):
    moved = drift.drift_of(*samples, categorical=is_category) if samples else None
    return (moved,)


@app.cell
def _(is_empty, moved):
    def _stats():
        by_chance = f"{sentences.of_psi(moved.chance)} by chance"
        ks = ("none", "KS", "it has no meaning here") if moved.ks is None else (f"{moved.ks:.3f}", "KS", "up to 1")
        shown = (
            (sentences.of_psi(moved.psi), "PSI", by_chance),
            ks,
            (wording.share(moved.missing_before), "Missing", "in the earlier period"),
            (wording.share(moved.missing_after), "Missing", "in the later period"),
        )
        stats = [mo.stat(number, label=said, caption=more, bordered=True) for number, said, more in shown]
        return mo.hstack(stats, justify="start", gap=1, wrap=True)

    _meaning = mo.accordion({"What PSI and KS mean": mo.md(f"{sentences.PSI_MEANING}\n\n{sentences.KS_MEANING}")})
    mo.vstack(
        [
            mo.md(f"## How it moved\n\n{sentences.of_drift(moved)}"),
            *([_stats()] if moved else []),
            _meaning,
        ]
    ) if not is_empty else None
    return


@app.cell
def _(is_category, is_empty, is_wanted, known, target, values):
    related, labelled = None, 0
    if not is_empty:
        _labels = known.labels[target.value]
        _has_label = ~np.isnan(_labels) & is_wanted
        _rows, labelled = profiling.thinned(_has_label), int(_has_label.sum())
        related = relation.relation_of(values[_rows], _labels[_rows], known.people()[_rows], categorical=is_category)
    return labelled, related


@app.cell
def _(axis, is_empty, is_wanted, labelled, related, say, target):
    def _table():
        names = [*related.bins.names(say), "missing"]
        rows = [
            {"Value": one} | sentences.of_rate(rate) for one, rate in zip(names, related.rates, strict=True) if rate
        ]
        return mo.ui.table(
            rows, selection=None, show_data_types=False, show_column_summaries=False, show_download=False, page_size=20
        )

    def _shown():
        parts = [
            mo.md(
                f"## What it tells of the label\n\n{sentences.of_relation(related, labelled, target.value)} "
                f"{sentences.of_labels(labelled, int(is_wanted.sum()))}"
            )
        ]
        if related is not None:
            called = f"{sentences.CALLED[target.value][0]} events"
            with profile_drawing.drawn_for(mo.app_meta().theme):
                parts.append(mo.as_html(profile_drawing.rate_figure(related, called, say, axis)))
            parts.append(
                mo.md(
                    "*Each bin holds about as many events, or one value. Its interval (Wilson, 95%) takes events as "
                    "independent; those of one person are alike, so the truth is less certain than it looks. "
                    "The interval of the AUC resamples people instead.*"
                )
            )
            parts.append(mo.accordion({"The same as a table": _table()}))
        return mo.vstack(parts)

    _shown() if not is_empty else None
    return


@app.cell
def _(is_empty):
    compare = mo.ui.run_button(label=f"Compare all {len(FEATURES)} features")
    _head = "## What moved most\n\nEvery feature between the two periods; many events take some seconds."
    mo.vstack([mo.md(_head), compare]) if not is_empty else None
    return (compare,)


@app.cell
def _(compare, known, places):
    ranked = None
    if compare.value and places:
        with mo.status.spinner("Reading one feature after the other"):
            ranked = drift.table_of(FEATURES, known.column, *places, CATEGORICAL)
    return (ranked,)


@app.cell
def _(ranked):
    def _link(one):
        # The other parts of the address say which notebook of the folder this is.
        asked = urlencode({**mo.query_params().to_dict(), "feature": one})
        style = "text-decoration: underline"
        return mo.Html(f'<a href="?{escape(asked)}" target="_blank" style="{style}">{escape(wording.label(one))}</a>')

    def _row(one, found):
        return {
            "What": _link(one),
            "PSI": sentences.of_psi(found.psi),
            "By chance": sentences.of_psi(found.chance),
            "KS": "" if found.ks is None else f"{found.ks:.3f}",
            "Missing": f"{wording.share(found.missing_before)} → {wording.share(found.missing_after)}",
            "In words": found.in_words,
        }

    def _shown():
        if not ranked:
            return mo.md("One of the periods has no such event: choose other days, or another kind.")
        table = mo.ui.table(
            [_row(*one) for one in ranked[:MOVED_MAX]],
            selection=None,
            page_size=10,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
            wrapped_columns=["What"],
            column_widths={"What": 400, "PSI": 90, "By chance": 90, "KS": 70, "Missing": 130, "In words": 120},
        )
        said = f"The {min(MOVED_MAX, len(ranked))} that moved most. A name opens its profile on a page of its own."
        return mo.vstack([mo.md(said), table])

    _shown() if ranked is not None else None
    return


if __name__ == "__main__":
    app.run()
