"""Flagged decisions for a reviewer: what was decided, why, who is tied to the person, and how to answer.

`marimo run notebooks/cases.py`, with ASSAY_HOME naming the home; add `?decision=d_...` to the address to open one.
"""

import marimo

app = marimo.App(width="medium", app_title="Assay: cases")

with app.setup:
    import json
    import os

    import marimo as mo

    from features.home import Home
    from features.log import Log, recorded_now
    from features.neighbourhood import HOPS_MAX, NODES_MAX, graph_as_of, neighbourhood
    from notebooks import answering, drawing, evidence, flagged, wording
    from serving import records
    from serving.cases import LISTED_MAX
    from serving.knowledge import rows_of
    from serving.ledger.wallets import wallet
    from serving.policy import load_policy


@app.cell
def _():
    home = Home.from_environment()
    log = Log(home.log)
    return home, log


@app.cell
def _():
    wanted_id = mo.query_params().get("decision") or ""
    return (wanted_id,)


@app.cell
def _(home):
    look_again = mo.ui.button(label="Look again", tooltip="read the newest decisions")
    mo.vstack(
        [
            mo.hstack([mo.md("# Cases"), look_again], align="center"),
            mo.md(f"Decisions that were flagged by the service whose home is `{home.root}`. All times are UTC."),
        ]
    )
    return (look_again,)


@app.cell
def _(home, look_again):
    look_again
    is_empty = not home.records.exists()
    everything = []
    if not is_empty:
        with flagged.read_only(home.records) as _connection:
            everything = flagged.flagged(_connection, flagged.Wanted())
    _nothing_yet = mo.callout(
        mo.md(
            "**There are no decisions here yet.** Start the service with `assay up`, send it events, and press "
            "*Look again*. If it runs with another home, start this notebook with `ASSAY_HOME` set to that folder."
        ),
        kind="info",
    )
    _nothing_flagged = mo.callout(mo.md("**Nothing is flagged.** Every decision was an approval."), kind="success")
    _nothing_yet if is_empty else None if everything else _nothing_flagged
    return everything, is_empty


@app.cell
def _(everything):
    _actions, _reasons = flagged.actions_and_reasons(everything)
    _waiting = any(row.opened_at and not row.closed_at for row in everything)
    _first = "waiting for a person" if _waiting else "all flagged"
    filters = mo.ui.dictionary(
        {
            "show": mo.ui.dropdown(["all flagged", "waiting for a person"], value=_first, label="Show"),
            "action": mo.ui.dropdown(
                {wording.ACTIONS.get(action, action): action for action in _actions}, label="Decision"
            ),
            "reason": mo.ui.dropdown({wording.reason(code): code for code in _reasons}, label="Reason"),
            "user": mo.ui.text(placeholder="all or part of an id", label="Person"),
        }
    )
    mo.hstack(list(filters.values()), justify="start", gap=1.5, wrap=True) if everything else None
    return (filters,)


@app.cell
def _(filters, home, is_empty, look_again):
    look_again
    _wanted = flagged.Wanted(
        waiting_only=filters["show"].value == "waiting for a person",
        action=filters["action"].value or "",
        user=filters["user"].value.strip(),
        reason=filters["reason"].value or "",
    )
    listed = []
    if not is_empty:
        with flagged.read_only(home.records) as _connection:
            listed = flagged.flagged(_connection, _wanted)
    return (listed,)


@app.cell
def _(everything, listed):
    def _status(row):
        if row.disposition:
            return f"answered: {row.disposition}"
        if row.opened_at:
            return "waits for you"
        return "answered" if row.revision > 1 else "flagged"

    table_rows = [
        {
            "When": wording.when(row.decided_at),
            "Status": _status(row),
            "Decision": wording.ACTIONS.get(row.action, row.action),
            "Score": "none" if row.score is None else wording.percent(row.score),
            "Reward": wording.money(row.reward_micros, row.currency),
            "What": wording.plain(row.kind),
            "Person": row.user_id or "unknown",
            "Reasons": "; ".join(wording.reason(code) for code in json.loads(row.reason_codes)),
            "Id": row.decision_id,
        }
        for row in listed
    ]
    _widths = {"When": 160, "Status": 95, "Decision": 145, "Score": 62, "Reward": 75, "What": 135, "Person": 75}
    table = mo.ui.table(
        table_rows,
        selection="single",
        page_size=8,
        show_data_types=False,
        show_column_summaries=False,
        show_download=False,
        hidden_columns=["Id"] if table_rows else [],
        wrapped_columns=["Decision", "What", "Reasons"] if table_rows else [],
        column_widths=_widths if table_rows else {},
    )
    _cut = f" These are the newest {LISTED_MAX}; narrow the filters to see older ones." * (len(listed) == LISTED_MAX)
    _count = mo.md(f"**{len(listed)}** decisions, newest first.{_cut} Pick one to see it below.")
    mo.vstack([_count, table]) if everything else None
    return table, table_rows


