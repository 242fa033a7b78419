"""Parts of a configuration: classes that are their own section, and fields that take a part by its registered name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import keras
from pydantic import GetCoreSchemaHandler, SerializationInfo, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, PydanticKnownError, core_schema

from tfkd.sections import Ramp, Schedule, Section, explain, resolve
from tfkd_base.errors import TfkdError, nearest
from tfkd_base.registry import Code, Registry, loaded_code

PART_ERROR = "part_error"
"""Type of the errors that name a part which is not registered."""


class Part(Section):
    """A class that is its own section of a configuration, such as a distillation loss or an encoder.

    The fields, with their types, defaults, ranges and descriptions, are the constructor's arguments, the keys of the
    section in YAML, and a table of the documentation. What a part learns or derives from models belongs into private
    attributes. Arguments may be given by position, in the order of the fields.

    Raises:
        TfkdError: An argument is unknown or out of range; the message lists all of them.

    Example:
        >>> class Margin(Part):
        ...     margin: float = 0.1
        >>> Margin(margin=0.5).margin, Margin().get_config()
        (0.5, {'margin': 0.1})
        >>> Margin(margn=1.0)
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: Margin: margn: unknown key; did you mean 'margin'?
    """

    keyword_only: ClassVar[tuple[str, ...]] = ()
    """Fields that cannot be given by position."""

    def __init__(self, *values: Any, **settings: Any) -> None:
        positional = [name for name in type(self).model_fields if name not in self.keyword_only]
        if len(values) > len(positional):
            raise TfkdError(
                f"{type(self).__name__} takes at most {len(positional)} arguments by position, got {len(values)}"
            )
        for name, value in zip(positional, values, strict=False):
            if name in settings:
                raise TfkdError(f"{type(self).__name__}: {name}: given by position and by keyword; give it once")
            settings[name] = value
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise TfkdError(_explain_all(type(self), error)) from None
        self.check()

    # Pydantic then validates a section of a configuration without calling the constructor, and reports each key.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def check(self) -> None:
        """Check what depends on files; the constructor calls it, the validation of a configuration does not.

        Raises:
            TfkdError: A file is missing or does not fit.
        """

    def resolved(self, updates: int) -> Self:
        """Return a copy in which ramps are schedules for a training with this number of updates."""
        ramps = {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), Ramp)}
        return self.model_copy(update={name: resolve(ramp, updates) for name, ramp in ramps.items()})

    def get_config(self) -> dict[str, Any]:
        """Return the fields as plain data, for Keras."""
        return {name: _to_plain(getattr(self, name)) for name in type(self).model_fields}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the part that `get_config` described."""
        return cls(**{name: _from_plain(value) for name, value in config.items()})


PartType = TypeVar("PartType", bound=Part)


class PartRegistry(Registry[type[PartType]], Generic[PartType]):
    """Parts of one kind by name, which Keras can save and load too.

    Args:
        kind: What the parts are, for messages: `"distillation loss"`.
        group: The group of Python entry points that installed packages use.
    """

    def register(self, name: str) -> Callable[[type[PartType]], type[PartType]]:
        """Return a decorator that adds a class under a name, and registers it with Keras as `GROUP>NAME`.

        Args:
            name: The name in configurations.

        Raises:
            TfkdError: Another class has the name.
        """
        add = super().register(name)

        def register(part: type[PartType]) -> type[PartType]:
            if ">" not in keras.saving.get_registered_name(part):
                keras.saving.register_keras_serializable(self.group, name)(part)
            return add(part)

        return register


class Named(Generic[PartType]):
    """Annotation of a field that takes a part by its registered name: `{NAME: {SETTINGS}}`.

    Args:
        registry: The parts.
        example: How such a section looks, for messages.
        by_name: Whether the name alone stands for a part with its defaults.
    """

    unnamed: tuple[type[Part], ...] = ()
    """Parts whose settings stand in the section itself, without a name."""

    def __init__(self, registry: PartRegistry[PartType], example: str, *, by_name: bool = False) -> None:
        self.registry = registry
        self.example = example
        self.by_name = by_name

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema that validates and serializes such a field."""
        dump = core_schema.plain_serializer_function_ser_schema(self.dump, info_arg=True)
        return core_schema.no_info_plain_validator_function(self.validate, serialization=dump)

    def validate(self, value: object) -> Part:
        """Return the part that a section describes; a part is returned as it is.

        Raises:
            ValidationError: The section is not one name with its settings, or a setting is wrong.
        """
        if isinstance(value, Part):
            self.name(value)
            return value
        if self.by_name and isinstance(value, str):
            return self.validate_named(value, {}, is_section=False)
        if not isinstance(value, Mapping):
            raise PydanticKnownError("dict_type")
        if len(value) != 1:
            raise ValueError(f"expected one {self.registry.kind} with its settings, for example '{self.example}'")
        ((name, settings),) = value.items()
        return self.validate_named(name, settings)

    def validate_named(self, name: object, settings: object, *, is_section: bool = True) -> Part:
        """Return the part of a name with these settings.

        Raises:
            ValidationError: No part has the name, or a setting is wrong.
        """
        if name not in self.registry:
            message = (
                f"there is no {self.registry.kind} {name!r}: {nearest(str(name), self.registry)}. {CODE_HINT}".replace(
                    "?.", "?"
                )
            )
            error = PydanticCustomError(PART_ERROR, "{message}", {"message": message})
            details = InitErrorDetails(type=error, loc=(str(name),) if is_section else (), input=settings)
            raise ValidationError.from_exception_data(str(name), [details])
        # Through a mapping, so that the place of an error begins with the name.
        kind: Any = self.registry.get(str(name))
        section: TypeAdapter[dict[str, Part]] = TypeAdapter(dict[str, kind])
        return section.validate_python({name: settings})[str(name)]

    def name(self, part: Part) -> str:
        """Return the name of a part."""
        return self.registry.name_of(type(part))

    def dump(self, part: Part, info: SerializationInfo) -> object:
        """Return the section that describes a part."""
        name = self.name(part)
        if self.by_name and not type(part).model_fields:
            return name
        return {name: part.model_dump(mode=info.mode)}


CODE_HINT = "Your own parts need their file: --code FILE."


def find_code(value: object) -> tuple[Code, ...]:
    """Return the user's files that define parts of a section, such as those of a configuration.

    Args:
        value: A section, or a value in it.
    """
    modules = {kind.__module__ for part in _find_parts(value) for kind in type(part).__mro__}
    by_module = {code.module: code for code in loaded_code() if code.module in modules}
    return tuple(by_module.values())


def describe_code(value: object) -> dict[str, str]:
    """Return the hashes of the user's files that define parts of a section, by file name."""
    return {code.path.name: code.sha256 for code in find_code(value)}


def _find_parts(value: object) -> Iterator[Part]:
    if isinstance(value, Part):
        yield value
    if isinstance(value, Section):
        for name in type(value).model_fields:
            yield from _find_parts(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _find_parts(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _find_parts(item)


def _explain_all(part: type[Part], error: ValidationError) -> str:
    problems = []
    for details in error.errors(include_url=False):
        key = ".".join(str(name) for name in details["loc"] if str(name)[0] != "[")
        problems.append(f"{key}: {explain(details, part.model_fields)}" if key else explain(details))
    return f"{part.__name__}: {'; '.join(problems)}"


def _to_plain(value: object) -> object:
    if isinstance(value, Schedule):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, Section):
        return value.model_dump()
    return [_to_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _from_plain(value: object) -> object:
    is_object = isinstance(value, Mapping) and "class_name" in value
    return keras.saving.deserialize_keras_object(value) if is_object else value
