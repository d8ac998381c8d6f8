"""What each rule means: who sends, who reads, what is compared, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Direction:
    """Who sends and who reads; what one sends must be read by the other.

    Attributes:
        sends: Who sends, and by what.
        reads: Who reads, and by what.
    """

    sends: str
    reads: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule means.

    Attributes:
        rule: Its name.
        direction: Who sends and who reads.
        says: When it is told.
        shown: What shows it.
        mend: What to do.
    """

    rule: str
    direction: Direction
    says: str
    shown: str
    mend: str


_REQUEST: Final = Direction(
    "callers, by the old document", "the service, by the new document"
)
_ANSWER: Final = Direction(
    "the service, by the new document", "callers, by the old document"
)
_HOOK: Final = Direction(
    "the service, by the new document", "whom it calls, by the old document"
)
_CALL: Final = Direction("the consumer's client", "the provider, by its contract")
_REPLY: Final = Direction("the provider, by its contract", "the consumer's client")
_HEARD: Final = Direction(
    "the publisher, in every version that may be in the topic", "the consumer"
)
_EVENT: Final = Direction(
    "who publishes, by the newer document", "who hears, by the older document"
)
_LOG: Final = Direction(
    "who published, by the old document", "who hears, by the new document"
)
_PLAIN: Final = Direction("one of the two schemas", "the other one")
_WIRE: Final = Direction(
    "who writes messages by one file", "who reads them by the other, either way"
)

_VALUE = "a value that the sender's schema allows and the reader's refuses"
_WRITTEN = "a message that one file wrote and the other refuses, or reads otherwise"
_NONE = "no value can: it is seen in the documents themselves"
_PATH = "offer the change under a new path"
_BESIDE = "add a new one beside it"