@app.cell
def _(home, is_empty, look_again, table, wanted_id):
    look_again
    chosen_id = table.value[0]["Id"] if table.value else wanted_id
    history_of_decision = []
    if chosen_id and not is_empty:
        with flagged.read_only(home.records) as _connection:
            history_of_decision = flagged.revisions(_connection, chosen_id)
    # The first revision keeps what the model saw, the latest one what holds now.
    seen = history_of_decision[0] if history_of_decision else None
    now = history_of_decision[-1] if history_of_decision else None
    _unknown = mo.callout(mo.md(f"No decision here has the id {wording.code(chosen_id)}."), kind="warn")
    _unknown if chosen_id and seen is None else None
    return history_of_decision, now, seen


@app.cell
def _(home, log, seen):
    event, before = None, None
    if seen is not None:
        with flagged.read_only(home.records) as _connection:
            event = flagged.event_row(_connection, log, seen.event_id)
            before = flagged.vectors_before(_connection, seen)
    return before, event


@app.cell
def _(event, history_of_decision, now, seen):
    def _why():
        reasons = [wording.reason(code) for code in json.loads(seen.reason_codes)]
        return "; ".join(reasons) + "." if reasons else "Nothing spoke against it."

    def _threshold():
        policy = load_policy()
        if seen.policy_version != policy.version or seen.score is None:
            return ""
        levels = policy.withdrawal if seen.kind == "withdrawal_requested" else policy.event
        level = getattr(levels, seen.action, None)
        return f" The policy does this from {wording.percent(level)} on." if level is not None else ""

    def _revisions():
        lines = [
            f"- revision {one.revision}, {wording.when(one.decided_at)}: "
            f"**{wording.ACTIONS.get(one.action, one.action)}**"
            f" ({', '.join(wording.reason(code) for code in json.loads(one.reason_codes)) or 'no reason'})"
            for one in history_of_decision
        ]
        return "\n".join(["", "", "It was changed since:", "", *lines]) if len(lines) > 1 else ""

    def _story():
        withdrawal = seen.kind == "withdrawal_requested"
        amount = wording.money((event or {}).get("amount_micros"), seen.currency)
        worth = f"{amount} to be paid out" if withdrawal else wording.money(seen.reward_micros, seen.currency)
        score = "no model could score it" if seen.score is None else f"**{wording.percent(seen.score)}**"
        missing = json.loads(seen.degraded)
        without = f"<br>**Missing at the time:** {wording.as_written(', '.join(missing))}" if missing else ""
        return mo.md(
            f"### {wording.ACTIONS.get(now.action, now.action)}: {wording.plain(seen.kind)} "
            f"by {wording.as_written(seen.user_id)}\n\n"
            f"{wording.CONSEQUENCES.get((now.action, withdrawal), '')}\n\n"
            f"**Why:** {_why()}<br>"
            f"**Probability of fraud:** {score}.{_threshold()}<br>"
            f"**At stake:** {worth or 'no money'}<br>"
            f"**When:** {wording.when(seen.decided_at)}{without}{_revisions()}"
        )

    _tone = {"approve": "success", "decline": "danger"}
    _ids = mo.accordion(
        {
            "Full ids and versions": mo.md(
                f"decision {wording.code(seen.decision_id)}, event {wording.code(seen.event_id)}, "
                f"person {wording.code(seen.user_id)}<br>model {wording.code(seen.model_version)}, "
                f"policy {wording.code(seen.policy_version)}, features {wording.code(seen.features_version)}, "
                f"reason codes {wording.code(seen.reason_codes)}"
            )
        }
        if seen is not None
        else {}
    )
    _pick = mo.md("*No decision is chosen: pick a row of the table.*")
    _pick if seen is None else mo.vstack(
        [mo.md("## What was decided"), mo.callout(_story(), kind=_tone.get(now.action, "warn")), _ids]
    )
    return


@app.cell
def _(before, event, seen):
    whole = []
    if seen is not None and event is not None and flagged.is_readable(seen):
        whole = evidence.whole_vector(seen, event, before)
    strongest = evidence.strongest(whole)
    return strongest, whole


