"""Every rule against the repository; waivers and the baseline applied."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from fleetwright_cli._digests import digest_of
from fleetwright_cli.fleet import Waiver, read_manifest
from fleetwright_cli.standard._cache import FOLDER
from fleetwright_cli.standard._facts import Facts, uncollected
from fleetwright_cli.standard._history import History, read_history
from fleetwright_cli.standard._kept import Found, keep_breaches, kept_breaches
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import READABLE, Breach, Rule, read_ones, rules
from fleetwright_cli.standard._tree import read_tree
from fleetwright_cli.standard._waivers import excuses, late_faults, line_of

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken somewhere.

    Attributes:
        rule: The rule.
        breach: Where, and what is wrong there.
        waiver: What excuses it; None for nothing.
        is_frozen: Whether it was there when the baseline was drawn.
    """

    rule: Rule
    breach: Breach
    waiver: Waiver | None = None
    is_frozen: bool = False

    @property
    def fails(self) -> bool:
        """Whether the fleet does not comply because of it."""
        return self.waiver is None and not self.is_frozen and not self.rule.is_note

    @property
    def fingerprint(self) -> str:
        """What stays the same when lines move."""
        what = _NUMBERS.sub("0", self.breach.what)
        return digest_of(self.rule.id, self.breach.path, what)[:16]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the standard was looked at.

    Attributes:
        statements: How many there are.
        checked: How many a checker looked at in this run.
        in_part: How many of those only in part.
        deeper: How many of those in part `--tools` looks at in full.
        deepest: How many of those in part `--deep` looks at in full.
        human: How many need a person.
        open: How many nothing looked at in this run.
        for_tools: How many of those are left to `--tools`.
        for_deep: How many of those are left to `--deep`.
    """

    statements: int
    checked: int
    in_part: int
    deeper: int
    deepest: int
    human: int
    open: int
    for_tools: int
    for_deep: int

    def __str__(self) -> str:
        """Return the line of coverage."""
        parts = [f"{self.in_part} of them in part"]
        for number, name in ((self.deeper, "--tools"), (self.deepest, "--deep")):
            parts += [f"{number} of those in full by `{name}`"] if number else []
        parts.append(f"{self.human} need a person")
        for number, name in ((self.for_tools, "--tools"), (self.for_deep, "--deep")):
            parts += [f"{number} are left to `{name}`"] if number else []
        share = f"{self.checked} of {self.statements} statements checked"
        return f"{share}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        findings: In the order of the standard, then of places.
        coverage: How much of the standard was looked at.
        covered: How many breaches each waiver excuses, by its number.
        mended: How many breaches of the baseline are there no more.
        files: How many files the repository has.
        vendored: Folders that came with the tool: no breach below them is told.
    """

    findings: tuple[Finding, ...]
    coverage: Coverage
    covered: dict[int, int]
    mended: int
    files: int
    vendored: tuple[str, ...] = ()

    @property
    def failing(self) -> list[Finding]:
        """The findings that nothing excuses."""
        return [one for one in self.findings if one.fails]

    @property
    def notes(self) -> list[Finding]:
        """The findings that are told and fail nothing."""
        return [one for one in self.findings if one.rule.is_note and not one.waiver]


def open_repository(root: Path) -> Repository:
    """Return the fleet in a folder, for the rules.

    Args:
        root: The folder of fleet.toml.

    Raises:
        FleetError: fleet.toml cannot be read.
    """
    manifest = read_manifest(root)
    tree = read_tree(root)
    # A cache that came with the repository could say that all is well.
    cache = None if tree.has_folder(FOLDER) else root / FOLDER
    history = read_history(root, manifest.test.against) if tree.has_git else History()
    return Repository(tree, manifest, Facts(cache), cache, history)


def check(
    repository: Repository,
    *,
    chosen: frozenset[str] = frozenset(),
    frozen: Counter[str] | None = None,
    more: Found | None = None,
    tools: frozenset[str] = frozenset(),
    today: date | None = None,
) -> Report:
    """Hold a repository to the standard.

    Args:
        repository: The repository.
        chosen: Ids of the only rules to look at; empty for all.
        frozen: Fingerprints of the baseline, with how often each may occur.
        more: What deeper looks found.
        tools: The rules that those looked at.
        today: The day that waivers are held to; today when None.

    Returns:
        What was found.
    """
    today = today or datetime.now(UTC).date()
    wanted = chosen or read_ones()
    with uncollected():
        found = [*_found(repository, wanted), *(more or ())]
    findings, covered = _waived(repository, found, today)
    if not chosen:
        findings += _late(repository, covered, today)
    findings.sort(key=_place)
    unseen = Counter(frozen or ())
    findings = [_against(unseen, one) for one in findings]
    return Report(
        tuple(findings),
        coverage(wanted | tools, tools),
        covered,
        sum(unseen.values()),
        len(repository.tree.entries),
        tuple(sorted(repository.vendored)),
    )


