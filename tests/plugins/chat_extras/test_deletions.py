"""Deletions: final, told to everyone, and once."""

from .extras import ExtrasHub, code, delete, edit, error, reaction, seq_of


def test_a_deletion_is_an_event_of_the_history() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        alice.send({**delete(of), "id": "d"})
        assert alice.receive("ack", id="d")["seq"] == of + 1
        deleted = bob.receive("delete")
        assert (deleted["of"], deleted["user"], deleted["seq"]) == (of, "alice", of + 1)


def test_nobody_deletes_what_others_said() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        refusal = error(bob, delete(seq_of(alice, "hi")))
        assert refusal is not None
        assert refusal["message"] == "Only its author or a moderator may delete the message 1."


def test_after_a_deletion_nothing_happens_to_the_message_any_more() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        assert code(alice, delete(of)) is None
        for event in (edit(of), delete(of), reaction(of)):
            refusal = error(alice, event)
            assert refusal is not None
            assert (refusal["code"], refusal["message"]) == ("not_found", "The message 1 was deleted.")
        assert len(bob.take("delete")) == 1


def test_a_deletion_that_is_sent_again_is_acknowledged_as_before() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        for _ in range(2):
            alice.send({**delete(of), "id": "d"})
        first, second = alice.take("ack")
        assert (first["seq"], second["seq"], second.get("duplicate")) == (of + 1, of + 1, True)
        assert alice.take("error") == []


def test_what_is_deleted_is_known_also_when_it_is_remembered_no_more() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        alice.send(delete(of))
        for number in range(5):
            alice.say(f"later {number}")
        hub.forget()
        assert code(alice, edit(of)) == "not_found"
