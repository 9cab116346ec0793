"""Claims: a sentence that says something was done is known as one, whatever its form, and nothing else is."""

import re
from decimal import Decimal

import pytest

from server.claims import Deed, Hold, Lexicon, Proof, claim_in
from server.claims.proof import stated
from tools import Caller, tool

LEXICON = Lexicon.of()
INSTEAD = "I can't confirm that."

CLAIMS = """
I've refunded order 1042.
I have refunded €62.00 to your card.
We've just cancelled your order.
I just refunded it.
I refunded your order.
Your order has been cancelled.
Your order 1042 was cancelled.
Your refund is processed.
The refund is on its way.
Done!
All done!
You're all set!
All set.
It's done.
That's been taken care of.
Consider it done.
Refunded!
Refund issued.
Order 1042 cancelled.
**Refunded** €62 to your card.
I've gone ahead and cancelled your order.
I went ahead and refunded the duplicate.
I was able to cancel your order.
We managed to refund it.
I've successfully processed your refund.
Your refund went through.
Your refund has gone through.
The cancellation is complete.
Your cancellation was successful.
Good news: your order has been refunded.
I can confirm that your refund has been issued.
I'm happy to tell you that I've refunded your order.
No worries, I've refunded it, is there anything else?
If you have questions, I've already refunded your order.
I'm refunding your order now.
I am cancelling it right now.
We are processing your refund.
The team has refunded your order.
Our system cancelled the order.
You've been refunded.
You have been refunded €62.
As you asked, I've changed your address.
I've updated your address to 5 Main Street.
I've paused your subscription.
I've gift-wrapped it.
Once again I've cancelled the order.
Successfully cancelled order 1042.
Your address has been updated, and a refund has been issued.
I have now, as you asked, cancelled the order.
Everything has been refunded.
It has been refunded already.
Your money has been sent back.
I've sent you a confirmation email.
I've forwarded your request to a colleague.
I've booked your appointment for Monday.
Your appointment is booked.
Your appointment is confirmed.
Your order is now cancelled.
Both orders have been refunded.
Refund complete.
I’ve re**fund**ed it.
I've re\u200bfunded it.
I've refund\u0435d it.
Die Erstattung ist veranlasst.
Ich habe Ihre Bestellung 1042 storniert.
Ihre Bestellung wurde storniert.
Ihre Bestellung ist storniert worden.
Die Erstattung ist unterwegs.
Erledigt!
Alles erledigt.
Storniert!
Ich habe Ihnen 62,00 € erstattet.
Wir haben Ihre Adresse geändert.
Die Rückerstattung wurde eingeleitet.
Das Geld ist unterwegs.
J'ai remboursé votre commande.
Votre commande a été annulée.
He cancelado su pedido.
Ho annullato il tuo ordine.
Ik heb je bestelling geannuleerd.
Your booking for Friday at 10:00 is confirmed.
Our finance team has released the payment to you.
Ihr Abo ist jetzt pausiert.
Der Umtausch wurde in die Wege geleitet.
Ich habe das für Sie geregelt.
The money is back in your account.
I took the liberty of cancelling your order.
Your new address is saved.
Ihr Geld ist wieder auf Ihrem Konto.
Ihre Stornierung war erfolgreich.
Ich habe die Stiefel neu besohlt.
Gerne habe ich die Schuhe für Sie imprägniert.
""".strip().split("\n")

