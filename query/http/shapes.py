"""Models at the edge of the service, made of the dataclasses inside: each field is spelled once."""

import ast
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model, model_serializer, model_validator

from query.http.replies.names import refuse_unknown

M = TypeVar("M", bound=BaseModel)


class Shape(BaseModel):
    """A model whose fields are described by the lines below them."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    @model_serializer(mode="wrap")
    def _known(self, serialize: Callable[[Any], dict[str, Any]]):  # type: ignore[no-untyped-def]  # a type would be its schema
        """What is not known is left out."""
        return {name: value for name, value in serialize(self).items() if value is not None}


class Asked(Shape):
    """What a client may say, and nothing else: a slip in a name would otherwise ask something else."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            refuse_unknown(values, [item.alias or name for name, item in cls.model_fields.items()])
        return values


def shaped_like(
    kind: type[Any], *, without: Collection[str] = (), more: Mapping[str, Any] | None = None, partial: bool = False
) -> Callable[[type[M]], type[M]]:
    """Give a model the fields of a dataclass, with their types, defaults and descriptions.

    `more` holds a pydantic `Field` with limits, examples or another description for some of them. With `partial` any of
    them may be left out.
    """
    lines = _lines_below(kind)

    def shaped(model: type[M]) -> type[M]:
        parts: dict[str, Any] = {}
        for item in fields(kind):
            if item.name not in without:
                described = (Field(description=lines.get(item.name)), (more or {}).get(item.name, Field()))
                # JSON knows lists and objects alone.
                default = {} if item.default_factory is not MISSING else item.default
                default = ... if default is MISSING else [] if default == () else default
                shape = _of_json(item.type)
                if partial:
                    shape, default = shape | None, None
                parts[item.name] = (Annotated[shape, *described], default)
        return create_model(model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **parts)

    return shaped


def _of_json(kind: Any) -> Any:
    """tuple[str, ...] -> list[str], Mapping[str, int] -> dict[str, int]"""
    if get_origin(kind) is tuple:
        return list[get_args(kind)[0]]  # type: ignore[misc]
    return dict[get_args(kind)] if get_origin(kind) is Mapping else kind  # type: ignore[misc]


def _lines_below(kind: type[Any]) -> dict[str, str]:
    """The line of text below each field of a dataclass: Python itself keeps those of classes and functions alone."""
    (definition,) = ast.parse(dedent(inspect.getsource(kind))).body
    return {
        field.target.id: inspect.cleandoc(line.value.value)
        for field, line in pairwise(definition.body)  # type: ignore[attr-defined]
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
    }
