"""From the text of an expression to its tree."""

from __future__ import annotations

import functools
from typing import NoReturn

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import nodes as n
from dflow.engine.expressions.binding import BINARY, NEGATABLE, SPELLING, UNARY
from dflow.engine.expressions.lexer import Token, numeral, tokenize, unquote
from dflow.engine.expressions.limits import MAX_DEPTH, MAX_ROW, MAX_SOURCE
from dflow.engine.expressions.operators import ORDER
from dflow.engine.expressions.signatures import PREDICATES, SIGNATURES

__all__ = ["parse"]


@functools.lru_cache(maxsize=4096)
def parse(source: str) -> n.Node:
    """The tree of an expression, without the braces of a tag.

    Raises:
        ExpressionError: ``source`` is no expression; the error points at the place.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"an expression of more than {MAX_SOURCE} characters")
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.index = 0
        self.current = self.tokens[0]
        self.level = 0
        self.predicates = 0

    # tokens

    def error(self, message: str, token: Token | None = None) -> ExpressionError:
        return ExpressionError(message, source=self.source, position=(token or self.current).position)

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise self.error(message, token)

    def unexpected(self) -> NoReturn:
        token = self.current
        self.fail("the expression ends too early" if token.kind == "end" else f"unexpected {token.text!r}")

    def next(self) -> Token:
        token = self.current
        self.index += 1
        self.current = self.tokens[min(self.index, len(self.tokens) - 1)]
        return token

    def at(self, *texts: str) -> bool:
        return self.current.text in texts and self.current.kind in {"operator", "bracket"}

    def take(self, text: str) -> bool:
        if self.at(text):
            self.next()
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            found = "the end" if self.current.kind == "end" else repr(self.current.text)
            self.fail(f"expected {text!r}, found {found}")

    def name(self) -> Token:
        if self.current.kind != "name":
            self.unexpected()
        return self.next()

    # expressions

    def whole(self) -> n.Node:
        node = self.sequence()
        if self.current.kind != "end":
            self.unexpected()
        return node

    def sequence(self) -> n.Node:
        start = self.current.position
        items = [self.expression()]
        while self.take(";") and not (self.current.kind == "end" or self.at(")", "}")):
            items.append(self.expression())
        return items[0] if len(items) == 1 else n.Sequence(tuple(items), position=start)

    def expression(self, strength: int = 0) -> n.Node:
        self.level += 1
        if self.level > MAX_DEPTH:
            self.fail(f"the expression is nested more than {MAX_DEPTH} levels deep")
        if strength == 0 and self.at("let"):
            node = self.let()
        elif strength == 0 and self.at("if"):
            node = self.choice()
        else:
            node = self.operators(self.primary(), strength)
            if strength == 0:
                node = self.conditional(node)
        self.level -= 1
        return node

    def let(self) -> n.Node:
        start = self.next().position
        name = self.name()
        if name.text in SIGNATURES or name.text in PREDICATES or name.text in {"true", "false", "nil", "$env"}:
            self.fail(f"{name.text!r} cannot be the name of a variable", name)
        self.expect("=")
        value = self.expression()
        self.expect(";")
        return n.Let(name.text, value, self.sequence(), position=start)

    def choice(self) -> n.Node:
        start = self.next().position
        test = self.expression()
        self.expect("{")
        then = self.sequence()
        self.expect("}")
        self.expect("else")
        if self.at("if"):
            other = self.expression()
        else:
            self.expect("{")
            other = self.sequence()
            self.expect("}")
        return n.Conditional(test, then, other, position=start)

    def conditional(self, node: n.Node) -> n.Node:
        while self.at("?"):
            self.next()
            if self.take(":"):
                node = n.Conditional(node, node, self.expression(), position=node.position)
                continue
            then = self.expression()
            self.expect(":")
            node = n.Conditional(node, then, self.expression(), position=node.position)
        return node

    def operators(self, node: n.Node, strength: int) -> n.Node:
        previous = ""
        count = 0
        while self.current.kind == "operator":
            negated = self.at("not")
            operator = self.tokens[self.index + 1] if negated else self.current
            binds = BINARY.get(operator.text, -1) if operator.kind == "operator" else -1
            if negated and operator.text not in NEGATABLE:
                self.unexpected()
            if binds < strength:
                break
            count += 1
            if count > MAX_ROW:
                self.fail(f"more than {MAX_ROW} operators in a row")
            if negated:
                self.next()
            self.next()
            if operator.text != "|" and previous == "??" and operator.text != "??":
                self.fail(f"?? and {operator.text} need parentheses to tell which comes first", operator)
            node = self.operation(node, operator, binds)
            if negated:
                node = n.Unary("!", node, position=operator.position)
            previous = operator.text
        return node

    def operation(self, left: n.Node, operator: Token, binds: int) -> n.Node:
        if operator.text == "|":
            return self.call(self.name(), (left,))
        if operator.text in ORDER:
            return self.comparisons(left, operator, binds)
        right = self.expression(binds if operator.text in {"**", "^"} else binds + 1)
        spelling = SPELLING.get(operator.text, operator.text)
        return n.Binary(spelling, left, right, position=operator.position)

    def comparisons(self, left: n.Node, operator: Token, binds: int) -> n.Node:
        """``a < b < c`` is ``a < b && b < c``."""
        whole: n.Node | None = None
        for _ in range(MAX_ROW):
            right = self.expression(binds + 1)
            step = n.Binary(operator.text, left, right, position=operator.position)
            whole = step if whole is None else n.Binary("&&", whole, step, position=operator.position)
            left, operator = right, self.current
            if not (operator.kind == "operator" and operator.text in ORDER):
                return whole
            self.next()
        raise self.error(f"more than {MAX_ROW} operators in a row")

    def primary(self) -> n.Node:
        token = self.current
        if token.kind == "operator" and token.text in UNARY:
            self.next()
            operand = self.expression(UNARY[token.text])
            return self.postfix(n.Unary(SPELLING.get(token.text, token.text), operand, position=token.position))
        if self.take("("):
            node = self.sequence()
            self.expect(")")
            return self.postfix(node)
        if self.predicates and self.take("#"):
            attached = self.current.kind == "name" and self.current.position == token.position + 1
            return self.postfix(n.Pointer(self.next().text if attached else "", position=token.position))
        if self.predicates and self.at("."):
            return self.postfix(n.Pointer(position=token.position))
        if self.take("::"):
            return self.postfix(self.call(self.name(), ()))
        return self.secondary(token)

    def secondary(self, token: Token) -> n.Node:  # noqa: PLR0911 - one for each kind of operand
        at = token.position
        if self.at("["):
            return self.postfix(self.array())
        if self.at("{"):
            return self.postfix(self.map())
        if token.kind not in {"name", "number", "string"}:
            self.unexpected()
        self.next()
        if token.kind == "number":
            return self.postfix(self.number(token))
        if token.kind == "string":
            return self.postfix(n.String(unquote(token, self.source), position=at))
        if self.at("("):
            return self.postfix(self.call(token, ()))
        match token.text:
            case "true" | "false":
                return n.Bool(token.text == "true", position=at)
            case "nil":
                return n.Nil(position=at)
            case _:
                return self.postfix(n.Name(token.text, position=at))

    def number(self, token: Token) -> n.Node:
        value = numeral(token, self.source)
        if isinstance(value, float):
            return n.Float(value, position=token.position)
        return n.Integer(value, position=token.position)

    def array(self) -> n.Node:
        start = self.next().position
        items = []
        while not self.at("]"):
            items.append(self.expression())
            if not self.take(","):
                break
        self.expect("]")
        return n.Array(tuple(items), position=start)

    def map(self) -> n.Node:
        start = self.next().position
        pairs = []
        while not self.at("}"):
            key = self.key()
            self.expect(":")
            pairs.append((key, self.expression()))
            if not self.take(","):
                break
        self.expect("}")
        return n.Map(tuple(pairs), position=start)

    def key(self) -> n.Node:
        token = self.current
        if token.kind == "number":
            return n.String(self.next().text, position=token.position)
        if token.kind == "string":
            return n.String(unquote(self.next(), self.source), position=token.position)
        if token.kind == "name" or (token.kind == "operator" and token.text.isalpha()):
            return n.String(self.next().text, position=token.position)
        if self.at("("):
            return self.expression()
        raise self.error("the key of a map is a text, a number, a word or an expression in parentheses")

    def call(self, name: Token, before: tuple[n.Node, ...]) -> n.Node:
        if name.text in PREDICATES:
            return self.looping(name, before)
        args = before + self.arguments()
        signature = SIGNATURES.get(name.text)
        if signature is None:
            return n.Call(n.Name(name.text, position=name.position), args, position=name.position)
        problem = signature.count_problem(name.text, len(args))
        if problem:
            self.fail(problem, name)
        return n.Builtin(name.text, args, position=name.position)

    def arguments(self) -> tuple[n.Node, ...]:
        self.expect("(")
        args = []
        while not self.at(")"):
            args.append(self.expression())
            if not self.take(","):
                break
        self.expect(")")
        return tuple(args)

    def looping(self, name: Token, before: tuple[n.Node, ...]) -> n.Node:
        """The arguments of a function that takes a predicate."""
        shape = PREDICATES[name.text]
        args = list(before)
        self.expect("(")
        while not self.at(")") and len(args) < len(shape):
            predicate = shape[len(args)].rstrip("?") == "p"
            args.append(self.predicate() if predicate else self.expression())
            if not self.take(","):
                break
        if not self.at(")") or len(args) < sum(1 for part in shape if not part.endswith("?")):
            self.fail(f"{name.text} takes {len(shape)} arguments", name)
        self.expect(")")
        return n.Builtin(name.text, tuple(args), position=name.position)

    def predicate(self) -> n.Node:
        start = self.current.position
        self.predicates += 1
        if self.take("{"):
            body = self.sequence()
            self.expect("}")
        else:
            body = self.expression()
        self.predicates -= 1
        return n.Predicate(body, position=start)

    def postfix(self, node: n.Node) -> n.Node:
        optional = False
        count = 0
        while self.at(".", "?.", "["):
            count += 1
            if count > MAX_DEPTH:
                self.fail(f"more than {MAX_DEPTH} members in a row")
            dot = self.current
            if dot.text == "[":
                node = self.brackets(node, skip=False)
                continue
            self.next()
            optional = optional or dot.text == "?."
            if dot.text == "?." and self.at("["):
                node = self.brackets(node, skip=True)
                continue
            word = self.current
            if not (word.kind == "name" or (word.kind == "operator" and word.text.isalpha())):
                self.fail("a name must follow the dot")
            self.next()
            key = n.String(word.text, position=word.position)
            node = n.Member(node, key, dot.text == "?.", position=word.position)
            if self.at("("):
                node = n.Call(node, self.arguments(), position=word.position)
        return n.Chain(node, position=node.position) if optional else node

    def brackets(self, node: n.Node, *, skip: bool) -> n.Node:
        start = self.next().position
        first: n.Node | None = None
        if not self.at(":"):
            first = self.expression()
        if self.take(":"):
            stop = None if self.at("]") else self.expression()
            self.expect("]")
            return n.Slice(node, first, stop, position=start)
        if first is None:
            self.unexpected()
        self.expect("]")
        return n.Member(node, first, skip, position=start)