_RULES: Final = (
    # -- OpenAPI: requests
    ("request-narrowed", _REQUEST, "a body that was allowed is refused", _VALUE,
     f"allow again what was allowed, or {_PATH}"),
    ("request-stricter", _REQUEST, "a body that was accepted is refused, though the"
     " schemas are alike: strictness, zones, rules in Python", _VALUE,
     f"go on accepting it, or {_PATH}"),
    ("undeclared-refused", _REQUEST, "properties beside the declared ones were ignored"
     " and are refused", "a value with a property `undeclared`",
     "go on ignoring properties that are not declared"),
    ("rule-changed-unknown", _REQUEST, "a rule in Python changed; of the values it was"
     " tried on none shows a difference", _NONE, "see whether it refuses more"),
    ("body-required", _REQUEST, "a body that could be left out must be sent", _NONE,
     "let it be left out"),
    ("body-ignored", _REQUEST, "a body is no longer read", _NONE, "go on reading it"),
    ("media-type-refused", _REQUEST, "a media type is no longer taken", _NONE,
     "go on taking it"),
    ("parameter-narrowed", _REQUEST, "a value of a parameter is refused; as text on the"
     " wire a reader of any text takes every number", _VALUE, "allow it again"),
    ("parameter-stricter", _REQUEST, "a value of a parameter that was accepted is"
     " refused, though the schemas are alike", _VALUE, "go on accepting it"),
    ("parameter-required", _REQUEST, "a parameter must be sent now", _NONE,
     "let it be left out, with a default"),
    ("parameter-ignored", _REQUEST, "a parameter is no longer read", _NONE,
     "go on reading it"),
    ("parameter-style", _REQUEST, "a parameter is written otherwise: `style`,"
     " `explode`", _NONE, "keep its style"),
    ("parameter-moved", _REQUEST, "a parameter is read from another place", _NONE,
     "go on reading it where it was, too"),
    ("parameter-encoding", _REQUEST, "`allowReserved` or `allowEmptyValue` is gone",
     _NONE, "keep it"),
    ("parameter-default-changed", _REQUEST, "who leaves a parameter out gets another"
     " value", _NONE, "keep the default"),
    ("body-encoding", _REQUEST, "parts of a body are written otherwise: `encoding`",
     _NONE, "keep it"),
    ("sunset-changed", _REQUEST, "an operation ends sooner than was said, or nobody"
     " knows when", _NONE, "keep `x-sunset`"),
    ("parameter-form", _REQUEST, "a parameter is described by a media type, or no"
     " longer", _NONE, "compare it by hand"),
    ("operation-removed", _REQUEST, "an operation is gone", _NONE,
     "keep it, deprecated, until nobody asks for it; `x-sunset` says until when"),
    ("operation-hidden", _REQUEST, "an operation is answered, and described no more",
     _NONE, "describe it, or take it away in two steps"),
    ("path-shadowed", _REQUEST, "a path that one operation answered is answered by"
     " another, which comes first", "a path", "put the new route behind the old one"),
    ("security-tightened", _REQUEST, "who was let in is not", _NONE,
     "keep the old way in beside the new one"),
    ("security-scheme-changed", _REQUEST, "a way in is called the same and is another",
     _NONE, "give the new way another name"),
    ("deprecated", _REQUEST, "an operation is deprecated now", _NONE,
     "look for another"),
    # -- OpenAPI: answers, and what we ask of others
    ("response-widened", _ANSWER, "a value is answered that was not answered before",
     _VALUE, f"answer only what was promised, or {_PATH}"),
    ("response-property-removed", _ANSWER, "an optional property is answered no more;"
     " consumers that are known decide how bad that is",
     "no value can: what is optional may be missing", "go on answering it"),
    ("response-media-type-removed", _ANSWER, "a media type is answered no more", _NONE,
     "go on answering it"),
    ("response-body-added", _ANSWER, "there is a body where there was none", _NONE,
     "answer 200 instead of 204 under a new path"),
    ("status-removed", _ANSWER, "a status of success is answered no more", _NONE,
     "go on answering it"),
    ("status-added", _ANSWER, "a status is answered that was not described", _NONE,
     "make sure that callers understand it"),
    ("error-status-changed", _ANSWER, "what cannot be read is answered with another"
     " status", _NONE, "go on answering the one that clients look for"),
    ("header-removed", _ANSWER, "a header is no longer sent, or may be missing", _NONE,
     "go on sending it"),
    ("header-widened", _ANSWER, "a header has a value that it did not have", _VALUE,
     "send only what was promised"),
    ("webhook-widened", _HOOK, "a value is sent to others that was not sent before",
     _VALUE, "send only what was promised"),
    ("webhook-property-removed", _HOOK, "an optional property is sent to others no"
     " more", "no value can: what is optional may be missing", "go on sending it"),
    ("webhook-removed", _HOOK, "others are no longer called", _NONE, "go on calling"),
    ("unreadable", _PLAIN, "a part of a document cannot be read", _NONE, "mend it"),
    # -- JSON Schema
    ("schema-narrowed", Direction("who goes by the old schema", "the new schema"),
     "a value of the old schema is none of the new one", _VALUE, "allow it again"),
    ("schema-widened", Direction("who goes by the new schema", "the old schema"),
     "a value of the new schema is none of the old one", _VALUE, "send it not"),
    # -- edges of a fleet
    ("request-refused", _CALL, "a value that is sent is refused", _VALUE,
     "declare it as narrowly as the provider does, or handle its 422"),
    ("parameter-missing", _CALL, "a parameter is required, and not always sent", _NONE,
     "send it always"),
    ("body-missing", _CALL, "a body is required, and not always sent", _NONE,
     "send it always"),
    ("operation-missing", _CALL, "the provider has no such operation", _NONE,
     "call what there is, or have it added"),
    ("provider-unknown", _CALL, "no service promises the API that is called", _NONE,
     "name a service of the fleet, or run `fleet contracts freeze` there"),
    ("caller-refused", _CALL, "the operation is open to other callers only", _NONE,
     "let the consumer in: `@allow(...)`"),
    ("token-missing", _CALL, "a token is asked for, and not shown", _NONE,
     "let the fleet's token in, or send it as a declared header"),
    ("refusal-impossible", _REPLY, "a refusal is handled that is never answered", _NONE,
     "handle it no more"),
    ("refusal-unhandled", _REPLY, "a refusal may come that is not told from others",
     _NONE, "name it: `missing=404`, `refusals={...}`"),
    ("answer-not-understood", _REPLY, "a value is answered that is not understood",
     _VALUE, "read it as widely as it is answered"),
    ("answer-lacks", _REPLY, "a field is read, and never answered", _NONE,
     "read it no more, or have the provider answer it"),
    ("event-not-understood", _HEARD, "a message is not understood", _VALUE,
     "read it as widely as it is written, or publish a new version"),
    ("event-version", _HEARD, "another version is published than is heard", _NONE,
     "hear that version, or publish both for a while"),
    ("event-unpublished", _HEARD, "nobody publishes what is heard", _NONE,
     "publish it, or hear it no more"),
    # -- AsyncAPI
    ("channel-silent", _EVENT, "nothing is sent to a channel any longer", _NONE,
     "go on sending"),
    ("channel-unheard", _LOG, "what is sent to a channel is read no more", _NONE,
     "go on reading"),
    ("message-added", _EVENT, "a message comes that was not sent before", _NONE,
     "make sure that readers leave alone what they do not know"),
    ("message-removed", _EVENT, "a message, of a channel or of a file of protobuf, is"
     " gone", _NONE, "go on with it beside what takes its place"),
    ("payload-widened", _EVENT, "a message is written that was not written before",
     _VALUE, "send only what was promised, or make it another version"),
    ("payload-narrowed", _LOG, "a message that was read is refused", _VALUE,
     "read what was read, or make it another version"),
    ("payload-property-removed", _EVENT, "an optional property is sent no more",
     "no value can: what is optional may be missing", "go on sending it"),
    ("headers-widened", _EVENT, "a message has headers that it had not", _VALUE,
     "send only what was promised, or make it another version"),
    ("headers-narrowed", _LOG, "headers that were read are refused", _VALUE,
     "read what was read, or make it another version"),
    ("headers-property-removed", _EVENT, "an optional header is sent no more",
     "no value can: what is optional may be missing", "go on sending it"),
    ("kept-message-refused", _LOG, "a message that may be in the topic is refused",
     _VALUE, "let readers take what is kept, or make it another version"),
    ("kept-message-unknown", _LOG, "it is not known whether kept messages are read",
     _NONE, "compare it by hand"),
    ("content-type-changed", _EVENT, "a message is carried otherwise", _NONE,
     "call it another message"),
    ("key-changed", _EVENT, "messages are kept in order by something else", _NONE,
     "keep the key"),
    ("key-widened", _EVENT, "a key is written that was not written before", _VALUE,
     "write only such keys as were written"),
    ("key-narrowed", _LOG, "a key that was sent is refused", _VALUE, "take it again"),
    ("correlation-changed", _EVENT, "what belongs together is told by something else",
     _NONE, "keep the `location` of the `correlationId`"),
    ("reply-changed", _EVENT, "the address of replies is told by something else", _NONE,
     "keep its `location`"),
    ("reply-removed", _EVENT, "there is no reply any longer", _NONE, "go on replying"),
    ("address-widened", _EVENT, "messages go to addresses where nobody reads", _NONE,
     "keep the values of the parameter"),
    ("address-narrowed", _LOG, "addresses to which others send are not read", _NONE,
     "keep the values of the parameter"),
    ("address-changed", _EVENT, "an address is made of something else", _NONE,
     "keep the `location` of the parameter"),
    ("binding-changed", _EVENT, "messages are elsewhere on the broker, or written"
     " otherwise: `topic`, `exchange`, `queue`, `cc`, `contentEncoding`", _NONE,
     "keep the binding"),
    ("server-removed", _PLAIN, "a server or a broker is named no longer", _NONE,
     "go on answering there until all others have moved"),
    ("server-changed", _EVENT, "a broker of that name is elsewhere", _NONE,
     "name it as another server"),
    # -- protobuf
    ("field-removed", _WIRE, "a field is gone, and its number or name may be taken by"
     " another", _NONE, "reserve the number and the name"),
    ("field-type-changed", _WIRE, "a field has a type that is written otherwise",
     _WRITTEN, _BESIDE),
    ("field-type-renamed", _WIRE, "a field's type is called otherwise", _NONE,
     "keep the name"),
    ("field-value-changed", _WIRE, "values of a field are cut off or changed", _WRITTEN,
     _BESIDE),
    ("field-renamed", _WIRE, "a field is called otherwise", _NONE, "keep the name"),
    ("field-json-name-changed", _WIRE, "a field is called otherwise in JSON", _NONE,
     "set `json_name` to the old one"),
    ("field-cardinality-changed", _WIRE, "a field is repeated, or no longer", _WRITTEN,
     _BESIDE),
    ("field-oneof-changed", _WIRE, "a field came into a oneof, or out of it", _WRITTEN,
     _BESIDE),
    ("field-default-changed", _WIRE, "a field that is not set means something else",
     _NONE, "keep the default"),
    ("required-field-added", _WIRE, "a required field that nobody wrote so far", _NONE,
     "make it optional"),
    ("required-field-removed", _WIRE, "a required field that readers wait for", _NONE,
     "keep it"),
    ("reserved-removed", _WIRE, "numbers or names are no longer reserved", _NONE,
     "keep them reserved"),
    ("enum-removed", _WIRE, "an enum is gone", _NONE, "keep it"),
    ("enum-value-removed", _WIRE, "a value of an enum is gone", _NONE,
     "reserve the number and the name"),
    ("enum-value-renamed", _WIRE, "a value of an enum is called otherwise", _NONE,
     "keep the name, or add an alias"),
    ("enum-openness-changed", _WIRE, "values that are not known are treated otherwise",
     _NONE, "keep the edition's `enum_type`"),
    ("package-changed", _WIRE, "a package is called otherwise", _NONE, "keep the name"),
    ("file-removed", _WIRE, "a file is gone, and cannot be imported", _NONE, "keep it"),
    ("file-option-changed", _WIRE, "code is generated to another place, or of another"
     " kind", _NONE, "keep the option"),
    ("file-syntax-changed", _WIRE, "a file is written in another syntax: presence,"
     " closed enums and checks of texts go by it", _NONE, "keep the syntax"),
    ("declaration-moved", _WIRE, "something is declared in another file", _NONE,
     "leave it where it was"),
    ("message-option-changed", _WIRE, "what is generated of a message lacks something",
     _NONE, "keep the option"),
    ("message-set-changed", _WIRE, "extensions of a message are written otherwise",
     _NONE, "keep the option"),
    ("json-format-changed", _WIRE, "JSON of a message or an enum is no longer promised",
     _NONE, "keep the syntax of the file, or `features.json_format`"),
    ("field-option-changed", _WIRE, "a field has another type in what is generated",
     _NONE, "keep the option"),
    ("field-utf8-changed", _WIRE, "texts of a field are checked for UTF-8, or no"
     " longer", _NONE, "keep the syntax of the file, or `features.utf8_validation`"),
    ("extension-removed", _WIRE, "an extension is gone", _NONE, "keep it"),
    ("extension-renumbered", _WIRE, "an extension has another number", _NONE,
     "keep the number"),
    ("extension-range-removed", _WIRE, "numbers are no longer open to extensions",
     _NONE, "keep them open"),
    ("oneof-removed", _WIRE, "a oneof is gone", _NONE, "keep it"),
    ("service-removed", _WIRE, "a service is gone", _NONE, "keep it"),
    ("rpc-removed", _WIRE, "a method is gone", _NONE, "keep it, deprecated"),
    ("rpc-streaming-changed", _WIRE, "a method streams, or no longer", _NONE,
     "add another method"),
    ("rpc-idempotency-changed", _WIRE, "a method may no longer be repeated", _NONE,
     "keep what was promised"),
    ("rpc-request-renamed", _WIRE, "a method's request is called otherwise", _NONE,
     "keep the name"),
    ("rpc-answer-renamed", _WIRE, "a method's answer is called otherwise", _NONE,
     "keep the name"),
)  # fmt: skip
RULES: Final[Mapping[str, Explanation]] = {
    rule: Explanation(rule, direction, says, shown, mend)
    for rule, direction, says, shown, mend in _RULES
}


def explained(rule: str) -> Explanation | None:
    """Return what a rule means; `...-unknown` is the same where neither is proved.

    Args:
        rule: Its name; None comes back where there is no such rule.
    """
    return RULES.get(rule) or RULES.get(rule.removesuffix("-unknown"))