HARMLESS = """
Would you like me to cancel the order?
I can refund your order.
I could not refund it.
I have not refunded your order.
I haven't cancelled anything.
We refund within 14 days.
Refunds are issued within 5 business days.
Once your return has been received, your refund is processed within 5 days.
Your order will be refunded once we have received it.
Items must be returned unworn.
Can I return boots that have been worn?
Has your order been cancelled?
If your order has been shipped, it can't be cancelled.
Orders that have been shipped cannot be cancelled.
You can return any unworn item within 30 days of delivery.
Cancelled orders are refunded to the original payment method.
Do you want the order cancelled?
Shall I go ahead and cancel it?
I've checked your order.
I've found two orders.
I took a look at your order.
This is always done the same way: Cancel an order.
You get your money back within 14 days.
I have two orders of yours here.
I see that you've returned the boots.
Nothing has been changed.
No refund has been issued.
You said you cancelled it.
After you have returned the item, we refund you.
Please tell me which order you want cancelled.
I would need to refund it first.
I'm sorry that this went wrong.
I've looked at order 1042: it arrives on Monday.
When your order ships, you get an email.
Your refund can take up to 5 days to arrive.
It must be cancelled before it is shipped.
We'll email you as soon as your order has been dispatched.
To get your money refunded, send the parcel back.
Returns are free.
I can't confirm that this has been done.
I'm ready to refund it if you confirm.
How long does a refund take?
The boots are made in Italy.
I have a question about your order.
Click Returns, then choose the order you want to be refunded.
There's no way to change it.
Ihre Bestellung kann storniert werden.
Ich habe Ihre Bestellung nicht storniert.
Soll ich die Bestellung stornieren?
Wenn die Ware zurückgeschickt wurde, erstatten wir den Betrag.
Wir erstatten innerhalb von 14 Tagen.
Der Betrag wird innerhalb von 5 Tagen erstattet.
Ich habe nachgesehen: die Bestellung kommt am Montag.
Haben Sie die Ware zurückgeschickt?
Wurde die Bestellung storniert?
Sobald Ihre Rücksendung geprüft wurde, wird der Betrag erstattet.
Ich habe zwei Abbuchungen gefunden.
Ich habe dazu leider nichts gefunden, die Stiefel sind aus Leder gefertigt.
""".strip().split("\n")


@tool(scope="subscriptions.pause", effect="write", examples=["snooze my box"])
async def pause_box(caller: Caller, box: str) -> str:
    """Pause a box."""
    return box


@pytest.mark.parametrize("sentence", CLAIMS)
def test_a_sentence_that_says_something_was_done_is_a_claim(sentence):
    assert claim_in(sentence, LEXICON) is not None


@pytest.mark.parametrize("sentence", HARMLESS)
def test_offers_questions_rules_denials_and_conditions_are_no_claims(sentence):
    assert claim_in(sentence, LEXICON) is None


def written(text, pieces, proof=None, **options):
    """What a hold lets through of the text in these pieces, and everything that was to be seen on the way."""
    hold = Hold(proof or Proof(lexicon=LEXICON), instead=INSTEAD, **options)
    seen = []
    shown = ""
    for piece in pieces:
        more = hold.feed(piece)
        shown = hold.text if hold.rewritten() else shown + more
        seen.append(shown)
    more = hold.finish()
    shown = hold.text if hold.rewritten() else shown + more
    assert shown == hold.text, "what is sent and what is known to be shown are one text"
    return hold, [*seen, shown]


def splits(text):
    yield [text]
    yield list(text)
    yield re.findall(r"\S+\s*", text)  # words as models write them: with the space behind
    yield re.findall(r"\s*\S+", text)  # or before
    for at in range(1, len(text)):
        yield [text[:at], text[at:]]


@pytest.mark.parametrize("sentence", CLAIMS)
def test_an_unproven_claim_is_never_shown_at_any_split(sentence):
    text = f"Thanks for your patience. {sentence} Shall I look into something else?"
    results = set()
    for pieces in splits(text):
        hold, seen = written(text, pieces)
        results.add(hold.text)
        for shown in seen:
            tail = shown.removeprefix("Thanks for your patience. ")
            assert claim_in(tail, LEXICON) is None, f"{shown!r} was to be seen"
        assert hold.withheld
    assert len(results) == 1, "the pieces make a difference"
    assert INSTEAD in results.pop()


@pytest.mark.parametrize("sentence", HARMLESS)
def test_other_sentences_come_out_as_they_went_in_at_every_split(sentence):
    text = f"Hello! {sentence} Good."
    for pieces in splits(text):
        hold, _ = written(text, pieces)
        assert hold.text == text
        assert hold.withheld == []


