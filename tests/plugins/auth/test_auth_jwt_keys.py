"""What a deployer may write as a key, and which mistakes stop the start."""

import base64
import json
from pathlib import Path

import pytest
from hubbub.core import PluginError
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests
from hubbub.plugins.auth_jwt import AuthJwt, AuthJwtConfig
from joserfc import jwk

from .signing import SECRET, as_written, key_for, key_set, sign

RSA_PEM = as_written(key_for("RS256"))
RSA_BARE = "".join(RSA_PEM.splitlines()[1:-1])
EC_PEM = as_written(key_for("ES256"))
P384_PEM = as_written(jwk.ECKey.generate_key("P-384"))


def start(**options: object) -> HubForTests:
    return HubForTests({"auth_jwt": options}, plugins={"auth_jwt": AuthJwt})


def lets_in(hub: HubForTests, token: str) -> bool:
    return hub.connect(query={"token": token}).close_code is None


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(RSA_PEM, id="PEM"),
        pytest.param(f"\n  {RSA_PEM}  \n", id="PEM with space around it"),
        pytest.param(RSA_PEM.replace("\n", "\\n"), id="PEM in one line, as in an environment variable"),
        pytest.param(RSA_BARE, id="only the base64"),
        pytest.param(json.dumps(key_for("RS256").as_dict(private=False)), id="a JSON Web Key"),
        pytest.param(json.dumps(key_set(key_for("RS256"))), id="a set of them"),
    ],
)
def test_a_public_key_may_be_written_in_several_ways(written: str) -> None:
    with start(algorithms=["RS256"], key=written) as hub:
        assert lets_in(hub, sign("RS256"))


def test_a_file_may_hold_several_keys_and_all_of_them_are_good(tmp_path: Path) -> None:
    others = [key_for("RS256", "other"), key_for("ES256")]
    path = tmp_path / "keys.pem"
    path.write_text("\n".join(["# before", RSA_PEM, *map(as_written, others), "# after"]))
    with start(algorithms=["RS256", "ES256"], key_file=str(path)) as hub:
        assert lets_in(hub, sign("RS256"))
        assert lets_in(hub, sign("RS256", key=others[0]))
        assert lets_in(hub, sign("ES256"))
        assert not lets_in(hub, sign("RS256", key=key_for("RS256", "a third")))


def test_of_keys_with_a_kid_only_the_one_that_the_token_names_counts() -> None:
    a, b = key_for("RS256", "a"), key_for("RS256", "b")
    with start(algorithms=["RS256"], key=json.dumps(key_set(a, b))) as hub:
        assert lets_in(hub, sign("RS256", key=a))
        assert lets_in(hub, sign("RS256", key=b))
        assert not lets_in(hub, sign("RS256", key=a, header={"kid": "b"}))
        assert not lets_in(hub, sign("RS256", key=a, header={"kid": "c"}))


def test_a_key_that_is_for_something_else_by_its_own_words_fits_nothing() -> None:
    for words in ({"use": "enc"}, {"alg": "RS512"}, {"key_ops": ["encrypt"]}):
        entry = {**key_for("RS256").as_dict(private=False), **words}
        with pytest.raises(ConfigError, match="RS256 needs an RSA public key, and this is none"):
            start(algorithms=["RS256"], key=json.dumps(entry))


