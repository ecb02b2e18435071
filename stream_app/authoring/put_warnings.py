"""What is odd about objects that are put, given what else their org has written and the time.

Laws: nothing here is an error; judged is what there will be when all of them are put.
"""

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace

from pydantic import ValidationError

from schemas.authored import DEFAULT_PROFILE, ProfileBody, Rule, RuleBody
from stream_app.authoring.config_log import AuthoredKey, ConfigLog, profile_of
from stream_app.authoring.drafts import body_of
from stream_app.authoring.problems import Problem
from stream_app.authoring.profile_warnings import (
    formula_warnings,
    rule_in_profile_warnings,
    rules_in_profile_warnings,
)

Put = Mapping[AuthoredKey, tuple[str, RuleBody | ProfileBody]]


def put_warnings(put: Put, gone: Container[AuthoredKey], log: ConfigLog, at: str) -> Iterator[Problem]:
    """Yield what is odd about the bodies of a put, each with the place where it stands; ``at`` in output form.

    ``gone`` are the objects that are deleted with it.
    """
    for key, (place, body) in put.items():
        if isinstance(body, RuleBody):
            found = rule_in_profile_warnings(body, _profile(put, log, key.org_id, body.profile_id), at)
        else:
            found = _of_profile(put, gone, log, key, body)
        for problem in found:
            yield replace(problem, pointer=place + problem.pointer)


def _of_profile(
    put: Put, gone: Container[AuthoredKey], log: ConfigLog, key: AuthoredKey, body: ProfileBody
) -> Iterator[Problem]:
    if body.groups or body.thresholds:
        yield from rules_in_profile_warnings(body, _rules(put, gone, log, key))
    if body.formula is not None:
        beside = {other.id for other in put if (other.kind, other.org_id) == ("profile", key.org_id)}
        yield from formula_warnings(body, {DEFAULT_PROFILE, *log.objects("profile", key.org_id), *beside})


def _profile(put: Put, log: ConfigLog, org_id: str, profile_id: str) -> ProfileBody:
    """Return a profile as it is being written."""
    key = AuthoredKey("profile", org_id, profile_id)
    if key in put and isinstance(body := put[key][1], ProfileBody):
        return body
    return body_of(key, log.find(key))


def _rules(put: Put, gone: Container[AuthoredKey], log: ConfigLog, profile: AuthoredKey) -> list[RuleBody]:
    """Return the rules that a profile will have; what is no rule never scores and is left out."""
    rules: list[RuleBody] = [body for _, body in put.values() if isinstance(body, RuleBody)]
    for rule_id, body in log.objects("rule", profile.org_id).items():
        key = AuthoredKey("rule", profile.org_id, rule_id)
        if profile_of(body) == profile.id and key not in put and key not in gone:
            try:
                rules.append(Rule.model_validate_json(json.dumps(body)))
            except ValidationError:
                continue
    return [rule for rule in rules if rule.profile_id == profile.id]
