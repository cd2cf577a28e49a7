"""What an answer has to look like."""

import dataclasses


@dataclasses.dataclass
class StructuredOutputsParams:
    """JSON that obeys a schema."""

    json: str
