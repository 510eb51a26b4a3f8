"""A param that there is not is refused, with what may have been meant."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from leadsquared.params import FEED_PARAMS, UNDO_PARAMS, ParamError, check_params


def check(conf: Any, known: tuple[str, ...] = FEED_PARAMS, **more: Any) -> None:
    context = {"dag_run": SimpleNamespace(conf=conf), "params": {**dict.fromkeys(known), **(conf or {})}, **more}
    check_params(context, known, nothing_done="Nothing was sent.")


@pytest.mark.parametrize("conf", [None, {}, {"from": "2031-04-01", "mode": "preview"}, dict.fromkeys(FEED_PARAMS)])
def test_known_params_and_none_are_fine(conf: Any) -> None:
    check(conf)


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        (
            {"form": "2031-04-01"},
            r"form \(did you mean from\?\); there are from, to, mode, limit, requeue\. Nothing was sent",
        ),
        ({"From": "2031-04-01"}, r"From \(did you mean from\?\)"),
        ({"mod": "preview", "from": "x"}, r"mod \(did you mean mode\?\)"),
        ({"re_queue": "held", "colour": "red"}, r"re_queue \(did you mean requeue\?\), colour; there are"),
        ({"x" * 1000: 1}, "no such param: x{40};"),
        ({7: 1}, "no such param: 7;"),
    ],
)
def test_other_params_are_named_with_what_may_have_been_meant(conf: dict[Any, Any], words: str) -> None:
    with pytest.raises(ParamError, match=words):
        check(conf)


def test_values_are_not_shown() -> None:
    with pytest.raises(ParamError) as caught:
        check({"form": "Zeenat Quillfeather"})
    assert "Zeenat" not in str(caught.value)


def test_params_that_the_dag_declares_itself_are_fine() -> None:
    check({"colour": "red"}, dag=SimpleNamespace(params={"colour": None}))


def test_undo_has_params_of_its_own() -> None:
    check(dict.fromkeys(UNDO_PARAMS), UNDO_PARAMS)
    with pytest.raises(ParamError, match=r"runid \(did you mean run_id\?\)"):
        check({"runid": "manual__1"}, UNDO_PARAMS)


def test_preview_that_airflow_would_run_as_sending_is_refused() -> None:
    defaults = {"from": None, "to": None, "mode": "send", "limit": None, "requeue": "none"}
    with pytest.raises(ParamError, match=r"for mode: set dag_run_conf_overrides_params = True .* Nothing was sent"):
        check({"mode": "preview", "limit": None}, params=defaults)