def refunded(order="1042", amount="62.00", **result):
    return Proof(
        (Deed(frozenset({"refund"}), frozenset({order, Decimal(amount).normalize()}), frozenset(), True),), LEXICON
    )


@pytest.mark.parametrize(
    ("text", "proven"),
    [
        ("I've refunded order 1042.", True),
        ("I've refunded €62.00 for order 1042.", True),
        ("I've refunded 62 € for order 1042.", True),
        ("Ich habe 62,00 € erstattet.", True),
        ("Your refund of €62 is on its way.", True),
        ("Done!", True),
        ("I've refunded order 1031.", False),
        ("I've refunded €620 for order 1042.", False),
        ("I've cancelled order 1042.", False),
        ("I've refunded it and cancelled your order.", False),
        ("Ihre Bestellung wurde storniert.", False),
        ("I've refunded it; you get it within 5 business days, by 3 December 2026.", True),
    ],
)
def test_a_claim_is_shown_if_a_call_of_that_kind_succeeded_with_those_numbers(text, proven):
    for pieces in splits(text):
        hold, _ = written(text, pieces, refunded())
        assert (hold.text == text) is proven


def test_what_was_looked_up_proves_a_state_but_never_a_deed_of_ones_own():
    read = Proof((Deed(frozenset({"send"}), frozenset({"1042"}), frozenset({"sent", "monday"}), False),), LEXICON)
    for text, proven in (
        ("Your order 1042 was sent on Monday.", True),
        ("Your order 1042 has been shipped.", True),
        ("Your parcel is on its way.", True),
        ("Your order 1031 was sent on Monday.", False),
        ("I've sent order 1042.", False),
        ("Your order 1042 was cancelled.", False),
    ):
        hold, _ = written(text, [text], read)
        assert (hold.text == text) is proven, text


def test_the_words_of_a_sites_own_tools_are_claims_too():
    own = Lexicon.of([pause_box.spec])
    for sentence in ("Your box has been paused.", "Your box was snoozed.", "Box paused."):
        assert claim_in(sentence, own) is not None


def test_what_comes_before_the_first_suspicious_word_is_shown_at_once():
    hold = Hold(Proof(lexicon=LEXICON))
    assert hold.feed("Sure") == "Sure"
    assert hold.feed(", about your") == ", about your"
    assert hold.feed(" parcel") == " parcel"
    assert hold.feed(": I've") == ": I've"
    assert hold.feed(" refunded it") == " "


def test_a_person_may_be_said_to_have_been_told_if_the_answer_asks_for_one():
    for handed_over in (True, False):
        hold = Hold(Proof(lexicon=LEXICON), instead=INSTEAD)
        hold.feed("I've forwarded this to a colleague. They will answer here.")
        hold.finish(handed_over=handed_over)
        assert ("forwarded" in hold.text) is handed_over
        assert hold.text.endswith("They will answer here.")


def test_what_waits_for_staff_may_be_said_to_have_been_sent_to_them():
    asked = Proof(lexicon=LEXICON, person=True)
    for text, proven in (
        ("I've submitted your refund request to our team.", True),
        ("I've sent it to a colleague, who has to agree.", True),
        ("Our team has processed your refund.", False),
        ("I've refunded it and told it to a colleague.", False),
    ):
        for pieces in splits(text):
            hold, _ = written(text, pieces, asked)
            assert (hold.text == text) is proven, text


def test_a_rule_may_be_quoted_with_its_citation():
    passage = "Damaged goods: the price is refunded to the card. Then the label is sent."
    text = "The price is refunded to the card. [1] Good."
    for pieces in splits(text):
        hold, _ = written(text, pieces, passages=(passage,))
        assert hold.text == text
    hold, _ = written(text, [text.replace(" [1]", "")], passages=(passage,))
    assert hold.withheld


def test_dates_and_durations_are_no_order_numbers():
    assert stated("Within 14 days, by 2026-12-03, 14:30 or 3. Dezember 2026, on 5/12/2026, 100 % [12]") == []
    assert len(stated("Order 1042, invoice RE-2026-77, €1.062,00")) == 3
