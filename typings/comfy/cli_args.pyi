class Arguments:
    listen: str
    multi_user: bool

args: Arguments
