"""Command lines: few options in `--help`, all in `--help-all`; an unknown word is answered by one line with what was probably meant.

A word that is not known is never repeated with its value: the option may be misspelt, and the value a key.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from tau2_logging.version import __version__

_FLAG = re.compile(r"--?[A-Za-z][\w\-]*")
_UNKNOWN, _AMBIGUOUS = "unrecognized arguments: ", re.compile(r"(ambiguous option: [\w\-]+)=.*( could match )", re.DOTALL)
_MISSING = ("the following arguments are required", "one of the arguments")
_TWICE = "not allowed with argument"
"""Said of two words for one thing; the second may be the value of an option that is not known."""
_CLOSE = 0.6


class HelpLayout(argparse.RawDescriptionHelpFormatter):
    """Names an option's value once: `-n, --num-tasks N`."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class CommandParser(argparse.ArgumentParser):
    """`common`: flags that `--help` shows, all if none are named. `synonyms`: other words for a flag, understood and not shown. `answers`:
    what to say of a flag that does not exist and that people try; of a word that is no flag under "".
    """

    def __init__(
        self, *args: Any, common: Collection[str] = (), synonyms: Mapping[str, str] | None = None,
        answers: Mapping[str, str] | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        settings.setdefault("formatter_class", HelpLayout)
        self.common, self.synonyms, self.answers = frozenset(common), dict(synonyms or {}), dict(answers or {})
        self._whole = False
        self._given: list[str] = []
        super().__init__(*args, **settings)
        if self.add_help:
            text = "show every option, and exit" if self.common else argparse.SUPPRESS
            self.add_argument("--help-all", action=_WholeHelp, nargs=0, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, help=text)
            version = f"tau2-logging {__version__} (Python {sys.version.split()[0]})"
            self.add_argument("--version", action="version", version=version, help=argparse.SUPPRESS)

    def add_subparsers(self, **settings: Any) -> Any:
        """Add commands; each refuses words that it does not know itself."""
        return super().add_subparsers(**{"parser_class": SubcommandParser, **settings})

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:  # type: ignore[override]
        """Parse everything. A list of files may go on after an option: `a.log --deep b.log`."""
        found: argparse.Namespace
        found, rest = self.parse_known_args(args, namespace)
        lists = [action for action in self._actions if not action.option_strings and action.nargs in ("*", "+")]
        if rest and (not lists or any(_FLAG.match(word) for word in rest)):
            self.error(_UNKNOWN + " ".join(rest))
        if rest:
            vars(found)[lists[0].dest] = [*getattr(found, lists[0].dest), *rest]
        return found

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse, with synonyms in place of the words that were given."""
        self._given = [self._translated(word) for word in (sys.argv[1:] if args is None else args)]
        return super().parse_known_args(self._given, namespace)

    def _translated(self, word: str) -> str:
        name, equals, value = word.partition("=")
        return self.synonyms[name] + equals + value if name in self.synonyms else word

    def format_usage(self) -> str:
        """Return one line: what has to be given, and that there are options."""
        formatter = self._get_formatter()
        formatter.add_usage(self._usage(), (), ())
        return formatter.format_help()

    def _usage(self) -> str:
        if self.usage is not None:
            return self.usage
        needed = [action for action in self._actions if action.required and action.option_strings]
        words = [f"{action.option_strings[0]} {action.metavar or action.dest.upper()}" for action in needed]
        places = [action for action in self._actions if not action.option_strings]
        words += [HelpLayout("")._format_args(action, action.dest.upper()) for action in places if action.help != argparse.SUPPRESS]
        return " ".join(["%(prog)s", *words[: len(needed)], "[options]", *words[len(needed) :]]).replace("COMMAND ...", "COMMAND")

    def format_help(self) -> str:
        """Return the usage, the common options or all of them by group, and the end that was given."""
        formatter = self._get_formatter()
        formatter.add_usage(self._usage(), (), ())
        formatter.add_text(self.description)
        for group in self._action_groups:
            if shown := [action for action in group._group_actions if self._shows(action)]:
                formatter.start_section(group.title)
                formatter.add_text(group.description)
                formatter.add_arguments(shown)
                formatter.end_section()
        if self.common and not self._whole:
            formatter.add_text(f"These are the options that most people need; --help-all shows all {len(self._flags())}.")
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _shows(self, action: argparse.Action) -> bool:
        always = not self.common or self._whole or not action.option_strings or "--help" in action.option_strings
        return always or not self.common.isdisjoint(action.option_strings) or isinstance(action, _WholeHelp)

    def whole_help(self) -> str:
        """Return the help with every option."""
        self._whole = True
        try:
            return self.format_help()
        finally:
            self._whole = False

    def _flags(self) -> list[str]:
        """Return the flag of each option that is shown in the whole help."""
        return [action.option_strings[-1] for action in self._actions if action.option_strings and action.help != argparse.SUPPRESS]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = list(map(str, action.choices))
        meant = closest(str(value), choices)
        what = f"no {self._kind(action)} {value!r}" if not action.option_strings else f"{value!r} is none of its values"
        problem = f"{what}; did you mean {meant}? There are {', '.join(choices)}" if meant else f"{what}; there are {', '.join(choices)}"
        raise argparse.ArgumentError(action if action.option_strings else None, problem)

    def _kind(self, action: argparse.Action) -> str:
        return str(action.metavar or action.dest).lower()

    def _get_option_tuples(self, option_string: str) -> Any:
        """An abbreviation that fits two names of one option is no question."""
        return list({id(found[0]): found for found in super()._get_option_tuples(option_string)}.values())

    def error(self, message: str) -> NoReturn:
        """Say it in one line, with a line of usage before it, and end the process with 2."""
        self.exit(2, f"usage: {self._usage() % {'prog': self.prog}}; see --help\n{self.prog}: error: {self._mended(message)}\n")

    def _mended(self, message: str) -> str:
        unknown = self._unknown_flags() if message.startswith((_UNKNOWN, *_MISSING)) or _TWICE in message else []
        if unknown:
            return "; ".join(map(self.about, unknown))
        if message.startswith(_UNKNOWN):
            return f"{message.removeprefix(_UNKNOWN).split()[0]!r} is not expected here; {self.answers.get('', 'options begin with --')}"
        return _AMBIGUOUS.sub(r"\1\2", message)

    def _unknown_flags(self) -> list[str]:
        words = self._given[: self._given.index("--")] if "--" in self._given else self._given
        names = dict.fromkeys(found[0] for word in words if " " not in word.partition("=")[0] and (found := _FLAG.match(word)))
        return [name for name in names if not self._knows(name)]

    def _knows(self, name: str) -> bool:
        known = self._option_string_actions
        short = len(name) > 1 and name[1] != "-" and name[:2] in known
        return name in known or short or (self.allow_abbrev and name.startswith("--") and bool(self._get_option_tuples(name)))

    def about(self, name: str) -> str:
        """Return what to say of a flag that does not exist."""
        if name in self.answers:
            return f"no option {name}: {self.answers[name]}"
        meant = closest(name, [*self._option_string_actions, *self.synonyms])
        meant = self.synonyms.get(meant, meant) if meant is not None else None
        return f"no option {name}" + (f"; did you mean {meant}?" if meant else "")


class SubcommandParser(CommandParser):
    """The parser of a command's own command: a word that it does not know is its error, with its options to choose from."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse; nothing may be left over."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(_UNKNOWN + " ".join(rest))
        return found, rest


class _WholeHelp(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        text = parser.whole_help() if isinstance(parser, CommandParser) else parser.format_help()
        parser._print_message(text, sys.stdout)
        parser.exit()


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant: the nearest in spelling, or one that the word is a part of."""
    names = {name.lower().strip("-"): name for name in known}
    bare = word.lower().strip("-").replace("_", "-")
    near = difflib.get_close_matches(bare, names, n=1, cutoff=_CLOSE)
    if near:
        return names[near[0]]
    parts = [name for name in names if len(bare) > 2 and (bare in name.split("-") or name in bare.split("-"))]
    return names[min(parts, key=len)] if parts else None