def _found(repository: Repository, wanted: frozenset[str]) -> Found:
    """Return what is broken where; from the last run when no file has changed."""
    folder, key = repository.cache, repository.key
    is_whole = folder is not None and bool(key) and wanted == read_ones()
    if (
        folder is not None
        and is_whole
        and (kept := kept_breaches(folder, key)) is not None
    ):
        return kept
    # Loaded here: where nothing has changed, nothing is read.
    from fleetwright_cli.standard._checkers import checkers

    repository.prepare()
    found = [
        (identity, breach)
        for identity, look in checkers().items()
        if identity in wanted
        for breach in look(repository)
    ]
    found += [
        (READABLE.id, Breach(path, line, reason))
        for path, (line, reason) in repository.problems.items()
    ]
    elsewhere = tuple(f"{one}/" for one in repository.vendored)
    found = [one for one in found if not f"{one[1].path}/".startswith(elsewhere)]
    repository.facts.keep()
    if folder is not None and is_whole:
        keep_breaches(folder, key, found)
    return found


def coverage(ran: frozenset[str], tools: frozenset[str] = frozenset()) -> Coverage:
    """Return how much of the standard some rules are.

    Args:
        ran: The rules whose checkers ran.
        tools: The rules that a deeper look saw in full.
    """
    every = list(rules().values())
    looked = [one for one in every if {one.id, one.same_as} & ran]
    left = [one for one in every if one not in looked]
    rest = [one for one in looked if one.in_part]
    for_tools = [one for one in rest if one.by_tools and one.id not in tools]
    for_deep = [one for one in rest if one.by_deep and one.id not in tools]
    whole = [one for one in rest if one.has_rest and one.id in tools]
    return Coverage(
        len(every),
        len(looked),
        len(rest) - len(whole),
        len(for_tools),
        len(for_deep),
        sum(one.depth == "human" for one in left),
        sum(one.depth != "human" for one in left),
        sum(one.depth == "tools" for one in left),
        sum(one.depth == "deep" for one in left),
    )


def _waived(
    repository: Repository, found: list[tuple[str, Breach]], today: date
) -> tuple[list[Finding], dict[int, int]]:
    """Return findings with the waivers that excuse them, and how often each does."""
    by_rule: dict[str, list[tuple[int, Waiver]]] = {}
    for number, one in enumerate(repository.manifest.waivers):
        by_rule.setdefault(one.rule, []).append((number, one))
    findings, covered = [], Counter[int]()
    for identity, breach in dict.fromkeys(found):
        excuse = None
        for number, waiver in by_rule.get(identity, ()):
            if excuses(waiver, identity, breach, today):
                covered[number] += 1
                excuse = waiver
                break
        findings.append(Finding(_rule(identity), breach, excuse))
    return findings, dict(covered)


def _late(
    repository: Repository, covered: dict[int, int], today: date
) -> list[Finding]:
    """Return what is wrong with waivers once it is known what they excuse."""
    return [
        Finding(
            rules()["WVR-02"],
            Breach(
                "fleet.toml",
                line_of(repository, number),
                f"the waiver of {waiver.rule} {fault}",
            ),
        )
        for number, waiver in enumerate(repository.manifest.waivers)
        for fault in late_faults(waiver, covered.get(number, 0), today)
    ]


def _against(unseen: Counter[str], finding: Finding) -> Finding:
    """Return a finding, frozen when the baseline has one like it left."""
    if not finding.fails or unseen[finding.fingerprint] <= 0:
        return finding
    unseen[finding.fingerprint] -= 1
    return Finding(finding.rule, finding.breach, None, is_frozen=True)


def _rule(identity: str) -> Rule:
    """Return a rule, the tool's own included."""
    return READABLE if identity == READABLE.id else rules()[identity]


def _place(finding: Finding) -> tuple[int, str, int, str]:
    """Return where a finding stands in the report."""
    order = list(rules())
    identity = finding.rule.id
    number = order.index(identity) if identity in order else -1
    return number, finding.breach.path, finding.breach.line, finding.breach.what