@app.cell
def _(before, seen, strongest, whole):
    def _table(rows, page_size):
        return mo.ui.table(
            [row.as_row() for row in rows],
            selection=None,
            page_size=page_size,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
            wrapped_columns=["What", "Exact definition"],
        )

    def _shown():
        parts = [
            mo.md(
                "## What raised the score\n\nEach bar is one thing the model saw, the weightiest first: "
                "× 2 doubled the odds of fraud. "
                f"The dots compare it with the {len(before):,} decisions on such events just before this one."
            )
        ]
        if not whole:
            parts.append(
                mo.callout(
                    "This decision was made with other features than today's; only its own release can explain it.",
                    kind="warn",
                )
            )
        elif not strongest:
            parts.append(mo.md("*No single feature was kept as a reason: the score was too low, or no model scored.*"))
        else:
            parts.append(mo.as_html(drawing.evidence_figure(strongest)))
            parts.append(mo.accordion({"The same as a table": _table(strongest, 12)}))
        parts.append(mo.accordion({f"All {len(whole)} features": _table(whole, 15)}) if whole else mo.md(""))
        return mo.vstack(parts)

    _shown() if seen is not None else None
    return


@app.cell
def _(home, log, look_again, seen):
    look_again
    # Read once for all decisions, and only when one was chosen.
    recorded = None
    if seen is not None:
        with flagged.read_only(home.records) as _connection:
            recorded = rows_of(records.recorded_after(_connection, log.last()[0]))
    return (recorded,)


@app.cell
def _(log, recorded, seen):
    near, fresh = None, set()
    if seen is not None and seen.user_id is not None:
        _node = f"user:{seen.user_id}"
        near = neighbourhood(graph_as_of(log, seen.sequence, recorded), _node, HOPS_MAX, NODES_MAX)
        fresh = {
            frozenset((_node, other)) for other, tie in near.adj[_node].items() if tie["sequence"] == seen.sequence
        }
    return fresh, near


@app.cell
def _(fresh, near, seen):
    def _kind(node):
        return drawing.KINDS[node.partition(":")[0]][2]

    def _counted():
        kinds = [_kind(node) for node in near]
        others = wording.counted(kinds.count("person") - 1, "other person", "other people")
        devices = wording.counted(kinds.count("device"), "device", "devices")
        paid = wording.counted(kinds.count("payout destination"), "payout destination", "payout destinations")
        return f"Within {HOPS_MAX} steps, at the moment of the decision: {others}, {devices}, {paid}."

    def _cut():
        if not near.graph["cut"]:
            return "The picture is complete: nothing else is tied to what it shows."
        return (
            f"**The picture was cut** at {HOPS_MAX} steps and {NODES_MAX} nodes, and behind hubs: "
            f"{near.graph['left_out']} more are tied directly to what it shows."
        )

    def _shown():
        names = [
            {"Kind": _kind(node), "Steps away": at["hops"], "Tied to": at["degree"], "Id": node.partition(":")[2]}
            for node, at in near.nodes(data=True)
        ]
        listed_nodes = mo.ui.table(
            names, selection=None, page_size=12, show_data_types=False, show_column_summaries=False, show_download=False
        )
        return mo.vstack(
            [
                mo.md(f"## Who is tied to this person\n\n{_counted()} {_cut()}"),
                mo.as_html(drawing.neighbourhood_figure(near, f"user:{seen.user_id}", fresh)),
                mo.accordion({"All of them, with full ids": listed_nodes}),
            ]
        )

    _shown() if near is not None else None
    return


@app.cell
def _(home, log, look_again, seen):
    look_again
    purse, happened = None, []
    if seen is not None and seen.user_id is not None:
        with flagged.read_only(home.records) as _connection:
            happened = flagged.history(_connection, log, seen.user_id)
            _currency = seen.currency or "CNY"
            purse = wallet(_connection, seen.user_id, _currency), _currency
    return happened, purse


