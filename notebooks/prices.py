"""A home's prices for whoever sets them: response, budgets, margin, trials, who earns how much, and whether it is fair.

`marimo run notebooks/prices.py`, with ASSAY_HOME naming the home; `make prices` does so.
"""

import marimo

app = marimo.App(width="medium", app_title="Assay: prices")

with app.setup:
    from html import escape

    import marimo as mo

    from features.home import Home
    from features.money import in_words, payable
    from notebooks import price_drawing, wording
    from notebooks.profile_drawing import drawn_for
    from pipelines import priced
    from pipelines.console import UserError
    from pipelines.paid import ATTRIBUTES, read_paid
    from pipelines.pay_audit import audited
    from training.pay.trials import costs

    BURNS_MAX = 12


@app.cell
def _():
    whole, refusal = None, None
    try:
        with mo.status.spinner("Reading offers"):
            whole = read_paid(Home.from_environment())
    except UserError as _failure:
        refusal = str(_failure)
    _about = "What was offered, what became of it, and what it cost. Outcomes count once they are known for certain."
    _said = f"**There is nothing to show yet.** {escape(refusal)}." if refusal else ""
    mo.vstack(
        [mo.md("# Prices"), mo.md(_about), *([mo.callout(mo.md(_said), kind="info")] if refusal else [])],
    )
    return refusal, whole


@app.cell
def _(whole):
    currency, days = None, None
    if whole is not None:
        _all = priced.currencies(whole)
        currency = mo.ui.dropdown(_all, value=_all[0], label="Currency")
        days = mo.ui.number(1, 365, value=30, step=1, label="Days that the audit looks back")
    mo.hstack([currency, days], justify="start", gap=1.5, wrap=True) if whole is not None else None
    return currency, days


@app.cell
def _(currency, whole):
    paid = None if whole is None else priced.of_currency(whole, currency.value)
    return (paid,)


@app.cell
def _(paid):
    def _drawn(make):
        with drawn_for(mo.app_meta().theme):
            return mo.as_html(make())

    def _shown():
        head = (
            "## What a reward does\n\nThe share of offers that were completed, by reward. Everybody's curve is learned "
            "from the same log by the code that serves; where little was seen it leans on other kinds of task."
        )
        found = priced.responses(paid)
        if not found:
            return mo.md(f"{head}\n\nNo outcome is known yet: an offer's is, a day after its time to complete is over.")
        return mo.vstack(
            [mo.md(head), _drawn(lambda: price_drawing.responses_figure(found, paid.offers["currency"][0]))]
        )

    _shown() if paid is not None else None
    return


@app.cell
def _(paid):
    def _shown():
        found = sorted(priced.burns(paid), key=lambda one: -one.off_plan)
        head = (
            "## Budgets against their plan\n\nWhat completions have charged, over what the week's usual traffic would. "
            "*Off*: how far the two lie apart, as the root of the mean square until now. The farthest first."
        )
        if not found:
            return mo.md(f"{head}\n\nNo campaign has both a window and a deposit.")
        rest = f"{len(found) - BURNS_MAX:,} more lie nearer to their plan." if len(found) > BURNS_MAX else ""
        with drawn_for(mo.app_meta().theme):
            return mo.vstack(
                [mo.md(head), mo.as_html(price_drawing.burns_figure(found[:BURNS_MAX])), mo.md(rest)],
            )

    _shown() if paid is not None else None
    return


@app.cell
def _(paid):
    def _shown():
        above, below = priced.breaches(paid)
        said = (
            "no offer broke the margin or the posted floor"
            if above == below == 0
            else f"**{above:,} offers were above the margin's ceiling, {below:,} below the posted floor**"
        )
        head = f"## Margin\n\nOf {paid.offers.height:,} offers, {said}."
        found = priced.margins(paid)
        if not found:
            return mo.md(f"{head} Nothing is known to be completed yet.")
        with drawn_for(mo.app_meta().theme):
            figure = price_drawing.margins_figure(found, paid.policy.reward.margin_min)
            return mo.vstack([mo.md(head), mo.as_html(figure)])

    _shown() if paid is not None else None
    return


