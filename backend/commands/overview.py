"""What `labelwheel status` shows: compact enough to be watched."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from labelwheel.backend.commands import targets
from labelwheel.backend.commands.targets import Row, title
from labelwheel.backend.views import wording

BAR_WIDTH = 10
VERSIONS = 4
"""So many of the newest versions are told with their share of accepted suggestions."""

_STATES = {"connected": "green", "connecting": "yellow", "disconnecting": "yellow", "failed": "red", "stalled": "red"}
_ASIDE = 3
_KINDS = {"promoted": "green", "rejected": "yellow", "failed": "red"}


def render(status: Row, url: str, decisions: int = 5, project: str | None = None) -> RenderableType:
    """The whole status, or that of one project; `decisions` is how many of the latest each project shows.

    Raises NotFound where there is no such project.
    """
    shown = [each for each in status["projects"] if each["state"] != "disconnected"]
    if project is not None:
        shown = [targets.project(status, project)]
    parts: list[RenderableType] = [_service(status, url)]
    parts += [part for each in shown for part in _project(each, decisions)]
    if not shown:
        parts.append(Text("no project is connected yet; run `labelwheel connect`", style="yellow"))
    return Group(*parts)


def _service(status: Row, url: str) -> Text:
    line = Text.assemble(("labelwheel", "bold"), f" at {url}")
    alive = [each for each in status["servers"] if each["alive"]]
    memory = sum(each["memory_mb"] or 0 for each in alive)
    if alive:
        line.append(f" · {len(alive)} web process{'es' * (len(alive) > 1)}, {memory:.0f} MB")
        line.append(_models(alive))
        line.append(_engines(alive))
    else:
        line.append(" · no web process reports that it serves", style="red")
    if not status["worker"]["alive"]:
        line.append(" · the worker is not running", style="red")
        if status["worker"].get("problem"):
            line.append(f"\n{status['worker']['problem']}", style="red")
    if model := status.get("language_model"):
        line.append(f"\ntexts go to {model['model']} at {model['place']}, for {model['budget']:g} a day and project")
        if model.get("redaction"):
            line.append(f", redacted by {model['redaction']}")
        for number, spent in model["projects"].items():
            said = f"; project {number}: {spent['today']:.2f} today, {spent['money']:.2f} in all"
            line.append(said, style="yellow" if spent["reached"] else "")
            if spent["reached"]:
                line.append(", the budget of today is reached: the small model answers", style="yellow")
    for server in alive:
        for number in server["problems"] or {}:
            line.append(f"\n{wording.trouble(server, number, f'serve project {number}')}", style="red")
    return line


def _models(alive: list[Row]) -> str:
    """Such as `, models 118 of 200 MB, 2 projects unloaded`; empty where nothing limits them."""
    limited = [each["models"] for each in alive if (each.get("models") or {}).get("budget_mb")]
    if not limited:
        return ""
    used, budget = (sum(each[name] for each in limited) for name in ("mb", "budget_mb"))
    gone = {project for each in limited for project in each["unloaded"]}
    unloaded = f", {len(gone)} project{'s' * (len(gone) != 1)} unloaded" if gone else ""
    return f", models {used} of {budget} MB{unloaded}"


def _engines(alive: list[Row]) -> str:
    """Such as `, openvino int8 by 64: 1.9 ms a text (onnx 2.4)`; empty where nothing was measured."""
    found = [engine for each in alive for engine in (each.get("models") or {}).get("engines", ())]
    told = []
    for each in found:
        single = {name: times["single"] for name, times in each.get("milliseconds", {}).items()}
        if single:
            others = ", ".join(f"{name} {took:.1f}" for name, took in single.items() if name != each["engine"])
            told.append(f", {each['arithmetic']}: {single[each['engine']]:.1f} ms a text ({others})")
    return "".join(dict.fromkeys(told))


def _project(project: Row, decisions: int) -> Iterator[RenderableType]:
    state = project.get("health") or project["state"]
    head = Text.assemble(
        (title(project), "bold"), f"  project {project['id']} · {project['tool']} {project['external_id']} · ",
        (state, _STATES.get(state, "")),
    )  # fmt: skip
    version = project["version"]
    if version["current"]:
        head.append(f" · {version['current']}")
        if version["current"] not in (version["served"] or []):
            head.append(" (being loaded)", style="yellow")
    yield Rule(head, align="left", style="dim")
    if project.get("stalled_at"):
        yield Text(f"  no label could be taken in; it began {wording.ago(project['stalled_at'])}", style="red")
    if project["problem"]:
        yield Text(f"  {project['problem']}", style="red")
    if state == "connecting" and project["step"]:
        yield Text(f"  {project['step']}", style="yellow")
    questions = [each for each in project["questions"] if each.get("active", True)]
    if questions:
        yield Padding(_questions(questions), (0, 0, 0, 2))
    for line in _lines(project):
        yield Padding(line, (0, 0, 0, 2))
    yield from (Padding(line, (0, 0, 0, 2)) for line in _decisions(project["decisions"][:decisions]))


def _questions(questions: list[Row]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    # a name that is broken in two cannot be copied: what wraps are the sentences
    for name in ("question", "champion"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in ("score", "labels", "accepted", "next round"):
        table.add_column(name, overflow="fold", min_width=len(name) + 2)
    for each in questions:
        champion = each["champion"]
        cell = Text(each["name"], style="cyan")
        if each["pinned"]:
            cell.append(" (rolled back)", style="yellow")
        table.add_row(
            cell,
            champion["version"] if champion else Text("none yet", style="dim"),
            wording.score(champion) if champion else "",
            wording.labels(each["labels"]),
            _accepted(each.get("acceptance", [])),
            _round(each["round"]) if each["round"] else wording.coming(each["next_round"]),
        )
    return table


def _round(current: Row) -> Text:
    share = min(1.0, max(0.0, current["progress"] or 0.0))
    done = round(share * BAR_WIDTH)
    left = wording.duration(current["seconds_left"])
    return Text.assemble(
        (f"{wording.stage(current)} ", "cyan"), ("━" * done, "cyan"), ("┄" * (BAR_WIDTH - done), "dim"),
        f" {wording.percent(share)}", (f", {left} left" if left else "", "dim"),
    )  # fmt: skip


def _lines(project: Row) -> Iterator[Text]:
    examples, poll = project["examples"], project["poll"]
    blind = f" ({examples['blind']} blind)" if examples.get("blind") else ""
    line = f"{examples['total']} examples{blind}, {examples['labelled']} labelled"
    if poll["at"]:
        line += f" · looked for labels {wording.ago(poll['at'])}"
    yield Text(line, style="dim")
    backfill = project["backfill"]
    if backfill:
        total = f" of {backfill['total']}" if backfill["total"] else ""
        yield Text(f"suggestions of {backfill['version']}: {backfill['state']}, {backfill['done']}{total} examples")
    rates = _rated(project["acceptance"])[-VERSIONS:]
    if rates:
        yield Text("accepted as suggested: " + ", ".join(f"{_share(each)} ({each['version']})" for each in rates))
    order = project.get("order")
    if order and order["by_lot"]["answered"]:
        yield Text(_order(order))
    yield from map(Text, _anchoring(project.get("anchoring")))
    for each in project["questions"]:
        if (agreed := each.get("agreement")) and each["active"]:
            yield Text(f"people agree on {each['name']}: {wording.agreed(agreed)}")
    for each in project["questions"]:
        if each["active"] and (head := each.get("head")):
            yield Text(f"{each['name']}: {wording.headed(head)}")
    for each in project["questions"]:
        if each["active"] and (held := each.get("hidden")) and (held["below"] or held["hidden"]):
            yield Text(f"{each['name']}: {wording.hidden(held)}")
    for each in project["questions"]:
        ahead = each.get("outlook")
        if ahead and ahead["needed"] and each["active"]:
            yield Text(f"{each['name']} to {ahead['target']:g}: {ahead['reason']}")
    for each in project["questions"]:
        if each["active"] and (said := wording.tuning(each)):
            yield Text(said)
    for line in wording.shared(project):
        yield Text(line, style="green")
    for each in project["unlearnt"]:
        yield Text(f"not learnt: {each['name']}: {each['reason']}", style="yellow")
    if told := wording.not_taken(project["work"]):
        yield Text(told, style="yellow")
    if (unread := project.get("unsuggested")) and (said := wording.unsuggested(unread)):
        yield Text(said, style="yellow")
    for name in project.get("absent_columns") or []:
        yield Text(
            f"no slice: no new example has a column {name!r}, which LABELWHEEL_SLICES or LABELWHEEL_GROUPS names; "
            "one that was named just now comes with the next sweep",
            style="yellow",
        )
    aside = project.get("aside") or []
    for each in aside[:_ASIDE]:
        yield Text(f"set aside: {each['key']}: {each['reason']}", style="yellow")
    if len(aside) > _ASIDE:
        yield Text(f"set aside: {len(aside) - _ASIDE} more", style="yellow")


def _anchoring(found: Row | None) -> Iterator[str]:
    """What seeing suggestions does, once that can be told."""
    if not found:
        return
    if time := found["seconds"]:
        yield f"suggestions save {time['saved']:.1f} s a label ({time['low']:.1f} to {time['high']:.1f})"
    for each in found["questions"]:
        if each["version"] is None and (pull := each["pull"]):
            span = f"{pull['low']:+.0f} to {pull['high']:+.0f}"
            yield f"suggestions pull labels of {each['question']} by {pull['more']:+.0f} points ({span})"


def _order(order: Row) -> str:
    """What it costs and what it brings, or why that cannot be said."""
    halves = " and ".join(
        f"{wording.percent(half['rate'])} of {half['answered']} {how}"
        for half, how in ((order["by_lot"], "by chance"), (order["sought"], "sought out"))
        if half["answered"]
    )
    gained = order["corrections"]
    if gained is None:
        unsaid = f"what the order brings cannot be said: {order['reason']}"
        return f"order {order['name']}: accepted {halves}; {unsaid}"
    more = f"{gained['more']:+.0f} ({gained['low']:+.0f} to {gained['high']:+.0f})"
    return f"order {order['name']}: accepted {halves}; of a hundred labels {more} corrections against chance"


def _accepted(versions: list[Row]) -> str:
    """Of the newest version whose suggestions somebody has answered."""
    rated = _rated(versions)
    return _share(rated[-1]) if rated else ""


def _rated(versions: list[Row]) -> list[Row]:
    """Without what started from suggestions of which the tool no longer says whose they were."""
    return [each for each in versions if each["rate"] is not None and each["version"] is not None]


def _share(each: Row) -> str:
    """Such as `72 % of 18`; answers that had no suggestion are not counted."""
    edited = f", {wording.percent(each['edited'])} of the text changed" if each.get("edited") is not None else ""
    return f"{wording.percent(each['rate'])} of {each['accepted'] + each['changed']}{edited}"


def _decisions(decisions: list[Row]) -> Iterator[Text]:
    for each in decisions:
        line = Text(f"{wording.ago(each['at']):>12}  ", style="dim")
        line.append(f"{each['question']} " if each["question"] else "", style="not dim cyan")
        line.append(each["kind"], style=f"not dim {_KINDS.get(each['kind'], 'bold')}")
        line.append(f": {each['reason']}", style="not dim")
        yield line


class Fitted:
    """Something as tall as the terminal at most; its last line then says how much is missing."""

    def __init__(self, whole: RenderableType) -> None:
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._whole, options.update(height=None), pad=False)
        room = max(console.size.height - 1, 2)
        for line in lines if len(lines) <= room else lines[: room - 1]:
            yield from line
            yield Segment.line()
        if len(lines) > room:
            left = len(lines) - room + 1
            yield Text(f"… {left} more lines: a higher window, or --project for one of them", style="dim")
