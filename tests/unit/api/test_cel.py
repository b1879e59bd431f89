"""Rules of a CRD: Kubernetes' own functions, what a rule sees of a value, and what cannot be said.

The table holds examples of the Kubernetes documentation of its CEL libraries, and their opposites.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from dynamo_conformance.api import crd
from dynamo_conformance.api.cel import rule_violations, unchecked_rules
from dynamo_conformance.api.operator_releases import OPERATORS
from dynamo_conformance.api.schema import Schema
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import from_plain, path_text

if TYPE_CHECKING:
    from dynamo_conformance.manifest.jsonschema import JsonObject
    from dynamo_conformance.manifest.node import Plain

VALUE: dict[str, Plain] = {
    "texts": ["a", "b"],
    "numbers": [1, 2],
    "text": "x",
    "url": "https://user:pw@[::1]:8443/a b?q=1&q=2",
    "size": "1500m",
}
HOLDS = [
    "self.texts.isSorted() && [].isSorted() && [1.0, 2.5].isSorted()",
    "self.numbers.sum() == 3 && [1.5, 2.5].sum() == 4.0 && [].sum() == 0",
    "self.numbers.min() == 1 && self.texts.max() == 'b'",
    "self.texts.indexOf('b') == 1 && [1, 2, 1].lastIndexOf(1) == 2",
    "self.texts.indexOf('c') == -1 && self.texts.lastIndexOf('c') == -1",
    "'abc'.indexOf('c') == 2 && 'abcb'.lastIndexOf('b') == 3",
    "self.texts.join(',') == 'a,b' && 'a,b'.split(',').size() == 2 && ' x '.trim() == 'x'",
    "'Ab'.lowerAscii() == 'ab' && 'abc'.substring(1, 2) == 'b' && 'aa'.replace('a', 'b') == 'bb'",
    "'%s is %d'.format(['a', 1]) == 'a is 1'",
    "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''",
    "'123 abc 456'.findAll('[0-9]+') == ['123', '456'] && '1 2'.findAll('[0-9]', 1) == ['1']",
    "'a1'.find('[[:alpha:]]') == 'a'",
    "isURL(self.url) && isURL('/absolute-path') && isURL('https://[::1]/')",
    "url(self.url).getScheme() == 'https' && url(self.url).getHost() == '[::1]:8443'",
    "url(self.url).getHostname() == '::1' && url(self.url).getPort() == '8443'",
    "url('https://example.com/').getPort() == '' && url('/path').getHost() == ''",
    "url(self.url).getEscapedPath() == '/a%20b' && url(self.url).getQuery()['q'] == ['1', '2']",
    "isQuantity(self.size) && quantity(self.size).add(quantity('500m')) == quantity('2')",
    "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1k').isLessThan(quantity('1Ki'))",
    "quantity('50k').sub(20000).asInteger() == 30000 && quantity('50k').isInteger()",
    "quantity('-1').sign() == -1 && quantity('1').compareTo(quantity('2')) == -1",
    "quantity('1500m').asApproximateFloat() == 1.5 && quantity('1').add(1) == quantity('2000m')",
    "isIP('::1') && ip('0:0::1') == ip('::1') && string(ip('0::1')) == '::1'",
    "ip('127.0.0.1').family() == 4 && ip('127.0.0.1').isLoopback() && ip('::').isUnspecified()",
    "ip('224.0.0.1').isLinkLocalMulticast() && ip('fe80::1').isLinkLocalUnicast()",
    "ip('8.8.8.8').isGlobalUnicast() && ip.isCanonical('::1') && string(1) == '1'",
    "isCIDR('10.0.0.0/8') && cidr('10.0.0.0/8').containsIP('10.1.2.3')",
    "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3')) && cidr('10.0.0.1/8').ip() == ip('10.0.0.1')",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('::/0').prefixLength() == 0",
    "cidr('10.0.0.0/8').containsCIDR(cidr('10.0.0.0/8'))",
    "cidr('10.0.0.1/8').masked() == cidr('10.0.0.0/8')",
    "!format.dns1123Label().validate(self.text).hasValue()",
    "format.named('uuid').value().validate('x').hasValue() && !format.named('x').hasValue()",
    "isSemver('1.2.3-rc.1+b') && semver('1.2.3').isLessThan(semver('1.10.0'))",
    "semver('1.0.0').compareTo(semver('1.0.0-rc.2')) == 1 && semver('v01.2', true).minor() == 2",
    "semver('1.0.0-2').isLessThan(semver('1.0.0-11'))",
    "semver('1.0.0-2').isLessThan(semver('1.0.0-a'))",
    "sets.contains([1, 2], [1]) && sets.equivalent([1, 1], [1]) && sets.intersects([1], [1, 2])",
    "self.?missing.orValue('d') == 'd' && self.?text.hasValue() && optional.of(1).value() == 1",
    "optional.none().optMap(x, x == 1).orValue(true)",
]  # fmt: skip
BREAKS = [
    "[2, 1].isSorted()",
    "format.dns1123Label().validate('%sa').hasValue()".replace("%s", "a" * 62),
    "format.qualifiedName().validate('a/%sa').hasValue()".replace("%s", "a" * 62),
    "!format.dns1123Label().validate('%sa').hasValue()".replace("%s", "a" * 63),
    "!format.qualifiedName().validate('a/%sa').hasValue()".replace("%s", "a" * 63),
    "!format.qualifiedName().validate('A/a').hasValue()",
    "self.numbers.sum() == 4",
    "isURL('../relative-path') || isURL('https://a:b:c/') || isURL('/%zz') || isURL('')",
    "isQuantity('1 Gi') || isQuantity('')",
    "isIP('1.2.3') || isIP('127.000.0.1') || isIP('fe80::1%en0') || isIP('::ffff:1.2.3.4')",
    "isCIDR('10.0.0.0') || isCIDR('10.0.0.0/08') || isCIDR('10.0.0.0/33')",
    "cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8') || cidr('10.1.0.0/16').containsIP('10.2.0.0')",
    "ip('255.255.255.255').isGlobalUnicast() || ip('ff02::1').isGlobalUnicast()",
    "!format.dns1123Label().validate('A_').hasValue()",
    "isSemver('v1.2.3') || isSemver('1.2') || isSemver('01.2.3') || isSemver('1.2.3-01')",
    "sets.contains([true], [1])",
    "quantity('1') == quantity('2')",
]
ERRORS = [
    "[].min() == 1",
    "self.missing == 1",
    "1 / (self.numbers[0] - 1) == 1",
    "quantity('x').sign() == 0",
    "quantity('1').isGreaterThan(semver('1.0.0'))",
    "self.text",
]


def said(rule: JsonObject, value: Plain, **schema: object) -> list[str]:
    """Return what one rule of an object says of a value."""
    whole = {"type": "object", "x-kubernetes-validations": [rule], **schema}
    violations = rule_violations(from_plain(value), Schema(cast("JsonObject", whole)), ("spec",))
    return [f"{path_text(one.path)}: {one.kind}: {one.text}" for one in violations]


@pytest.mark.parametrize("rule", HOLDS)
def test_a_rule_holds(rule: str) -> None:
    assert said({"rule": rule}, VALUE) == []


@pytest.mark.parametrize("rule", BREAKS)
def test_a_rule_breaks(rule: str) -> None:
    assert said({"rule": rule}, VALUE) == [f"spec: Invalid value: failed rule: {rule}"]


@pytest.mark.parametrize("name", ["min", "max"])
def test_an_empty_list_has_no_least_and_no_most(name: str) -> None:
    (text,) = said({"rule": f"[].{name}() == 1"}, VALUE)
    assert f"{name} called on empty list" in text


def test_a_violation_points_at_the_field_that_a_rule_names() -> None:
    (document,) = read_documents("a:\n  b: 1\nc: 2\n", file="f.yaml")
    for path, line in ((".a.b", 2), (".c", 3), (".nothing", 1)):
        rule = {"rule": "false", "fieldPath": path}
        schema: object = {"type": "object", "x-kubernetes-validations": [rule]}
        (one,) = rule_violations(document.root, Schema(cast("JsonObject", schema)))
        assert (path_text(one.path), one.mark.line) == (path[1:], line)


def test_what_stands_in_a_list_of_anything_has_no_rules() -> None:
    assert said({"rule": "true"}, {"a": [1]}, properties={"a": {"type": "array"}}) == []


@pytest.mark.parametrize("rule", ERRORS)
def test_a_rule_that_ends_in_an_error_is_broken(rule: str) -> None:
    (text,) = said({"rule": rule, "message": "no"}, VALUE)
    assert text.startswith("spec: Invalid value: no (the rule cannot be evaluated: ")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ({"type": "number"}, 3, "self.x / 2.0 == 1.5"),
        ({"type": "integer"}, 3, "self.x / 2 == 1"),
        ({"type": "array", "items": {"type": "number"}}, [1], "self.x[0] / 2.0 == 0.5"),
        ({"type": "string"}, "3", "self.x == '3'"),
    ],
)
def test_a_number_is_of_the_type_that_the_schema_says(
    field: JsonObject, value: Plain, rule: str
) -> None:
    assert said({"rule": rule}, {"x": value}, properties={"x": field}) == []


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a-b", "a__dash__b"),
        ("a.b/c", "a__dot__b__slash__c"),
        ("namespace", "__namespace__"),
        ("a__b", "a__underscores__b"),
        ("a_b", "a_b"),
    ],
)
def test_a_field_is_called_by_its_escaped_name(name: str, escaped: str) -> None:
    fields = {name: {"type": "integer"}}
    assert said({"rule": f"self.{escaped} == 1"}, {name: 1}, properties=fields) == []
    values = {"type": "integer"}
    rule = {"rule": f"self['{name}'] == 1"}
    assert said(cast("JsonObject", rule), {name: 1}, additionalProperties=values) == []


def test_a_message_may_be_an_expression_and_name_a_field() -> None:
    rule: JsonObject = {
        "rule": "false", "message": "plain", "messageExpression": "'not ' + self.text",
        "fieldPath": ".a['b']", "reason": "FieldValueForbidden",
    }  # fmt: skip
    assert said(rule, VALUE) == ["spec.a[b]: Forbidden: not x"]
    for expression in ("self.missing", "'a\nb'", "''", "self.numbers", "nobody()"):
        changed: JsonObject = {**rule, "messageExpression": expression}
        assert said(changed, VALUE) == ["spec.a[b]: Forbidden: plain"]


def test_a_rule_on_a_change_is_for_changes_alone() -> None:
    rule: JsonObject = {"rule": "self.text == oldSelf.text"}
    assert said(rule, VALUE) == []
    for text, broken in (("oldSelf.hasValue()", 1), ("!oldSelf.hasValue()", 0)):
        assert len(said({"rule": text, "optionalOldSelf": True}, VALUE)) == broken


@pytest.mark.parametrize("rule", ["self.all(i, v, v != '')", "nobody(self)", "self.text.("])
def test_a_rule_that_cannot_be_compiled_is_named(rule: str) -> None:
    items = {"type": "object", "x-kubernetes-validations": [{"rule": rule}]}
    schema: object = {"properties": {"a": {"items": items}}}
    (one,) = unchecked_rules(Schema(cast("JsonObject", schema)))
    assert (path_text(one.path), one.expression) == ("a[*]", rule)
    assert one.reason
    (text,) = said({"rule": rule, "message": "no"}, VALUE)
    assert f"the rule {rule} is not checked here: " in text


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        (
            {"type": "string", "format": "date-time"},
            "2026-01-01T00:00:00Z",
            "self.x < timestamp(0)",
        ),
        ({"type": "string", "format": "duration"}, "1h", "self.x < duration('2h')"),
        ({"type": "string"}, "aa", "self.x.find('a++') == ''"),
        ({"type": "string"}, "aa", "[duration('1h'), duration('2h')].sum() == duration('3h')"),
    ],
)
def test_what_cannot_be_computed_is_no_fault_of_the_object(
    field: JsonObject, value: Plain, rule: str
) -> None:
    (text,) = said({"rule": rule}, {"x": value}, properties={"x": field})
    assert f"the rule {rule} is not checked here: " in text


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_rule_of_a_crd_that_is_kept_here_is_checked(operator: str) -> None:
    versions = crd.load(operator).versions
    assert [one for schema in versions.values() for one in unchecked_rules(schema)] == []
