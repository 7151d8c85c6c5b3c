"""The Grafana dashboards, as JSON: an overview, one service, and a session day.

The panels are defined once, because the dashboards share them. `make charts` writes the JSON files into the chart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Json = Mapping[str, object]

_WIDTH, _HEIGHT, _COLUMNS = 8, 7, 3
_DATA_SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_FAILURES = 'rpc_grpc_status=~"DATA_LOSS|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN"'


@dataclass(frozen=True, slots=True)
class Panel:
    """A time series panel: its title, what it means, and its queries by the names of their lines."""

    title: str
    description: str
    queries: Mapping[str, str]
    unit: str = "short"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard. With `variable`, the panels are those of the service that the reader selects."""

    name: str
    title: str
    panels: Sequence[Panel]
    variable: bool = False
    tags: Sequence[str] = field(default=("proctorium",))


def _calls(selector: str, by: str) -> Panel:
    return Panel(
        "Calls",
        "Calls that have ended, per second.",
        {
            f"{{{{{by}}}}}": f"sum by ({by}) (rate(rpc_server_duration_seconds_count{{{selector}}}[5m]))"
        },
        "reqps",
    )


def _failed_calls(selector: str, by: str) -> Panel:
    both = ",".join(filter(None, (selector, _FAILURES)))
    return Panel(
        "Failed calls",
        "Calls that failed because of the system, per second. Refusals are not failures.",
        {
            f"{{{{{by}}}}} {{{{rpc_grpc_status}}}}": f"sum by ({by}, rpc_grpc_status) (rate(rpc_server_duration_seconds_count{{{both}}}[5m]))"
        },
        "reqps",
    )


def _slow_calls(selector: str, by: str) -> Panel:
    return Panel(
        "Duration of calls (p99)",
        "One call in a hundred takes longer. A watch lasts as long as its page is open.",
        {
            f"{{{{{by}}}}}": f"histogram_quantile(0.99, sum by ({by}, le) (rate(rpc_server_duration_seconds_bucket{{{selector}}}[5m])))"
        },
        "s",
    )


def _quantiles(metric: str, selector: str = "") -> Mapping[str, str]:
    return {
        f"p{quantile * 100:.0f}": f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket{{{selector}}}[5m])))"
        for quantile in (0.5, 0.95, 0.99)
    }


def _events(selector: str) -> Sequence[Panel]:
    return (
        Panel(
            "Age of the outbox",
            "The age of the oldest event that is not published. It is normally below a second.",
            {"{{job}}": f"max by (job) (outbox_age_seconds{{{selector}}})"},
            "s",
        ),
        Panel(
            "Delay of publishing (p99)",
            "From the recording of an event until the broker has it.",
            {
                "{{job}}": f"histogram_quantile(0.99, sum by (job, le) (rate(outbox_publish_delay_seconds_bucket{{{selector}}}[5m])))"
            },
            "s",
        ),
        Panel(
            "Waiting events by consumer",
            "Events that are not delivered yet, and events that are not acknowledged yet.",
            {
                "{{consumer}}": f"max by (consumer) (consumer_pending{{{selector}}})",
                "{{consumer}} unacknowledged": f"max by (consumer) (consumer_unacknowledged{{{selector}}})",
            },
        ),
        Panel(
            "Delay of handling (p99)",
            "From the recording of an event until a consumer has handled it.",
            {
                "{{consumer}}": f"histogram_quantile(0.99, sum by (consumer, le) (rate(consumer_handling_delay_seconds_bucket{{{selector}}}[5m])))"
            },
            "s",
        ),
        Panel(
            "Dead letters",
            "Events that could not be handled. Somebody has to redrive them.",
            {"{{consumer}}": f"max by (consumer) (dead_letters_unresolved{{{selector}}})"},
        ),
    )


