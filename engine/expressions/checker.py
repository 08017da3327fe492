"""Types of an expression, checked before it is evaluated, also in the parts that would be skipped.

A type is a word as described in ``signatures``; ``any`` fits everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import nodes as n
from dflow.engine.expressions import regex
from dflow.engine.expressions.limits import Budget
from dflow.engine.expressions.operators import kind
from dflow.engine.expressions.optypes import BOOLEAN, GIVES, NUMBER, OPERANDS, TIMES
from dflow.engine.expressions.signatures import EXTRA, KINDS, SIGNATURES, Signature
from dflow.engine.near import near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.engine.expressions.environment import Environment

__all__ = ["check"]


def check(node: n.Node, environment: Environment, source: str) -> str:
    """The type of an expression.

    Raises:
        ExpressionError: a name that is not known, or types that do not fit.
    """
    return _Checker(environment, source).type(node)


def type_of(value: object) -> str:
    """The type of the value of a variable."""
    word = kind(value)
    return "[]any" if word == "[]" else word


def shown(word: str) -> str:
    """A type in a message."""
    return "array" if word.startswith("[]") else word


def fits(word: str, letter: str) -> bool:
    """Whether an argument of a type may stand where a signature has ``letter``."""
    wanted = KINDS[letter]
    return not wanted or word == "any" or ("[]" if word.startswith("[]") else word) in wanted


class _Checker:
    def __init__(self, environment: Environment, source: str) -> None:
        self.environment = environment
        self.source = source
        self.bound: dict[str, str] = {}
        self.items: list[tuple[str, bool]] = []
        self.budget = Budget(100_000)

    def error(self, message: str, node: n.Node) -> ExpressionError:
        return ExpressionError(message, source=self.source, position=node.position if self.source else None)

    def fail(self, message: str, node: n.Node) -> NoReturn:
        raise self.error(message, node)

    def type(self, node: n.Node) -> str:  # noqa: C901, PLR0911 - one for each kind of node
        self.budget.spend()
        match node:
            case n.Nil() | n.Bool() | n.Integer() | n.Float() | n.String():
                return type(node).__name__.lower().replace("integer", "int")
            case n.Binary():
                return self.binary(node)
            case n.Name():
                return self.name(node)
            case n.Member():
                return self.member(node)
            case n.Builtin():
                return self.builtin(node)
            case n.Call():
                return self.call(node)
            case n.Unary():
                return self.unary(node)
            case n.Conditional():
                return self.conditional(node)
            case n.Let():
                return self.let(node)
            case n.Chain(body):
                self.type(body)
                return "any"
            case _:
                return self.other(node)

    def other(self, node: n.Node) -> str:
        match node:
            case n.Array(items):
                words = {self.type(item) for item in items}
                return f"[]{words.pop()}" if len(words) == 1 else "[]any"
            case n.Map(pairs):
                for key, value in pairs:
                    if self.type(key) not in {"string", "any"}:
                        self.fail("the keys of a map are texts", key)
                    self.type(value)
                return "map"
            case n.Sequence(items):
                return [self.type(item) for item in items][-1]
            case n.Pointer(name):
                return self.pointer(node, name)
            case n.Slice():
                return self.slice(node)
            case _:
                raise self.error("a predicate cannot stand here", node)

    def name(self, node: n.Name) -> str:
        if node.name in self.bound:
            return self.bound[node.name]
        if node.name == "$env":
            return "map"
        environment = self.environment
        if environment.has_children(node.name):
            return "map"
        if node.name in environment.scope:
            return type_of(environment.scope[node.name])
        if node.name in EXTRA:
            return "func"
        if node.name == "sprig":
            return "map"
        words = {*(full.partition(".")[0] for full in environment.scope), *SIGNATURES, *EXTRA}
        raise self.error(f"unknown name {node.name!r}{near(node.name, sorted(words))}", node)

    def pointer(self, node: n.Node, name: str) -> str:
        if not self.items:
            self.fail("# stands for an item, inside of a predicate only", node)
        item, reducing = self.items[-1]
        if name in {"", "index"}:
            return "int" if name else item
        if name == "acc" and reducing:
            return "any"
        raise self.error(f"unknown pointer #{name}", node)

    def unary(self, node: n.Unary) -> str:
        word = self.type(node.operand)
        wanted = {"bool", "any"} if node.operator == "!" else {"int", "float", "duration", "any"}
        if word not in wanted:
            self.fail(f"{node.operator} is not defined for {shown(word)}", node)
        return word if node.operator != "!" else "bool"

    def conditional(self, node: n.Conditional) -> str:
        test = self.type(node.test)
        if test not in {"bool", "any"}:
            self.fail(f"the condition is {shown(test)}, not bool", node.test)
        then = test if node.then is node.test else self.type(node.then)
        other = self.type(node.other)
        return _either(then, other)

    def let(self, node: n.Let) -> str:
        if node.name in self.bound or self.environment.known(node.name):
            self.fail(f"cannot declare {node.name!r} again", node)
        self.bound[node.name] = self.type(node.value)
        try:
            return self.type(node.body)
        finally:
            del self.bound[node.name]

    def slice(self, node: n.Slice) -> str:
        base = self.type(node.base)
        if not (base in {"string", "any"} or base.startswith("[]")):
            self.fail(f"cannot slice {shown(base)}", node)
        for bound in (node.start, node.stop):
            if bound is not None and self.type(bound) not in {"int", "any"}:
                self.fail("the bounds of a slice are whole numbers", bound)
        return base

    def member(self, node: n.Member) -> str:
        base, key = self.type(node.base), self.type(node.key)
        if base == "any":
            return "any"
        if base == "map":
            if key not in {"string", "any"}:
                self.fail(f"the keys of a map are texts, not {shown(key)}", node)
            return "any"
        if base.startswith("[]"):
            if key not in {"int", "any"}:
                self.fail(f"the items of a list have whole numbers, not {shown(key)}", node)
            return base[2:]
        if base in {"time", "duration"} and isinstance(node.key, n.String):
            return "any"
        named = f" {node.key.value!r}" if isinstance(node.key, n.String) else ""
        raise self.error(f"{shown(base)} has no member{named}", node)

    def call(self, node: n.Call) -> str:
        args = [self.type(arg) for arg in node.args]
        match node.callee:
            case n.Name(name) if name in EXTRA and name not in self.bound:
                problem = EXTRA[name].count_problem(name, len(args))
                if problem:
                    self.fail(problem, node)
                self.arguments(node.args, args, name, EXTRA[name])
                return EXTRA[name].gives
            case callee:
                word = self.type(callee)
        if word not in {"any", "func"}:
            self.fail(f"{shown(word)} cannot be called", node)
        return "any"

    def arguments(self, nodes: Sequence[n.Node], words: Sequence[str], name: str, signature: Signature) -> None:
        for index, (node, word) in enumerate(zip(nodes, words, strict=True)):
            if not fits(word, signature.letter(index)):
                wanted = " or ".join(shown(kind) for kind in KINDS[signature.letter(index)])
                self.fail(f"{name} wants {wanted}, not {shown(word)}", node)

    def builtin(self, node: n.Builtin) -> str:
        signature = SIGNATURES.get(node.name)
        if signature is not None:
            self.arguments(node.args, [self.type(arg) for arg in node.args], node.name, signature)
            return signature.gives
        source = self.type(node.args[0])
        if not (source == "any" or source.startswith("[]")):
            self.fail(f"{node.name} wants a list, not {shown(source)}", node.args[0])
        body = "bool"
        for arg in node.args[1:]:
            if isinstance(arg, n.Predicate):
                body = self.predicate(node, arg, "any" if source == "any" else source[2:])
            else:
                self.type(arg)
        return _looped(node.name, source, body)

    def predicate(self, node: n.Builtin, predicate: n.Predicate, item: str) -> str:
        self.items.append((item, node.name == "reduce"))
        try:
            body = self.type(predicate.body)
        finally:
            self.items.pop()
        if node.name in BOOLEAN and body not in {"bool", "any"}:
            self.fail(f"the predicate of {node.name} gives {shown(body)}, not bool", predicate)
        return body

    def binary(self, node: n.Binary) -> str:
        spine = [node]
        while isinstance(spine[-1].left, n.Binary):
            spine.append(spine[-1].left)
        word = self.type(spine[-1].left)
        for step in reversed(spine):
            word = self.step(step, word, self.type(step.right))
        return word

    def step(self, node: n.Binary, left: str, right: str) -> str:
        symbol = node.operator
        if symbol == "??":
            return _either(left, right)
        if symbol == "in":
            self.membership(node, left, right)
        elif symbol in {"==", "!="}:
            if not _comparable(left, right):
                self.fail(
                    f"{shown(left)} and {shown(right)} cannot be compared with {symbol}{_hint(left, right)}", node
                )
        elif "any" in {left, right}:
            if not {left, right} <= OPERANDS[symbol] | {"any"}:
                self.fail(f"{shown(left)} {symbol} {shown(right)} is not defined", node)
        elif {left, right} <= OPERANDS[symbol] and (left == right or {left, right} <= NUMBER):
            if {"time", "duration"} & {left, right}:
                return self.times(node, left, right)
            return GIVES.get(symbol, left if left == right else "float")
        else:
            return self.times(node, left, right)
        if symbol == "matches" and isinstance(node.right, n.String):
            regex.compiled(node.right.value)
        return GIVES.get(symbol, "any")

    def times(self, node: n.Binary, left: str, right: str) -> str:
        word = TIMES.get((node.operator, left, right))
        if word is None:
            self.fail(f"{shown(left)} {node.operator} {shown(right)} is not defined{_hint(left, right)}", node)
        return word

    def membership(self, node: n.Binary, left: str, right: str) -> None:
        if right.startswith("[]"):
            if not _comparable(left, right[2:]):
                self.fail(f"the list holds {shown(right[2:])}, never {shown(left)}", node)
        elif right == "map":
            if left not in {"string", "any"}:
                self.fail(f"the keys of a map are texts, not {shown(left)}", node)
        elif right != "any" and not (left == "any" and right == "string"):
            self.fail(f"in wants a list or a map on its right, not {shown(right)}", node)


def _hint(left: str, right: str) -> str:
    if "string" in {left, right} and NUMBER & {left, right}:
        return "; variables are texts: use asInt, asFloat or string"
    return ""


def _comparable(left: str, right: str) -> bool:
    if left == right or {left, right} & {"any", "nil"} or {left, right} <= NUMBER:
        return True
    return left.startswith("[]") and right.startswith("[]")


def _either(left: str, right: str) -> str:
    if left == "nil":
        return right
    return left if right in {left, "nil"} else "any"


def _looped(name: str, source: str, body: str) -> str:  # noqa: PLR0911 - one for each kind of function
    match name:
        case "all" | "any" | "none" | "one":
            return "bool"
        case "count" | "findIndex" | "findLastIndex":
            return "int"
        case "map":
            return f"[]{body}"
        case "filter":
            return source if source != "any" else "[]any"
        case "groupBy":
            return "map"
        case "sortBy":
            return "[]any"
        case "find" | "findLast" if source != "any":
            return source[2:]
        case _:
            return "any"