@app.cell
def _(happened, purse, seen):
    def _told(one):
        row = one.row
        outcome = row["disposition"] or row["reason"] or row["caused_by"] or ""
        said = " ".join(filter(None, [wording.plain(row["kind"]), f"({outcome})" if outcome else ""]))
        device = (row["device_key"] or "").partition(":")
        return {
            "When": wording.when(row["event_time"]),
            "": "◀ this one" if row["event_id"] == seen.event_id else "later" * (row["sequence"] > seen.sequence),
            "What": said,
            "Money": wording.money(row["amount_micros"] or row["reward_micros"], row["currency"]),
            "Decision": wording.ACTIONS.get(one.action, "") if one.action else "",
            "Device": wording.short(":".join([device[0], device[2]])) if device[2] else "",
            "Address": row["ip_key"] or "",
        }

    def _purse():
        found, currency = purse
        return mo.hstack(
            [
                mo.stat(wording.money(micros, currency), label=label, caption=caption, bordered=True)
                for label, micros, caption in (
                    ("Can be withdrawn", found.withdrawable_micros, "now"),
                    ("Pending", found.pending_micros, "earned, not spendable yet"),
                    ("Held", found.held_micros, "on its way out"),
                )
            ],
            widths="equal",
            gap=1,
        )

    def _shown():
        recent = mo.ui.table(
            [_told(one) for one in happened],
            selection=None,
            page_size=10,
            show_data_types=False,
            show_column_summaries=False,
            show_download=False,
        )
        events = f"The newest {len(happened)} events and outcomes, also what came after the decision."
        return mo.vstack([mo.md(f"## The person's money and recent events\n\n{events}"), _purse(), recent])

    _shown() if purse is not None else None
    return


@app.cell
def _(now):
    disposition = mo.ui.radio(list(answering.ANSWERS), value="genuine", label="Your answer", inline=True)
    reviewer = mo.ui.text(placeholder="your name", label="Reviewer", max_length=64)
    address = mo.ui.text(value="http://127.0.0.1:3000", label="Service")
    mo.vstack(
        [
            mo.md(
                "## Your answer\n\n**Genuine** releases what was held, or credits what was declined. **Fraud** takes "
                "it back. Either closes the case, becomes a label for the next model, and stays on record."
            ),
            mo.hstack([disposition, reviewer, address], justify="start", gap=2, wrap=True),
        ]
    ) if now is not None else None
    return address, disposition, reviewer


@app.cell
def _(address, disposition, home, log, now, reviewer):
    body, service, knows = None, None, None
    if now is not None:
        _at = recorded_now()
        if home.manifest.get("clock") == "events":
            with flagged.read_only(home.records) as _connection:
                _at = flagged.newest_as_of(_connection, log)
        _name = reviewer.value.strip() or "YOUR NAME"
        body = answering.outcome_of(now, answering.ANSWERS[disposition.value], _name, _at)
        try:
            service = answering.Service(address.value.strip().rstrip("/"), os.environ.get("ASSAY_API_KEY"))
            knows = service.decision(now.decision_id)
        except ValueError:
            service = None
    return body, knows, service


@app.cell
def _(address, disposition, knows, now, service):
    confirmation = mo.ui.text(placeholder=disposition.value, label=f"Type “{disposition.value}” to confirm")
    send = mo.ui.run_button(label="Send the answer", kind="warn")
    if service is None:
        _state = "That address is not on this machine, so this notebook sends nothing there; use the command."
    elif knows is None:
        _where = wording.as_written(address.value)
        _state = f"No service that knows this decision answers at {_where}: use the command once it runs."
    else:
        _state = f"The service answers; the decision stands at revision {knows['revision']}, {knows['decision']}."
    _button = [mo.hstack([confirmation, send], justify="start", align="end", gap=1)] if knows else []
    mo.vstack([mo.md(_state), *_button]) if now is not None else None
    return confirmation, send


@app.cell
def _(body, confirmation, disposition, now, reviewer, send, service):
    def _send():
        if not reviewer.value.strip():
            return mo.callout("Nothing was sent: write your name under Reviewer first.", kind="warn")
        if confirmation.value.strip().lower() != disposition.value:
            return mo.callout(f"Nothing was sent: type “{disposition.value}” to confirm.", kind="warn")
        try:
            answer = service.send(body)
        except (OSError, ValueError) as failure:
            return mo.callout(f"Not recorded: {failure}", kind="danger")
        after = service.decision(now.decision_id)
        return mo.callout(mo.md(_told(answer, after)), kind="success")

    def _told(answer, after):
        back = answer["reversed_micros"]
        taken = f" {wording.money(back, now.currency)} were taken back." if back else ""
        stands = f"revision {after['revision']}, **{wording.ACTIONS[after['decision']]}**" if after else "unknown"
        return f"Recorded. The decision now stands at {stands}.{taken} Press *Look again* to refresh the page."

    _send() if send.value else None
    return


@app.cell
def _(address, body):
    _command = f"```bash\n{answering.curl(address.value.strip().rstrip('/'), body)}\n```" if body else ""
    mo.md(f"The same as a command for a terminal:\n\n{_command}") if body else None
    return


if __name__ == "__main__":
    app.run()
