"""What is wrong with the origins that a location admits: expressions, reflection, null, plain http, values no browser sends."""

from collections.abc import Iterator

from cors_gateway.migrate.nginx.defect import Defect
from cors_gateway.migrate.nginx.origins import STRANGER, OriginEntry, admits_plain_http, is_meant, read_value
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.pcre import search
from cors_gateway.migrate.nginx.scope import HeaderLine
from cors_gateway.migrate.nginx.study import CREDENTIALS, ORIGIN, Observed, Study, split_values
from cors_gateway.migrate.nginx.variables import OriginTest


def origin_defects(study: Study) -> Iterator[Defect]:
    """Everything about who is let in."""
    if not any(line.key == ORIGIN for line in study.lines) and not study.refuses_strangers:
        return
    yield from _comparisons(study)
    yield from _insecure(study)
    for origin in (*study.origins, "null"):
        for seen in study.everything(origin):
            yield from _values(study, seen, origin)


def _comparisons(study: Study) -> Iterator[Defect]:
    for test, reading in study.tests.items():
        for fault in sorted(reading.faults - {"null_origin_allowed"}):
            yield Defect(
                fault, test.directive, {"value": test.text} | _stranger(test, fault, reading.entries)
            )
        if "null_origin_allowed" in reading.faults and _admits_null(study):
            yield Defect("null_origin_allowed", test.directive)


def _admits_null(study: Study) -> bool:
    return any(seen.says(ORIGIN, "null") for seen in study.everything("null"))


def _stranger(test: OriginTest, fault: str, entries: tuple[OriginEntry, ...]) -> dict[str, str]:
    """An origin that nobody meant and the expression lets in, for the sentence."""
    if test.kind != "regex":
        return {}
    # Below a public suffix even what was meant is a stranger's.
    meant = () if fault == "public_suffix_origin" else entries
    for origin in (witness for entry in entries[:1] for witness in entry.witnesses[:1]):
        host = origin.partition("://")[2]
        *labels, last = host.split(".")
        for shape in (
            f"{origin}.evil.example",
            f"https://evil{host}",
            f"https://evil-{host}",
            f"https://{'x'.join(labels)}.{last}",
            f"https://{host.replace('.', 'x', 1)}",
            f"https://{'x'.join(host.rsplit('.', 1))}",
            f"https://x{host.partition('.')[2]}",
        ):
            is_let_in = search(test.text, shape, ignore_case=test.ignore_case) is not None
            if is_let_in and not any(is_meant(entry, shape) for entry in meant):
                return {"stranger": shape}
    return {}


def _insecure(study: Study) -> Iterator[Defect]:
    if study.admits_everybody and study.is_credentialed_for_everybody:
        return  # whoever is let in by a comparison is let in anyway
    for admission in study.admissions:
        if not admission.has_credentials:
            continue
        test, entry = admission.test, admission.entry
        is_twin = (
            test is not None
            and test.kind == "regex"
            and admits_plain_http(test.text, ignore_case=test.ignore_case, names=entry.witnesses)
        )
        if entry.is_insecure or is_twin:
            holder = test.directive if test else _holder(admission.line)
            if holder is not None:
                yield Defect("insecure_origin_with_credentials", holder, {"value": entry.text})


def _holder(line: HeaderLine | None) -> Directive | None:
    return line.directive if line else None


def _values(study: Study, seen: Observed, origin: str) -> Iterator[Defect]:
    """What the Allow-Origin lines of one answer say."""
    values = [(line, value) for line, value in seen.sent if line.key == ORIGIN]
    has_credentials = seen.value_of(CREDENTIALS) == "true"
    added = [line for line, _ in values if not line.replaces]
    for line in added[1:]:
        yield Defect("duplicate_allow_origin", line.directive)
    for line, value in values:
        if value == "*":
            continue
        if value == origin:
            if origin == STRANGER:
                code = "reflects_any_with_credentials" if has_credentials else "reflects_any"
                yield Defect(code, seen.run.variables.origin_source(line.value, line.directive))
            continue
        texts = split_values(value)
        source = seen.run.variables.value_source(line.value, line.directive)
        if len(texts) > 1:
            yield Defect("comma_list", line.directive, {"value": value})
        elif texts:
            for fault in read_value(texts[0]).faults:
                yield Defect(fault, source, {"value": value})


def private_network(study: Study) -> Iterator[Defect]:
    """Private network access for whoever asks."""
    for seen in study.everything(STRANGER):
        is_open = seen.says(ORIGIN, "*") or seen.says(ORIGIN, STRANGER)
        for line, value in seen.sent:
            if is_open and line.key == "access-control-allow-private-network" and value == "true":
                yield Defect("private_network_any", line.directive)