_BURN = Panel(
    "Burn rate of the error budgets",
    "In one hour. At 1, the budget of 30 days lasts for 30 days. At 14.4, somebody is called.",
    {"{{slo}}": "proctorium:slo_burn:ratio1h{}"},
)
_CHECKS = Panel(
    "Failing checks",
    "Checks that fail on at least one replica.",
    {"{{job}} {{check}}": "min by (job, check) (proctorium_check_ok{}) == 0"},
)
_CONNECTED = Panel(
    "Connected people",
    "Learners, and open rosters of proctors and administrators.",
    {"{{role}}": "sum by (role) (session_connected{})"},
)
_SAVES = Panel(
    "Saves of answers",
    "By outcome, per second. A refusal, such as of a late answer, is not a failure.",
    {"{{outcome}}": "sum by (outcome) (rate(assessment_save_duration_seconds_count{}[5m]))"},
    "reqps",
)
_SAVE_DURATION = Panel(
    "Duration of saves",
    "From the request until its outcome.",
    _quantiles("assessment_save_duration_seconds", 'outcome="saved"'),
    "s",
)
_FAN_OUT = Panel(
    "Duration of live delivery",
    "From the notification of a change until the open pages have received it.",
    _quantiles("live_fan_out_duration_seconds"),
    "s",
)
_QUEUE = Panel(
    "Identity checks that wait",
    "The number of cases.",
    {"cases": "max(identity_queue_cases{})"},
)
_QUEUE_AGE = Panel(
    "Longest wait for an identity check",
    "The wait of the learner who has waited longest.",
    {"wait": "max(identity_queue_age_seconds{})"},
    "s",
)
_MAILS = Panel(
    "Mails that wait or need a decision",
    "By reason or state.",
    {
        "{{reason}}": "max by (reason) (notification_deliveries_pending{})",
        "{{state}}": 'max by (state) (notification_deliveries{state=~"failed|in_doubt"})',
    },
)
_MAIL_DELAY = Panel(
    "Delay of mails",
    "From the creation of a mail until the mail server has accepted it.",
    _quantiles("notification_mail_delay_seconds", 'outcome="sent"'),
    "s",
)
_OF_SERVICE = 'job="$job"'

DASHBOARDS = (
    Dashboard(
        "overview",
        "Proctorium: overview",
        (
            _BURN, _CHECKS, _CONNECTED,
            _calls("", "job"), _failed_calls("", "job"), _slow_calls('rpc_method!~".*/(Watch|Stream).*"', "job"),
            _SAVE_DURATION, _FAN_OUT, _MAILS,
            *_events(""),
        ),
    ),
    Dashboard(
        "service",
        "Proctorium: one service",
        (
            _calls(_OF_SERVICE, "rpc_method"),
            _failed_calls(_OF_SERVICE, "rpc_method"),
            _slow_calls(_OF_SERVICE, "rpc_method"),
            Panel(
                "Calls in progress",
                "Including the open streams of pages.",
                {"{{instance}}": f"rpc_server_in_flight{{{_OF_SERVICE}}}"},
            ),
            Panel(
                "Duration of calls to other services (p99)",
                "By method of the other service.",
                {
                    "{{rpc_method}}": f"histogram_quantile(0.99, sum by (rpc_method, le) (rate(rpc_client_duration_seconds_bucket{{{_OF_SERVICE}}}[5m])))"
                },
                "s",
            ),
            Panel(
                "Checks",
                "1 while a check succeeds on all replicas.",
                {"{{check}}": f"min by (check) (proctorium_check_ok{{{_OF_SERVICE}}})"},
            ),
            Panel(
                "Database connections in use",
                "By replica and pool.",
                {
                    "{{instance}} {{db_client_connection_pool_name}}": f'db_client_connection_count{{{_OF_SERVICE},db_client_connection_state="used"}}',
                    "limit {{db_client_connection_pool_name}}": f"max by (db_client_connection_pool_name) (db_client_connection_max{{{_OF_SERVICE}}})",
                },
            ),
            Panel(
                "Lag of the event loop (p99)",
                "The time for which the process did nothing but one piece of work.",
                {
                    "{{instance}}": f"histogram_quantile(0.99, sum by (instance, le) (rate(event_loop_lag_seconds_bucket{{{_OF_SERVICE}}}[5m])))"
                },
                "s",
            ),
            Panel(
                "Unpublished events",
                "Events in the outbox.",
                {"events": f"max(outbox_unpublished{{{_OF_SERVICE}}})"},
            ),
            *_events(_OF_SERVICE),
        ),
        variable=True,
    ),
    Dashboard(
        "session-day",
        "Proctorium: session day",
        (
            _CONNECTED, _SAVES, _SAVE_DURATION,
            _slow_calls('rpc_method=~".*/(JoinSession|StartAttempt|SubmitAttempt|SignIn)"', "rpc_method"),
            _FAN_OUT, _BURN,
            _QUEUE, _QUEUE_AGE, _MAIL_DELAY,
        ),
    ),
)  # fmt: skip
"""The dashboards, in the order of their names in the chart."""


def json_of(dashboard: Dashboard) -> str:
    """Return the text of a dashboard's JSON file."""
    model = {
        "uid": f"proctorium-{dashboard.name}",
        "title": dashboard.title,
        "tags": list(dashboard.tags),
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": list(_variables(dashboard))},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }
    return json.dumps(model, indent=1, ensure_ascii=False) + "\n"


def _variables(dashboard: Dashboard) -> Sequence[Json]:
    source: Json = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }
    job: Json = {
        "name": "job",
        "label": "Service",
        "type": "query",
        "datasource": _DATA_SOURCE,
        "query": "label_values(proctorium_check_ok, job)",
        "refresh": 2,
    }
    return (source, job) if dashboard.variable else (source,)


def _panel(number: int, panel: Panel) -> Json:
    row, column = divmod(number, _COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATA_SOURCE,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": row * _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }
