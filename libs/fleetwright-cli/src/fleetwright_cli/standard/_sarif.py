"""A report as SARIF 2.1.0, which code scanning reads."""

import importlib.metadata

from fleetwright_cli.standard._check import Finding, Report
from fleetwright_cli.standard._rule import READABLE, Rule, rules

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "ROOT"


def sarif_of(report: Report) -> dict[str, object]:
    """Return a report as a SARIF log with one run.

    Args:
        report: What a check found.
    """
    known = [READABLE, *(one for one in rules().values() if one.is_checked)]
    order = {one.id: number for number, one in enumerate(known)}
    driver = {
        "name": "fleet check",
        "semanticVersion": importlib.metadata.version("fleetwright-cli"),
        "rules": [_rule(one) for one in known],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            _ROOT: {"description": {"text": "The folder of fleet.toml"}}
        },
        "results": [_result(one, order[one.rule.id]) for one in report.findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, object]:
    """Return a rule as SARIF describes one."""
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.says},
        "fullDescription": {"text": rule.sentence},
        "help": {"text": f"{rule.why}\n{rule.mend}"},
        "defaultConfiguration": {"level": _level(rule)},
        "properties": {"section": rule.section, "force": rule.force},
    }


def _result(one: Finding, number: int) -> dict[str, object]:
    """Return a finding; what is excused is suppressed, not left out."""
    result: dict[str, object] = {
        "ruleId": one.rule.id,
        "ruleIndex": number,
        "level": _level(one.rule),
        "message": {"text": f"{one.breach.what}. {one.rule.mend}"},
        "locations": [_location(one)],
        "partialFingerprints": {"place/v1": one.fingerprint},
    }
    if one.waiver is not None:
        reason = one.waiver.reason
        result["suppressions"] = [{"kind": "external", "justification": reason}]
    elif one.is_frozen:
        result["suppressions"] = [{"kind": "external", "justification": "baseline"}]
    return result


def _location(one: Finding) -> dict[str, object]:
    """Return where a finding is."""
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": one.breach.path, "uriBaseId": _ROOT},
            "region": {"startLine": one.breach.line},
        }
    }


def _level(rule: Rule) -> str:
    """Return how a scanner shows it: a recommendation as a warning; it fails, too."""
    if rule.is_note:
        return "note"
    return "warning" if rule.force == "recommended" else "error"
