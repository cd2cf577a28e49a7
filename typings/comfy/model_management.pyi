from collections.abc import Callable

class InterruptProcessingException(BaseException): ...

interrupt_current_processing: Callable[[bool], None]

def processing_interrupted() -> bool: ...
