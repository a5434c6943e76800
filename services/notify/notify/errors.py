"""This service's own failure, and the codes of the others.

Failure (chassis.errors)
├── Unavailable        relay_unreachable, relay_refused: our trouble with the mail relay, whoever the mail is for
│   └── Interrupted        the same at a mail, when its recipient had been named: it may be this mail's trouble alone
├── Later              recipient_deferred, message_deferred: this mail must wait (greylisting, a full mailbox)
│                      policy_refused: the relay has something against us, and says so of this mail
│                      no_recipient: nobody to tell, not even the office's inbox, is in the directory yet
└── Rejected
    └── RecipientRefused   recipient_refused, message_refused, address_not_supported: this mail is refused for good

A mail also fails for good with `contact_unknown` (the contact left the directory) and `deferred_too_long`.
"""

from chassis.errors import Rejected, Unavailable


class Interrupted(Unavailable):
    """The relay broke off at a mail: it may have accepted it all the same, and whether it would take another has to be
    asked."""


class RecipientRefused(Rejected):
    """The mail to this recipient is refused for good. `status` is the server's reply code, 0 where there is none."""

    def __init__(self, code: str, *, status: int = 0) -> None:
        super().__init__(code)
        self.status = status
