"""Regular expressions as sets of texts: which texts does one match and another not?"""

from fleetwright_contracts.regexes._automaton import automaton
from fleetwright_contracts.regexes._lookaheads import split_lookaheads
from fleetwright_contracts.regexes._search import find_text

__all__ = ["automaton", "find_text", "split_lookaheads"]