def test_the_secret_of_a_file_ends_before_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    with start(algorithms=["HS256"], key_file=str(tmp_path / "secret")) as hub:
        assert lets_in(hub, sign())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": SECRET}, "algorithms: is missing"),
        ({"algorithms": [], "key": SECRET}, "algorithms: expected at least 1 entry"),
        (
            {"algorithms": ["none"], "key": SECRET},
            "expected one of HS256, RS256, ES256, EdDSA, Ed25519, got 'none'",
        ),
        ({"algorithms": ["HS256", "RS256"], "key": RSA_PEM}, "HS256 stands alone"),
        (
            {"algorithms": ["HS256"], "key": "x" * 31},
            r"a secret of 31 bytes can be guessed.*secrets\.token_urlsafe",
        ),
        ({"algorithms": ["HS256"], "key": ""}, "neither a secret nor a key"),
        ({"algorithms": ["HS256"], "key": RSA_PEM}, "everybody may have a public key.*algorithms: .RS256."),
        ({"algorithms": ["HS256"], "key": RSA_BARE}, "everybody may have a public key"),
        ({"algorithms": ["HS256"], "key": EC_PEM}, "everybody may have a public key.*algorithms: .ES256."),
        ({"algorithms": ["RS256"], "key": SECRET}, "RS256 needs an RSA public key, and this is none.*HS256"),
        ({"algorithms": ["RS256", "ES256"], "key": RSA_PEM}, "ES256 needs a public key of the curve P-256"),
        (
            {"algorithms": ["RS256"], "key": RSA_PEM + EC_PEM},
            r"one of the keys fits none of the algorithms \(RS256",
        ),
        ({"algorithms": ["ES256"], "key": P384_PEM}, "ES256 needs a public key of the curve P-256"),
        ({"algorithms": ["RS256"], "key": RSA_PEM[:-30]}, "a PEM block ends with a line -----END"),
        ({"algorithms": ["RS256"], "key": RSA_PEM.replace("MII", "XXX")}, "not a public key that can be used"),
        ({"algorithms": ["RS256"], "key": "ssh-rsa AAAAB3Nza alice@home"}, "ssh-keygen -e -m PKCS8"),
        ({"algorithms": ["RS256"], "key": "{"}, "is not JSON"),
        ({"algorithms": ["RS256"], "key": "{}"}, "not a JSON Web Key Set"),
        ({"algorithms": ["RS256"], "key": '{"keys": [3]}'}, "not an object"),
        ({"algorithms": ["RS256"], "key": '{"kty": "RSA"}'}, r"cannot be used \(kty RSA\)"),
        ({"algorithms": ["RS256"], "key": '{"kty": ["x"]}'}, "kty is none of oct, RSA, EC and OKP"),
        ({"algorithms": ["RS256"], "key_file": "nowhere.pem"}, "nowhere.pem cannot be read: No such file"),
        ({"algorithms": ["HS256"], "jwks_url": "https://id.example.com/"}, "what has a URL is none"),
        ({"algorithms": ["RS256"], "jwks_url": "id.example.com/keys"}, "not a URL"),
        ({"algorithms": ["RS256"], "jwks_url": "file:///etc/passwd"}, "not a URL"),
        ({"algorithms": ["RS256"], "jwks_url": "https://[::1"}, "not a URL"),
    ],
)
def test_a_mistake_stops_the_start_and_says_what_to_do(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s)plugins.auth_jwt.*{says}"):
        start(**options)


@pytest.mark.parametrize("text", ["pem", "bare", "jwk"])
def test_a_private_key_is_refused_without_being_shown(text: str) -> None:
    key = key_for("RS256")
    assert isinstance(key, jwk.RSAKey)
    pem = key.as_pem(private=True).decode()
    written = {
        "pem": pem,
        "bare": base64.b64encode(key.as_der(private=True)).decode(),
        "jwk": json.dumps(key.as_dict(private=True)),
    }[text]
    with pytest.raises(ConfigError, match="this is a private key, which has no place here") as caught:
        start(algorithms=["RS256"], key=written)
    assert pem.splitlines()[5] not in str(caught.value)
    assert written[60:100] not in str(caught.value)


def test_a_weak_rsa_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="an RSA key of 1024 bits is too weak"):
        start(algorithms=["RS256"], key=_rsa_pem(1024))


def _rsa_pem(bits: int) -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = generate_private_key(65537, bits).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "sources",
    [{}, {"key": RSA_PEM, "jwks_url": "https://id.example.com/keys"}, {"key": RSA_PEM, "key_file": "{pem}"}],
)
def test_exactly_one_source_of_keys_is_needed(sources: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(RSA_PEM)
    filled = {name: value.replace("{pem}", str(tmp_path / "key.pem")) for name, value in sources.items()}
    with pytest.raises(PluginError, match="exactly one of key, key_file and jwks_url"):
        start(algorithms=["RS256"], **filled)


def test_a_config_does_not_show_its_secrets() -> None:
    config = AuthJwtConfig.model_validate({"algorithms": ["HS256"], "key": SECRET})
    assert SECRET not in repr(config)
    assert SECRET not in config.model_dump_json()
