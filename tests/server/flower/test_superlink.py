"""What stands in front of the SuperLink's calls: all that checks who asks, and nothing that has no effect here."""

from flwr.superlink.main import _get_middleware

from server.flower.superlink import middleware


def test_only_what_has_no_effect_here_is_left_out() -> None:
    every, ours = ([one.cls.__name__ for one in found] for found in (_get_middleware(), middleware()))
    assert set(every) - set(ours) == {
        "ControlEventLogMiddleware",
        "ControlLicenseMiddleware",
        "ControlSensitiveResponseMiddleware",
        "FleetEventLogMiddleware",
        "RuntimeTracingMiddleware",
    }
    assert ours == [name for name in every if name in ours]
    assert {"NodeAuthMiddleware", "ControlAuthenticationMiddleware", "ProtobufTranslationMiddleware"} <= set(ours)
