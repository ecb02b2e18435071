"""What REST takes and answers beside authored objects: one model per body.

Laws: what is received is strict and closed, as every authored body; what is answered names its fields as PushMail does
where PushMail has them.  Source: contract section 3.
"""

from schemas.authored import Authored


class RestBody(Authored):
    """Base of bodies that REST receives: camelCase on the wire, strict, closed."""