@app.cell
def _(paid):
    def _row(one):
        cost = one.cost
        known = cost.value is not None
        return {
            "Trials": {"local": "one level up or down", "full": "anywhere on the ladder"}.get(one.stratum, one.stratum),
            "Offers": f"{one.trials:,}",
            "Of all": wording.share(one.share),
            "Cost": f"{cost.value:,.2f}" if known else "unknown",
            "95 % interval": f"{cost.low:,.2f} to {cost.high:,.2f}" if known else "",
            "Of all payoff": f"{cost.value / one.payoff:.2%}" if known and one.payoff > 0 else "",
        }

    def _shown():
        head = (
            "## What trying out cost\n\nWhat trials would have paid off at the usual price of the like task, less what "
            f"they did, in {paid.offers['currency'][0]}. Below nothing: the trials earned more than the usual price."
        )
        found = costs(paid.offers)
        if not found:
            return mo.md(f"{head}\n\nNo trial's outcome is known yet.")
        table = mo.ui.table(
            [_row(one) for one in found],
            selection=None,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
        )
        return mo.vstack([mo.md(head), table])

    _shown() if paid is not None else None
    return


@app.cell
def _(paid):
    def _shown():
        found = priced.earners(paid)
        if not found.people:
            return mo.md("## Who earns how much\n\nNobody has completed anything yet.")
        currency = paid.offers["currency"][0]
        each, cut = payable(found.total_micros // found.people, currency), priced.cut(paid)
        said = (
            f"## Who earns how much\n\n{found.people:,} people earned {in_words(found.total_micros, currency)} under "
            f"offers, {in_words(each, currency)} each. The Gini coefficient is **{found.gini:.2f}** (0: all earn the "
            f"same), the top percent earned **{wording.share(found.top_percent_share)}**. On {cut.cut_days:,} of "
            f"{cut.days:,} days on which an account began a task, its person was past what a day pays in full: "
            f"{in_words(cut.cut_micros, currency)} of {in_words(cut.reward_micros, currency)} were not paid for that."
        )
        with drawn_for(mo.app_meta().theme):
            return mo.vstack([mo.md(said), mo.as_html(price_drawing.lorenz_figure(found))])

    _shown() if paid is not None else None
    return


@app.cell
def _(days, paid):
    audit, unaudited = None, None
    try:
        audit = audited(paid, int(days.value)) if paid is not None else None
    except UserError as _failure:
        unaudited = str(_failure)
    mo.callout(mo.md(f"{escape(unaudited)}."), kind="info") if unaudited else None
    return audit, unaudited


@app.cell
def _(audit):
    def _verdict():
        if not audit.alerts:
            return mo.callout(mo.md("**Nothing stands out.**"), kind="success")
        said = "\n".join(f"- {wording.as_written(one)}" for one in audit.alerts)
        return mo.callout(mo.md(f"**{len(audit.alerts)} to look at.**\n\n{said}"), kind="danger")

    def _shown():
        head = (
            "## Is it fair?\n\nRewards that a group was offered, over those of everybody else for the same goal of the "
            "same campaign on the same day. No price may read who somebody is; this shows whether anything it reads "
            f"stands in for that. Shaded: the policy allows {audit.ratio_max:g} times. Intervals (95%) resample people."
        )
        with drawn_for(mo.app_meta().theme):
            figure = price_drawing.groups_figure(audit.groups, ATTRIBUTES, audit.ratio_max)
            parts = [mo.md(head), _verdict(), mo.as_html(figure)]
        return mo.vstack(parts if audit.groups else parts[:2])

    _shown() if audit is not None else None
    return


@app.cell
def _(audit):
    def _row(one):
        return {
            "Campaign": one["campaign_id"],
            "Hour (UTC)": f"{wording.when(one['hour'])}",
            "People": one["people"],
            "Least": in_words(one["least_micros"], one["currency"]),
            "Most": in_words(one["most_micros"], one["currency"]),
            "Times": f"{one['ratio']:.2f}",
        }

    def _shown():
        alike = audit.similar
        head = (
            f"### What similar people were offered\n\n{alike.tasks:,} times at least two people were offered the same "
            f"goal within an hour, {alike.alike:,} times at one reward. The dearest offer over the cheapest is "
            f"{alike.middle:.2f} in the middle and {alike.high:.2f} at the 99th of a hundred; the policy allows "
            f"{alike.ratio_max:g}, trials of the whole ladder apart."
        )
        differing = [one for one in alike.worst.to_dicts() if one["ratio"] > 1]
        if not differing:
            return mo.md(head)
        table = mo.ui.table(
            [_row(one) for one in differing],
            selection=None,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
        )
        return mo.vstack([mo.md(head), mo.md("Farthest apart:"), table])

    _shown() if audit is not None else None
    return


if __name__ == "__main__":
    app.run()
