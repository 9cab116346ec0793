"""Grammar: the small words that make a participle a claim, a question, a denial or a rule, in English and German.

Pure word lists; names no action.
"""

from typing import Final

from retrieval.text import word_set

HAVE: Final = word_set("have has had having haven't hasn't hadn't")
BE: Final = word_set(
    "is are was were been being isn't aren't wasn't weren't am it's that's everything's all's there's they're"
)
PRESENT: Final = word_set("is are isn't aren't it's that's everything's all's am they're you're")
MODAL: Final = word_set(
    """will would can could may might must shall should won't wouldn't can't cannot couldn't shouldn't be i'll we'll you'll
    it'll they'll he'll she'll that'll i'd we'd you'd they'd let's please need needs want wants get gets getting do does
    don't doesn't didn't did prefer like wish"""
)
OWN_HAVE: Final = word_set("i've we've ive weve")
OWN: Final = word_set("i we")
FINITE: Final = (
    HAVE | BE | MODAL | OWN_HAVE | word_set("you've ich habe haben hat war waren wurde wurden ist sind wird werden")
)
IF: Final = word_set(
    "if once soon when whenever after until unless whether before while where wherever how why until till"
)
ASKING: Final = word_set(
    """do does did has have had is are was were can could would will shall should may might what when where why how which who
    whose haven't hasn't isn't aren't wasn't didn't don't doesn't hat haben habe ist sind war waren wurde wurden wann wie wo
    was warum welche welcher welches wer kann können könnte möchten soll sollen darf a-t-il avez ha han è hebt"""
)
NOT: Final = word_set("not never n't no nothing none neither nor without cannot yet nobody")
DETERMINERS: Final = word_set(
    "the a an any your this these those each every no other such of for with on in from by about my our"
)
DEFINITE: Final = word_set(
    "your the this these both it that my all i've we've its everything everything's it's that's i we"
)
OBJECT: Final = word_set("your the it this that these both them you € $ £ # order everything all my our ihre")
FUNCTION: Final = word_set(
    "the a an your to in on for of with by from at as and or within it you that if when until after before"
)
USUAL: Final = word_set(
    """within usually normally typically generally always automatically every each only daily sometimes often default most
    generell normalerweise innerhalb automatisch immer üblicherweise binnen jeweils"""
)
DE_HAVE: Final = word_set("habe haben hat hatte hatten hab")
DE_DONE: Final = word_set("wurde wurden worden")
DE_BE: Final = word_set("ist sind war waren")
NO_CLAIM: Final = word_set(
    """nicht nichts niemand weder kein keine keinen keiner keinem nie niemals kann können könnte könnten kannst muss
    müssen soll sollen sollte sollten darf dürfen möchte möchten würde würden wenn falls sobald nachdem sofern bis
    ob bevor solange ohne du habt wie wann warum ne pas jamais si peut pouvez pourra sera seront quand dès après no
    nunca puede pueden será serán cuando después non mai può possono sarà saranno quando dopo niet geen kan kunnen
    moet zal zullen als wanneer zodra na indien"""
)
